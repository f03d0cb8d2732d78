"""People are told of what fails and of what is late, once, and of nothing that is theirs alone."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dagster as dg
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import RegisteredCodeLocationOrigin

from trending_assets.automation import alerts
from trending_assets.automation.alerts import late_sources, of_run
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.resources.alerts import AlertError, AlertsResource
from trending_assets_tests.automation.world import DAYS, asset, land_in_a_run


class Place:
    """A server that is told, as Slack would be."""

    def __init__(self) -> None:
        self.told: list[dict[str, str]] = []
        self.status = 200
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                place.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(place.status)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"json://secret-token@127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def place() -> Iterator[Place]:
    """A place that is told."""
    found = Place()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def test_everyone_is_told(place: Place) -> None:
    AlertsResource(urls=f"{place.url}, {place.url}\n").send("A title", "What is to be known")
    assert [(each["title"], each["message"]) for each in place.told] == [("A title", "What is to be known")] * 2


@pytest.mark.parametrize("broken", ["status", "unknown"])
def test_who_cannot_be_told_is_an_error_without_the_secret(
    place: Place, broken: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.status = 500 if broken == "status" else 200
    urls = place.url if broken == "status" else f"{place.url} nothing://secret-token@host"
    with pytest.raises(AlertError, match=r"^1 of [12] places in TRENDING_ALERT_URLS could not be told") as raised:
        AlertsResource(urls=urls).send("A title", "What is to be known")
    assert "secret" not in str(raised.value) + caplog.text
    assert len(place.told) == 1


def _failed_run(instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    @dg.op
    def reads_names() -> None:
        raise RuntimeError("Jane Doe, jane@mail.example, has no rating")

    @dg.job
    def retrain() -> None:
        reads_names()

    tags = {RANGE_START: DAYS[0], RANGE_END: DAYS[2]}
    return retrain.execute_in_process(instance=instance, tags=tags, raise_on_error=False)


def _succeeded_run(instance: dg.DagsterInstance) -> str:
    """Id of a run that succeeded."""

    @dg.op
    def trains() -> None: ...

    @dg.job
    def retrain() -> None:
        trains()

    return retrain.execute_in_process(instance=instance).run_id


def _told_of_failure(instance: dg.DagsterInstance, urls: str) -> tuple[str, dg.SkipReason | None]:
    """Id of a run that failed, and what the sensor says of it."""
    result = _failed_run(instance)
    (event,) = [event for event in result.all_events if event.event_type == dg.DagsterEventType.RUN_FAILURE]
    resources = {"alerts": AlertsResource(urls=urls)}
    context = dg.build_run_status_sensor_context("x", event, instance, result.dagster_run, resources=resources)
    return result.run_id, alerts.alert_on_failed_runs(context.for_run_failure())


def test_a_run_that_failed_is_told_of_without_the_text_of_its_error(place: Place, instance: dg.DagsterInstance) -> None:
    run_id, skipped = _told_of_failure(instance, place.url)
    assert skipped is None
    (told,) = place.told
    assert told["title"] == "Trending Now: retrain failed"
    assert told["message"].splitlines() == [
        f"Days: {DAYS[0]} to {DAYS[2]}",
        "Failed steps: reads_names",
        f"Run: {run_id}",
        "Its log in the UI has the reason.",
    ]


def _tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, urls: str, cursor: str | None = None
) -> SensorExecutionData:
    """A tick of a sensor of runs, as the daemon makes it."""
    context = dg.SensorEvaluationContext(
        instance_ref=None,
        last_tick_completion_time=None,
        last_run_key=None,
        cursor=cursor,
        log_key=None,
        repository_name=None,
        instance=instance,
        definitions=dg.Definitions(sensors=[sensor]),
        resources={"alerts": AlertsResource(urls=urls)},
        sensor_name=sensor.name,
        code_location_origin=RegisteredCodeLocationOrigin("trending_assets"),
    )
    return sensor.evaluate_tick(context)


def test_a_run_that_no_code_location_launched_is_told_of_too(place: Place, instance: dg.DagsterInstance) -> None:
    cursor = _tick(alerts.alert_on_failed_runs, instance, place.url).cursor
    _failed_run(instance)
    _tick(alerts.alert_on_failed_runs, instance, place.url, cursor)
    assert [each["title"] for each in place.told] == ["Trending Now: retrain failed"]


def test_a_run_that_succeeded_is_told_of_once_where_the_sensor_was_started(
    place: Place, instance: dg.DagsterInstance
) -> None:
    sensor = alerts.alert_on_succeeded_runs
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    cursor = _tick(sensor, instance, place.url).cursor
    _failed_run(instance)
    run_id = _succeeded_run(instance)
    cursor = _tick(sensor, instance, place.url, cursor).cursor
    (told,) = place.told
    assert told["title"] == "Trending Now: retrain succeeded"
    assert f"Run: {run_id}" in told["message"]
    _tick(sensor, instance, place.url, cursor)
    assert len(place.told) == 1


def test_without_places_a_tick_says_that_nobody_is_told(instance: dg.DagsterInstance) -> None:
    cursor = _tick(alerts.alert_on_succeeded_runs, instance, "").cursor
    _succeeded_run(instance)
    assert "nobody to tell" in str(_tick(alerts.alert_on_succeeded_runs, instance, "", cursor).skip_message)


def test_whoever_was_told_is_not_told_again_because_another_cannot_be(
    place: Place, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "_late", lambda context: {"tmdb": "2025-06-02"})
    resources = {"alerts": AlertsResource(urls=f"{place.url} nothing://secret-token@host")}
    first = alerts.alert_on_late_sources(dg.build_sensor_context(instance, resources=resources))
    assert isinstance(first, dg.SensorResult)
    alerts.alert_on_late_sources(dg.build_sensor_context(instance, cursor=first.cursor, resources=resources))
    assert len(place.told) == 1
    place.status = 500
    unreached = {"alerts": AlertsResource(urls=place.url)}
    with pytest.raises(AlertError):
        alerts.alert_on_late_sources(dg.build_sensor_context(instance, resources=unreached))


@pytest.mark.parametrize(
    ("urls", "places"),
    [
        ("", []),
        (" slack://a/b/c , discord://d/e,\n", ["slack://a/b/c", "discord://d/e"]),
        ("mailtos://me:pa,ss@mail.example?to=a@b.c,d@e.f", ["mailtos://me:pa,ss@mail.example?to=a@b.c,d@e.f"]),
    ],
)
def test_places_are_told_apart_by_spaces_and_commas_before_another(urls: str, places: list[str]) -> None:
    assert AlertsResource(urls=urls).places == places
    assert "mail.example" not in repr(AlertsResource(urls=urls))


def test_nobody_is_told_where_nobody_is_named(instance: dg.DagsterInstance) -> None:
    _, skipped = _told_of_failure(instance, "")
    assert isinstance(skipped, dg.SkipReason)
    assert "TRENDING_ALERT_URLS" in str(skipped.skip_message)


def test_a_run_of_one_day_names_it(instance: dg.DagsterInstance) -> None:
    land_in_a_run(instance, asset("titles"), DAYS[1])
    (run,) = instance.get_runs()
    assert f"Days: {DAYS[1]}" in of_run(run, "succeeded").body.splitlines()


def test_a_late_source_is_told_of_once_for_each_day_that_is_waited_for() -> None:
    message, told = late_sources({}, {"tmdb": "2025-06-02", "tvmaze": ""})
    assert message == (
        "Trending Now: 2 sources are late",
        "tmdb: nothing since 2025-06-02\ntvmaze: no day has landed",
    )
    assert late_sources(told, {"tmdb": "2025-06-02", "tvmaze": ""}) == (None, told)
    message, told = late_sources(told, {"tmdb": "2025-06-03"})
    assert message == ("Trending Now: 1 source is late", "tmdb: nothing since 2025-06-03")
    assert late_sources(told, {}) == (None, {})
    assert late_sources({}, {"tmdb": "2025-06-03"})[0] == message


def test_the_sensor_reads_what_the_checks_found_last(place: Place, instance: dg.DagsterInstance) -> None:
    late = {"tmdb": True, "error": False}

    @dg.asset(key=["parsed", "tmdb"])
    def parsed() -> None:
        if late["error"]:
            raise RuntimeError("no such page")

    @dg.asset_check(asset=["parsed", "tmdb"], name=alerts.FRESHNESS_CHECK)
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=not late["tmdb"], metadata={"newest landed day": "2025-06-02"})

    definitions = dg.Definitions(assets=[parsed], asset_checks=[check])
    cursor: str | None = None

    def tick() -> dg.SensorResult:
        nonlocal cursor
        context = dg.build_sensor_context(
            instance, cursor=cursor, definitions=definitions, resources={"alerts": AlertsResource(urls=place.url)}
        )
        result = alerts.alert_on_late_sources(context)
        assert isinstance(result, dg.SensorResult)
        cursor = result.cursor
        return result

    def judge(*, succeeds: bool = True) -> None:
        job = definitions.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance, raise_on_error=False).success is succeeds

    tick()
    judge()
    assert "tmdb: nothing since 2025-06-02" in str((tick().skip_reason or dg.SkipReason()).skip_message)
    judge()
    tick()
    assert [each["message"] for each in place.told] == ["tmdb: nothing since 2025-06-02"]
    # A run that fails before the check says nothing.
    late["error"] = True
    judge(succeeds=False)
    tick()
    assert len(place.told) == 1
    late["error"] = late["tmdb"] = False
    judge()
    tick()
    late["tmdb"] = True
    judge()
    tick()
    assert len(place.told) == 2
