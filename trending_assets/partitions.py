"""The only partition definitions: a partition is a day of arrival, UTC."""

from collections.abc import Iterable
from datetime import date, timedelta

import dagster as dg

from trending_assets.ingest.source import FIRST_ARRIVAL, Source

# The day that is going on is a partition too: what arrives today lands today.
DAILY = dg.DailyPartitionsDefinition(start_date=FIRST_ARRIVAL.isoformat(), end_offset=1)


class UnknownPartitionError(ValueError):
    """A day, or a range of days, lies outside the partitions."""


def days_between(first: date, last: date, sources: Iterable[Source] = ()) -> list[str]:
    """The partition keys from ``first`` to ``last``, both included.

    Args:
        first: the first day.
        last: the last day.
        sources: what is landed; where none of them has anything of other days, a range may not leave theirs.

    Raises:
        UnknownPartitionError: the range is empty or leaves the partitions. Dagster itself accepts a range
            that does, and records less than was asked for.
    """
    earliest, newest = FIRST_ARRIVAL, date.fromisoformat(str(DAILY.get_last_partition_key()))
    spans = [source.span for source in sources]
    if bounds := [span for span in spans if span] if all(spans) else []:
        earliest, newest = min(begin for begin, _ in bounds), max(end for _, end in bounds)
    if first > last:
        raise UnknownPartitionError(f"the range {first} to {last} is empty: its first day is after its last")
    if first < earliest or last > newest:
        raise UnknownPartitionError(f"the range {first} to {last} leaves the partitions {earliest} to {newest}")
    return [(first + timedelta(days=i)).isoformat() for i in range((last - first).days + 1)]
