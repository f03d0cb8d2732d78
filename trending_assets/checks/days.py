"""Which days a check looks at."""

import dagster as dg

from trending_assets.storage.lake import Lake


def checked_days(context: dg.AssetCheckExecutionContext, lake: Lake, table: str) -> list[str]:
    """The days of the run; every landed day where a check is run by itself."""
    step = context.op_execution_context
    return sorted(step.partition_keys) if step.has_partition_key or step.has_partition_key_range else lake.days(table)
