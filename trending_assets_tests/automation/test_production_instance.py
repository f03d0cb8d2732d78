"""``infra/dagster/dagster.yaml`` on a real PostgreSQL: runs, pools over processes, and runs that were killed."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import TickStatus

import feature_repo
from trending_assets.automation.dead_runs import HOST_TAG, report_dead_runs
from trending_assets.automation.running import DagsterConfigError, open_instance, prepare_dagster_home
from trending_assets.doctor import examine
from trending_assets.resources.pools import DUCKDB
from trending_assets.settings import Settings
from trending_assets.storage.home import Home
from trending_assets_tests.automation import pooled_run, retried_run
from trending_assets_tests.storage.databases import Server, postgres_server

ROOT = Path(feature_repo.__file__).parent.parent
CONFIG = ROOT / "infra" / "dagster" / "dagster.yaml"
_PATIENCE_SECONDS = 60


def _variables(port: int, password: str) -> dict[str, str]:
    """What the file reads."""
    return {
        "DAGSTER_PG_HOST": "127.0.0.1",
        "DAGSTER_PG_PORT": str(port),
        "DAGSTER_PG_DB": "postgres",
        "DAGSTER_PG_USER": "tester",
        "DAGSTER_PG_PASSWORD": password,
    }


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def production(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of a home that takes the file."""
    for name, value in _variables(server.port, server.password).items():
        monkeypatch.setenv(name, value)
    with open_instance(Home(tmp_path / "home"), CONFIG) as instance:
        yield instance


@pytest.fixture
def started(production: dg.DagsterInstance, tmp_path: Path) -> Iterator[Callable[[], "subprocess.Popen[str]"]]:
    """Starts runs in processes of their own; they end once :func:`_release` was called."""
    processes: list[subprocess.Popen[str]] = []

    def start() -> "subprocess.Popen[str]":
        arguments = [str(tmp_path / "home"), str(CONFIG), str(tmp_path / "release")]
        process = subprocess.Popen(
            [sys.executable, "-m", pooled_run.__name__, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def _line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _eventually(holds: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _waiting(instance: dg.DagsterInstance) -> int:
    steps = instance.event_log_storage.get_concurrency_info(DUCKDB).pending_steps
    return sum(step.assigned_timestamp is None for step in steps)


def _pooled(instance: dg.DagsterInstance) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(dg.RunsFilter(job_name=pooled_run.job(Path("release")).name))


def _statuses(instance: dg.DagsterInstance) -> list[dg.DagsterRunStatus]:
    return [run.status for run in _pooled(instance)]


def test_the_file_is_the_one_that_the_dagster_home_takes(tmp_path: Path) -> None:
    folder = prepare_dagster_home(Home(tmp_path), CONFIG)
    assert (folder / "dagster.yaml").read_bytes() == CONFIG.read_bytes()


@pytest.mark.parametrize(
    ("config", "state"), [(None, "local"), (CONFIG, "live"), (CONFIG.with_name("missing.yaml"), "off")]
)
def test_doctor_says_where_runs_are_kept(config: Path | None, state: str, tmp_path: Path) -> None:
    report = examine(Settings(home=tmp_path, dagster_config=config))
    (found,) = (entry for entry in report["integrations"] if entry["name"] == "dagster storage")
    assert found["state"] == state
    assert str(config or tmp_path / "dagster") in found["why"]


def test_variables_that_are_not_set_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _variables(0, ""):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DAGSTER_PG_PORT", "5432")
    named = "set DAGSTER_PG_DB, DAGSTER_PG_HOST, DAGSTER_PG_PASSWORD, DAGSTER_PG_USER"
    with pytest.raises(DagsterConfigError, match=f"^{CONFIG}: {named}$"), open_instance(Home(tmp_path), CONFIG):
        pass


def test_it_says_what_is_kept_watched_and_tried_again(production: dg.DagsterInstance) -> None:
    storage = production.get_ref().storage_data
    assert storage is not None
    assert storage.class_name == "DagsterPostgresStorage"
    assert production.run_monitoring_enabled
    assert production.run_monitoring_start_timeout_seconds == 180
    assert production.run_monitoring_max_runtime_seconds == 21600
    assert (production.run_retries_enabled, production.run_retries_max_retries) == (True, 2)
    assert not production.run_retries_retry_on_asset_or_op_failure
    kept = production.get_tick_retention_settings(InstigatorType.SENSOR)
    assert (kept[TickStatus.SKIPPED], kept[TickStatus.FAILURE]) == (7, 30)
    concurrency = production.get_concurrency_config()
    assert concurrency.pool_config.default_pool_limit == 1
    assert concurrency.run_queue_config is not None
    assert concurrency.run_queue_config.max_concurrent_runs == 4


@pytest.fixture
def daemon(production: dg.DagsterInstance, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A daemon with the sensor `dead_runs` and a job that is killed once; yields the environment to launch it in."""
    home = tmp_path / "home"
    environ = os.environ | {"DAGSTER_HOME": str(Home(home).dagster), "TRENDING_HOME": str(home)}
    command = [sys.executable, "-m", "dagster._daemon", "run", "-m", retried_run.__name__]
    with (tmp_path / "daemon.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        yield environ
        process.send_signal(signal.SIGTERM)
        process.wait(_PATIENCE_SECONDS)


def test_a_run_whose_process_was_killed_is_tried_again_from_where_it_was(
    production: dg.DagsterInstance, daemon: dict[str, str], tmp_path: Path
) -> None:
    name = retried_run.killed_once.name
    launch = [sys.executable, "-m", "dagster", "job", "launch", "-m", retried_run.__name__, "-j", name]
    subprocess.run(launch, cwd=ROOT, env=daemon, check=True, capture_output=True)

    def runs(status: dg.DagsterRunStatus) -> Sequence[dg.DagsterRun]:
        return production.get_runs(dg.RunsFilter(job_name=name, statuses=[status]))

    _eventually(lambda: bool(runs(dg.DagsterRunStatus.SUCCESS)), 3 * _PATIENCE_SECONDS)
    (killed,), (again,) = runs(dg.DagsterRunStatus.FAILURE), runs(dg.DagsterRunStatus.SUCCESS)
    assert (again.parent_run_id, again.tags["dagster/retry_number"]) == (killed.run_id, "1")
    assert {run.tags[HOST_TAG] for run in (killed, again)} == {socket.gethostname()}
    # What had ended does not run again.
    assert (tmp_path / "home" / retried_run.STEPS).read_text().split() == ["ends", "is_killed", "is_killed"]


def test_of_two_runs_of_a_pool_the_second_waits_for_the_first_and_both_are_seen_whole(
    production: dg.DagsterInstance, started: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    first, second = started(), started()
    for process in (first, second):
        assert _line(process) == "ready"
    # Whichever comes first has the only place.
    _eventually(lambda: _waiting(production) == 1)
    held = production.event_log_storage.get_concurrency_info(DUCKDB)
    assert (held.slot_count, len(held.claimed_slots)) == (1, 1)
    assert _statuses(production) == [dg.DagsterRunStatus.STARTED] * 2
    (tmp_path / "release").touch()
    for process in (first, second):
        process.communicate(timeout=_PATIENCE_SECONDS)
        assert process.returncode == 0
    assert _statuses(production) == [dg.DagsterRunStatus.SUCCESS] * 2
    times = []
    for run in _pooled(production):
        steps = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}
        records = production.get_records_for_run(run.run_id, of_type=steps).records
        times.append([record.timestamp for record in records])
        (landed,) = production.get_records_for_run(
            run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION
        ).records
        assert landed.asset_materialization is not None
        assert landed.asset_materialization.metadata["rows"].value == 3
    (_, ended), (began, _) = sorted(times)
    assert ended <= began


def test_a_run_that_was_killed_is_noticed_and_its_place_is_free_again(
    production: dg.DagsterInstance, started: Callable[[], "subprocess.Popen[str]"], tmp_path: Path
) -> None:
    known = {run.run_id for run in _pooled(production)}
    process = started()
    assert (_line(process), _line(process)) == ("ready", "started")
    process.kill()
    process.wait()
    (run,) = (run for run in _pooled(production) if run.run_id not in known)
    assert run.status == dg.DagsterRunStatus.STARTED
    assert report_dead_runs(production, time.time()) == [run.run_id]
    found = production.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.FAILURE
    (tmp_path / "release").touch()
    after = started()
    after.communicate(timeout=_PATIENCE_SECONDS)
    assert after.returncode == 0
