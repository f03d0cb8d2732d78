"""Dead runs: runs whose process was killed before it could say that it ended.

Dagster's run monitoring does not look for processes, so such a run would stay started, and hold its place in
the queue, for good.
"""

import os
import socket

import dagster as dg
import psutil

PID_TAG, CREATED_TAG, HOST_TAG = "trending/pid", "trending/pid_created", "trending/host"


def process_tags() -> dict[str, str]:
    """Tags by which a run started from this process is known to be alive."""
    created = psutil.Process().create_time()
    return {PID_TAG: str(os.getpid()), CREATED_TAG: f"{created:.2f}", HOST_TAG: socket.gethostname()}


def report_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Marks every started run of this machine whose process is gone as failed.

    Returns:
        The ids of the runs that were marked.
    """
    dead = []
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        process = _process(instance, run)
        if process is not None and not _alive(*process):
            instance.report_run_failed(run, message=f"its process {process[0]} is gone: it was killed or crashed")
            dead.append(run.run_id)
    return dead


def _process(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[int, float] | None:
    """Process id of a run and a time at which that process existed; None where neither is known here."""
    if PID_TAG in run.tags:
        here = run.tags.get(HOST_TAG) == socket.gethostname()
        return (int(run.tags[PID_TAG]), float(run.tags[CREATED_TAG])) if here else None
    for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT).records:
        event = record.event_log_entry.dagster_event
        pid = event.engine_event_data.metadata.get("pid") if event is not None else None
        if pid is not None:
            return int(str(pid.value)), record.timestamp
    return None


def _alive(pid: int, existed_at: float) -> bool:
    try:
        # A process that began later got the number of one that is gone.
        created: float = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return False
    return created <= existed_at + 1
