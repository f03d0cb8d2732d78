"""A small feature repository over a lake, and the online stores that the contract is checked against."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import redis
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.infra.online_stores.sqlite import _table_id
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp

from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.storage.feature_store import FeastUrls, open_feature_store
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.online_codec import encode, entity_keys
from trending_assets.storage.online_rows import Layout, OnlineRows
from trending_assets.storage.online_store import Written, open_writer, write_days

SIMPLE, TYPES = "simple__v1", "every_type"
# Type of Feast → the column that holds it.
EVERY_TYPE: Mapping[Any, pa.DataType] = {
    String: pa.string(),
    Int32: pa.int32(),
    Int64: pa.int64(),
    Float32: pa.float32(),
    Float64: pa.float64(),
    Bool: pa.bool_(),
    Bytes: pa.binary(),
    UnixTimestamp: pa.timestamp("us", "UTC"),
    Array(String): pa.list_(pa.string()),
    Array(Float32): pa.list_(pa.float32()),
    Array(Float64): pa.list_(pa.float64()),
    Array(Int64): pa.list_(pa.int64()),
    Array(Bool): pa.list_(pa.bool_()),
}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def column_of(feast_type: Any) -> str:
    """The feature's name of a type."""
    return str(feast_type).lower().replace("(", "_").replace(")", "")


@dataclass(frozen=True)
class OnlineWorld:
    """A home with two applied views: ``simple__v1`` has ``text`` and ``number``, ``every_type`` one feature a type.

    Attributes:
        home: its folder.
        urls: where its online store is.
    """

    home: Path
    urls: FeastUrls

    @property
    def lake(self) -> Lake:
        return Lake(Home(self.home).lake)

    @property
    def store(self) -> FeatureStore:
        """Stock Feast."""
        return open_feature_store(self.home, self.urls)

    def applied(self) -> "OnlineWorld":
        """The same, with its views registered."""
        title = Entity(name="title", join_keys=["title_id"], value_type=ValueType.STRING)

        def view(name: str, schema: list[Field]) -> FeatureView:
            source = FileSource(
                name=name,
                path=self.lake.glob(name),
                timestamp_field="event_timestamp",
                created_timestamp_column="created",
            )
            return FeatureView(name=name, entities=[title], ttl=dt.timedelta(0), schema=schema, source=source)

        simple = view(SIMPLE, [Field(name="text", dtype=String), Field(name="number", dtype=Int64)])
        types = view(TYPES, [Field(name=column_of(each), dtype=each) for each in EVERY_TYPE])
        Home(self.home).feast.mkdir(parents=True, exist_ok=True)
        self.store.apply([title, simple, types], skip_feature_view_validation=True)
        return self

    def layout(self, view: str) -> Layout:
        return Layout.of(self.store.get_feature_view(view))

    def materialised(self, view: str, days: Sequence[str]) -> Written:
        """What the project writes of some days of the lake."""
        store = self.store
        with open_writer(store.config) as writer:
            return write_days(writer, self.lake, Layout.of(store.get_feature_view(view)), days)

    def write(self, *rows: "Row") -> int:
        """Writes rows of ``simple__v1`` as one batch; returns how many were not older than what was held."""
        with open_writer(self.store.config) as writer:
            return writer.write(batch_of(rows))

    def write_stock(self, *rows: "Row") -> None:
        """The same through stock Feast."""
        import pandas as pd

        frame = pd.DataFrame(
            {
                "title_id": [row.title for row in rows],
                "text": [row.text for row in rows],
                "number": [len(row.text) for row in rows],
                "event_timestamp": [time(row.event) for row in rows],
                "created": [time(row.created or 0) for row in rows],
            }
        )
        self.store.write_to_online_store(SIMPLE, frame)

    def read(self, *titles: str) -> list[tuple[str | None, int | None]]:
        """Text and number of each title, as stock Feast reads them."""
        features = [f"{SIMPLE}:text", f"{SIMPLE}:number"]
        answer = self.store.get_online_features(features, [{"title_id": title} for title in titles]).to_dict()
        return list(zip(answer["text"], answer["number"], strict=True))

    def stored(self, view: str) -> dict[bytes, Any]:
        """Entity key → what the store holds of it in Feast's own columns or fields."""
        store = self.store
        if self.urls.online_store:
            with redis.Redis.from_url(self.urls.online_store) as client:
                hashes = {key: client.hgetall(key) for key in client.keys(f"*{store.project}")}
            ours = f"_exact:{view}".encode()
            return {key: {name: value for name, value in held.items() if name != ours} for key, held in hashes.items()}
        import sqlite3

        table = _table_id(store.project, store.get_feature_view(view))
        columns = "entity_key, feature_name, value, value_text, vector_value, event_ts, created_ts"
        with sqlite3.connect(store.config.online_store.path) as connection:
            found: dict[bytes, Any] = {}
            for key, *rest in connection.execute(f"SELECT {columns} FROM {table} ORDER BY feature_name"):
                found.setdefault(key, []).append(tuple(rest))
        connection.close()
        return found


@dataclass(frozen=True)
class Row:
    """A row of ``simple__v1``; its number is the length of its text, so that a torn row shows.

    Attributes:
        title: whose it is.
        text: its text.
        event: when it became true, in microseconds since 1970.
        created: likewise, when the newest of its inputs arrived; None where unknown.
    """

    title: str
    text: str
    event: int
    created: int | None


def batch_of(rows: Sequence[Row]) -> OnlineRows:
    """Rows as one batch."""
    columns = {
        "text": pa.array([row.text for row in rows], pa.string()),
        "number": pa.array([len(row.text) for row in rows], pa.int64()),
    }
    return OnlineRows(
        view=SIMPLE,
        keys=entity_keys("title_id", [row.title for row in rows]),
        event_times=[row.event for row in rows],
        created_times=[row.created for row in rows],
        values={
            "text": encode(columns["text"], ValueType.STRING),
            "number": encode(columns["number"], ValueType.INT64),
        },
        columns=columns,
    )


def time(micros: int) -> dt.datetime:
    """Microseconds since 1970 as a time."""
    return _EPOCH + dt.timedelta(microseconds=micros)


def simple_table(rows: Sequence[Row]) -> pa.Table:
    """Rows as a table of the lake."""
    return pa.table(
        {
            "title_id": pa.array([row.title for row in rows], pa.string()),
            "event_timestamp": pa.array([row.event for row in rows], pa.int64()).cast(TIMESTAMP),
            "created": pa.array([row.created for row in rows], pa.int64()).cast(TIMESTAMP),
            "text": pa.array([row.text for row in rows], pa.string()),
            "number": pa.array([len(row.text) for row in rows], pa.int64()),
        }
    )
