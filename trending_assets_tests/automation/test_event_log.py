"""Events that are written many at a time are the events that Dagster's own storage writes one by one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from trending_assets.automation.event_log import BATCHES, BatchEventLogStorage
from trending_assets.automation.running import open_instance
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.partitions import DAILY
from trending_assets.storage.home import Home
from trending_assets_tests.automation.world import DAYS

_PLANNED, _DONE = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION


@dg.asset(partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run(), code_version="7")
def counted(context: dg.AssetExecutionContext) -> None:
    for number, day in enumerate(context.partition_keys):
        context.add_asset_metadata({"number": number}, partition_key=day)


@dg.asset(partitions_def=DAILY, backfill_policy=dg.BackfillPolicy.single_run(), deps=[counted])
def failing(context: dg.AssetExecutionContext) -> None:
    raise ValueError(context.partition_keys[0])


@dg.asset_check(asset=counted)
def fine() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


def _stated(tags: Mapping[str, str] | None) -> dict[str, str]:
    """The tags of an event that are the same in every run."""
    return {name: value for name, value in (tags or {}).items() if name == "dagster/code_version"}


def _logged(instance: dg.DagsterInstance) -> dict[str, Any]:
    """What an instance says of a run that computes one asset and fails at another."""
    job = dg.Definitions(assets=[counted, failing], asset_checks=[fine]).resolve_implicit_global_asset_job_def()
    tags = {RANGE_START: DAYS[0], RANGE_END: DAYS[-1]}
    run = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    records = instance.fetch_materializations(counted.key, limit=100, ascending=True).records
    found = [record.asset_materialization for record in records]
    entry = instance.get_asset_records([counted.key])[0].asset_entry
    check = instance.event_log_storage.get_latest_asset_check_execution_by_key([fine.check_key])[fine.check_key]
    log = [
        (event.event_type_value, event.asset_key, event.partition)
        for event in (e.get_dagster_event() for e in instance.all_logs(run.run_id, of_type={_PLANNED, _DONE}))
    ]
    return {
        "log": sorted(log, key=str),
        "days": [instance.get_materialized_partitions(key) for key in (counted.key, failing.key)],
        "materialisations": [(m.partition, m.metadata["number"].value, _stated(m.tags)) for m in found if m],
        "tags": [_stated(tags) for tags in instance.get_event_tags_for_asset(counted.key)],
        "newest": entry.last_materialization_storage_id == records[-1].storage_id,
        "last run": entry.last_run_id == run.run_id,
        "check": check.status,
        "failed": {event.step_key for event in run.all_events if event.is_step_failure},
    }


def test_a_run_is_logged_as_by_dagster_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    write = BatchEventLogStorage.store_event_batch

    def counting(storage: BatchEventLogStorage, events: Any) -> None:
        batches.append(len(events))
        write(storage, events)

    monkeypatch.setattr(BatchEventLogStorage, "store_event_batch", counting)
    for name in BATCHES:
        monkeypatch.setenv(name, "0")
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        by_dagster = _logged(instance)
    assert batches == []
    with open_instance(Home(tmp_path / "home")) as instance:
        logged = _logged(instance)
    # What is planned of both assets and the check, and what became of the one.
    assert batches == [2 * len(DAYS) + 1, len(DAYS)]
    assert logged == by_dagster
    assert len(logged["days"][0]) == len(DAYS)
    assert logged["failed"] == {"failing"}


def test_what_was_written_in_batches_is_read_by_dagster_itself(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with open_instance(home) as instance:
        before = _logged(instance)
    (home.dagster / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert sorted(instance.get_materialized_partitions(counted.key)) == list(DAYS)
        assert len(before["days"][0]) == len(DAYS)
