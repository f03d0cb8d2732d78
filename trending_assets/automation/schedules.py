"""Schedules: what the clock starts."""

import dagster as dg

from trending_assets.automation import jobs

# A day is due twelve hours after its end.
freshness = dg.ScheduleDefinition(
    name="freshness",
    job_name=jobs.FRESHNESS,
    cron_schedule="5 12 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Looks once a day whether the sources that are switched on still land.",
)
