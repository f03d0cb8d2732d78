"""``prediction_log``: what the API answered on a day, out of the segments that its processes leave."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow.compute as pc

from trending_assets.domain.predictions.records import PREDICTION_LOG
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, record_schema, rows_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.prediction_log import TABLE, Compacted, compact


@dg.asset(
    key=TABLE,
    deps=[dg.AssetKey("genre_champion")],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(
        __name__,
        "trending_assets.domain.ids",
        "trending_assets.domain.predictions.merging",
        "trending_assets.domain.predictions.records",
        "trending_assets.storage.prediction_log",
        "trending_assets.storage.prediction_segments",
    ),
    group_name="monitoring",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description=(
        "Every prediction that the API served on a UTC day, what made it, and the newest feedback for it. Feedback "
        "that comes later is found when the day is materialised again."
    ),
    metadata=record_schema(PREDICTION_LOG),
)
def prediction_log(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Compacts each day of the run; a day without predictions has no file."""
    days = sorted(context.partition_keys)
    done = compact(home.lake, home.paths.prediction_log, days, datetime.now(UTC))
    for day, compacted in done.items():
        context.add_asset_metadata(_metadata(home, day, compacted), partition_key=day)


def _metadata(home: HomeResource, day: str, compacted: Compacted) -> dict[str, Any]:
    rows = compacted.logged.rows
    answered = Counter(
        f"{model} {version}"
        for model, version in zip(rows["model"].to_pylist(), rows["version"].to_pylist(), strict=True)
    )
    degraded = pc.mean(rows["degraded"].cast("int8")).as_py()
    found = {
        "versions that answered": dict(sorted(answered.items())),
        "degraded share": "unknown" if degraded is None else dg.MetadataValue.float(degraded),
        "predictions with feedback": len(rows) - rows["feedback_at"].null_count,
        "feedback without a prediction": compacted.logged.unmatched,
        "records told twice": compacted.logged.duplicates,
        "torn records skipped": compacted.torn,
        "unreadable records": compacted.unreadable,
    }
    if compacted.write is None:
        return found | {"dagster/partition_row_count": dg.MetadataValue.int(0)}
    path = dg.MetadataValue.path(home.lake.uri(TABLE, day))
    return {"path": path} | rows_metadata(compacted.write, rows.slice(0, 5)) | found
