"""Landings are told from Dagster's log in full, each with how its run ended and whether its checks passed."""

import dagster as dg
import pytest

from trending_assets.automation.cursors import Landing
from trending_assets.automation.landings import landings, newest_by_partition, newest_training
from trending_assets.partitions import DAILY
from trending_assets_tests.automation.world import DAYS, asset, land, land_in_a_run


def test_nothing_landed_on_an_instance_that_knows_nothing(instance: dg.DagsterInstance) -> None:
    assert landings(instance, "titles", 0) == []
    assert newest_training(instance) == 0
    assert newest_by_partition(instance, "titles") == {}


def test_what_was_reported_from_outside_is_finished_and_passed(instance: dg.DagsterInstance) -> None:
    land(instance, "titles", DAYS[1], DAYS[0])
    land(instance, "reviews", DAYS[2])
    found = landings(instance, "titles", 0)
    assert [landing.partition for landing in found] == [DAYS[1], DAYS[0]]
    assert {(landing.finished, landing.passed) for landing in found} == {(True, True)}
    assert found[0].storage_id < found[1].storage_id


def test_only_what_came_after_is_told(instance: dg.DagsterInstance) -> None:
    first = land(instance, "titles", DAYS[0])
    second = land(instance, "titles", DAYS[1])
    assert [landing.storage_id for landing in landings(instance, "titles", first)] == [second]
    assert landings(instance, "titles", second) == []


def test_a_materialisation_of_no_day_is_no_landing(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("titles"))
    assert landings(instance, "titles", 0) == []


def test_more_landings_than_one_page_holds_are_all_told_once_in_order(instance: dg.DagsterInstance) -> None:
    last = land(instance, "titles", *(DAYS[number % len(DAYS)] for number in range(503)))
    found = landings(instance, "titles", 0)
    ids = [landing.storage_id for landing in found]
    assert len(found) == 503
    assert ids == sorted(set(ids))
    assert ids[-1] == last


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        ({"passed": True}, True),
        ({"passed": False}, False),
        ({"passed": False, "blocking": False}, True),
        ({"passed": False, "severity": "WARN"}, True),
    ],
    ids=["passed", "failed", "failed but not blocking", "failed but a warning"],
)
def test_a_landing_passed_unless_a_blocking_check_failed_in_its_run(
    instance: dg.DagsterInstance, check: dict[str, object], passed: bool
) -> None:
    land_in_a_run(instance, asset("titles", **check), DAYS[0])  # type: ignore[arg-type]
    (landing,) = landings(instance, "titles", 0)
    assert (landing.partition, landing.finished, landing.passed) == (DAYS[0], True, passed)


def test_a_later_run_of_a_day_that_passes_stands_beside_the_one_that_failed(instance: dg.DagsterInstance) -> None:
    land_in_a_run(instance, asset("titles", passed=False), DAYS[0])
    land_in_a_run(instance, asset("titles"), DAYS[0])
    assert [landing.passed for landing in landings(instance, "titles", 0)] == [False, True]


def test_a_landing_of_a_run_that_is_still_under_way_is_not_finished(instance: dg.DagsterInstance) -> None:
    seen: list[list[Landing]] = []
    first = asset("titles")

    @dg.asset(deps=[first], partitions_def=DAILY)
    def looking(context: dg.AssetExecutionContext) -> None:
        seen.append(landings(context.instance, "titles", 0))

    assert dg.materialize([first, looking], instance=instance, partition_key=DAYS[0]).success
    assert [(landing.partition, landing.finished) for landing in seen[0]] == [(DAYS[0], False)]
    assert [(landing.partition, landing.finished) for landing in landings(instance, "titles", 0)] == [(DAYS[0], True)]


def test_a_landing_of_a_run_that_failed_later_is_finished(instance: dg.DagsterInstance) -> None:
    first = asset("titles")

    @dg.asset(deps=[first], partitions_def=DAILY)
    def failing() -> None:
        raise ZeroDivisionError

    dg.materialize([first, failing], instance=instance, partition_key=DAYS[0], raise_on_error=False)
    (landing,) = landings(instance, "titles", 0)
    assert (landing.finished, landing.passed) == (True, True)


def test_a_landing_whose_run_was_deleted_is_finished(instance: dg.DagsterInstance) -> None:
    land_in_a_run(instance, asset("titles"), DAYS[0])
    (run,) = instance.get_runs()
    instance.run_storage.delete_run(run.run_id)
    (landing,) = landings(instance, "titles", 0)
    assert landing.finished


def test_the_newest_landing_of_each_day_is_known(instance: dg.DagsterInstance) -> None:
    land(instance, "titles", DAYS[0], DAYS[1])
    again = land(instance, "titles", DAYS[0])
    newest = newest_by_partition(instance, "titles")
    assert set(newest) == {DAYS[0], DAYS[1]}
    assert newest[DAYS[0]] == again > newest[DAYS[1]]


def test_an_instance_on_disk_tells_the_same(tmp_path_factory: pytest.TempPathFactory) -> None:
    with dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("dagster"))) as stored:
        land(stored, "titles", DAYS[0])
        land_in_a_run(stored, asset("titles", passed=False), DAYS[1])
        land(stored, "titles", DAYS[2])
        found = landings(stored, "titles", 0)
        assert [(landing.partition, landing.passed) for landing in found] == [
            (DAYS[0], True),
            (DAYS[1], False),
            (DAYS[2], True),
        ]
        assert landings(stored, "titles", found[1].storage_id) == [found[2]]
