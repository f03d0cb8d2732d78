"""What has to be computed: what is missing or was computed by other code."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg

from trending_assets.automation.landings import newest_by_partition
from trending_assets.storage.lake import Lake

_CODE_VERSION = "dagster/code_version"


@dataclass(frozen=True)
class DailyAsset:
    """A daily asset as far as it decides what is stale.

    Attributes:
        spec: the asset.
        reads: daily asset → how many days before a day are read of it beside that day.
        together: the assets that are computed in one step with it, itself among them.
    """

    spec: dg.AssetSpec
    reads: Mapping[dg.AssetKey, int]
    together: frozenset[dg.AssetKey]


def daily_assets(definitions: dg.Definitions, keys: Collection[dg.AssetKey]) -> list[DailyAsset]:
    """The daily ones of some assets of a graph, those that others read first."""
    specs = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}
    daily = {key for key, spec in specs.items() if spec.partitions_def is not None}
    ordered = definitions.resolve_implicit_global_asset_job_def().asset_layer.asset_graph.toposorted_asset_keys
    return [
        DailyAsset(
            specs[key],
            {dep.asset_key: _days_before(dep) for dep in specs[key].deps if dep.asset_key in daily},
            frozenset(definitions.resolve_assets_def(key).keys) & frozenset(keys),
        )
        for key in ordered
        if key in daily and key in keys
    ]


def _days_before(dep: dg.AssetDep) -> int:
    mapping = dep.partition_mapping
    return -mapping.start_offset if isinstance(mapping, dg.TimeWindowPartitionMapping) else 0


def stale_assets(
    assets: Sequence[DailyAsset],
    instance: dg.DagsterInstance,
    lake: Lake,
    days: Sequence[str],
    changed: Mapping[dg.AssetKey, Collection[str]],
) -> dict[str, set[dg.AssetKey]]:
    """Day → the assets that it lacks; days that lack none are left out.

    A day of an asset is stale where it is missing, was computed by other code, or in a run that did not come to one of
    the asset's checks or in which a blocking one failed, or is older than a day that it reads, or where such a day is
    stale itself.

    Args:
        assets: the daily assets, those that others read first.
        instance: knows what was materialised, when, and by which code version.
        lake: a materialised day whose file is gone counts as missing.
        days: the days to look at.
        changed: asset → days that are stale for a reason that the log does not know.
    """
    stale: dict[dg.AssetKey, set[str]] = {}
    newest: dict[dg.AssetKey, dict[str, int]] = {}
    unchecked: dict[str, set[dg.AssetKey]] = {}
    for asset in assets:
        key = asset.spec.key
        for read in (key, *asset.reads):
            if read not in newest:
                newest[read] = newest_by_partition(instance, read)
        good = _good_days(asset.spec, instance, lake, newest[key], days, unchecked) - set(changed.get(key, ()))
        older = {
            day
            for day in good
            for read, before in asset.reads.items()
            for each in _window(day, before)
            if newest[read].get(each, 0) > newest[key][day] or each in stale.get(read, ())
        }
        found = set(days) - good | older
        # One step computes them all, and of a step that is left out nothing is.
        for other in asset.together:
            stale[other] = stale.get(other, set()) | found
    lacking = {day: {key for key, found in stale.items() if day in found} for day in days}
    return {day: keys for day, keys in lacking.items() if keys}


def _good_days(
    spec: dg.AssetSpec,
    instance: dg.DagsterInstance,
    lake: Lake,
    newest: Mapping[str, int],
    days: Sequence[str],
    unchecked: dict[str, set[dg.AssetKey]],
) -> set[str]:
    """The days that are there, by this code, out of a run that checked the asset."""
    in_lake = _days_in_lake(spec, lake)
    wanted = [newest[day] for day in days if day in newest and (in_lake is None or day in in_lake)]
    events = dg.AssetRecordsFilter(asset_key=spec.key, storage_ids=wanted)
    good = set()
    for record in instance.fetch_materializations(events, limit=len(wanted) + 1).records if wanted else ():
        if record.run_id not in unchecked:
            unchecked[record.run_id] = _unchecked(instance, record.run_id)
        checked = spec.key not in unchecked[record.run_id]
        if checked and _tags(record).get(_CODE_VERSION) == spec.code_version and record.partition_key:
            good.add(record.partition_key)
    return good


def _days_in_lake(spec: dg.AssetSpec, lake: Lake) -> set[str] | None:
    """The days that the lake has of an asset; None for one that keeps nothing there."""
    # Raw documents may lie elsewhere; whoever asks for a plan knows of them.
    if "parquet" not in spec.kinds or spec.key.path[0] == "raw":
        return None
    return set(lake.days("/".join(spec.key.path)))


def _unchecked(instance: dg.DagsterInstance, run_id: str) -> set[dg.AssetKey]:
    """The assets of a run of which a check was never made, as in a run that was killed, or a blocking one failed."""
    if not run_id:
        return set()
    planned, failed = set(), set()
    kinds = {dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED, dg.DagsterEventType.ASSET_CHECK_EVALUATION}
    for record in instance.get_records_for_run(run_id, of_type=kinds).records:
        event = record.event_log_entry.get_dagster_event()
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED:
            data = event.asset_check_planned_data
            planned.add((data.asset_key, data.check_name))
        else:
            made = event.asset_check_evaluation_data
            planned.discard((made.asset_key, made.check_name))
            if made.blocking and not made.passed and made.severity == dg.AssetCheckSeverity.ERROR:
                failed.add(made.asset_key)
    return failed | {key for key, _ in planned}


def _window(day: str, before: int) -> list[str]:
    last = date.fromisoformat(day)
    return [(last - timedelta(days=i)).isoformat() for i in range(before + 1)]


def stale_days(
    specs: Iterable[dg.AssetSpec], instance: dg.DagsterInstance, lake: Lake, days: Sequence[str]
) -> list[str]:
    """The days for which some daily asset is missing, or was computed by another version of its code.

    Args:
        specs: the assets to look at; those that are not partitioned are passed over.
        instance: knows what was materialised, and by which code version.
        lake: a materialised day whose file is gone counts as missing.
        days: the days to look at.
    """
    daily = [spec for spec in specs if spec.partitions_def is not None]
    stale: set[str] = set()
    for spec in daily:
        landed = set(instance.get_materialized_partitions(spec.key))
        in_lake = _days_in_lake(spec, lake)
        newest = instance.get_latest_storage_id_by_partition(spec.key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = dg.AssetRecordsFilter(asset_key=spec.key, storage_ids=list(newest.values()))
        current = {
            record.partition_key
            for record in instance.fetch_materializations(events, limit=len(newest) + 1).records
            if _tags(record).get(_CODE_VERSION) == spec.code_version
        }
        stale |= {
            day
            for day in days
            if day not in landed or day not in current or (in_lake is not None and day not in in_lake)
        }
    return [day for day in days if day in stale]


def is_stale(spec: dg.AssetSpec, instance: dg.DagsterInstance, upstream: Iterable[dg.AssetKey]) -> bool:
    """Whether an unpartitioned asset is missing, was computed by other code, or is older than its inputs."""
    newest = instance.fetch_materializations(spec.key, limit=1).records
    version = instance.get_latest_materialization_code_versions([spec.key])[spec.key]
    if not newest or version != spec.code_version:
        return True
    for key in upstream:
        records = instance.fetch_materializations(key, limit=1).records
        if not records or records[0].storage_id > newest[0].storage_id:
            return True
    return False


def _tags(record: dg.EventLogRecord) -> Mapping[str, str]:
    materialization = record.asset_materialization
    return (materialization.tags if materialization else None) or {}
