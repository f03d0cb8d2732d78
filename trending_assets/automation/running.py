"""Running jobs from this process on the same Dagster instance that the UI shows."""

import contextlib
import os
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from trending_assets.automation.dead_runs import process_tags
from trending_assets.automation.event_log import BATCHES, BatchSqliteStorage
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.resources.pools import POOLS
from trending_assets.storage.atomic import exclusively, write_bytes
from trending_assets.storage.home import Home

# The settings of dagster.yaml at the root, but for where things are stored: a home stores under itself.
INSTANCE_SETTINGS: dict[str, Any] = {
    "telemetry": {"enabled": False},
    "nux": {"enabled": False},
    "concurrency": {"runs": {"max_concurrent_runs": 2}, "pools": {"default_limit": 1}},
}
# workspace.yaml at the root: the same location name, so that sensors keep their state whoever starts the UI.
WORKSPACE: dict[str, Any] = {
    "load_from": [{"python_module": {"module_name": "trending_assets.definitions", "location_name": "trending_assets"}}]
}
_UNSET_VARIABLE = re.compile(r'environment variable "(\w+)" which is not set')
_POLL_SECONDS = 0.25
_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
_STEP_EVENTS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.STEP_SKIPPED,
}

Progress = Callable[[str, str, float], None]


class RunFailedError(RuntimeError):
    """A run failed; the message says which step, why, and where its log is.

    Attributes:
        run_id: the run.
    """

    def __init__(self, message: str, run_id: str) -> None:
        super().__init__(message)
        self.run_id = run_id


class DagsterConfigError(RuntimeError):
    """A ``dagster.yaml`` cannot be used; the message says which, and what it lacks."""


def prepare_dagster_home(home: Home, config: Path | None = None) -> Path:
    """The Dagster home of a home, with its settings and its workspace written.

    Args:
        home: the home.
        config: a ``dagster.yaml`` to take; SQLite under the home where None.
    """
    storage = {"module": BatchSqliteStorage.__module__, "class": BatchSqliteStorage.__name__}
    stored = {"storage": {"custom": storage | {"config": {"base_dir": str(home.dagster)}}}}
    settings = config.read_bytes() if config else yaml.safe_dump(INSTANCE_SETTINGS | stored).encode()
    for name, content in (("dagster.yaml", settings), ("workspace.yaml", yaml.safe_dump(WORKSPACE).encode())):
        target = home.dagster / name
        if not target.is_file() or target.read_bytes() != content:
            write_bytes(target, content, home.folder / ".staging")
    return home.dagster


@contextlib.contextmanager
def open_instance(home: Home, config: Path | None = None) -> Iterator[dg.DagsterInstance]:
    """Dagster's instance of a home, with the settings of :func:`prepare_dagster_home`.

    Raises:
        DagsterConfigError: the settings are wrong, or read a variable that is not set.
    """
    folder = prepare_dagster_home(home, config)
    os.environ |= BATCHES
    # Dagster makes its databases when they are first opened; two processes that do so at once break each other's.
    with exclusively(folder / "opening.lock"):
        try:
            opened = dg.DagsterInstance.from_config(str(folder))
        except dg.DagsterInvalidConfigError as error:
            # Dagster's own message is a page of its internals.
            unset = sorted(set(_UNSET_VARIABLE.findall(str(error))))
            said = f"set {', '.join(unset)}" if unset else str(error)
            raise DagsterConfigError(f"{config or folder / 'dagster.yaml'}: {said}") from error
        _make_pools(opened)
    with opened as instance:
        yield instance


def _make_pools(instance: dg.DagsterInstance) -> None:
    # Dagster makes a pool when it is first asked for a place; of two runs that ask at once on PostgreSQL one fails.
    storage = instance.event_log_storage
    for pool in set(POOLS) - storage.get_concurrency_keys():
        storage.initialize_concurrency_limit_to_default(pool)


def run_job(
    job: dg.JobDefinition,
    instance: dg.DagsterInstance,
    log_folder: Path,
    *,
    days: Sequence[str] = (),
    selection: Sequence[dg.AssetKey] | None = None,
    tags: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    progress: Progress,
) -> str:
    """Runs a job in this process and returns the run's id.

    Args:
        job: the job.
        instance: the instance that keeps the run.
        log_folder: what the steps print goes to ``<run id>.log`` in this folder.
        days: the partitions, without gaps; one run computes them all.
        selection: the assets, where not all of the job's.
        tags: further tags of the run.
        config: what the job is configured with.
        progress: called with each step's name, ``start``, ``success``, ``failure`` or ``skipped``, and its seconds.

    Raises:
        RunFailedError: a step or a blocking check failed.
    """
    run_id = str(uuid.uuid4())
    log_folder.mkdir(parents=True, exist_ok=True)
    log = log_folder / f"{run_id}.log"
    all_tags = process_tags() | dict(tags or {}) | ({RANGE_START: days[0], RANGE_END: days[-1]} if days else {})
    with (
        log.open("w") as stream,
        _watching(instance, run_id, progress),
        contextlib.redirect_stdout(stream),
        contextlib.redirect_stderr(stream),
    ):
        result = job.execute_in_process(
            run_config=_QUIET | dict(config or {}),
            instance=instance,
            run_id=run_id,
            asset_selection=list(selection) if selection else None,
            tags=all_tags,
            raise_on_error=False,
        )
    if not result.success:
        raise RunFailedError(f"{_reason(result)} (run {run_id}, log {log})", run_id)
    return run_id


def _reason(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if check.blocking and not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                found = {name: value.value for name, value in check.metadata.items()}
                return f"check {check.check_name} of {check.asset_key.to_user_string()} failed: {found}"
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            # What Dagster says about it says nothing of what happened.
            while error.cause is not None and (error.cls_name or "").startswith("Dagster"):
                error = error.cause
            reasons = [error.message.strip()]
            while error.cause is not None:
                error = error.cause
                reasons.append(error.message.strip())
            return f"{event.step_key} failed: {', since '.join(reasons)}"
    return "the run failed before its first step"


@contextlib.contextmanager
def _watching(instance: dg.DagsterInstance, run_id: str, progress: Progress) -> Iterator[None]:
    """Reports the steps of a run while the block runs it."""
    done = threading.Event()

    def watch() -> None:
        cursor = None
        started: dict[str, float] = {}
        while True:
            last = done.wait(_POLL_SECONDS)
            connection = instance.get_records_for_run(run_id, cursor=cursor, of_type=_STEP_EVENTS)
            cursor = connection.cursor
            for record in connection.records:
                event = record.event_log_entry.dagster_event
                if event is None or event.step_key is None:
                    continue
                began = started.setdefault(event.step_key, record.event_log_entry.timestamp)
                state = event.event_type.value.removeprefix("STEP_").lower()
                progress(event.step_key.replace("__", "/"), state, record.event_log_entry.timestamp - began)
            if last and not connection.has_more:
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
