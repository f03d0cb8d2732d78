"""``title_tfidf_fitted`` and ``title_tfidf``: the one feature that is fitted, and its values for every title."""

from functools import partial
from typing import Any

import dagster as dg
import numpy as np
import pyarrow as pa

from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.domain.genres.datasets import TRAIN, assign_split, normalised_text
from trending_assets.domain.genres.reduced_tfidf import SIZE, ReducedTfIdf
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, code_version_of, column_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.fitted import FittedTfIdf
from trending_assets.storage.lake import Lake

TABLE = "title_tfidf"
# What is fitted is fitted for good, and on fewer texts it would know too few words.
LEAST_TRAIN_TEXTS = 500
_WAITS = f"fewer than {LEAST_TRAIN_TEXTS} train titles have landed: until then every vector is 0"
_FITTED = pa.schema(
    [
        pa.field("term", pa.string(), False),
        pa.field("idf", pa.float64(), False),
        pa.field("axes", pa.list_(pa.float32()), False),
    ]
)
_SCHEMA = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        pa.field("event_timestamp", TIMESTAMP, False),
        pa.field("created", TIMESTAMP, False),
        pa.field("tfidf", pa.list_(pa.float32()), False),
        pa.field("masked_tfidf", pa.list_(pa.float32()), False),
        pa.field("tfidf_version", pa.string(), False),
    ]
)
_CODE = code_version(
    __name__,
    "trending_assets.domain.genres.reduced_tfidf",
    "trending_assets.domain.genres.tfidf",
)


@dg.asset(
    key="title_tfidf_fitted",
    deps=[dg.AssetKey("title_text")],
    code_version=_CODE,
    group_name="features",
    owners=[OWNER],
    kinds={"scikitlearn"},
    description=(
        f"Words and their {SIZE} axes, fitted once on the train titles that have landed, as soon as there are "
        f"{LEAST_TRAIN_TEXTS} of them, and never again: another fit is another version of the view."
    ),
    metadata=column_schema(_FITTED),
)
def title_tfidf_fitted(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Fits what has not been fitted yet, where there are texts enough."""
    store = home.fitted_tfidf
    fitted = store.fit_once(lambda: _fit(home.lake, context.log))
    if fitted is None:
        return dg.MaterializeResult(metadata={"dagster/row_count": dg.MetadataValue.int(0), "waits": _WAITS})
    return dg.MaterializeResult(metadata=_described(fitted) | {"path": dg.MetadataValue.path(str(store.folder))})


def _fit(lake: Lake, log: dg.DagsterLogManager) -> FittedTfIdf | None:
    newest: dict[str, str] = {}
    for day in lake.days("title_text"):
        text = lake.read("title_text", day, ["title_id", "text"])
        newest |= zip(text["title_id"].to_pylist(), text["text"].to_pylist(), strict=True)
    held = {normalised_text(text) for title, text in newest.items() if assign_split(title) != TRAIN}
    train = [newest[title] for title in sorted(newest) if assign_split(title) == TRAIN]
    texts = [text for text in train if normalised_text(text) not in held]
    if len(texts) < LEAST_TRAIN_TEXTS:
        log.warning("%d train titles: %s", len(texts), _WAITS)
        return None
    return FittedTfIdf(ReducedTfIdf.fit(texts), len(texts))


def _described(fitted: FittedTfIdf) -> dict[str, Any]:
    reduction = fitted.reduction
    terms = reduction.tfidf.vocabulary
    rows = ["| axis | terms that weigh most on it |", "|---|---|"]
    for axis, weights in enumerate(reduction.axes.T[:10], start=1):
        most = np.argsort(-np.abs(weights), kind="stable")[:10]
        rows.append(f"| {axis} | {', '.join(terms[i] if weights[i] > 0 else f'not {terms[i]}' for i in most)} |")
    return {
        "dagster/row_count": dg.MetadataValue.int(len(terms)),
        "version": reduction.version,
        "train titles": fitted.train_texts,
        "first axes": dg.MetadataValue.md("\n".join(rows)),
    }


@dg.asset(
    key=TABLE,
    deps=[dg.AssetKey("title_text"), dg.AssetKey("title_masked"), dg.AssetKey("title_tfidf_fitted")],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=_CODE,
    group_name="features",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description=(
        f"TF-IDF of the text on {SIZE} axes, and of the text without the names of genres, which is never online. "
        "The first run after the fit fills every landed day."
    ),
    metadata=column_schema(_SCHEMA),
)
def title_tfidf(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Reduced TF-IDF of the titles that arrived on each day."""
    lake, store = home.lake, home.fitted_tfidf
    reduction = _current(home)
    _write(context, lake, reduction)
    # Another run may have fitted meanwhile, and gone over the landed days before these were among them.
    if (current := _current(home)).version != reduction.version:
        _write(context, lake, current)
    if store.pending(TABLE):
        version = code_version_of(context, TABLE)
        for day in lake.days("title_masked"):
            rows = partial(_rows, lake, day, current)
            lake.update(TABLE, rows, version=version, inputs=_inputs(lake, day, current), day=day)
        store.done(TABLE)


def _current(home: HomeResource) -> ReducedTfIdf:
    fitted = home.fitted_tfidf.read()
    return fitted.reduction if fitted else ReducedTfIdf.unfitted()


def _write(context: dg.AssetExecutionContext, lake: Lake, reduction: ReducedTfIdf) -> None:
    write_days(
        context, lake, TABLE, lambda day: _rows(lake, day, reduction), inputs=lambda day: _inputs(lake, day, reduction)
    )


def _inputs(lake: Lake, day: str, reduction: ReducedTfIdf) -> dict[str, str]:
    return lake.input_hashes(("title_text", "title_masked"), [day]) | {"fitted": reduction.version}


def _rows(lake: Lake, day: str, reduction: ReducedTfIdf) -> pa.Table:
    text = lake.read("title_text", day, ["title_id", "event_timestamp", "created", "text"])
    without_genres = lake.read("title_masked", day, ["title_id", "masked_text"])
    if text["title_id"] != without_genres["title_id"]:
        raise dg.Failure(f"{day}: title_text and title_masked hold other titles")
    written, masked = text["text"].to_pylist(), without_genres["masked_text"].to_pylist()
    place = {each: reduction.transform(each) for each in dict.fromkeys([*written, *masked])}
    vectors = [pa.array([place[each] for each in texts], pa.list_(pa.float32())) for texts in (written, masked)]
    versions = pa.array([reduction.version] * len(written), pa.string())
    times = [text[name] for name in ("title_id", "event_timestamp", "created")]
    return pa.Table.from_arrays([*times, *vectors, versions], schema=_SCHEMA)
