"""Alarms: which of the columns that drift on a day are worth waking somebody for.

A column is in alarm on a day that is unmistakable (adjusted p-value at most 0.0015), or that is the second of the last
three days on which it was measured and had drifted (at most 0.05 each). Where nothing changes, a week of seven days has
an alarm in any of three families of columns with a chance of at most 3 · 7 · 0.0015 = 3.2 %, and for the pairs of days
some 14 · 0.05² · (1/13 + 1/40 + 1/20) = 0.5 % more, the denominators being the numbers of columns. Faults of data
quality, all measures of all sources being one family, add 7 · 0.0015 = 1.1 %: the sum is below 5 %. The least effect
that counts as drift makes it rarer still.

That of the pairs holds as long as each day is chance by itself. But all are compared with one reference, whose own
chance they share: n / (n + m) of the variance, n being the rows of the day and m those of the reference. So a day with
more than a tenth of the reference's rows counts as one of two only where its p-value is at most 0.005. By normal
distributions with that correlation, three families have an alarm in 2 to 4 % of weeks for any n and m; with 0.05
throughout it would be up to 20 %.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AT_ONCE = 0.0015
WINDOW = 3
AGAIN = 2
# Of days that are large beside the reference, which are alike where the reference is odd.
LARGE_SHARE, AGAIN_IF_LARGE = 0.1, 0.005
# Earlier days say nothing of now.
LOOKS_BACK_DAYS = 14

# The rows of a day of a table of drift, each a column: what decisions.Finding holds, and its reference.
Day = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Alarms:
    """What a day of a table of drift says.

    Attributes:
        day: an ISO date.
        reference: what it was compared with.
        measured: how many columns were measured.
        drifted: the columns that had drifted, in order.
        alarmed: those of them that are in alarm.
    """

    day: str
    reference: str
    measured: int
    drifted: tuple[str, ...]
    alarmed: tuple[str, ...]


def alarms_on(days: Mapping[str, Day], day: str) -> Alarms:
    """What a day says, in the light of those before it that were compared with the same reference.

    Args:
        days: ISO date → rows, the day among them; later days are passed over.
        day: the day.
    """
    before = [days[date] for date in sorted(days, reverse=True) if date < day]
    drifted = [row for row in days[day] if row["drifted"]]
    return Alarms(
        day,
        days[day][0]["reference"],
        sum(row["status"] == "measured" for row in days[day]),
        tuple(sorted(row["column"] for row in drifted)),
        tuple(sorted(row["column"] for row in drifted if _alarmed(row, before))),
    )


def _alarmed(row: Mapping[str, Any], before: Sequence[Day]) -> bool:
    """Whether a column that has drifted is in alarm.

    Args:
        row: the column's.
        before: earlier days, newest first.
    """
    if row["p_adjusted"] <= AT_ONCE:
        return True
    named = (row["column"], row["reference"])
    known = [
        earlier
        for rows in before
        for earlier in rows
        if (earlier["column"], earlier["reference"]) == named and earlier["status"] == "measured"
    ]
    return _counts(row) and 1 + sum(_counts(earlier) for earlier in known[: WINDOW - 1]) >= AGAIN


def _counts(row: Mapping[str, Any]) -> bool:
    """Whether a day may be one of two that make an alarm."""
    large = row["current_rows"] > LARGE_SHARE * row["reference_rows"]
    return bool(row["drifted"]) and (not large or row["p_adjusted"] <= AGAIN_IF_LARGE)
