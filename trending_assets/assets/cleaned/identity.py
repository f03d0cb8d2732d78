"""``title_identity``: which title each record speaks of, how that is known and how sure it is."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

import dagster as dg
import duckdb
import pyarrow as pa

from trending_assets.domain.catalog.identity import RESERVED, KnownTitles, alias_of, resolve
from trending_assets.domain.catalog.records import IDENTITY
from trending_assets.ingest.source import Source
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, naming, record_schema, write_metadata, write_rows
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake
from trending_assets.storage.ledgers import UndoneMatches

_TABLE = "title_identity"


def title_identity(sources: Sequence[Source]) -> dg.AssetsDefinition:
    """The identities of the records of all sources."""
    parsed = [f"parsed/{source.name}" for source in sources]

    @dg.asset(
        key=_TABLE,
        deps=[dg.AssetKey(table.split("/")) for table in parsed],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=code_version(__name__, "trending_assets.domain.catalog"),
        group_name="cleaned",
        owners=[OWNER],
        kinds={"python", "parquet"},
        description="Which title each record speaks of: one row a record, with the method and its confidence.",
        metadata=record_schema(IDENTITY),
    )
    def identity(context: dg.AssetExecutionContext, home: HomeResource) -> None:
        lake, days = home.lake, sorted(context.partition_keys)
        matches, before = UndoneMatches(lake), None
        for day in days:
            with naming(_TABLE, day):
                undone = matches.until(day)
                if undone != before:
                    # What was learned of a match that is undone from here on has to be forgotten.
                    known, before = KnownTitles(_earlier(lake, day), undone), undone
                parted = _parted(lake, matches, day)
                landed = [lake.read(table, day, _READ) for table in parsed if lake.exists(table, day)]
                rows = resolve((row for table in landed for row in table.to_pylist()), known, parted)
                # What a day's records are depends on every earlier day.
                write = write_rows(context, lake, _TABLE, pa.Table.from_pylist(rows, schema=IDENTITY.schema), day)
                methods = {"methods": dict(Counter(row["method"] for row in rows))}
                context.add_asset_metadata(write_metadata(write, lake) | methods, partition_key=day)

    return identity


_READ = ["titles", "reviews", "signals"]


def _parted(lake: Lake, matches: UndoneMatches, day: str) -> list[dict[str, object]]:
    """The newest earlier row of each record whose match is undone from a day on."""
    previous = (date.fromisoformat(day) - timedelta(days=1)).isoformat()
    today = matches.until(day) - matches.until(previous)
    if not today:
        return []
    newest = {(str(row["source"]), str(row["source_id"])): row for row in _earlier(lake, day)}
    # Where a record of that id led its own title to another, both are parted.
    pairs = {(source, source_id) for source, source_id, _ in today}
    pairs |= {alias_of(f"{source}:{source_id}") for source, source_id in pairs if source not in RESERVED}
    return [newest[pair] for pair in sorted(pairs & newest.keys())]


def _earlier(lake: Lake, first: str) -> list[dict[str, object]]:
    """The identity rows of all days before one, earliest day first."""
    files = [str(lake.path(_TABLE, day)) for day in lake.days(_TABLE) if day < first]
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        rows = connection.from_parquet(files, hive_partitioning=True).order("day, source, source_id").to_arrow_table()
    found: list[dict[str, object]] = rows.select(IDENTITY.schema.names).to_pylist()
    return found
