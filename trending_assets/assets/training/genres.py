"""``genre_training_set``: labelled titles with the features that were known when they arrived."""

from collections import Counter
from typing import TYPE_CHECKING, Any

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.identity import RESERVED, current_titles
from trending_assets.domain.catalog.labels import in_order
from trending_assets.domain.catalog.records import STRINGS, TIMESTAMP
from trending_assets.domain.genres.datasets import splits
from trending_assets.resources.daily import OWNER, code_version_of, column_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import FEAST_REGISTRY
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake

if TYPE_CHECKING:
    import pandas as pd

FEATURE_SERVICE = "genre_training_v5"
# Titles with complete labels.
_LEAST_COMPLETE = 200
TABLE = "genre_training_set"
_LABELS = [
    "title_id",
    "source",
    "source_id",
    "arrived_at",
    "genres",
    "label_coverage",
    "labels_complete",
    "language",
    "plot",
    "document_sha256",
]
_INPUTS = ("stg_titles", "title_text", "title_embedding", "title_tfidf", "title_masked")
_IDENTITY = "title_identity"
_SCHEMA = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        pa.field("event_timestamp", TIMESTAMP, False),
        pa.field("text", pa.string(), False),
        pa.field("kind", pa.string(), False),
        pa.field("year", pa.int64()),
        pa.field("word_count", pa.int64(), False),
        pa.field("countries", STRINGS, False),
        pa.field("runtime_minutes", pa.int64()),
        pa.field("certificate", pa.string()),
        pa.field("platforms", STRINGS, False),
        pa.field("embedding", pa.list_(pa.float32()), False),
        pa.field("tfidf", pa.list_(pa.float32()), False),
        pa.field("tfidf_version", pa.string(), False),
        pa.field("masked_text", pa.string(), False),
        pa.field("masked_embedding", pa.list_(pa.float32()), False),
        pa.field("masked_tfidf", pa.list_(pa.float32()), False),
        pa.field("plot", pa.string(), False),
        pa.field("language", pa.string()),
        pa.field("sources", STRINGS, False),
        pa.field("genres", STRINGS, False),
        pa.field("label_coverage", STRINGS, False),
        pa.field("labels_complete", pa.bool_(), False),
        pa.field("document_sha256", pa.string(), False),
        pa.field("current_title_id", pa.string(), False),
        pa.field("split", pa.string(), False),
        pa.field("split_reason", pa.string(), False),
    ]
)


@dg.asset(
    key=TABLE,
    deps=[dg.AssetKey("feast_registry"), *(dg.AssetKey(name) for name in (*_INPUTS, _IDENTITY))],
    code_version=code_version(
        __name__,
        "trending_assets.domain.catalog.known",
        "trending_assets.domain.genres.datasets",
        "trending_assets.domain.text.duplicates",
        "feature_repo",
    ),
    group_name="training",
    owners=[OWNER],
    kinds={"feast", "parquet"},
    pool=FEAST_REGISTRY,
    description=(
        "Every labelled title with its features as they were known when it arrived, and its split: "
        "train, validation, test, or excluded with the reason."
    ),
    metadata=column_schema(_SCHEMA),
)
def genre_training_set(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """The training set over every landed day."""
    lake = home.lake
    days = lake.days("title_embedding")
    # A match may have been undone on a day on which nothing landed.
    hashes = lake.input_hashes(_INPUTS, days) | lake.input_hashes(_IDENTITY, lake.days(_IDENTITY))
    write = lake.update(
        TABLE, lambda: _training_set(lake, home, days), version=code_version_of(context, TABLE), inputs=hashes
    )
    stored = lake.read(TABLE, columns=["split", "split_reason"])
    metadata = {
        "splits": dict(Counter(stored["split"].to_pylist())),
        "excluded because": dict(Counter(filter(None, stored["split_reason"].to_pylist()))),
        "first_day": days[0],
        "last_day": days[-1],
        "feature_service": FEATURE_SERVICE,
    }
    return dg.MaterializeResult(metadata=write_metadata(write, lake) | metadata)


def _training_set(lake: Lake, home: HomeResource, days: list[str]) -> pa.Table:
    labels = _newest_labels(lake, days)
    store = home.feature_store()
    entities = labels[["title_id", "event_timestamp"]]
    # Without the created timestamp Feast would let a value that arrived late be seen by an earlier row.
    features = store.get_historical_features(
        entities, store.get_feature_service(FEATURE_SERVICE), filter_by_created_timestamp=True
    ).to_df()
    joined = labels.merge(features.drop(columns="event_timestamp"), on="title_id", validate="one_to_one")
    missing = (
        joined[["text", "embedding", "tfidf", "masked_text", "masked_embedding", "masked_tfidf"]].isna().any(axis=1)
    )
    if len(joined) != len(labels) or missing.any():
        titles = sorted(set(labels["title_id"]) - set(joined[~missing]["title_id"]))
        raise dg.Failure(f"{len(titles)} labelled titles have no features, such as {titles[:3]}")
    # So few could judge nothing, and what there is has to.
    joined["labels_complete"] |= joined["labels_complete"].sum() < _LEAST_COMPLETE
    current = _current_titles(lake)
    joined["current_title_id"] = [current.get(title_id, title_id) for title_id in joined["title_id"]]
    frame = splits(joined).sort_values("title_id", ignore_index=True)
    return pa.Table.from_pandas(frame[_SCHEMA.names], schema=_SCHEMA, preserve_index=False)


def _current_titles(lake: Lake) -> dict[str, str]:
    columns = ["source", "source_id", "title_id"]
    rows: pd.DataFrame = lake.read_days(_IDENTITY, lake.days(_IDENTITY), columns).to_pandas()
    # What the newest day says of an id counts: a match may have been undone since.
    newest = rows[rows["source"].isin(RESERVED)].drop_duplicates(["source", "source_id"], keep="last")
    return current_titles(dict(zip(newest["source_id"], newest["title_id"], strict=True)))


def _newest_labels(lake: Lake, days: list[str]) -> "pd.DataFrame":
    frame: pd.DataFrame = lake.read_days("stg_titles", days, _LABELS).to_pandas()
    frame = frame.sort_values(["title_id", "arrived_at", "source", "source_id"])
    described = set(frame.loc[frame["plot"].notna(), "title_id"])
    newest = frame[frame["title_id"].isin(described)].drop_duplicates(["title_id", "source", "source_id"], keep="last")
    # What a record with incomplete labels leaves out is no negative of a title that another record names all genres of.
    among_complete = newest.groupby("title_id")["labels_complete"].transform("any") & ~newest["labels_complete"]
    newest = newest.assign(label_coverage=newest["genres"].where(among_complete, newest["label_coverage"]))
    merged = (
        newest.groupby("title_id", as_index=False)
        .agg(
            {
                "genres": _union,
                "label_coverage": _union,
                # Where one source names all, the others add to it.
                "labels_complete": "any",
                "arrived_at": "last",
                "document_sha256": "last",
                # The newest record that knows it.
                "language": "last",
                "source": _each_once,
            }
        )
        .rename(columns={"source": "sources"})
    )
    # A record that came later may have none.
    plots = frame.dropna(subset="plot").drop_duplicates("title_id", keep="last")[["title_id", "plot"]]
    merged = merged.merge(plots, on="title_id", validate="one_to_one")
    # A label is known from the moment its record arrived, and so are the features it may be learned from.
    return merged.rename(columns={"arrived_at": "event_timestamp"})


def _each_once(values: "pd.Series[Any]") -> list[str]:
    return sorted({name for value in values for name in ([value] if isinstance(value, str) else value)})


def _union(lists: "pd.Series[Any]") -> list[str]:
    # What one source cannot express, another may know.
    return in_order(slug for slugs in lists for slug in slugs)
