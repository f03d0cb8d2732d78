"""Volume: whether as many records arrived on a day as the trailing weeks let expect.

Counts are compared on a logarithmic scale, on which a day of half as many is as unusual as one of twice as many.
What is usual is the median of the trailing days of the same weekday; how far days stray from it is the median
absolute deviation (MAD) of all trailing days, so that a few odd days among them change neither. A day is abnormal
where its modified z-score ``0.6745 · (x - median) / MAD`` is beyond 3.5: Iglewicz and Hoaglin, How to Detect and
Handle Outliers (ASQC, 1993).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Literal

TRAILING_DAYS = 56
MINIMUM_DAYS = 14
# With fewer days of the same weekday, those of all weekdays say more.
MINIMUM_OF_WEEKDAY = 6
THRESHOLD = 3.5

# Where fewer are usual, a day without any is no wonder: at 10 it comes once in 20,000 days by chance alone.
ENOUGH_TO_MISS = 10

# MAD / 0.6745 estimates the standard deviation of normal values.
_MAD_OF_NORMAL = 0.6745
# Days that all count the same would make every other count abnormal: a tenth more or less is not.
_LEAST_SPREAD = math.log(1.1) / THRESHOLD

Status = Literal["unknown", "normal", "low", "high", "vanished"]


@dataclass(frozen=True)
class Judgement:
    """What a day's count is, beside what was expected.

    Attributes:
        count: the day's count.
        status: ``normal``; ``low`` or ``high``, outside the expected range; ``vanished``, a low count of 0 where
            every trailing day had some and at least 10 are usual; or ``unknown``, without enough trailing days.
        days: trailing days that it was compared with.
        low: the least count that is expected; None where unknown.
        typical: the usual count; None where unknown.
        high: the greatest count that is expected; None where unknown.
    """

    count: int
    status: Status
    days: int
    low: int | None = None
    typical: int | None = None
    high: int | None = None


def judge(count: int, day: date, counts: Mapping[date, int]) -> Judgement:
    """Judges a day's count by those of the trailing weeks.

    Args:
        count: how many there are on the day; not negative.
        day: the day.
        counts: day → count. Only the days among the 56 before ``day`` are looked at; a day that is missing is one
            of which nothing is known, not one without any.
    """
    trailing = {d: math.log1p(n) for d, n in counts.items() if 0 < (day - d).days <= TRAILING_DAYS}
    if len(trailing) < MINIMUM_DAYS:
        return Judgement(count, "unknown", len(trailing))
    usual = {weekday: _usual(trailing, weekday) for weekday in range(7)}
    deviation = median(abs(x - usual[d.weekday()]) for d, x in trailing.items()) / _MAD_OF_NORMAL
    centre = usual[day.weekday()]
    # What is counted comes in whole numbers: log(1 + n) strays by about 1 / sqrt(1 + n) by chance alone.
    spread = THRESHOLD * max(deviation, math.exp(-centre / 2), _LEAST_SPREAD)
    low, high = max(0, math.ceil(math.expm1(centre - spread))), math.floor(math.expm1(centre + spread))
    status: Status = "low" if count < low else "high" if count > high else "normal"
    if status == "low" and count == 0 and all(trailing.values()) and round(math.expm1(centre)) >= ENOUGH_TO_MISS:
        status = "vanished"
    return Judgement(count, status, len(trailing), low, round(math.expm1(centre)), high)


def _usual(trailing: Mapping[date, float], weekday: int) -> float:
    same = [x for d, x in trailing.items() if d.weekday() == weekday]
    return median(same if len(same) >= MINIMUM_OF_WEEKDAY else trailing.values())
