"""The only partition definitions: a partition is a day of arrival, UTC."""

from datetime import date, timedelta

import dagster as dg

from trending_assets.ingest.source import FIRST_ARRIVAL

# The day that is going on is a partition too: what arrives today lands today.
DAILY = dg.DailyPartitionsDefinition(start_date=FIRST_ARRIVAL.isoformat(), end_offset=1)


class UnknownPartitionError(ValueError):
    """A day, or a range of days, lies outside the partitions."""


def days_between(first: date, last: date) -> list[str]:
    """The partition keys from ``first`` to ``last``, both included.

    Raises:
        UnknownPartitionError: the range is empty or leaves the partitions. Dagster itself accepts a range
            that does, and records less than was asked for.
    """
    newest = date.fromisoformat(str(DAILY.get_last_partition_key()))
    if first > last:
        raise UnknownPartitionError(f"the range {first} to {last} is empty: its first day is after its last")
    if first < FIRST_ARRIVAL or last > newest:
        raise UnknownPartitionError(f"the range {first} to {last} leaves the partitions {FIRST_ARRIVAL} to {newest}")
    return [(first + timedelta(days=i)).isoformat() for i in range((last - first).days + 1)]
