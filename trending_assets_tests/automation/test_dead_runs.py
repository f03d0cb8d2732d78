"""A run whose process is gone is marked failed, and one whose process is alive or elsewhere is left alone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import psutil
import pytest

from trending_assets.automation.dead_runs import CREATED_TAG, HOST_TAG, PID_TAG, process_tags, report_dead_runs
from trending_assets_tests.automation.world import create_run

_STARTED = dg.DagsterRunStatus.STARTED
_LAUNCHED = "import sys; print('ready', flush=True); sys.stdin.read()"


@dg.job
def work() -> None:
    """A job without steps: only its runs matter here."""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """A process that waits to be killed."""
    started = subprocess.Popen(
        [sys.executable, "-c", _LAUNCHED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert started.stdout is not None
    assert started.stdout.readline() == "ready\n"
    yield started
    started.kill()
    started.communicate()


def _tags(process: subprocess.Popen[str]) -> dict[str, str]:
    created = psutil.Process(process.pid).create_time()
    return process_tags() | {PID_TAG: str(process.pid), CREATED_TAG: f"{created:.2f}"}


def _run(instance: dg.DagsterInstance, tags: dict[str, str], status: dg.DagsterRunStatus = _STARTED) -> dg.DagsterRun:
    return create_run(instance, work, status, tags)


def _status(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def _report(instance: dg.DagsterInstance, seconds_later: float = 0) -> list[str]:
    return report_dead_runs(instance, time.time() + seconds_later)


def test_a_run_is_left_alone_while_its_process_lives_and_marked_failed_once_it_is_gone(
    instance: dg.DagsterInstance, process: subprocess.Popen[str]
) -> None:
    run = _run(instance, _tags(process))
    assert _report(instance) == []
    assert _status(instance, run) == _STARTED
    process.kill()
    process.wait()
    assert _report(instance) == [run.run_id]
    assert _status(instance, run) == dg.DagsterRunStatus.FAILURE
    assert _report(instance) == []


def test_the_failure_says_why(instance: dg.DagsterInstance, process: subprocess.Popen[str]) -> None:
    run = _run(instance, _tags(process))
    process.kill()
    process.wait()
    _report(instance)
    events = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE).records
    messages = [
        record.event_log_entry.dagster_event.message for record in events if record.event_log_entry.dagster_event
    ]
    assert messages == [f"its process {process.pid} is gone: it was killed or crashed"]


def test_a_process_that_was_killed_and_that_nobody_has_waited_for_is_gone(
    instance: dg.DagsterInstance, process: subprocess.Popen[str]
) -> None:
    # Where the first process of a container waits for none of its orphans, they stay in the table for good.
    run = _run(instance, _tags(process))
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(process.pid).status() == psutil.STATUS_ZOMBIE
    assert _report(instance) == [run.run_id]


def test_a_number_that_now_belongs_to_another_process_does_not_keep_a_run_alive(
    instance: dg.DagsterInstance, process: subprocess.Popen[str]
) -> None:
    earlier = psutil.Process(process.pid).create_time() - 3600
    run = _run(instance, _tags(process) | {CREATED_TAG: f"{earlier:.2f}"})
    assert _report(instance) == [run.run_id]


def test_a_run_of_another_machine_is_left_alone(instance: dg.DagsterInstance, process: subprocess.Popen[str]) -> None:
    run = _run(instance, _tags(process) | {HOST_TAG: "another machine"})
    process.kill()
    process.wait()
    assert _report(instance) == []
    assert _status(instance, run) == _STARTED


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.CANCELING])
def test_a_run_that_was_killed_before_it_named_its_process_is_marked_within_a_minute(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run = _run(instance, {HOST_TAG: process_tags()[HOST_TAG]}, status)
    assert _report(instance, 40) == []
    assert _status(instance, run) == status
    assert _report(instance, 55) == [run.run_id]
    assert _status(instance, run) == dg.DagsterRunStatus.FAILURE


def test_a_run_whose_command_was_killed_before_it_began_is_marked_and_one_that_a_daemon_will_launch_is_not(
    instance: dg.DagsterInstance, process: subprocess.Popen[str]
) -> None:
    # A run of retraining that is under way keeps the sensor from asking for another.
    made = dg.DagsterRunStatus.NOT_STARTED
    by_a_command, by_a_daemon = _run(instance, _tags(process), made), _run(instance, {}, made)
    assert _report(instance, 3600) == []
    process.kill()
    process.wait()
    assert _report(instance, 3600) == [by_a_command.run_id]
    assert _status(instance, by_a_command) == dg.DagsterRunStatus.FAILURE
    assert _status(instance, by_a_daemon) == made


def test_a_run_that_says_nothing_of_its_machine_is_left_alone_where_others_share_the_storage(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    run = _run(instance, {})
    assert _report(instance, 3600) == []
    assert _status(instance, run) == _STARTED
    with dg.DagsterInstance.local_temp(str(tmp_path)) as in_a_file:
        run = _run(in_a_file, {})
        assert _report(in_a_file, 3600) == [run.run_id]


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.CANCELED]
)
def test_only_started_runs_are_looked_at(
    instance: dg.DagsterInstance, process: subprocess.Popen[str], status: dg.DagsterRunStatus
) -> None:
    run = _run(instance, _tags(process), status)
    process.kill()
    process.wait()
    assert _report(instance) == []
    assert _status(instance, run) == status


def test_a_run_of_this_process_is_alive(instance: dg.DagsterInstance) -> None:
    _run(instance, process_tags())
    assert _report(instance) == []


_RUN = """
import os, signal, sys
import dagster as dg

@dg.op
def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)

@dg.job
def dying() -> None:
    die()

with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
    dying.execute_in_process(instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}})
"""


def test_a_real_run_that_was_killed_is_found_by_what_dagster_itself_logs(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    killed = subprocess.run([sys.executable, "-c", _RUN, str(tmp_path)], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    with dg.DagsterInstance.from_config(str(tmp_path)) as stored:
        (run,) = stored.get_runs()
        assert run.status == _STARTED
        assert PID_TAG not in run.tags
        assert _report(stored) == [run.run_id]
        assert _status(stored, run) == dg.DagsterRunStatus.FAILURE
