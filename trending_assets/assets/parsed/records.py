"""``parsed/<source>``, what became of each document; and ``quarantine``, the documents that could not be used."""

from collections import Counter
from collections.abc import Iterable, Sequence

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.records import PARSED, QUARANTINE
from trending_assets.ingest.documents import parse_documents, quarantined, read_documents
from trending_assets.ingest.source import Source
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, record_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.ledgers import Erasures

_RECORDS = ("titles", "reviews", "signals")
_CODE = ("trending_assets.ingest.documents", "trending_assets.ingest.records", "trending_assets.domain.catalog")


def parsed_assets(sources: Iterable[Source]) -> list[dg.AssetsDefinition]:
    """One asset a source."""
    return [_parsed(source) for source in sources]


def _parsed(source: Source) -> dg.AssetsDefinition:
    raw, table = f"raw/{source.name}", f"parsed/{source.name}"

    @dg.asset(
        key=["parsed", source.name],
        deps=[dg.AssetKey(["raw", source.name])],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=code_version(__name__, "trending_assets.domain.text", *_CODE, *source.modules),
        group_name="parsed",
        owners=[OWNER],
        kinds={"python", "parquet"},
        description="What became of each document: titles, reviews and signals, or why there are none.",
        metadata=record_schema(PARSED),
    )
    def parsed(context: dg.AssetExecutionContext, home: HomeResource) -> None:
        lake, store, pseudonyms = home.lake, home.raw_store(), home.pseudonyms()
        erased = Erasures(lake).authors()

        def outcomes(day: str) -> dict[str, int]:
            rows = lake.read(table, day, ["outcome", *_RECORDS])
            counts = Counter(rows["outcome"].to_pylist())
            records = {name: pa.compute.sum(pa.compute.list_value_length(rows[name])).as_py() or 0 for name in _RECORDS}
            return {name: counts[name] for name in ("kept", "duplicate", "quarantined")} | records

        write_days(
            context,
            lake,
            table,
            build=lambda day: parse_documents(
                read_documents(store.read(source.name, day)), source.parse, pseudonyms, erased
            ),
            inputs=lambda day: {f"{raw}/{day}": store.sha256(source.name, day)},
            describe=outcomes,
        )

    return parsed


def quarantine_asset(sources: Sequence[Source]) -> dg.AssetsDefinition:
    """The quarantine of all sources."""
    names = [source.name for source in sources]

    @dg.asset(
        key="quarantine",
        deps=[dg.AssetKey([stage, name]) for name in names for stage in ("raw", "parsed")],
        partitions_def=DAILY,
        backfill_policy=dg.BackfillPolicy.single_run(),
        code_version=code_version(__name__, *_CODE),
        group_name="parsed",
        owners=[OWNER],
        kinds={"python", "parquet"},
        description="Documents that could not be used, whole, each with the reason and where it came from.",
        metadata=record_schema(QUARANTINE),
    )
    def quarantine(context: dg.AssetExecutionContext, home: HomeResource) -> None:
        lake, store = home.lake, home.raw_store()

        def landed(day: str) -> list[str]:
            return [name for name in names if lake.exists(f"parsed/{name}", day)]

        def build(day: str) -> pa.Table:
            held = [
                quarantined(read_documents(store.read(name, day)), lake.read(f"parsed/{name}", day))
                for name in landed(day)
            ]
            return pa.concat_tables([QUARANTINE.schema.empty_table(), *held])

        write_days(
            context,
            lake,
            "quarantine",
            build=build,
            inputs=lambda day: {
                key: digest
                for name in landed(day)
                for key, digest in {
                    f"raw/{name}/{day}": store.sha256(name, day),
                    **lake.input_hashes(f"parsed/{name}", [day]),
                }.items()
            },
            describe=lambda day: {"reasons": dict(Counter(lake.read("quarantine", day)["reason"].to_pylist()))},
        )

    return quarantine
