"""Nothing lost: what came in is what was kept, set aside as a duplicate, or quarantined."""

from collections import Counter
from collections.abc import Iterable, Sequence

import dagster as dg

from trending_assets.checks.days import checked_days
from trending_assets.ingest.source import Source
from trending_assets.resources.home import HomeResource

_OUTCOMES = ("kept", "duplicate", "quarantined")


def documents_accounted_for(sources: Iterable[Source]) -> list[dg.AssetChecksDefinition]:
    """One check a source: each of its documents became something."""
    return [_accounted_for(source.name) for source in sources]


def _accounted_for(source: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=["parsed", source],
        name="documents_accounted_for",
        additional_deps=[dg.AssetKey(["raw", source])],
        blocking=True,
        description="Documents in = kept + duplicates + quarantined, on every day.",
    )
    def check(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
        lake, store = home.lake, home.raw_store()
        totals: Counter[str] = Counter(dict.fromkeys(_OUTCOMES, 0))
        wrong = []
        for day in checked_days(context, lake, f"parsed/{source}"):
            documents = store.read(source, day).num_rows
            outcomes = Counter(lake.read(f"parsed/{source}", day, ["outcome"])["outcome"].to_pylist())
            if documents != sum(outcomes[name] for name in _OUTCOMES) or set(outcomes) - set(_OUTCOMES):
                wrong.append(day)
            totals.update(outcomes, documents=documents)
        return dg.AssetCheckResult(passed=not wrong, metadata={**totals, "days that do not add up": wrong})

    return check


def quarantine_is_complete(sources: Sequence[Source]) -> dg.AssetChecksDefinition:
    """The check that nothing is missing from the quarantine, and nothing in it unexplained."""
    tables = [f"parsed/{source.name}" for source in sources]

    @dg.asset_check(
        asset="quarantine",
        name="quarantine_is_complete",
        additional_deps=[dg.AssetKey(table.split("/")) for table in tables],
        blocking=True,
        description="Quarantine holds every quarantined document, whole, with its reason and origin.",
    )
    def check(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
        lake = home.lake
        held, wrong = 0, []
        for day in checked_days(context, lake, "quarantine"):
            rows = lake.read("quarantine", day).to_pylist()
            expected = {
                (row["source"], row["source_id"], row["document_sha256"])
                for table in tables
                if lake.exists(table, day)
                for row in lake.read(table, day, ["source", "source_id", "document_sha256", "outcome"]).to_pylist()
                if row["outcome"] == "quarantined"
            }
            explained = all(row["reason"] and row["url"] for row in rows)
            if {(r["source"], r["source_id"], r["document_sha256"]) for r in rows} != expected or not explained:
                wrong.append(day)
            held += len(rows)
        return dg.AssetCheckResult(passed=not wrong, metadata={"quarantined": held, "days that differ": wrong})

    return check
