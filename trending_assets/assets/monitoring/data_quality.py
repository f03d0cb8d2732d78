"""``data_quality``: what is missing, copied or unusable of each source on a day, against the days before it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta
from functools import cache

import dagster as dg
import pandas as pd
import pyarrow as pa

from trending_assets.domain.catalog.volume import TRAILING_DAYS
from trending_assets.domain.drift.quality import FAULT, NULLABLE, UNKNOWN, UNUSUAL, Counts, counts_of, quality
from trending_assets.ingest.source import Source
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, write_metadata, write_rows
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.drift_tables import DATA_QUALITY
from trending_assets.storage.lake import Lake

_TITLES = "stg_titles"
_SCHEMA = pa.schema(
    [
        pa.field("source", pa.string(), False),
        pa.field("measure", pa.string(), False),
        pa.field("verdict", pa.string(), False),
        pa.field("rows", pa.int64(), False),
        pa.field("reference_rows", pa.int64(), False),
        pa.field("why", pa.string(), False),
        pa.field("value", pa.float64()),
        pa.field("expected", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("p_adjusted", pa.float64()),
    ]
)


def data_quality(sources: Sequence[Source]) -> dg.AssetsDefinition:
    """The asset over the parsed records of all sources."""
    upstream = [dg.AssetKey(_TITLES), *(dg.AssetKey(["parsed", source.name]) for source in sources)]
    window = dg.TimeWindowPartitionMapping(start_offset=-TRAILING_DAYS, allow_nonexistent_upstream_partitions=True)

    @dg.asset(
        key=DATA_QUALITY,
        deps=[dg.AssetDep(key, partition_mapping=window) for key in upstream],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=code_version(__name__, "trending_assets.domain.drift", "trending_assets.domain.catalog.volume"),
        group_name="monitoring",
        owners=[OWNER],
        kinds={"python", "parquet"},
        description=(
            "By source: the share of documents that were quarantined or came twice and of titles that lack a fact, and "
            "how many documents there are, against the days before; unknown where there are too few."
        ),
        metadata=column_schema(_SCHEMA),
    )
    def asset(context: dg.AssetExecutionContext, home: HomeResource) -> None:
        lake = home.lake
        tables, landed = lake.tables("parsed"), lake.days(_TITLES)

        @cache
        def counts(day: str) -> Counts:
            return _counts(lake, tables, day)

        for day in sorted(context.partition_keys):
            first = (date.fromisoformat(day) - timedelta(days=TRAILING_DAYS)).isoformat()
            known = {each: counts(each) for each in landed if first <= each < day} | {day: counts(day)}
            rows = pa.Table.from_pylist([asdict(finding) for finding in quality(known, day)], schema=_SCHEMA)
            write = write_rows(context, lake, DATA_QUALITY, rows, day)
            context.add_asset_metadata(write_metadata(write, lake) | _told(rows), partition_key=day)

    return asset


def _counts(lake: Lake, tables: Sequence[str], day: str) -> Counts:
    landed = [lake.read(name, day, ["source", "outcome"]) for name in tables if lake.exists(name, day)]
    documents = pa.concat_tables(landed).to_pandas() if landed else pd.DataFrame({"source": [], "outcome": []})
    return counts_of(documents, lake.read(_TITLES, day, ["source", *NULLABLE]).to_pandas())


def _told(rows: pa.Table) -> dict[str, object]:
    named: dict[str, list[str]] = {verdict: [] for verdict in (FAULT, UNUSUAL, UNKNOWN)}
    for row in rows.to_pylist():
        if row["verdict"] in named:
            named[row["verdict"]].append(f"{row['source']}: {row['measure']}")
    return {"faults": named[FAULT], "unusual": named[UNUSUAL], "unknown": len(named[UNKNOWN])}
