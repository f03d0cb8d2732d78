"""Online features out of a real Feast store on SQLite, which stock Feast wrote."""

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from serving.features import (
    ForeignFeatureError,
    OnlineFeatures,
    OnlineStore,
    OnlineStoreError,
    OnlineTitle,
    StoredFeatures,
    UnknownFeatureServiceError,
    store_signature,
)
from trending_assets.storage.feast_registry import UnreadableRegistryError
from trending_assets.storage.feature_store import open_feature_store
from trending_assets.storage.home import Home
from trending_assets_tests.serving.world import FakeFeatures

EARLY = dt.datetime(2025, 6, 1, tzinfo=dt.UTC)
LATE = dt.datetime(2025, 6, 9, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two views, one of which expires, and the features of three titles."""
    from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
    from feast.types import Array, Float32, Int64, String

    folder = tmp_path_factory.mktemp("a home")
    Home(folder).feast.mkdir()
    title = Entity(name="title", join_keys=["title_id"], value_type=ValueType.STRING)

    def view(name: str, ttl: dt.timedelta, schema: list[Field]) -> FeatureView:
        # Online reads and writes never open the source.
        source = FileSource(name=name, path=str(folder / f"{name}.parquet"), timestamp_field="event_timestamp")
        return FeatureView(name=name, entities=[title], ttl=ttl, schema=schema, source=source)

    text = view("title_text", dt.timedelta(0), [Field(name="text", dtype=String), Field(name="year", dtype=Int64)])
    vectors = view("title_embedding", dt.timedelta(days=3), [Field(name="embedding", dtype=Array(Float32))])
    store = open_feature_store(folder)
    store.apply(
        [
            title,
            text,
            vectors,
            FeatureService(name="text_only", features=[text]),
            FeatureService(name="both", features=[text, vectors]),
        ],
        skip_feature_view_validation=True,
    )
    store.write_to_online_store(
        "title_text",
        pd.DataFrame(
            {
                "title_id": ["tt1", "tt2"],
                "text": ["One", "Two"],
                "year": pd.array([1999, None], dtype="Int64"),
                "event_timestamp": [EARLY, LATE],
            }
        ),
    )
    store.write_to_online_store(
        "title_embedding",
        pd.DataFrame({"title_id": ["tt1"], "embedding": [[0.5, -0.25]], "event_timestamp": [LATE]}),
    )
    return folder


def read(features: OnlineFeatures, service: str, ids: list[str], known: Sequence[OnlineTitle | None] = ()):
    return asyncio.run(features.read(service, ids, known))


@pytest.fixture(scope="module")
def online(home: Path) -> StoredFeatures:
    return OnlineStore(home).open()


def test_values_come_back_as_written(online: StoredFeatures) -> None:
    one, two = read(online, "both", ["tt1", "tt2"])
    assert {**one.held, "embedding": list(one.held["embedding"])} == {
        "text": "One",
        "year": 1999,
        "embedding": [0.5, -0.25],
    }
    assert one.event_times == {"title_text": EARLY, "title_embedding": LATE}
    assert one.as_of == EARLY
    assert two.held == {"text": "Two", "year": None}
    assert two.references == {
        "text": "title_text:text",
        "year": "title_text:year",
        "embedding": "title_embedding:embedding",
    }


def test_a_service_gives_its_own_features_only(online: StoredFeatures) -> None:
    assert read(online, "text_only", ["tt1"])[0].held == {"text": "One", "year": 1999}


def test_a_title_that_is_not_online_has_no_values_and_no_time(online: StoredFeatures) -> None:
    (row,) = read(online, "both", ["tt3"])
    assert row.held == {}
    assert row.as_of is None
    assert not row.stale(LATE)


def test_only_views_with_a_limit_go_stale(online: StoredFeatures) -> None:
    (row,) = read(online, "both", ["tt1"])
    assert row.ages_allowed == {"title_embedding": dt.timedelta(days=3)}
    assert not row.stale(LATE + dt.timedelta(days=3))
    assert row.stale(LATE + dt.timedelta(days=3, seconds=1))


def test_many_at_once_get_what_belongs_to_their_title(online: StoredFeatures) -> None:
    async def all_at_once() -> list[list[OnlineTitle]]:
        return await asyncio.gather(*(online.read("text_only", [title_id]) for title_id in ids))

    ids = ["tt1", "tt2", "tt3"] * 40
    assert [row.held.get("text") for (row,) in asyncio.run(all_at_once())] == ["One", "Two", None] * 40


def test_what_has_not_changed_is_what_is_known(online: StoredFeatures) -> None:
    before = read(online, "both", ["tt1", "tt3"])
    one, three, other = read(online, "both", ["tt1", "tt3", "tt2"], [*before, before[0]])
    assert (one is before[0], three is before[1]) == (True, True)
    assert other.held["text"] == "Two"
    # Of another service, nothing is known, nor of a registry whose rows may be of another age.
    aged = replace(before[0], ages_allowed={"title_text": dt.timedelta(days=9)})
    (again,) = read(online, "both", ["tt1"], [aged])
    assert (again.held["text"], again.ages_allowed) == ("One", before[0].ages_allowed)
    assert read(online, "text_only", ["tt1"], [before[0]])[0].held == {"text": "One", "year": 1999}


def test_an_unknown_service_is_named(online: StoredFeatures) -> None:
    with pytest.raises(UnknownFeatureServiceError, match="nothing_v9"):
        read(online, "nothing_v9", ["tt1"])


def copy_of(home: Path, folder: Path) -> Path:
    feast = Home(folder).feast
    feast.mkdir()
    for name in ("registry.db", "online_store.db"):
        (feast / name).write_bytes((Home(home).feast / name).read_bytes())
    return feast / "online_store.db"


def test_a_broken_store_is_one_error(home: Path, tmp_path: Path) -> None:
    copy_of(home, tmp_path).write_bytes(b"this is not a database, but a text of some length")
    with pytest.raises(OnlineStoreError, match="DatabaseError"):
        read(OnlineStore(tmp_path).open(), "both", ["tt1"])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ("value = x'2007' WHERE feature_name = 'text'", "title_text:text"),
        ("value = substr(value, 1, length(value) - 1) WHERE feature_name = 'text'", "title_text:text"),
        ("event_ts = 'yesterday'", "time"),
    ],
)
def test_a_foreign_value_is_refused_by_name(home: Path, tmp_path: Path, change: str, named: str) -> None:
    with sqlite3.connect(copy_of(home, tmp_path)) as connection:
        connection.execute(f"UPDATE trending_now_title_text SET {change}")
    connection.close()
    with pytest.raises(ForeignFeatureError, match=named):
        read(OnlineStore(tmp_path).open(), "both", ["tt1"])


def test_a_home_without_a_store_has_no_signature_and_is_left_alone(tmp_path: Path) -> None:
    assert store_signature(Home(tmp_path).feast) is None
    assert list(tmp_path.iterdir()) == []


def test_a_registry_that_is_being_written_is_refused(tmp_path: Path) -> None:
    feast = Home(tmp_path).feast
    feast.mkdir()
    (feast / "registry.db").touch()
    with pytest.raises(UnreadableRegistryError):
        OnlineStore(tmp_path).open()


def test_the_signature_changes_with_the_registry(tmp_path: Path) -> None:
    feast = Home(tmp_path).feast
    feast.mkdir()
    (feast / "online_store.db").touch()
    (feast / "registry.db").write_bytes(b"1")
    before = store_signature(feast)
    assert store_signature(feast) == before
    (feast / "registry.db").write_bytes(b"22")
    assert store_signature(feast) != before


def test_the_fake_store_answers_like_feast(online: StoredFeatures) -> None:
    fake = FakeFeatures()
    (absent,) = read(fake, "genre_text_v4", ["tt3"])
    (real,) = read(online, "text_only", ["tt3"])
    assert (absent.held, absent.event_times, absent.as_of) == (real.held, real.event_times, real.as_of)
    with pytest.raises(UnknownFeatureServiceError):
        read(fake, "nothing_v9", ["tt3"])
