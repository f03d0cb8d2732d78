"""Activity: plain counts of reviews over trailing days."""

from collections.abc import Iterable
from datetime import date, timedelta

WINDOW_DAYS = 7


def review_counts(counts: Iterable[tuple[str, date, int]], day: date) -> dict[str, dict[str, int]]:
    """Reviews of a day and of the seven days up to it, of each title that had any.

    Args:
        counts: title, day and number of reviews; days outside the window are passed over.
        day: the last day of the window.

    Returns:
        title → ``reviews_1d`` and ``reviews_7d``.
    """
    found: dict[str, dict[str, int]] = {}
    for title, happened, number in counts:
        if not day - timedelta(days=WINDOW_DAYS) < happened <= day:
            continue
        windows = found.setdefault(title, {"reviews_1d": 0, "reviews_7d": 0})
        windows["reviews_7d"] += number
        if happened == day:
            windows["reviews_1d"] += number
    return found
