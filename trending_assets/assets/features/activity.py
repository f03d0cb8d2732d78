"""``title_activity``: how much is said of a title up to the end of a day, and its trend score."""

from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import duckdb
import pyarrow as pa

from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.domain.trend.activity import WEIGHTS, WINDOWS, activity, window_start
from trending_assets.domain.trend.score import HISTORY_DAYS
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, naming, write_metadata, write_rows
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import DUCKDB
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake

_PART = pa.struct(
    [
        pa.field("window", pa.string(), False),
        pa.field("source", pa.string(), False),
        pa.field("signal", pa.string(), False),
        pa.field("weight", pa.float64(), False),
        pa.field("events", pa.float64(), False),
        pa.field("score", pa.float64(), False),
        pa.field("momentum_points", pa.float64(), False),
        pa.field("volume_points", pa.float64(), False),
        pa.field("recent_rate", pa.float64(), False),
        pa.field("baseline_rate", pa.float64()),
        pa.field("lift", pa.float64()),
        pa.field("standard_error", pa.float64()),
        pa.field("pace", pa.float64()),
    ]
)
_SCHEMA = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        pa.field("event_timestamp", TIMESTAMP, False),
        pa.field("created", TIMESTAMP, False),
        pa.field("reviews_1d", pa.int64(), False),
        pa.field("reviews_7d", pa.int64(), False),
        *(
            pa.field(f"{name}_{window}", pa.float64(), False)
            for window in WINDOWS
            for name in ("score", "momentum_points", "volume_points")
        ),
        pa.field("coverage", pa.float64(), False),
        pa.field("parts", pa.list_(_PART), False),
    ]
)
_MEANINGS = {
    "reviews_1d": "Reviews of the day, one an author.",
    "reviews_7d": "Reviews of the seven days up to it, one an author and day.",
    "score_day": "Trend score of the day, from 0 to 100; the sum of its two points.",
    "momentum_points_day": "From 0 to 65: how much faster than usual it is talked of.",
    "volume_points_day": "From 0 to 35: how much it is talked of.",
    "score_week": "Trend score of the week, from 0 to 100; the sum of its two points.",
    "momentum_points_week": "From 0 to 65: how much faster than usual it is talked of.",
    "volume_points_week": "From 0 to 35: how much it is talked of.",
    "coverage": "The weight of the signals that know the title, of all that there are that day.",
    "parts": "One a window and signal: rates in events a day, and how sure it is that the pace is not the usual one.",
}
# Of what arrives more than once, as page views that are asked for again, the newest counts.
_EVENTS = """
select title_id, source, signal, happened_on, sum(events) as events, max(arrived_at) as arrived_at
from (
    select * from said
    where happened_on between $first and $day and day between $first and $day
    qualify row_number() over (
        partition by title_id, source, signal, happened_on, event_id order by day desc
    ) = 1
)
group by all order by all
"""
_FACTS = """
select
    title_id, min(day) as known_from, arg_max(kind, day) as kind,
    arg_max(released, day) as released, arg_max(year, day) as year
from described where day <= $day group by title_id
"""


@dg.asset(
    key="title_activity",
    deps=[
        dg.AssetDep(
            "daily_activity",
            partition_mapping=dg.TimeWindowPartitionMapping(
                start_offset=1 - HISTORY_DAYS, allow_nonexistent_upstream_partitions=True
            ),
        ),
        dg.AssetKey("titles"),
    ],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.domain.trend"),
    group_name="features",
    owners=[OWNER],
    kinds={"python", "duckdb", "parquet"},
    pool=DUCKDB,
    description=(
        "How much titles are talked of by each signal, and the trend score that comes of it; titles of which nothing "
        f"was said for four weeks have no row. Weights: {', '.join(f'{name} {w:g}' for name, w in WEIGHTS.items())}."
    ),
    metadata=column_schema(_SCHEMA, _MEANINGS),
)
def title_activity(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Activity of titles at the end of each day."""
    lake, days = home.lake, sorted(context.partition_keys)
    with duckdb.connect() as connection:
        _load(connection, lake, days)
        for day in days:
            # What a day's rows are depends on half a year of days, and on what was known of titles by then.
            with naming("title_activity", day):
                write = write_rows(context, lake, "title_activity", _rows(connection, date.fromisoformat(day)), day)
            context.add_asset_metadata(write_metadata(write, lake), partition_key=day)


def _load(connection: duckdb.DuckDBPyConnection, lake: Lake, days: list[str]) -> None:
    """Reads once what all days of a run are made from: half a year of events, and what is known of their titles.

    A title may have landed years ago, so that of titles all days are looked into, for four columns; what nothing was
    said of is not kept.
    """
    first = window_start(date.fromisoformat(days[0])).isoformat()
    for name, table, columns, kept, since in (
        ("said", "daily_activity", "*", "true", first),
        ("described", "titles", "day, title_id, kind, released, year", "title_id in (select title_id from said)", ""),
    ):
        files = [str(lake.path(table, day)) for day in lake.days(table) if since <= day <= days[-1]]
        if not files:
            raise dg.Failure(f"{table} has not landed for any day up to {days[-1]}")
        try:
            connection.from_parquet(files, hive_partitioning=True).filter(kept).project(columns).create(name)
        except duckdb.Error as error:
            raise dg.Failure(
                f"days of {table} do not fit together, as where other code wrote some of them: compute them again by "
                f"`trending backfill` ({' '.join(str(error).split())})"
            ) from error


def _rows(connection: duckdb.DuckDBPyConnection, day: date) -> pa.Table:
    window = {"first": window_start(day), "day": day}
    events = connection.execute(_EVENTS, window).df()
    # DuckDB gives days to pandas as moments.
    events["happened_on"] = events["happened_on"].dt.date
    facts = connection.execute(_FACTS, {"day": day}).df().set_index("title_id")
    for column in ("known_from", "released"):
        facts[column] = facts[column].dt.date
    created = events.groupby("title_id")["arrived_at"].max()
    end = datetime.combine(day, time(), UTC) + timedelta(days=1)
    rows = activity(events, facts, day)
    for row in rows:
        row["event_timestamp"], row["created"] = end, created[row["title_id"]].to_pydatetime()
    return pa.Table.from_pylist(rows, schema=_SCHEMA)
