"""Backfills: what of a range has to be computed, in which runs, and which days are to blame where one fails.

One run computes all that is missing or stale. Where it fails, the days that its failure names, or halves of the range
until one day is left, are run by themselves, so that the other days are computed all the same.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import dagster as dg

from trending_assets.automation.running import RunFailedError

FAILED_DAYS = "trending/failed_partitions"
# What fails on so many days, with none in between that succeeds, is not the fault of a day.
_MOST_IN_A_ROW = 3
_MOST_NAMES = 4
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class BackfillFailedError(RuntimeError):
    """Days could not be computed; the message says how many could, which could not, and why."""


@dataclass(frozen=True)
class Part:
    """What one run computes.

    Attributes:
        days: days without gaps; none where nothing in it is daily.
        assets: the assets.
    """

    days: tuple[str, ...]
    assets: frozenset[dg.AssetKey]


@dataclass
class Outcome:
    """What became of a backfill.

    Attributes:
        runs: the ids of the runs that succeeded.
        computed: the days that were computed, in order.
        failed: day that could not be computed → why.
        untried: days that were given up, since so many before them had failed.
    """

    runs: list[str] = field(default_factory=list)
    computed: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    untried: list[str] = field(default_factory=list)


class Runs(Protocol):
    """What runs parts."""

    def __call__(self, part: Part) -> str:
        """Computes a part and returns the run's id.

        Raises:
            RunFailedError: a step or a blocking check failed.
        """


def parts(
    stale: Mapping[str, Collection[dg.AssetKey]],
    days: Sequence[str],
    follows: Callable[[Collection[dg.AssetKey]], Collection[dg.AssetKey]],
    most: int,
) -> list[Part]:
    """The runs that compute what is stale: neighbouring days that lack the same are one.

    Args:
        stale: day → the daily assets that it lacks.
        days: the range, without gaps.
        follows: assets → those without days that have to be computed after them.
        most: most days of a run.
    """
    found: list[Part] = []
    last_of_range = ""
    for before, day in zip(["", *days], days, strict=False):
        keys = frozenset(stale.get(day, ()))
        if not keys:
            continue
        if found and last_of_range == before and found[-1].assets == keys and len(found[-1].days) < most:
            found[-1] = Part((*found[-1].days, day), keys)
        else:
            found.append(Part((day,), keys))
        last_of_range = day
    return [Part(part.days, part.assets | frozenset(follows(part.assets))) for part in found]


def described(part: Part) -> str:
    """What is said of a part before it is run: its days, and its assets where they are few."""
    names = sorted(key.to_user_string() for key in part.assets)
    what = ", ".join(names) if len(names) <= _MOST_NAMES else f"{len(names)} assets"
    if not part.days:
        return what
    return f"{part.days[0]}{f' to {part.days[-1]}' if len(part.days) > 1 else ''}: {what}"


def divided(days: Sequence[str], named: Collection[str]) -> list[tuple[str, ...]]:
    """The days of a run that failed as ranges to run by themselves, in order.

    Args:
        days: at least two.
        named: days that the failure speaks of, each of which becomes a range of its own; where that is none or all of
            them the days are halved.
    """
    suspects = [day for day in days if day in named]
    if not 0 < len(suspects) < len(days):
        return [tuple(days[: len(days) // 2]), tuple(days[len(days) // 2 :])]
    ranges: list[list[str]] = [[]]
    for day in days:
        if day in suspects:
            ranges += [[day], []]
        else:
            ranges[-1].append(day)
    return [tuple(each) for each in ranges if each]


def carry_out(
    wanted: Iterable[Part], run: Runs, failed: Callable[[str, str], None], say: Callable[[str], None]
) -> Outcome:
    """Runs parts in order, and around the days that fail.

    Args:
        wanted: the parts.
        run: runs one.
        failed: told of each run that failed over one day, by its id and the day.
        say: told of what comes next where a run has failed, and of how far it has come.

    Raises:
        RunFailedError: a part without days failed.
    """
    waiting, outcome, in_a_row = list(wanted), Outcome(), 0
    total = len({day for part in waiting for day in part.days})
    while waiting:
        part = waiting.pop(0)
        try:
            outcome.runs.append(run(part))
        except RunFailedError as error:
            if not part.days:
                raise
            if len(part.days) > 1:
                pieces = divided(part.days, _DAY.findall(str(error)))
                say(f"failed: {' '.join(str(error).split())}")
                say(f"  its {len(part.days)} days are computed in {len(pieces)} runs, to find which of them it is")
                waiting = [Part(days, part.assets) for days in pieces] + waiting
                continue
            outcome.failed[part.days[0]] = str(error)
            failed(error.run_id, part.days[0])
            in_a_row += 1
            if in_a_row == _MOST_IN_A_ROW:
                left = {day for other in waiting for day in other.days}
                outcome.untried = sorted(left - outcome.failed.keys())
                break
        else:
            in_a_row = 0
            outcome.computed = sorted({*outcome.computed, *part.days})
            if waiting and part.days:
                say(f"{len(outcome.computed)} of {total} days are computed")
    return outcome


def summary(outcome: Outcome) -> str:
    """What is said of a backfill in which days failed, as one sentence a fault."""
    number = len(outcome.computed) + len(outcome.failed) + len(outcome.untried)
    told = [f"{len(outcome.computed)} of {number} days were computed; these were not: {', '.join(outcome.failed)}"]
    if outcome.untried:
        told.append(f"{len(outcome.untried)} from {outcome.untried[0]} on were not tried, since the fault is of no day")
    told += [f"{day}: {why}" for day, why in outcome.failed.items()]
    return "; ".join(told)
