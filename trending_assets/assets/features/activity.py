"""``title_activity``: how much was said of a title up to the end of a day."""

from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.domain.trend.activity import WINDOW_DAYS, review_counts
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake

_SCHEMA = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        pa.field("event_timestamp", TIMESTAMP, False),
        pa.field("created", TIMESTAMP, False),
        pa.field("reviews_1d", pa.int64(), False),
        pa.field("reviews_7d", pa.int64(), False),
    ]
)


@dg.asset(
    key="title_activity",
    deps=[
        dg.AssetDep(
            "daily_activity",
            partition_mapping=dg.TimeWindowPartitionMapping(
                start_offset=1 - WINDOW_DAYS, allow_nonexistent_upstream_partitions=True
            ),
        )
    ],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.domain.trend"),
    group_name="features",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description="Reviews of the day and of the seven days up to it; only titles that had any.",
    metadata=column_schema(_SCHEMA),
)
def title_activity(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Activity of titles at the end of each day."""
    lake = home.lake

    def build(day: str) -> pa.Table:
        end = datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(days=1)
        counts, created = [], {}
        for landed in _window(lake, day):
            for row in lake.read("daily_activity", landed).to_pylist():
                counts.append((row["title_id"], date.fromisoformat(landed), row["review_count"]))
                created[row["title_id"]] = row["last_arrived_at"]
        return pa.Table.from_pylist(
            [
                {"title_id": title, "event_timestamp": end, "created": created[title], **windows}
                for title, windows in sorted(review_counts(counts, date.fromisoformat(day)).items())
            ],
            schema=_SCHEMA,
        )

    write_days(
        context,
        lake,
        "title_activity",
        build,
        inputs=lambda day: lake.input_hashes("daily_activity", _window(lake, day)),
    )


def _window(lake: Lake, day: str) -> list[str]:
    first = (date.fromisoformat(day) - timedelta(days=WINDOW_DAYS - 1)).isoformat()
    return [d for d in lake.days("daily_activity") if first <= d <= day]
