"""Landings: materialisations of a daily asset as they stand in Dagster's log."""

import dagster as dg

from trending_assets.automation.cursors import Landing

_PAGE = 500
# Nobody makes more training sets in a row without training on one.
_RECENT_SETS = 100
_TITLES = "title_text rows"
_FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


def landings(instance: dg.DagsterInstance, asset: str, after: int) -> list[Landing]:
    """Every materialisation of a partition of an asset after a storage id, oldest first.

    Args:
        instance: Dagster's instance.
        asset: a daily asset.
        after: a storage id.
    """
    found: list[Landing] = []
    runs: dict[str, tuple[bool, bool]] = {}
    cursor = None
    while True:
        page = instance.fetch_materializations(
            dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), after_storage_id=after),
            limit=_PAGE,
            cursor=cursor,
            ascending=True,
        )
        for record in page.records:
            if record.partition_key is None:
                continue
            if record.run_id not in runs:
                runs[record.run_id] = _run_state(instance, record.run_id)
            finished, passed = runs[record.run_id]
            titles = _titles(record.asset_materialization)
            landed = Landing(record.storage_id, record.partition_key, finished, passed, titles, record.timestamp)
            found.append(landed)
        if not page.has_more:
            return found
        cursor = page.cursor


def _titles(materialization: dg.AssetMaterialization | None) -> int | None:
    """How many titles came, as the online store tells it; None where it is not told."""
    told = materialization.metadata.get(_TITLES) if materialization else None
    return told.value if told is not None and isinstance(told.value, int) else None


def _run_state(instance: dg.DagsterInstance, run_id: str) -> tuple[bool, bool]:
    """Whether a run has ended, and whether no blocking check failed in it."""
    run = instance.get_run_by_id(run_id) if run_id else None
    # A materialisation that was reported from outside belongs to no run, and no check can have failed in it.
    if run is None:
        return True, True
    evaluations = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION).records
    failed = False
    for record in evaluations:
        event = record.event_log_entry.dagster_event
        if event is not None:
            check = event.asset_check_evaluation_data
            failed = failed or bool(
                check.blocking and not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
            )
    return run.status in _FINISHED, not failed


def newest_training(instance: dg.DagsterInstance) -> int:
    """Storage id of the training set of the newest run that succeeded and chose a champion by it; 0 where none did.

    A training set by itself teaches no model anything, and neither does one whose training failed.
    """
    sets = dg.AssetRecordsFilter(asset_key=dg.AssetKey("genre_training_set"))
    for record in instance.fetch_materializations(sets, limit=_RECENT_SETS).records:
        run = instance.get_run_by_id(record.run_id) if record.run_id else None
        if run is not None and run.status == dg.DagsterRunStatus.SUCCESS and _chose_a_champion(instance, run.run_id):
            return record.storage_id
    return 0


def _chose_a_champion(instance: dg.DagsterInstance, run_id: str) -> bool:
    made = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION).records
    return any(record.asset_key == dg.AssetKey("genre_champion") for record in made)


def newest_by_partition(instance: dg.DagsterInstance, asset: str | dg.AssetKey) -> dict[str, int]:
    """Day → storage id of its newest materialisation."""
    key = dg.AssetKey(asset) if isinstance(asset, str) else asset
    found = instance.get_latest_storage_id_by_partition(key, dg.DagsterEventType.ASSET_MATERIALIZATION)
    return dict(found)
