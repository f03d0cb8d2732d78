"""Schedules: what the clock starts."""

from collections.abc import Collection, Sequence
from datetime import timedelta

import dagster as dg

from trending_assets.automation import jobs
from trending_assets.automation.cursors import ranges
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.ingest.source import Source
from trending_assets.partitions import DAILY
from trending_assets.resources.home import HomeResource
from trending_assets.storage import prediction_log

# Labels of a title that come later than that say little of the model that served.
_DAYS_TO_JUDGE = 28

# A day is due twelve hours after its end.
freshness = dg.ScheduleDefinition(
    name="freshness",
    job_name=jobs.FRESHNESS,
    cron_schedule="5 12 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks once a day whether the sources that are switched on still land.",
)

retention = dg.ScheduleDefinition(
    name="retention",
    job_name=jobs.RETENTION,
    cron_schedule="35 0 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes once a day what raw documents may no longer be kept.",
)


def landings(sources: Sequence[Source], switched_on: Collection[str]) -> list[dg.ScheduleDefinition]:
    """A schedule for each source that is crawled, ten minutes apart: those that are switched on run from the start."""
    live = [source for source in sources if source.crawl]
    return [_landing(source, number, running=source.name in switched_on) for number, source in enumerate(live)]


def _landing(source: Source, number: int, *, running: bool) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"land_{source.name}",
        job=jobs.ingest_one(source),
        # Well before the day is due, so that there is time to ask again.
        cron_schedule=f"{10 * number % 60} {2 + number // 6} * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED,
        description=f"Lands the day before; runs from the start where TRENDING_SOURCES names {source.name}.",
    )
    def landing(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        return dg.RunRequest(partition_key=_day_before(context))

    return landing


@dg.schedule(
    job=jobs.compact_predictions,
    cron_schedule="10 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=(
        "Compacts each hour the days of which the API has left predictions or feedback: today, after midnight "
        "yesterday until its last segment is gone, and any day that feedback came for."
    ),
)
def compaction(home: HomeResource) -> list[dg.RunRequest] | dg.SkipReason:
    """Requests the days that wait, one run a range without gaps."""
    waiting = prediction_log.pending_days(home.lake, home.paths.prediction_log)
    days = [day for day in waiting if DAILY.has_partition_key(day)]
    return _one_run_a_range(days) or dg.SkipReason("nothing was predicted or told that is not in the log")


@dg.schedule(
    job=jobs.judge_predictions,
    cron_schedule="50 0 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=f"Judges once a day the predictions of the last {_DAYS_TO_JUDGE} days by labels that came since.",
)
def delayed_truth(context: dg.ScheduleEvaluationContext, home: HomeResource) -> list[dg.RunRequest] | dg.SkipReason:
    """Requests the days that have predictions, one run a range without gaps."""
    today = context.scheduled_execution_time.date()
    first = (today - timedelta(days=_DAYS_TO_JUDGE)).isoformat()
    days = [day for day in home.lake.days(prediction_log.TABLE) if first <= day < today.isoformat()]
    return _one_run_a_range(days) or dg.SkipReason("nothing was predicted lately")


@dg.schedule(
    job=jobs.compare_predictions,
    cron_schedule="20 1 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Compares once a day what was answered yesterday with what the champion was judged on.",
)
def served_yesterday(context: dg.ScheduleEvaluationContext, home: HomeResource) -> dg.RunRequest | dg.SkipReason:
    """Requests yesterday, where anything was predicted on it."""
    yesterday = _day_before(context)
    if not home.lake.exists(prediction_log.TABLE, yesterday):
        return dg.SkipReason("nothing was predicted yesterday")
    return dg.RunRequest(partition_key=yesterday)


def _day_before(context: dg.ScheduleEvaluationContext) -> str:
    return (context.scheduled_execution_time.date() - timedelta(days=1)).isoformat()


def _one_run_a_range(days: Sequence[str]) -> list[dg.RunRequest]:
    return [
        dg.RunRequest(partition_key=first)
        if first == last
        else dg.RunRequest(tags={RANGE_START: first, RANGE_END: last})
        for first, last in ranges(days)
    ]
