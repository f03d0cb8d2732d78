"""Dead runs: runs whose process was killed before it could say that it ended.

Dagster's run monitoring does not look for processes, so such a run would stay started, and hold its place in
the queue, for good.
"""

import os
import socket

import dagster as dg
import psutil
from dagster._core.storage.runs import SqliteRunStorage

# A run that was launched names its process within seconds; this and a tick are within the minute that is promised.
UNNAMED_SECONDS = 50.0
_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
# What a daemon has made and not launched yet is launched by the next one; what a command has made is not.
_NOT_BEGUN = dg.DagsterRunStatus.NOT_STARTED
PID_TAG, CREATED_TAG, HOST_TAG = "trending/pid", "trending/pid_created", "trending/host"


def process_tags() -> dict[str, str]:
    """Tags by which a run started from this process is known to be alive."""
    created = psutil.Process().create_time()
    return {PID_TAG: str(os.getpid()), CREATED_TAG: f"{created:.2f}", HOST_TAG: socket.gethostname()}


def report_dead_runs(instance: dg.DagsterInstance, now: float) -> list[str]:
    """Marks every run of this machine as failed whose process is gone, or that is being started and never named one.

    A run that has not begun is looked at where its tags name the process that was to carry it out.

    Args:
        instance: the instance that keeps the runs.
        now: the time, in seconds since 1970.

    Returns:
        The ids of the runs that were marked.
    """
    dead = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=[*_UNDER_WAY, _NOT_BEGUN])):
        run = record.dagster_run
        if not _of_this_machine(instance, run) or (run.status == _NOT_BEGUN and PID_TAG not in run.tags):
            continue
        process = _process(instance, run)
        if process is None and now - record.update_timestamp.timestamp() > UNNAMED_SECONDS:
            message = f"no process for it within {UNNAMED_SECONDS:.0f} s: it was killed while it was being started"
        elif process is not None and not _alive(*process):
            message = f"its process {process[0]} is gone: it was killed or crashed"
        else:
            continue
        instance.report_run_failed(run, message=message)
        dead.append(run.run_id)
    _free_places(instance)
    return dead


def _free_places(instance: dg.DagsterInstance) -> None:
    # A killed run keeps its place in a pool, whoever marked it failed, and the next run would wait for it for good.
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_keys():
        held = storage.get_concurrency_info(pool)
        holders = {slot.run_id for slot in held.claimed_slots} | {step.run_id for step in held.pending_steps}
        for run_id in holders:
            run = instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                storage.free_concurrency_slots_for_run(run_id)


def _of_this_machine(instance: dg.DagsterInstance, run: dg.DagsterRun) -> bool:
    """Whether the process of a run would be seen here; a database may be shared with other machines, a file is not."""
    host = run.tags.get(HOST_TAG)
    return host == socket.gethostname() if host else isinstance(instance.run_storage, SqliteRunStorage)


def _process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """Process id of a run and a time at which that process existed; None where it has named none."""
    if PID_TAG in run.tags:
        return int(run.tags[PID_TAG]), float(run.tags[CREATED_TAG])
    for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records:
        event = record.event_log_entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event is not None else None
        if pid is not None:
            return int(str(pid.value)), record.timestamp
    return None


def _alive(pid: int, existed_at: float) -> bool:
    try:
        # A process that began later got the number of one that is gone.
        process = psutil.Process(pid)
        # Killed, but not waited for by its parent.
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        created: float = process.create_time()
    except psutil.NoSuchProcess:
        return False
    return created <= existed_at + 1
