"""Nothing lost: what came in is what was kept, set aside as a duplicate, or quarantined."""

from collections import Counter

import dagster as dg

from trending_assets.checks.days import checked_days
from trending_assets.resources.home import HomeResource

_OUTCOMES = ("kept", "duplicate", "quarantined")


@dg.asset_check(
    asset=["parsed", "sample"],
    additional_deps=[dg.AssetKey(["raw", "sample"])],
    blocking=True,
    description="Documents in = kept + duplicates + quarantined, on every day.",
)
def documents_accounted_for(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Counts every document of every day of the run."""
    lake = home.lake
    totals: Counter[str] = Counter(dict.fromkeys(_OUTCOMES, 0))
    wrong = []
    for day in checked_days(context, lake, "parsed/sample"):
        documents = lake.read("raw/sample", day, ["sha256"]).num_rows
        outcomes = Counter(lake.read("parsed/sample", day, ["outcome"])["outcome"].to_pylist())
        if documents != sum(outcomes[name] for name in _OUTCOMES) or set(outcomes) - set(_OUTCOMES):
            wrong.append(day)
        totals.update(outcomes, documents=documents)
    return dg.AssetCheckResult(passed=not wrong, metadata={**totals, "days that do not add up": wrong})


@dg.asset_check(
    asset="quarantine",
    additional_deps=[dg.AssetKey(["parsed", "sample"])],
    blocking=True,
    description="Quarantine holds every quarantined document, whole, with its reason and origin.",
)
def quarantine_is_complete(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Compares the quarantine with the parsed documents of every day of the run."""
    lake = home.lake
    held, wrong = 0, []
    for day in checked_days(context, lake, "quarantine"):
        rows = lake.read("quarantine", day).to_pylist()
        parsed = lake.read("parsed/sample", day, ["source_id", "document_sha256", "outcome"]).to_pylist()
        expected = {(r["source_id"], r["document_sha256"]) for r in parsed if r["outcome"] == "quarantined"}
        explained = all(row["reason"] and row["url"] for row in rows)
        if {(row["source_id"], row["document_sha256"]) for row in rows} != expected or not explained:
            wrong.append(day)
        held += len(rows)
    return dg.AssetCheckResult(passed=not wrong, metadata={"quarantined": held, "days that differ": wrong})
