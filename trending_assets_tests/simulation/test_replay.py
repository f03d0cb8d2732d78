"""Sensors are asked as the daemon asks them: until none asks for a run, and one key runs once."""

from pathlib import Path
from typing import cast

import dagster as dg
import pyarrow as pa
import pytest

from trending_assets.automation.pipeline import Pipeline
from trending_assets.simulation.replay import Asked, HomeInUseError, RestlessSensorError, Sensors, replay
from trending_assets.simulation.script import Data, Plan
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets_tests.simulation.data import write_data


class Limit(dg.ConfigurableResource[object]):
    """How many runs the sensor asks for."""

    runs: int


@dg.asset
def counted() -> None:
    """Succeeds."""


@dg.asset
def spoilt() -> None:
    """Fails."""
    raise ValueError("the milk is sour")


_counted = dg.define_asset_job("count", selection=[counted])
_spoilt = dg.define_asset_job("spoil", selection=[spoilt])


@dg.sensor(job=_counted, default_status=dg.DefaultSensorStatus.RUNNING)
def asks(context: dg.SensorEvaluationContext, limit: Limit) -> dg.SensorResult:
    """Asks for a run a tick, up to the limit; the last one's key again and again."""
    number = int(context.cursor or 0)
    wanted = [dg.RunRequest(run_key=str(number))] if number < limit.runs else [dg.RunRequest(run_key="0")]
    return dg.SensorResult(run_requests=wanted, cursor=str(number + 1))


@dg.sensor(job=_spoilt, default_status=dg.DefaultSensorStatus.RUNNING)
def asks_for_what_fails(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Asks once."""
    return dg.SensorResult(run_requests=[] if context.cursor else [dg.RunRequest()], cursor="asked")


@dg.sensor(job=_counted)
def stopped(_: dg.SensorEvaluationContext) -> dg.RunRequest:
    """Is not to be asked: a person has to start it first."""
    return dg.RunRequest()


def _pipeline(folder: Path, instance: dg.DagsterInstance, sensors: list[dg.SensorDefinition], runs: int) -> Pipeline:
    definitions = dg.Definitions(
        [counted, spoilt], jobs=[_counted, _spoilt], sensors=sensors, resources={"limit": Limit(runs=runs)}
    )
    # What is not asked for here needs no raw documents.
    return Pipeline(definitions, instance, folder, cast("object", None), lambda *_: None)  # type: ignore[arg-type]


def test_sensors_are_asked_until_none_asks_for_a_run(tmp_path: Path) -> None:
    with dg.instance_for_test() as instance:
        sensors = Sensors(_pipeline(tmp_path, instance, [asks, stopped], runs=3))
        assert list(sensors.settle()) == [Asked("asks", "count", None)] * 3
        assert list(sensors.settle()) == []
        runs = instance.get_runs()
        assert [run.status for run in runs] == [dg.DagsterRunStatus.SUCCESS] * 3
        assert {run.tags["dagster/sensor_name"] for run in runs} == {"asks"}


def test_a_run_that_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    with dg.instance_for_test() as instance:
        sensors = Sensors(_pipeline(tmp_path, instance, [asks_for_what_fails, asks], runs=1))
        succeeded, failed = sensors.settle()
        assert failed.job == "spoil"
        assert "the milk is sour" in (failed.failure or "")
        assert succeeded == Asked("asks", "count", None)


def test_a_sensor_that_never_ceases_is_named(tmp_path: Path) -> None:
    with dg.instance_for_test() as instance:
        sensors = Sensors(_pipeline(tmp_path, instance, [asks], runs=100))
        with pytest.raises(RestlessSensorError, match="asks still asks for count"):
            list(sensors.settle())


def test_a_home_that_holds_titles_is_left_alone(tmp_path: Path) -> None:
    home, data = tmp_path / "home", tmp_path / "data"
    data.mkdir()
    Lake(Home(home).lake).write("titles", pa.table({"title_id": ["tt1"]}), day="2024-01-01")
    with dg.instance_for_test() as instance:
        pipeline = _pipeline(home, instance, [], runs=0)
        with pytest.raises(HomeInUseError, match="TRENDING_HOME"):
            list(replay(pipeline, Data.read(write_data(data)), Plan.of(12)))
        assert instance.get_runs() == []
