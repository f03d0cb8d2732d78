"""The only partition definitions: a partition is a day of arrival, UTC.

The sample is an archive that is replayed over 28 fixed days; the definition ends with it.
"""

from datetime import date, timedelta

import dagster as dg

from trending_assets.ingest.sample import FIRST_DAY, REPLAY_DAYS

DAILY = dg.DailyPartitionsDefinition(
    start_date=FIRST_DAY.isoformat(), end_date=(FIRST_DAY + timedelta(days=REPLAY_DAYS)).isoformat()
)


class UnknownPartitionError(ValueError):
    """A day, or a range of days, lies outside the partitions."""


def days_between(first: date, last: date) -> list[str]:
    """The partition keys from ``first`` to ``last``, both included.

    Raises:
        UnknownPartitionError: the range is empty or leaves the partitions. Dagster itself accepts a range
            that does, and records less than was asked for.
    """
    known = DAILY.get_partition_keys()
    if first > last:
        raise UnknownPartitionError(f"the range {first} to {last} is empty: its first day is after its last")
    if first.isoformat() < known[0] or last.isoformat() > known[-1]:
        raise UnknownPartitionError(f"the range {first} to {last} leaves the partitions {known[0]} to {known[-1]}")
    return [day for day in known if first.isoformat() <= day <= last.isoformat()]
