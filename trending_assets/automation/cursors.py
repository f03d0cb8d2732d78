"""Cursors: what a sensor decides from what has landed, as pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta


@dataclass(frozen=True)
class Landing:
    """A partition of an asset that was materialised.

    Attributes:
        storage_id: position of the event in Dagster's log; grows with time.
        partition: an ISO day.
        finished: whether the run it came from has ended, or it came from no run.
        passed: whether no blocking check failed in that run.
        titles: how many titles came with it; None where that was not told.
        landed_at: when, in seconds of the epoch.
    """

    storage_id: int
    partition: str
    finished: bool = True
    passed: bool = True
    titles: int | None = None
    landed_at: float = 0.0


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
    cursor, newest = _newest(cursor, landings)
    return Batch(
        cursor,
        tuple(sorted(day for day, landing in newest.items() if landing.passed)),
        tuple(sorted(day for day, landing in newest.items() if not landing.passed)),
    )


def _newest(cursor: int, landings: Iterable[Landing]) -> tuple[int, dict[str, Landing]]:
    """The newest landing of each day after the cursor, up to the first whose run has not ended, and where that is."""
    newest: dict[str, Landing] = {}
    for landing in sorted(landings, key=lambda found: found.storage_id):
        if landing.storage_id <= cursor:
            continue
        if not landing.finished:
            break
        newest[landing.partition] = landing
        cursor = landing.storage_id
    return cursor, newest


@dataclass(frozen=True)
class Consumed:
    """How far retraining has come, in storage ids.

    Attributes:
        trained: everything up to here has been learned by a training that succeeded, or there was nothing to learn.
        asked: the newest landing that a retraining was asked for.
    """

    trained: int = 0
    asked: int = 0

    def __str__(self) -> str:
        return f"{self.trained} {self.asked}"

    @classmethod
    def parse(cls, text: str) -> "Consumed":
        """What :meth:`__str__` wrote; a single number stands for both.

        Raises:
            ValueError: it is neither.
        """
        numbers = [int(number) for number in text.split()]
        if len(numbers) not in (1, 2):
            raise ValueError(f"{text!r} is no cursor: one or two storage ids make one")
        return cls(numbers[0], numbers[-1])


@dataclass(frozen=True)
class Retraining:
    """What a tick decides of retraining.

    Attributes:
        cursor: for the next tick.
        partitions: the days to retrain for, in order; none where nothing is asked for.
        why_not: why nothing is asked for; empty otherwise.
    """

    cursor: Consumed
    partitions: tuple[str, ...] = ()
    why_not: str = ""


def retraining(
    cursor: Consumed,
    landings: Iterable[Landing],
    succeeded: int,
    now: float,
    least_titles: int = 0,
    quiet_seconds: float = 0.0,
) -> Retraining:
    """Whether to retrain now, and for which days.

    Days count as learned only when a training succeeded that was asked for after they had landed. Those of one that
    failed are asked for again together with what lands next, and never by themselves: what fails on them would fail
    again, every few seconds.

    Args:
        cursor: of the tick before.
        landings: all after ``cursor.trained``, in any order.
        succeeded: up to which landing the newest training that succeeded was asked for; 0 where none has.
        now: seconds of the epoch.
        least_titles: how many titles must have come; a landing that does not tell how many is held to be enough.
        quiet_seconds: how long nothing may have landed, so that a backfill in many runs is one retraining.
    """
    trained = max(cursor.trained, succeeded)
    seen, newest = _newest(trained, landings)
    good = {day: landing for day, landing in newest.items() if landing.passed}
    if not good:
        return Retraining(Consumed(seen, max(cursor.asked, trained)), why_not=nothing_landed(newest))
    waiting = Consumed(trained, cursor.asked)
    last = max(good.values(), key=lambda landing: landing.storage_id)
    titles = [landing.titles for landing in good.values()]
    told = sum(count for count in titles if count is not None)
    if last.storage_id <= cursor.asked:
        why_not = f"the retraining for {_days(good)} did not succeed; they are asked for again with what lands next"
    elif now - last.landed_at < quiet_seconds:
        why_not = f"{_days(good)} landed less than {quiet_seconds:g} s ago, and more may come"
    elif None not in titles and told < least_titles:
        why_not = f"{told} new titles in {_days(good)}; a retraining is asked for from {least_titles} on"
    else:
        return Retraining(Consumed(trained, seen), tuple(sorted(good)))
    return Retraining(waiting, why_not=why_not)


def nothing_landed(refused: Iterable[str]) -> str:
    """Why a tick does nothing, where no more has landed than days that failed a check."""
    days = ", ".join(sorted(refused))
    return f"checks failed on {days}; nothing else landed" if days else "nothing new has landed"


def _days(days: Iterable[str]) -> str:
    first, *others = sorted(days)
    return f"{first} to {others[-1]}" if others else first


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


@dataclass(frozen=True)
class WatchedDay:
    """What a day of a table that is watched says.

    Attributes:
        day: an ISO day.
        reference: what it was compared with.
        alarmed: what is in alarm, in order.
        known: whether anything is known of the day.
    """

    day: str
    reference: str
    alarmed: tuple[str, ...] = ()
    known: bool = True


@dataclass(frozen=True)
class Watched:
    """How far a table has been watched.

    Attributes:
        seen: the newest day that was looked at and of which something is known; empty before the first.
        reference: what the day of the last alarm was compared with.
        told: the day of the last alarm; empty before the first.
        is_open: whether that alarm goes on.
    """

    seen: str = ""
    reference: str = ""
    told: str = ""
    is_open: bool = False


def new_alarm(watched: Watched, days: Iterable[WatchedDay]) -> tuple[Watched, WatchedDay | None]:
    """The newest alarm that has begun since, and how far the table has been watched.

    An alarm begins with a day in alarm, and goes on until a day that is known has none. It is one alarm however
    many days, columns and materialisations it has; another reference begins another. A day that is computed again
    does not begin the alarm again that it began before.

    Args:
        watched: of the tick before; days before the newest that was looked at are passed over, and at the very first
            tick all but the newest. One of which nothing is known says nothing, and hides no older day that lands after
            it.
        days: in any order.
    """
    waiting = sorted((day for day in days if day.known and day.day >= watched.seen), key=lambda found: found.day)
    begun = None
    for day in waiting if watched.seen else waiting[-1:]:
        goes_on = watched.is_open and day.reference == watched.reference
        if not day.alarmed:
            watched = replace(watched, seen=day.day, is_open=False)
        elif goes_on or (day.day, day.reference) == (watched.told, watched.reference):
            watched = replace(watched, seen=day.day, is_open=True)
        else:
            watched, begun = Watched(day.day, day.reference, day.day, is_open=True), day
    return watched, begun
