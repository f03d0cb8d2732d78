"""A drift that is planted is found, warned of and acted on once; what cannot be known is not made up."""

import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from trending_assets.automation import jobs
from trending_assets.automation.drift import act_on_drift
from trending_assets.domain.drift.windows import TRAILING
from trending_assets.resources.alerts import AlertsResource
from trending_assets.resources.training import TrainingResource
from trending_assets.storage.drift_tables import alarms_of
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.automation.test_alerts import Place, place  # noqa: F401 - a fixture
from trending_assets_tests.integration.drifting import CHAMPION, DAYS, LEARNED, DriftingHome


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def drifting(tmp_path: Path) -> DriftingHome:
    home = DriftingHome(tmp_path)
    home.train()
    return home


@dg.job(name=jobs.retrain.name)
def _retrain() -> None:
    """Stands for the job."""


def _checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {each.asset_key.to_user_string(): each for each in result.get_asset_check_evaluations()}


def _drifted(home: DriftingHome, table: str, day: str) -> set[str]:
    return {column for column, row in home.rows(table, day).items() if row["drifted"]}


class Watcher:
    """The sensor with its cursor."""

    def __init__(self, home: DriftingHome, instance: dg.DagsterInstance, url: str, on_drift: str) -> None:
        self.cursor: str | None = None
        training = TrainingResource(
            retrained=["genre_logreg"], bert_minutes=0, bert_new_rows=0, retrain_on_drift=on_drift == "retrain"
        )
        self.resources = {"home": home.home, "alerts": AlertsResource(urls=url), "training": training}
        self._instance = instance

    def tick(self) -> list[dg.RunRequest]:
        """One tick; what it asks for."""
        context = dg.build_sensor_context(self._instance, cursor=self.cursor, resources=self.resources)
        result = act_on_drift(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return list(result.run_requests or [])


def test_a_planted_drift_is_found_and_warned_of(drifting: DriftingHome, instance: dg.DagsterInstance) -> None:
    for day in DAYS[:3]:
        drifting.land(day)
    drifting.land(DAYS[3], years=1.5, shows=0.9)
    calm = _checks(drifting.materialise(instance, DAYS[0], DAYS[2]))
    assert [check.passed for check in calm.values()] == [True, True]
    warned = _checks(drifting.materialise(instance, DAYS[3]))["feature_drift"]
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert warned.metadata["days in alarm"].value == [DAYS[3]]
    assert _drifted(drifting, "feature_drift", DAYS[3]) == {"year", "kind"}
    for day in DAYS[:3]:
        rows = drifting.rows("feature_drift", day).values()
        assert {(row["status"], row["reference"]) for row in rows} == {("measured", str(CHAMPION))}
    reports = drifting.home.paths.reports / "feature_drift"
    names = sorted(path.name for path in reports.iterdir() if path.is_file())
    # A page where something moved, and of the newest day of a run.
    moved = {f"{day}.html" for day in DAYS[:4] if _drifted(drifting, "feature_drift", day)}
    assert names == sorted({f"{day}.json" for day in DAYS[:4]} | moved | {f"{DAYS[2]}.html"})


def test_the_same_drift_is_measured_again_as_it_was(drifting: DriftingHome, instance: dg.DagsterInstance) -> None:
    drifting.land(DAYS[0], years=0.5)
    drifting.materialise(instance, DAYS[0])
    path = drifting.home.lake.path("feature_drift", DAYS[0])
    before = path.read_bytes()
    path.unlink()
    drifting.materialise(instance, DAYS[0])
    assert path.read_bytes() == before


def test_a_page_of_what_a_day_was_before_is_not_left(drifting: DriftingHome, instance: dg.DagsterInstance) -> None:
    pages = drifting.home.paths.reports / "feature_drift"
    drifting.land(DAYS[0], years=1.5)
    drifting.land(DAYS[1])
    drifting.materialise(instance, DAYS[0], DAYS[1])
    assert (pages / f"{DAYS[0]}.html").is_file()
    # The same day with other titles, of which nothing moved or nothing is known.
    for number in (120, 20):
        drifting.land(DAYS[0], number=number)
        drifting.materialise(instance, DAYS[0], DAYS[1])
        assert not _drifted(drifting, "feature_drift", DAYS[0])
        assert not (pages / f"{DAYS[0]}.html").exists()
    assert json.loads((pages / f"{DAYS[0]}.json").read_text())["unknown"].startswith("fewer than 30 titles")


def test_a_day_of_few_titles_is_unknown_and_passes(drifting: DriftingHome, instance: dg.DagsterInstance) -> None:
    drifting.land(DAYS[0], number=20, logged=False, years=5)
    checks = _checks(drifting.materialise(instance, DAYS[0]))
    assert {row["status"] for row in drifting.rows("feature_drift", DAYS[0]).values()} == {"unknown"}
    assert {row["drifted"] for row in drifting.rows("prediction_drift", DAYS[0]).values()} == {None}
    assert all(check.passed for check in checks.values())
    assert checks["feature_drift"].metadata["days unknown"].value == [DAYS[0]]


def test_without_a_champion_days_are_compared_with_those_before(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    home = DriftingHome(tmp_path)
    home.land(DAYS[0])
    home.land(DAYS[1])
    home.land(DAYS[2], direction=2.5)
    home.materialise(instance, DAYS[0], DAYS[2])
    assert {row["status"] for row in home.rows("feature_drift", DAYS[0]).values()} == {"unknown"}
    assert {row["reference"] for row in home.rows("feature_drift", DAYS[2]).values()} == {TRAILING}
    assert alarms_of(home.home.lake, "feature_drift", DAYS[2]).alarmed == ("embedding",)
    rows = home.rows("prediction_drift", DAYS[2])
    assert len(rows) == 60
    assert {(row["status"], row["why"]) for row in rows.values()} == {("unknown", "no champion has a reference")}


def test_predictions_of_the_log_drift_where_the_champion_grows_surer(
    drifting: DriftingHome, instance: dg.DagsterInstance
) -> None:
    for day in DAYS[:2]:
        drifting.land(day, logged=False)
    drifting.log(DAYS[0])
    drifting.log(DAYS[1], sure=6.0)
    # Neither what another version said nor what was said without features is the champion's.
    drifting.log(DAYS[0], ref=ModelRef("genre_logreg", "other"), sure=20.0)
    drifting.log(DAYS[0], sure=20.0, degraded=True)
    # Of titles that it learned from it is surer, which is no drift.
    drifting.log(DAYS[0], sure=20.0, title_id=LEARNED)
    checks = _checks(drifting.materialise(instance, DAYS[0], DAYS[1]))
    said = {"probability comedy", "probability horror", "selected comedy", "selected horror"}
    first, second = (drifting.rows("prediction_drift", day) for day in DAYS[:2])
    assert {first[column]["basis"] for column in said} == {"prediction log"}
    assert {first[column]["current_rows"] for column in said} == {100}
    assert _drifted(drifting, "prediction_drift", DAYS[0]) == set()
    assert _drifted(drifting, "prediction_drift", DAYS[1]) == said
    assert checks["prediction_drift"].passed is False
    assert {row["status"] for column, row in second.items() if column.startswith("label")} == {"measured"}


def test_what_was_served_on_a_day_without_titles_is_compared(
    drifting: DriftingHome, instance: dg.DagsterInstance
) -> None:
    drifting.land(DAYS[0], logged=False)
    drifting.log(DAYS[1], sure=6.0)
    drifting.materialise(instance, DAYS[1], tables=["prediction_drift"])
    rows = drifting.rows("prediction_drift", DAYS[1])
    assert rows["probability comedy"]["drifted"]
    labels = [row for column, row in rows.items() if column.startswith("label")]
    assert {(row["status"], row["why"]) for row in labels} == {("unknown", "no title landed on the day")}
    # Too few answers, and no title to ask about instead.
    drifting.log(DAYS[2], number=5)
    drifting.materialise(instance, DAYS[2], tables=["prediction_drift"])
    assert {row["status"] for row in drifting.rows("prediction_drift", DAYS[2]).values()} == {"unknown"}


def test_a_day_of_older_code_is_no_alarm_and_no_fault(drifting: DriftingHome) -> None:
    old = pa.table({"column": ["year"], "status": ["measured"], "score": [0.9], "drifted": [True]})
    drifting.home.lake.write("feature_drift", old, day=DAYS[0])
    found = alarms_of(drifting.home.lake, "feature_drift", DAYS[0])
    assert (found.measured, found.drifted, found.alarmed) == (0, (), ())


def test_an_alarm_waits_for_the_retraining_that_is_under_way(
    drifting: DriftingHome,
    instance: dg.DagsterInstance,
    place: Place,  # noqa: F811 - the fixture
) -> None:
    watcher = Watcher(drifting, instance, place.url, "retrain")
    drifting.land(DAYS[0])
    drifting.materialise(instance, DAYS[0])
    watcher.tick()
    drifting.land(DAYS[1], years=1.5, shows=0.9)
    drifting.materialise(instance, DAYS[1])
    run = instance.create_run_for_job(_retrain, status=dg.DagsterRunStatus.STARTED)
    context = dg.build_sensor_context(instance, cursor=watcher.cursor, resources=watcher.resources)
    assert isinstance(act_on_drift(context), dg.SkipReason)
    assert place.told == []
    instance.delete_run(run.run_id)
    assert len(watcher.tick()) == 1


@pytest.mark.parametrize("on_drift", ["alert", "retrain"])
def test_the_sensor_acts_once_on_an_alarm(
    drifting: DriftingHome,
    instance: dg.DagsterInstance,
    place: Place,  # noqa: F811 - the fixture
    on_drift: str,
) -> None:
    watcher = Watcher(drifting, instance, place.url, on_drift)
    assert watcher.tick() == []
    drifting.land(DAYS[0])
    drifting.materialise(instance, DAYS[0])
    assert watcher.tick() == []
    for day in DAYS[1:3]:
        drifting.land(day, years=1.5)
        drifting.materialise(instance, day)
    asked = watcher.tick()
    assert len(asked) == (1 if on_drift == "retrain" else 0)
    assert all(DAYS[1] in str(request.run_key) for request in asked)
    drifting.land(DAYS[3], years=1.5, shows=0.9)
    drifting.materialise(instance, DAYS[3])
    assert watcher.tick() == watcher.tick() == []
    assert [each["title"] for each in place.told] == ["Trending Now: alarm in feature_drift"]
    assert f"feature_drift of {DAYS[1]}: year, against {CHAMPION}" in place.told[0]["message"]
    # Another champion is another reference.
    drifting.train(ModelRef("genre_logreg", "20250605-abcdef02"))
    drifting.land(DAYS[4], years=-1.5)
    drifting.materialise(instance, DAYS[4])
    assert len(watcher.tick()) == (1 if on_drift == "retrain" else 0)
    assert len(place.told) == 2


def test_an_alarm_that_nobody_could_be_told_of_is_told_of_later(
    drifting: DriftingHome,
    instance: dg.DagsterInstance,
    place: Place,  # noqa: F811 - the fixture
) -> None:
    watcher = Watcher(drifting, instance, place.url, "alert")
    drifting.land(DAYS[0], years=1.5)
    drifting.materialise(instance, DAYS[0])
    place.status = 500
    with pytest.raises(Exception, match="could not be told"):
        watcher.tick()
    place.status = 200
    assert watcher.tick() == []
    assert len(place.told) == 2


def test_the_sensor_asks_for_the_job_that_retrains() -> None:
    assert {target.job_name for target in act_on_drift.targets} == {jobs.retrain.name}
    assert act_on_drift.default_status == dg.DefaultSensorStatus.RUNNING
