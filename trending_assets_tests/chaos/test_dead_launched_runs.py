"""``make chaos``: beside a running ``trending dev``, runs of the launcher and of commands that are killed are found."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.automation.running import open_instance
from trending_assets.automation.servers import free_port
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.storage.home import Home
from trending_assets_tests.chaos.archive import DAYS, take_in, write_archive
from trending_assets_tests.chaos.commands import ROOT, FreshCommands, environment

pytestmark = pytest.mark.chaos
# How long a run may be shown as running after its process was killed.
_MOST_SECONDS = 60
_PATIENCE_SECONDS = 180


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home whose inbox holds days that have not landed."""
    folder = tmp_path / "home"
    take_in(write_archive(tmp_path / "files"), ArchiveInbox(Home(folder).archive))
    return folder


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(Home(home)) as opened:
        yield opened


@pytest.fixture
def served(home: Path, instance: dg.DagsterInstance) -> Iterator[None]:
    """The UI with its daemon and sensors, on that home."""
    command = [sys.executable, "-m", "trending_assets", "dev", "--port", str(free_port("127.0.0.1", 3100))]
    with (home / "dev.log").open("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(home), stdout=log, stderr=log)
        try:
            _until(lambda: "Dagster UI:" in (home / "dev.log").read_text(), _PATIENCE_SECONDS)
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(_PATIENCE_SECONDS)


def _until(holds: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.2)


def _failed(instance: dg.DagsterInstance, run_id: str) -> bool:
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status == dg.DagsterRunStatus.FAILURE


def _pid(instance: dg.DagsterInstance, run_id: str) -> int | None:
    for record in instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records:
        event = record.event_log_entry.get_dagster_event()
        if "pid" in event.engine_event_data.metadata:
            return int(str(event.engine_event_data.metadata["pid"].value))
    return None


def test_killed_runs_of_commands_and_of_the_launcher_are_marked_within_a_minute(
    home: Path, instance: dg.DagsterInstance, served: None, tmp_path: Path
) -> None:
    backfill = ["backfill", "--from", DAYS[0], "--to", DAYS[-1]]
    assert FreshCommands(home, tmp_path).run(backfill, "begins title_identity").killed
    (run,) = instance.get_runs()
    _until(lambda: _failed(instance, run.run_id), _MOST_SECONDS)

    tags = f'{{"dagster/partition": "{DAYS[0]}"}}'
    workspace = str(Home(home).dagster / "workspace.yaml")
    launch = ["dagster", "job", "launch", "-w", workspace, "-j", "ingest", "--tags", tags]
    environ = environment(home) | {"DAGSTER_HOME": str(Home(home).dagster)}
    subprocess.run([sys.executable, "-m", *launch], cwd=ROOT, env=environ, check=True, capture_output=True)
    launched = next(found for found in instance.get_runs() if found.run_id != run.run_id)
    _until(lambda: _pid(instance, launched.run_id) is not None, _PATIENCE_SECONDS)
    pid = _pid(instance, launched.run_id)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    _until(lambda: _failed(instance, launched.run_id), _MOST_SECONDS)
