"""Reference windows: the days that a day is compared with."""

from collections.abc import Sequence
from datetime import date, timedelta

REFERENCE_DAYS = 14
MINIMUM_ROWS = 30
# What days are said to be compared with where no model version has a reference.
TRAILING = f"the {REFERENCE_DAYS} days before"


def reference_days(landed: Sequence[str], day: str) -> list[str]:
    """The landed days among the 14 before ``day``, never ``day`` itself nor a later one.

    Args:
        landed: ISO dates.
        day: the day that is judged.
    """
    first = (date.fromisoformat(day) - timedelta(days=REFERENCE_DAYS)).isoformat()
    return sorted(d for d in landed if first <= d < day)


def comparable(current_rows: int, reference_rows: int) -> bool:
    """Whether both sides hold enough rows for a drift score to mean anything; else drift is unknown."""
    return min(current_rows, reference_rows) >= MINIMUM_ROWS
