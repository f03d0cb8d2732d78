"""What has to be computed: what is missing or was computed by other code."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from trending_assets.storage.lake import Lake

_CODE_VERSION = "dagster/code_version"


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
        table = "/".join(spec.key.path)
        in_lake = set(lake.days(table))
        newest = instance.get_latest_storage_id_by_partition(spec.key, dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = dg.AssetRecordsFilter(asset_key=spec.key, storage_ids=list(newest.values()))
        current = {
            record.partition_key
            for record in instance.fetch_materializations(events, limit=len(newest) + 1).records
            if _tags(record).get(_CODE_VERSION) == spec.code_version
        }
        stale |= {day for day in days if day not in landed or day not in current or (in_lake and day not in in_lake)}
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
