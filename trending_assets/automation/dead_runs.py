"""Dead runs: runs whose process was killed before it could say that it ended.

Dagster's run monitoring does not look for processes, so such a run would stay started, and hold its place in
the queue, for good.
"""

import os
import socket

import dagster as dg
import psutil

_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
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
    for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY)):
        process = _process(instance, run)
        if process is not None and not _alive(*process):
            instance.report_run_failed(run, message=f"its process {process[0]} is gone: it was killed or crashed")
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
        process = psutil.Process(pid)
        # Killed, but not waited for by its parent.
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        created: float = process.create_time()
    except psutil.NoSuchProcess:
        return False
    return created <= existed_at + 1
