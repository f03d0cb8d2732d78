"""Cursors: what a sensor decides from what has landed, as pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Landing:
    """A partition of an asset that was materialised.

    Attributes:
        storage_id: position of the event in Dagster's log; grows with time.
        partition: an ISO day.
        finished: whether the run it came from has ended, or it came from no run.
        passed: whether no blocking check failed in that run.
    """

    storage_id: int
    partition: str
    finished: bool = True
    passed: bool = True


@dataclass(frozen=True)
class Batch:
    """What a tick acts on.

    Attributes:
        cursor: storage id up to which everything has been dealt with.
        partitions: the days that landed and passed their checks, in order, each once.
        refused: the days that landed but failed a check and did not land again since.
    """

    cursor: int
    partitions: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def take(cursor: int, landings: Iterable[Landing]) -> Batch:
    """Everything that landed after the cursor, up to the first landing whose run has not ended yet.

    A later landing of a day replaces an earlier one. No landing is passed over: what is not taken now stays
    beyond the cursor.

    Args:
        cursor: storage id up to which everything has been dealt with.
        landings: in any order.
    """
    newest: dict[str, Landing] = {}
    for landing in sorted(landings, key=lambda found: found.storage_id):
        if landing.storage_id <= cursor:
            continue
        if not landing.finished:
            break
        newest[landing.partition] = landing
        cursor = landing.storage_id
    return Batch(
        cursor,
        tuple(sorted(day for day, landing in newest.items() if landing.passed)),
        tuple(sorted(day for day, landing in newest.items() if not landing.passed)),
    )


def ranges(days: Sequence[str], gap: int = 0) -> list[tuple[str, str]]:
    """Sorted days as ranges, each by its first and last day.

    Args:
        days: ISO days.
        gap: most days that may be missing within a range.
    """
    found: list[tuple[str, str]] = []
    for day in days:
        if found and date.fromisoformat(day) - date.fromisoformat(found[-1][1]) <= timedelta(days=gap + 1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
