"""``feature_drift``: each day's titles against those that the champion was trained on."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from trending_assets.assets.monitoring.references import DESCRIPTIONS, SCHEMA, champion_reference, described, table_of
from trending_assets.assets.monitoring.reports import with_distance, write_reports, write_unknown
from trending_assets.domain.drift.decisions import FEATURES, Finding, feature_columns, unknown
from trending_assets.domain.drift.decisions import feature_drift as find_feature_drift
from trending_assets.domain.drift.reference import READ, Reference, stacked
from trending_assets.domain.drift.windows import MINIMUM_ROWS, REFERENCE_DAYS, TRAILING, comparable, reference_days
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.drift_tables import FEATURE_DRIFT
from trending_assets.storage.lake import Lake

_INPUTS = ("title_text", "title_embedding")
BASIS = "titles of the day"


def _window() -> dg.TimeWindowPartitionMapping:
    return dg.TimeWindowPartitionMapping(start_offset=-REFERENCE_DAYS, allow_nonexistent_upstream_partitions=True)


@dg.asset(
    key=FEATURE_DRIFT,
    deps=[
        *(dg.AssetDep(name, partition_mapping=_window()) for name in _INPUTS),
        dg.AssetDep("genre_champion"),
    ],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(
        __name__,
        "trending_assets.assets.monitoring.references",
        "trending_assets.assets.monitoring.reports",
        "trending_assets.domain.drift",
    ),
    group_name="monitoring",
    owners=[OWNER],
    kinds={"evidently", "parquet"},
    description=(
        "How far each feature of a day's titles is from the champion's training set, or from the "
        f"{REFERENCE_DAYS} days before it where no champion has a reference; unknown where either side has too few "
        "titles. Evidently's reports lie beside the lake."
    ),
    metadata=column_schema(SCHEMA, DESCRIPTIONS),
)
def feature_drift(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Drift of each day of the run."""
    lake, reports = home.lake, home.paths.reports / FEATURE_DRIFT
    newest, champion = max(context.partition_keys), champion_reference(context, home)
    features = lru_cache(REFERENCE_DAYS + 1)(lambda day: _features(lake, day))

    def window(day: str) -> list[str]:
        return [] if champion else reference_days(lake.days("title_embedding"), day)

    def inputs(day: str) -> dict[str, str]:
        name = {"reference": str(champion[0]) if champion else TRAILING}
        return name | lake.input_hashes(_INPUTS, [*window(day), day])

    def build(day: str) -> pa.Table:
        reference = champion[1] if champion else _trailing([features(before) for before in window(day)])
        findings = _found(features(day), reference, day)
        moved = [finding.column for finding in findings if finding.drifted]
        if reference and findings[0].status == "measured":
            _report(features(day), reference, moved, day, reports, page=bool(moved) or day == newest)
        else:
            write_unknown(findings[0].why, day, reports)
        return table_of({BASIS: findings}, str(champion[0]) if champion else TRAILING)

    def describe(day: str) -> dict[str, Any]:
        paths = {kind: reports / f"{day}.{kind}" for kind in ("json", "html")}
        told = {f"report ({k})": dg.MetadataValue.path(str(p)) for k, p in paths.items() if p.is_file()}
        return described(lake.read(FEATURE_DRIFT, day).to_pylist()) | told

    write_days(context, lake, FEATURE_DRIFT, build, inputs, describe)


def _features(lake: Lake, day: str) -> pd.DataFrame:
    vectors = lake.read("title_embedding", day, ["embedding"])["embedding"].combine_chunks()
    frame: pd.DataFrame = lake.read("title_text", day, READ).to_pandas()
    return frame.assign(embedding=list(vectors.flatten().to_numpy().reshape(len(frame), -1)) if len(frame) else [])


def _trailing(days: list[pd.DataFrame]) -> Reference | None:
    """The reference that the days before make; None where they have too few titles."""
    titles = pd.concat(days, ignore_index=True) if days else pd.DataFrame()
    return Reference.of(titles) if len(titles) >= MINIMUM_ROWS else None


def _found(frame: pd.DataFrame, reference: Reference | None, day: str) -> list[Finding]:
    if reference is None or not comparable(len(frame), len(reference.rows)):
        why = f"fewer than {MINIMUM_ROWS} titles on the day or in the reference"
        rows = 0 if reference is None else len(reference.rows)
        return unknown(FEATURES, feature_columns(), why, len(frame), rows)
    return find_feature_drift(reference, frame, stacked(frame["embedding"]), day)


def _report(
    frame: pd.DataFrame, reference: Reference, moved: list[str], day: str, reports: Path, *, page: bool
) -> None:
    centre = reference.embeddings.mean(axis=0)
    current = with_distance(reference.describe(frame), stacked(frame["embedding"]), centre)
    before = with_distance(reference.rows, reference.embeddings, centre)
    write_reports(current, before, moved, day, reports, page=page)
