"""Running a check the way a run does: after an asset of that name has landed days."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from trending_assets.resources.home import HomeResource
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

# The project's own days start in 1995: to list them takes longer than the checks.
_DAILY = dg.DailyPartitionsDefinition("2025-06-01", end_date="2025-07-05")


def lake_of(folder: Path) -> Lake:
    """The lake of a home."""
    return Lake(Home(folder).lake)


def run_of(
    folder: Path, checks: Sequence[dg.AssetChecksDefinition], days: Sequence[str]
) -> tuple[dict[str, dg.AssetCheckEvaluation], bool]:
    """Lands days in one run, with checks and an asset that follows them.

    Args:
        folder: the home; its lake holds what is checked already.
        checks: checks of one asset.
        days: partitions without gaps.

    Returns:
        Name → evaluation of each check, and whether the asset downstream was computed.
    """
    (asset,) = {key.asset_key for check in checks for key in check.check_keys}
    policy = dg.BackfillPolicy.single_run()

    @dg.asset(key=asset, partitions_def=_DAILY, backfill_policy=policy)
    def landed() -> None: ...

    @dg.asset(deps=[asset], partitions_def=_DAILY, backfill_policy=policy)
    def downstream() -> None: ...

    window = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(
            [landed, downstream, *checks],
            instance=instance,
            tags=window,
            resources={"home": HomeResource(folder=str(folder))},
            raise_on_error=False,
        )
    evaluations = {evaluation.check_name: evaluation for evaluation in result.get_asset_check_evaluations()}
    return evaluations, bool(result.asset_materializations_for_node("downstream"))


def said(evaluation: dg.AssetCheckEvaluation) -> dict[str, Any]:
    """What a check says of itself."""
    return {name: value.value for name, value in evaluation.metadata.items()}
