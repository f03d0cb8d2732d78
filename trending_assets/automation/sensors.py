"""Sensors: thin ticks around the pure decisions of ``cursors``."""

import time

import dagster as dg

from trending_assets.automation import jobs
from trending_assets.automation.cursors import Consumed, nothing_landed, ranges, retraining, take
from trending_assets.automation.dead_runs import report_dead_runs
from trending_assets.automation.landings import landings, newest_by_partition, newest_training
from trending_assets.domain.genres.models import MODEL_NAMES
from trending_assets.resources.training import TrainingResource

ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
LANDED_UP_TO = "trending/landed_up_to"
# Those that a person asked for carry no such tag; the newest that a sensor asked for is among so many.
_RECENT_RUNS = 50
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dg.sensor(
    job=jobs.features,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Days of cleaned titles landed and passed their blocking checks: computes their features.",
)
def features_on_landing(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Requests the features of days that landed without them, one run a range without gaps."""
    batch = take(int(context.cursor or 0), landings(context.instance, "titles", int(context.cursor or 0)))
    landed = newest_by_partition(context.instance, "titles")
    online = newest_by_partition(context.instance, "online_store")
    # A backfill computes both in one run, and then there is nothing left to do here.
    due = [day for day in batch.partitions if online.get(day, 0) < landed[day]]
    if not due:
        return dg.SensorResult(cursor=str(batch.cursor), skip_reason=dg.SkipReason(nothing_landed(batch.refused)))
    requests = [
        dg.RunRequest(
            run_key=f"features-{first}-{last}-{batch.cursor}",
            tags={RANGE_START: first, RANGE_END: last} if first != last else {},
            partition_key=first if first == last else None,
        )
        for first, last in ranges(due)
    ]
    return dg.SensorResult(run_requests=requests, cursor=str(batch.cursor))


@dg.sensor(
    job=jobs.retrain,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Features of new days are online and their checks passed: retrains once on all that arrived.",
)
def retrain_on_new_partitions(
    context: dg.SensorEvaluationContext, training: TrainingResource
) -> dg.SensorResult | dg.SkipReason:
    """Requests one retraining, of the models that are set, for all days since the last of its own that succeeded."""
    instance = context.instance
    if instance.get_runs(dg.RunsFilter(job_name=jobs.retrain.name, statuses=ACTIVE), limit=1):
        return dg.SkipReason("a retraining is under way; what has landed since waits for the next tick")
    if instance.get_runs(dg.RunsFilter(job_name=jobs.features.name, statuses=ACTIVE), limit=1):
        return dg.SkipReason("features are being computed; their days are waited for")
    # Without a cursor, what the last training was made from has been dealt with.
    begun = context.cursor or str(newest_training(instance))
    consumed = Consumed.parse(begun)
    decided = retraining(
        consumed,
        landings(instance, "online_store", consumed.trained),
        _trained_up_to(instance),
        time.time(),
        training.retrain_new_titles,
        training.retrain_quiet_seconds,
    )
    if decided.why_not:
        return dg.SensorResult(cursor=str(decided.cursor), skip_reason=dg.SkipReason(decided.why_not))
    request = dg.RunRequest(
        run_key=f"retrain-{decided.cursor.asked}",
        tags={"trending/new_partitions": ",".join(decided.partitions), LANDED_UP_TO: str(decided.cursor.asked)},
        asset_selection=retrained_assets(context, training),
    )
    return dg.SensorResult(run_requests=[request], cursor=str(decided.cursor))


@dg.sensor(
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs failed whose process is gone, which would otherwise stay started for good.",
)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Looks for the process of every run that is under way on this machine."""
    dead = report_dead_runs(context.instance, time.time())
    return dg.SkipReason(f"marked failed: {', '.join(dead)}" if dead else "every run that is under way is alive")


def _trained_up_to(instance: dg.DagsterInstance) -> int:
    """Up to which landing the newest retraining that succeeded was asked for; 0 where none has."""
    succeeded = dg.RunsFilter(job_name=jobs.retrain.name, statuses=[dg.DagsterRunStatus.SUCCESS])
    runs = instance.get_runs(succeeded, limit=_RECENT_RUNS)
    return max((int(run.tags[LANDED_UP_TO]) for run in runs if LANDED_UP_TO in run.tags), default=0)


def retrained_assets(context: dg.SensorEvaluationContext, training: TrainingResource) -> list[dg.AssetKey] | None:
    """What a retraining computes, where that is not all that its job does."""
    left_out = {dg.AssetKey(name) for name in MODEL_NAMES if name not in training.retrained}
    if context.repository_def is None:
        return None
    keys = set(context.repository_def.get_job(jobs.retrain.name).asset_layer.executable_asset_keys)
    return sorted(keys - left_out) if keys & left_out else None
