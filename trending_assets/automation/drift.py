"""``act_on_drift``: tells people of drift and of faults of the data, and asks for a retraining where that is set."""

import json
from collections.abc import Mapping
from dataclasses import asdict

import dagster as dg

from trending_assets.automation import jobs
from trending_assets.automation.alerts import Message
from trending_assets.automation.cursors import Watched, WatchedDay, new_alarm
from trending_assets.automation.sensors import ACTIVE, retrained_assets
from trending_assets.domain.drift.alarms import LOOKS_BACK_DAYS
from trending_assets.domain.drift.windows import TRAILING
from trending_assets.resources.alerts import AlertError, AlertsResource
from trending_assets.resources.home import HomeResource
from trending_assets.resources.training import TrainingResource
from trending_assets.storage.drift_tables import DATA_QUALITY, FEATURE_DRIFT, PREDICTION_DRIFT, alarms_of, faults_of
from trending_assets.storage.lake import Lake

TABLES = (FEATURE_DRIFT, PREDICTION_DRIFT, DATA_QUALITY)
_SHOWN = 10


def message_of(begun: Mapping[str, WatchedDay]) -> Message:
    """What is told of alarms.

    Args:
        begun: table → the day on which its alarm began.
    """
    lines = []
    for table, alarm in begun.items():
        named = ", ".join(alarm.alarmed[:_SHOWN])
        more = f" and {len(alarm.alarmed) - _SHOWN} more" if len(alarm.alarmed) > _SHOWN else ""
        against = f", against {alarm.reference}" if alarm.reference else ""
        lines.append(f"{table} of {alarm.day}: {named}{more}{against}")
    return Message(f"Trending Now: alarm in {', '.join(begun)}", "\n".join([*lines, "The checks in the UI have more."]))


@dg.sensor(
    job=jobs.retrain,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Features, predictions or labels have drifted, or the data has a fault: tells the places in "
        "TRENDING_ALERT_URLS, and of a drift from what the champion learned asks for one retraining where "
        "TRENDING_ON_DRIFT is retrain. Once for each alarm."
    ),
)
def act_on_drift(
    context: dg.SensorEvaluationContext, home: HomeResource, alerts: AlertsResource, training: TrainingResource
) -> dg.SensorResult | dg.SkipReason:
    """Looks at the days of drift and data quality that have landed since."""
    active = dg.RunsFilter(job_name=jobs.retrain.name, statuses=ACTIVE)
    if training.retrain_on_drift and context.instance.get_runs(active, limit=1):
        return dg.SkipReason("a retraining is under way; what has drifted since waits for the next tick")
    held = {table: Watched(**watched) for table, watched in json.loads(context.cursor or "{}").items()}
    begun: dict[str, WatchedDay] = {}
    for table in TABLES:
        watched = held.get(table, Watched())
        held[table], alarm = new_alarm(watched, _days(home.lake, table, watched.seen))
        if alarm:
            begun[table] = alarm
    # Where no version has a reference, there is nothing yet that training again would bring up to date.
    drifts = {t: d for t, d in begun.items() if t != DATA_QUALITY and d.reference != TRAILING}
    requests = []
    if drifts and training.retrain_on_drift:
        key = "-".join(f"{table}-{alarm.day}-{alarm.reference}" for table, alarm in drifts.items())
        tags = {"trending/drift": ",".join(drifts)}
        requests = [
            dg.RunRequest(run_key=f"drift-{key}", tags=tags, asset_selection=retrained_assets(context, training))
        ]
    told = _tell(alerts, message_of(begun), must=not requests) if begun else "no alarm has begun"
    cursor = json.dumps({table: asdict(watched) for table, watched in held.items()}, sort_keys=True)
    skipped = None if requests else dg.SkipReason(told)
    return dg.SensorResult(run_requests=requests, cursor=cursor, skip_reason=skipped)


def _tell(alerts: AlertsResource, message: Message, *, must: bool) -> str:
    """Tells everyone, and says so.

    Raises:
        AlertError: nobody could be told, and ``must`` says that the next tick has to try again.
    """
    if not alerts.places:
        return f"TRENDING_ALERT_URLS names nobody to tell: {message.body}"
    try:
        alerts.send(*message)
    except AlertError as error:
        # Whoever was told must not be told every half minute because somebody else cannot be.
        if must and not error.told:
            raise
        return str(error)
    return f"told of: {message.body}"


def _days(lake: Lake, table: str, seen: str) -> list[WatchedDay]:
    """The days from the newest that was looked at on."""
    # What has landed after a long silence is not gone through day by day. Days are counted, not the time between
    # them: what was answered to callers yesterday may lie years after what landed last.
    return [_day(lake, table, day) for day in lake.days(table)[-LOOKS_BACK_DAYS - 1 :] if day >= seen]


def _day(lake: Lake, table: str, day: str) -> WatchedDay:
    if table == DATA_QUALITY:
        return WatchedDay(day, "", tuple(faults_of(lake, day)))
    found = alarms_of(lake, table, day)
    return WatchedDay(day, found.reference, found.alarmed, known=found.measured > 0)
