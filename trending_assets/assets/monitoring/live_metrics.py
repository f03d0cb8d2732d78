"""``live_metrics``: how good the predictions of a day turned out to be."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.predictions.live import LIVE_METRICS, live_metrics
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, record_schema, write_metadata, write_rows
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.label_records import TABLE as LABELS
from trending_assets.storage.label_records import label_records

TABLE = "live_metrics"
_LOG = "prediction_log"


@dg.asset(
    key=TABLE,
    # Labels that arrive on any later day are truth for a prediction.
    deps=[_LOG, dg.AssetDep(LABELS, partition_mapping=dg.AllPartitionMapping())],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(
        __name__,
        "trending_assets.domain.predictions.live",
        "trending_assets.domain.genres.metrics",
        "trending_assets.storage.label_records",
    ),
    group_name="monitoring",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description=(
        "Micro and macro F1 of each model version that served on a day, and precision and recall by genre, by feedback "
        "and by labels that arrived after the prediction; unknown where there are neither."
    ),
    metadata=record_schema(LIVE_METRICS),
)
def live_metrics_asset(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Measures each day of the run; a day without predictions has no file."""
    lake = home.lake
    logged = {day: lake.read(_LOG, day) for day in sorted(context.partition_keys) if lake.exists(_LOG, day)}
    labels = list(label_records(lake, {name for table in logged.values() for name in _awaiting_labels(table)}))
    for day, table in logged.items():
        rows = pa.Table.from_pylist(live_metrics(table, labels), LIVE_METRICS.schema)
        write = write_rows(context, lake, TABLE, rows, day)
        context.add_asset_metadata(write_metadata(write, lake) | _overall(rows), partition_key=day)


def _awaiting_labels(table: pa.Table) -> Iterator[str]:
    """The titles that were predicted without feedback."""
    return (name for name in table.filter(pc.is_null(table["feedback_at"]))["title_id"].to_pylist() if name)


def _overall(rows: pa.Table) -> dict[str, Any]:
    found = {f"{row['model']} {row['version']}": row for row in rows.to_pylist() if row["metric"] == "macro_f1"}
    lines = [
        f"| {name} | {row['value']:.4f} | {row['with_truth']} of {row['predictions']} |"
        if row["value"] is not None
        else f"| {name} | unknown | {row['with_truth']} of {row['predictions']} |"
        for name, row in found.items()
    ]
    table = ["| version | macro F1 | predictions with truth |", "|---|---|---|", *lines]
    return {"macro F1": dg.MetadataValue.md("\n".join(table))}
