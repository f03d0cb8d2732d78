"""Sensors: thin ticks around the pure decisions of ``cursors``."""

import dagster as dg

from trending_assets.automation import jobs
from trending_assets.automation.cursors import ranges, take
from trending_assets.automation.dead_runs import report_dead_runs
from trending_assets.automation.landings import landings, newest_by_partition, newest_storage_id

_ACTIVE = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
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
        return dg.SensorResult(cursor=str(batch.cursor), skip_reason=dg.SkipReason(_nothing(batch.refused)))
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
def retrain_on_new_partitions(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Requests one retraining for every day that arrived since the last one was requested."""
    instance = context.instance
    if instance.get_runs(dg.RunsFilter(job_name=jobs.retrain.name, statuses=_ACTIVE), limit=1):
        return dg.SkipReason("a retraining is under way; what has landed since waits for the next tick")
    # Without a cursor, what the last training set was made from has been dealt with.
    start = int(context.cursor) if context.cursor else newest_storage_id(instance, "genre_training_set")
    batch = take(start, landings(instance, "online_store", start))
    if not batch.partitions:
        return dg.SensorResult(cursor=str(batch.cursor), skip_reason=dg.SkipReason(_nothing(batch.refused)))
    request = dg.RunRequest(
        run_key=f"retrain-{batch.cursor}",
        tags={"trending/new_partitions": ",".join(batch.partitions)},
    )
    return dg.SensorResult(run_requests=[request], cursor=str(batch.cursor))


@dg.sensor(
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs failed whose process is gone, which would otherwise stay started for good.",
)
def dead_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Looks for the process of every started run on this machine."""
    dead = report_dead_runs(context.instance)
    return dg.SkipReason(f"marked failed: {', '.join(dead)}" if dead else "every started run is alive")


def _nothing(refused: tuple[str, ...]) -> str:
    return f"checks failed on {', '.join(refused)}; nothing else landed" if refused else "nothing new has landed"
