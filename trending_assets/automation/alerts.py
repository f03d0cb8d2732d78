"""Alerts: what people are told of, and the sensors that tell it.

A message names jobs, runs, steps and days, never a row or the text of an error, which may hold anything.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.resources.alerts import AlertError, AlertsResource

FRESHNESS_CHECK = "is_fresh"
_JUDGED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
_NOBODY = "TRENDING_ALERT_URLS names nobody to tell"


class Message(NamedTuple):
    """A title, and what is to be known."""

    title: str
    body: str


def of_run(run: dg.DagsterRun, what: str, steps: Sequence[str] = ()) -> Message:
    """What is told of a run that has ended.

    Args:
        run: the run.
        what: how it ended, such as ``failed``.
        steps: the steps that failed.
    """
    days = [run.tags[tag] for tag in ("dagster/partition", RANGE_START, RANGE_END) if tag in run.tags]
    told = {"Days": " to ".join(days), "Failed steps": ", ".join(steps), "Run": run.run_id}
    lines = [f"{name}: {value}" for name, value in told.items() if value]
    return Message(f"Trending Now: {run.job_name} {what}", "\n".join([*lines, "Its log in the UI has the reason."]))


def late_sources(before: Mapping[str, str], failing: Mapping[str, str]) -> tuple[Message | None, dict[str, str]]:
    """What is told of sources that are late, once until another day of theirs lands, and what has been told since.

    Args:
        before: source → the newest landed day when it was told; a source that is not late any more is forgotten.
        failing: source that is late now → its newest landed day, empty where none has landed.
    """
    new = {source: day for source, day in sorted(failing.items()) if before.get(source) != day}
    if not new:
        return None, dict(failing)
    lines = [f"{source}: {f'nothing since {day}' if day else 'no day has landed'}" for source, day in new.items()]
    late = f"{len(new)} {'source is' if len(new) == 1 else 'sources are'} late"
    return Message(f"Trending Now: {late}", "\n".join(lines)), dict(failing)


@dg.run_failure_sensor(
    name="alert_on_failed_runs",
    # What the command line runs in its own process belongs to no code location.
    monitor_all_code_locations=True,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the places in TRENDING_ALERT_URLS of every run that failed, a failed blocking check included.",
)
def alert_on_failed_runs(context: dg.RunFailureSensorContext, alerts: AlertsResource) -> dg.SkipReason | None:
    """Tells of one run."""
    if not alerts.places:
        return dg.SkipReason(_NOBODY)
    steps = [event.step_key for event in context.get_step_failure_events() if event.step_key]
    alerts.send(*of_run(context.dagster_run, "failed", steps))
    return None


@dg.run_status_sensor(
    run_status=dg.DagsterRunStatus.SUCCESS,
    name="alert_on_succeeded_runs",
    monitor_all_code_locations=True,
    minimum_interval_seconds=10,
    description="Tells the places in TRENDING_ALERT_URLS of every run that succeeded; off until a person starts it.",
)
def alert_on_succeeded_runs(context: dg.RunStatusSensorContext, alerts: AlertsResource) -> dg.SkipReason | None:
    """Tells of one run."""
    if not alerts.places:
        return dg.SkipReason(_NOBODY)
    alerts.send(*of_run(context.dagster_run, "succeeded"))
    return None


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the places in TRENDING_ALERT_URLS of a source whose day is late, once until a day lands.",
)
def alert_on_late_sources(context: dg.SensorEvaluationContext, alerts: AlertsResource) -> dg.SensorResult:
    """Reads what the checks of freshness found last."""
    if not alerts.places:
        return dg.SensorResult(skip_reason=dg.SkipReason(_NOBODY))
    message, told = late_sources(json.loads(context.cursor or "{}"), _late(context))
    why = f"told of: {message.body}" if message else "no source is late that has not been told of"
    try:
        if message:
            alerts.send(*message)
    except AlertError as error:
        # Whoever was told must not be told every minute because somebody else cannot be.
        if not error.told:
            raise
        why = str(error)
    return dg.SensorResult(cursor=json.dumps(told, sort_keys=True), skip_reason=dg.SkipReason(why))


def _late(context: dg.SensorEvaluationContext) -> dict[str, str]:
    """Source → newest landed day, of those whose check failed when it last ran."""
    graph = context.repository_def.asset_graph if context.repository_def else None
    keys = [key for key in graph.asset_check_keys if key.name == FRESHNESS_CHECK] if graph else []
    storage = context.instance.event_log_storage
    late = {}
    for key in keys:
        # One that is planned, or whose run failed before it, says nothing: what it found before counts on.
        record = next(iter(storage.get_asset_check_execution_history(key, limit=1, status=_JUDGED)), None)
        event = record.event.dagster_event if record and record.event else None
        evaluation = event.asset_check_evaluation_data if event else None
        if evaluation and not evaluation.passed:
            newest = evaluation.metadata.get("newest landed day")
            late[key.asset_key.path[-1]] = str(newest.value) if newest else ""
    return late
