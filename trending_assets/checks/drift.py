"""Drift and data quality: what arrives, and what is said of it, is still what the champion was made for."""

from typing import Any

import dagster as dg

from trending_assets.checks.days import checked_days
from trending_assets.domain.drift.alarms import Alarms
from trending_assets.resources.home import HomeResource
from trending_assets.storage.drift_tables import DATA_QUALITY, FEATURE_DRIFT, PREDICTION_DRIFT, alarms_of, faults_of

_DESCRIPTION = (
    "No column is in alarm: none has drifted unmistakably, and none on two of the last three days on which it was "
    "measured. A drift may be real and is nothing wrong with the data: it warns. A day that is unknown passes, and "
    "says so."
)


def _has_not_drifted(table: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=table, name="has_not_drifted", description=_DESCRIPTION)
    def check(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
        found = [alarms_of(home.lake, table, day) for day in checked_days(context, home.lake, table)]
        return dg.AssetCheckResult(
            passed=not any(alarms.alarmed for alarms in found),
            severity=dg.AssetCheckSeverity.WARN,
            metadata=_said(found),
        )

    return check


def _said(found: list[Alarms]) -> dict[str, Any]:
    lines = ["| day | reference | in alarm | drifted |", f"|{'---|' * 4}"]
    lines += [
        f"| {each.day} | {each.reference} | {', '.join(each.alarmed)} | {', '.join(each.drifted)} |"
        for each in found
        if each.drifted
    ]
    return {
        "days": len(found),
        "days in alarm": [each.day for each in found if each.alarmed],
        "days unknown": [each.day for each in found if not each.measured],
        "drift": dg.MetadataValue.md("\n".join(lines)),
    }


feature_drift_has_not_drifted = _has_not_drifted(FEATURE_DRIFT)
prediction_drift_has_not_drifted = _has_not_drifted(PREDICTION_DRIFT)


@dg.asset_check(
    asset=DATA_QUALITY,
    name="is_as_before",
    description=(
        "No source lacks more, repeats itself more or is quarantined more than on the days before, by more than chance "
        "and by more than it may. What has landed stays, and other checks say what must never land: this one stops "
        "nothing."
    ),
)
def quality_is_as_before(context: dg.AssetCheckExecutionContext, home: HomeResource) -> dg.AssetCheckResult:
    """Looks for faults on every day of the run."""
    found = {day: faults_of(home.lake, day) for day in checked_days(context, home.lake, DATA_QUALITY)}
    faults = [f"{day}: {fault}" for day, named in found.items() for fault in named]
    return dg.AssetCheckResult(
        passed=not faults,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"days": len(found), "faults": faults},
    )
