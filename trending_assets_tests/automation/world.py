"""A small graph whose assets are named like the real ones, to land days with on an instance."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from trending_assets.ingest import sample
from trending_assets.partitions import DAILY

DAYS = sample.DAYS


def asset(
    name: str, *, passed: bool = True, blocking: bool = True, severity: str = "ERROR", **arguments: object
) -> dg.AssetsDefinition:
    """A daily asset of that name with a check that passes or not."""
    check = dg.AssetCheckSpec("check", asset=name, blocking=blocking)

    @dg.asset(name=name, partitions_def=DAILY, check_specs=[check], **arguments)  # type: ignore[call-overload]
    def made() -> dg.MaterializeResult:
        result = dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity[severity])
        return dg.MaterializeResult(check_results=[result])

    return made


def land(instance: dg.DagsterInstance, name: str, *days: str) -> int:
    """Lands days of an asset from outside any run; returns the storage id of the last one."""
    for day in days:
        instance.report_runless_asset_event(dg.AssetMaterialization(name, partition=day))
    return instance.fetch_materializations(dg.AssetKey(name), limit=1).records[0].storage_id


def land_in_a_run(instance: dg.DagsterInstance, made: dg.AssetsDefinition, day: str) -> None:
    """Lands a day of an asset in a run of its own, which may fail."""
    dg.materialize([made], instance=instance, partition_key=day, raise_on_error=False)


def create_run(
    instance: dg.DagsterInstance,
    job: dg.JobDefinition,
    status: dg.DagsterRunStatus,
    tags: Mapping[str, str] | None = None,
) -> dg.DagsterRun:
    """A run in a state, without anything that runs."""
    # Only a run that says where its job comes from can be queued.
    origin = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("trending_assets"), "repository")
    return instance.create_run_for_job(
        job, status=status, tags=tags, remote_job_origin=RemoteJobOrigin(origin, job.name)
    )
