"""Each tick asks for what landed since the last one, once, and for nothing that failed its checks."""

from typing import Any

import dagster as dg
import pytest

from trending_assets.automation import jobs, sensors
from trending_assets.automation.dead_runs import process_tags
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.resources.training import TrainingResource
from trending_assets_tests.automation.world import DAYS, asset, create_run, land, land_in_a_run

_SENSORS = pytest.mark.parametrize(
    ("sensor", "watched"),
    [(sensors.features_on_landing, "titles"), (sensors.retrain_on_new_partitions, "online_store")],
    ids=["features", "retrain"],
)


_TRAINING = {"training": TrainingResource(retrained=["genre_logreg", "genre_bert"], bert_minutes=0.0, bert_new_rows=0)}


def _tick(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None = None) -> dg.SensorResult:
    result = sensor(dg.build_sensor_context(instance=instance, cursor=cursor, resources=_TRAINING))
    assert isinstance(result, dg.SensorResult)
    return result


def _requests(result: dg.SensorResult) -> list[dg.RunRequest]:
    return list(result.run_requests or [])


def _why(result: dg.SensorResult) -> str | None:
    return result.skip_reason.skip_message if result.skip_reason else None


@_SENSORS
def test_a_first_tick_where_nothing_landed_asks_for_nothing(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str
) -> None:
    result = _tick(sensor, instance)
    assert _requests(result) == []
    assert _why(result) == "nothing new has landed"


@_SENSORS
def test_a_landing_is_asked_about_once(instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str) -> None:
    before = _tick(sensor, instance).cursor
    landed = land(instance, watched, DAYS[0])
    result = _tick(sensor, instance, before)
    assert len(_requests(result)) == 1
    assert (result.cursor or "").split()[-1] == str(landed)
    again = _tick(sensor, instance, result.cursor)
    assert _requests(again) == []
    assert again.cursor == result.cursor


@_SENSORS
def test_what_landed_before_the_first_tick_is_not_lost(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str
) -> None:
    land(instance, watched, DAYS[0])
    assert len(_requests(_tick(sensor, instance))) == 1


@_SENSORS
def test_a_day_that_lands_again_is_asked_about_again_under_another_key(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str
) -> None:
    # Dagster remembers a key for good, whatever became of its run.
    land(instance, watched, DAYS[0])
    first = _tick(sensor, instance)
    land(instance, watched, DAYS[0])
    second = _tick(sensor, instance, first.cursor)
    keys = [request.run_key for result in (first, second) for request in _requests(result)]
    assert len(keys) == len(set(keys)) == 2


@_SENSORS
def test_a_run_with_a_failed_blocking_check_is_refused_by_name_and_not_looked_at_again(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str
) -> None:
    land_in_a_run(instance, asset(watched, passed=False), DAYS[3])
    result = _tick(sensor, instance)
    assert _requests(result) == []
    assert _why(result) == f"checks failed on {DAYS[3]}; nothing else landed"
    assert _why(_tick(sensor, instance, result.cursor)) == "nothing new has landed"


@_SENSORS
def test_a_day_that_failed_is_taken_once_it_landed_well(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str
) -> None:
    land_in_a_run(instance, asset(watched, passed=False), DAYS[3])
    refused = _tick(sensor, instance)
    land_in_a_run(instance, asset(watched), DAYS[3])
    assert len(_requests(_tick(sensor, instance, refused.cursor))) == 1


@_SENSORS
def test_a_day_of_a_failed_check_does_not_hold_up_the_days_beside_it(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str
) -> None:
    land_in_a_run(instance, asset(watched, passed=False), DAYS[3])
    land(instance, watched, DAYS[4])
    (request,) = _requests(_tick(sensor, instance))
    assert DAYS[4] in (request.partition_key, request.tags.get("trending/new_partitions"))
    assert DAYS[3] not in str(request)


@_SENSORS
def test_the_sensor_runs_by_itself_every_few_seconds(
    instance: dg.DagsterInstance, sensor: dg.SensorDefinition, watched: str
) -> None:
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds is not None
    assert sensor.minimum_interval_seconds <= 30


def test_many_days_become_one_run_a_range_without_gaps(instance: dg.DagsterInstance) -> None:
    land(instance, "titles", DAYS[6], DAYS[1], DAYS[2], DAYS[0], DAYS[4])
    requests = _requests(_tick(sensors.features_on_landing, instance))
    ranges = [(r.tags.get(RANGE_START), r.tags.get(RANGE_END), r.partition_key) for r in requests]
    assert ranges == [(DAYS[0], DAYS[2], None), (None, None, DAYS[4]), (None, None, DAYS[6])]
    assert len({request.run_key for request in requests}) == 3


def test_days_whose_features_are_newer_than_their_titles_are_left_alone(instance: dg.DagsterInstance) -> None:
    land(instance, "titles", DAYS[0], DAYS[1])
    land(instance, "online_store", DAYS[0], DAYS[1])
    newest = land(instance, "titles", DAYS[1])
    result = _tick(sensors.features_on_landing, instance)
    assert [request.partition_key for request in _requests(result)] == [DAYS[1]]
    assert result.cursor == str(newest)


def test_one_retraining_is_asked_for_whatever_the_number_of_new_days(instance: dg.DagsterInstance) -> None:
    cursor = _tick(sensors.retrain_on_new_partitions, instance).cursor
    last = land(instance, "online_store", DAYS[2], DAYS[0], DAYS[2], DAYS[5])
    result = _tick(sensors.retrain_on_new_partitions, instance, cursor)
    (request,) = _requests(result)
    assert request.tags["trending/new_partitions"] == f"{DAYS[0]},{DAYS[2]},{DAYS[5]}"
    assert request.run_key == f"retrain-{last}"
    assert result.cursor == f"0 {last}"


def _retrain_again(instance: dg.DagsterInstance, request: dg.RunRequest, status: dg.DagsterRunStatus) -> None:
    create_run(instance, _retraining, status, request.tags)


def test_days_count_as_learned_once_a_training_of_them_succeeded(instance: dg.DagsterInstance) -> None:
    land(instance, "online_store", DAYS[0])
    first = _tick(sensors.retrain_on_new_partitions, instance)
    _retrain_again(instance, _requests(first)[0], dg.DagsterRunStatus.FAILURE)
    failed = _tick(sensors.retrain_on_new_partitions, instance, first.cursor)
    assert _requests(failed) == []
    assert str(_why(failed)).startswith(f"the retraining for {DAYS[0]} did not succeed; they are asked for again")
    land(instance, "online_store", DAYS[1])
    second = _tick(sensors.retrain_on_new_partitions, instance, failed.cursor)
    (request,) = _requests(second)
    assert request.tags["trending/new_partitions"] == f"{DAYS[0]},{DAYS[1]}"
    _retrain_again(instance, request, dg.DagsterRunStatus.SUCCESS)
    land(instance, "online_store", DAYS[2])
    (request,) = _requests(_tick(sensors.retrain_on_new_partitions, instance, second.cursor))
    assert request.tags["trending/new_partitions"] == DAYS[2]


def test_a_retraining_waits_for_enough_titles_and_for_quiet(instance: dg.DagsterInstance) -> None:
    def tick(**settings: float) -> dg.SensorResult:
        training = TrainingResource(retrained=[], bert_minutes=0.0, bert_new_rows=0, **settings)  # type: ignore[arg-type]
        resources = {"training": training}
        result = sensors.retrain_on_new_partitions(dg.build_sensor_context(instance=instance, resources=resources))
        assert isinstance(result, dg.SensorResult)
        return result

    for day, titles in ((DAYS[0], 30), (DAYS[1], 20)):
        rows = {"title_text rows": titles, "dagster/partition_row_count": 3 * titles}
        instance.report_runless_asset_event(dg.AssetMaterialization("online_store", partition=day, metadata=rows))
    assert str(_why(tick(retrain_new_titles=51))).startswith(f"50 new titles in {DAYS[0]} to {DAYS[1]};")
    assert "landed less than 600 s ago" in str(_why(tick(retrain_quiet_seconds=600.0)))
    assert len(_requests(tick(retrain_new_titles=50))) == 1


@dg.asset
def genre_training_set() -> None:
    """Stands for the training set."""


@dg.asset(deps=[genre_training_set], config_schema={"fails": dg.Field(bool, default_value=False)})
def genre_logreg(context: dg.AssetExecutionContext) -> None:
    """Stands for a model."""
    if context.op_execution_context.op_config["fails"]:
        raise RuntimeError("no labels")


@dg.asset(deps=[genre_logreg])
def genre_champion() -> None:
    """Stands for the gate."""


_GRAPH = [genre_training_set, genre_logreg, genre_champion]


def test_a_first_tick_takes_what_the_last_training_was_made_from_as_done(instance: dg.DagsterInstance) -> None:
    land(instance, "online_store", DAYS[0])
    dg.materialize(_GRAPH, instance=instance)
    # The gate alone, as after a change of its settings, learns of nothing.
    land(instance, "online_store", DAYS[1])
    dg.materialize(_GRAPH, instance=instance, selection=["genre_champion"])
    (request,) = _requests(_tick(sensors.retrain_on_new_partitions, instance))
    assert request.tags["trending/new_partitions"] == DAYS[1]


@pytest.mark.parametrize(
    "unlearned", [{"fails": True}, {"selection": ["genre_training_set"]}], ids=["training failed", "no training"]
)
def test_a_first_tick_after_a_training_set_that_no_model_learned_from_asks_for_a_training(
    instance: dg.DagsterInstance, unlearned: dict[str, Any]
) -> None:
    land(instance, "online_store", DAYS[0])
    selection, config = unlearned.get("selection"), {"config": {"fails": "fails" in unlearned}}
    found = dg.materialize(
        _GRAPH,
        instance=instance,
        selection=selection,
        run_config={"ops": {"genre_logreg": config}} if selection is None else None,
        raise_on_error=False,
    )
    assert found.success == (selection is not None)
    (request,) = _requests(_tick(sensors.retrain_on_new_partitions, instance))
    assert request.tags["trending/new_partitions"] == DAYS[0]


@dg.job(name=jobs.retrain.name)
def _retraining() -> None:
    """Stands for the retraining: only the state of its runs matters here."""


@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.QUEUED,
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
    ],
    ids=lambda status: status.value,
)
def test_while_a_retraining_is_under_way_what_lands_waits_and_is_taken_afterwards(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    cursor = _tick(sensors.retrain_on_new_partitions, instance).cursor
    run = create_run(instance, _retraining, status)
    land(instance, "online_store", DAYS[0], DAYS[1])
    context = dg.build_sensor_context(instance=instance, cursor=cursor, resources=_TRAINING)
    skipped = sensors.retrain_on_new_partitions(context)
    assert isinstance(skipped, dg.SkipReason)
    assert "a retraining is under way" in str(skipped.skip_message)
    instance.report_run_failed(run)
    land(instance, "online_store", DAYS[2])
    (request,) = _requests(_tick(sensors.retrain_on_new_partitions, instance, cursor))
    assert request.tags["trending/new_partitions"] == ",".join(DAYS[:3])


def test_a_retraining_that_is_over_holds_nothing_up(instance: dg.DagsterInstance) -> None:
    create_run(instance, _retraining, dg.DagsterRunStatus.SUCCESS)
    land(instance, "online_store", DAYS[0])
    assert len(_requests(_tick(sensors.retrain_on_new_partitions, instance))) == 1


def test_a_landing_is_not_taken_before_its_run_has_ended(instance: dg.DagsterInstance) -> None:
    during: list[dg.SensorResult] = []
    first = asset("titles")

    @dg.asset(deps=[first], partitions_def=first.partitions_def)
    def looking(context: dg.AssetExecutionContext) -> None:
        during.append(_tick(sensors.features_on_landing, context.instance))

    assert dg.materialize([first, looking], instance=instance, partition_key=DAYS[0]).success
    assert _requests(during[0]) == []
    assert during[0].cursor == "0"
    after = _tick(sensors.features_on_landing, instance, during[0].cursor)
    assert [request.partition_key for request in _requests(after)] == [DAYS[0]]


def test_the_sensor_of_dead_runs_says_which_it_marked(instance: dg.DagsterInstance) -> None:
    alive = sensors.dead_runs(dg.build_sensor_context(instance=instance))
    assert isinstance(alive, dg.SkipReason)
    assert alive.skip_message == "every run that is under way is alive"
    # No process has lived for as long as this one is said to.
    tags = process_tags() | {"trending/pid_created": "0.00"}
    run = create_run(instance, _retraining, dg.DagsterRunStatus.STARTED, tags)
    found = sensors.dead_runs(dg.build_sensor_context(instance=instance))
    assert isinstance(found, dg.SkipReason)
    assert found.skip_message == f"marked failed: {run.run_id}"
