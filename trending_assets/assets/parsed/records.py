"""``parsed/sample`` and ``quarantine``: what became of each of the sample's documents."""

from collections import Counter

import dagster as dg

from trending_assets.domain.catalog.records import PARSED, QUARANTINE
from trending_assets.ingest.documents import parse_documents, quarantined, read_documents
from trending_assets.ingest.sample_parser import parse
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, record_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version

_CODE = code_version(
    "trending_assets.ingest.documents", "trending_assets.ingest.sample", "trending_assets.ingest.sample_parser",
    "trending_assets.ingest.sample_labels", __name__,
    "trending_assets.domain.catalog", "trending_assets.domain.text.cleaning",
)  # fmt: skip


@dg.asset(
    key=["parsed", "sample"],
    deps=[dg.AssetKey(["raw", "sample"])],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=_CODE,
    group_name="parsed",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description="What became of each document: titles, reviews and signals, or why there are none.",
    metadata=record_schema(PARSED),
)
def parsed_sample(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Parsed documents of each day, one row a document."""
    lake = home.lake

    def outcomes(day: str) -> dict[str, int]:
        table = lake.read("parsed/sample", day, ["outcome", "titles", "reviews", "signals"])
        counts = Counter(table["outcome"].to_pylist())
        records = {name: sum(map(len, table[name].to_pylist())) for name in ("titles", "reviews", "signals")}
        return {name: counts[name] for name in ("kept", "duplicate", "quarantined")} | records

    write_days(
        context,
        lake,
        "parsed/sample",
        build=lambda day: parse_documents(read_documents(lake.read("raw/sample", day)), parse),
        inputs=lambda day: lake.input_hashes("raw/sample", [day]),
        describe=outcomes,
    )


@dg.asset(
    key="quarantine",
    deps=[dg.AssetKey(["raw", "sample"]), dg.AssetKey(["parsed", "sample"])],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.ingest.documents", "trending_assets.domain.catalog.records"),
    group_name="parsed",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description="Documents that could not be used, whole, each with the reason and where it came from.",
    metadata=record_schema(QUARANTINE),
)
def quarantine(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Quarantined documents of each day."""
    lake = home.lake
    write_days(
        context,
        lake,
        "quarantine",
        build=lambda day: quarantined(read_documents(lake.read("raw/sample", day)), lake.read("parsed/sample", day)),
        inputs=lambda day: lake.input_hashes("raw/sample", [day]) | lake.input_hashes("parsed/sample", [day]),
        describe=lambda day: {"reasons": dict(Counter(lake.read("quarantine", day)["reason"].to_pylist()))},
    )
