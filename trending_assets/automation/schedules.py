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

retention = dg.ScheduleDefinition(
    name="retention",
    job_name=jobs.RETENTION,
    cron_schedule="35 0 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Removes once a day what raw documents may no longer be kept.",
)
