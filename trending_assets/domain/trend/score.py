"""The trend score: how much faster than usual a title is talked of, and how much it is talked of at all.

For a day and the daily counts y of one kind of signal, with k days before it and a half-life h of 1 (window ``day``) or
7 (window ``week``):

- recent rate ``r = sum 2^(-k/h) y / n_r``, where ``n_r = sum 2^(-k/h)``, over the days on which the title was known;
- baseline ``b``: the same with a half-life of 28 days and without the last 7, ``n_b`` its weight in days, drawn towards
  the median ``c`` of the title's cohort: ``b' = (n_b b + 7 c) / (n_b + 7)``, with ``N = n_b + 7``;
- lift ``L = ln(r + 0.5 / n_r) - ln(b' + 0.5 / N)``, a log ratio of two Poisson rates, each with half an event added;
- its standard error ``SE = sqrt(1 / (n_r r + 0.5) + 1 / (N b' + 0.5) + psi)``, with ``psi`` what busy titles vary more
  than Poisson counts would;
- momentum ``M = w clip((L - 1.28 SE) / ln 4, 0, 1)``: 1 where the title goes, with a confidence of 90 %, at four times
  its usual pace or more, 0 where it may be at its usual pace. ``w = clip((n_r r - 3) / 3, 0, 1)`` lets it begin above
  three recent events and be whole from six on: after a long silence three are many times the usual pace, and no surge;
- volume ``V = ln(1 + r) / ln(1 + r_max)``, with the highest rate of the day.

The score is ``65 M + 35 V``. Three events have volume alone, so that a title with no more of them outranks none whose
recent rate is higher: none with four on the day itself, where both have been known for four weeks.

A cohort of which nothing is known from before the last week has the median of all titles; where that is known of no
title, as in the first week of a source, nothing can be said of anyone's pace, and M is 0.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

Window = Literal["day", "week"]
HALF_LIVES: Mapping[Window, float] = {"day": 1.0, "week": 7.0}
HISTORY_DAYS = 180
MOMENTUM_POINTS, VOLUME_POINTS = 65.0, 35.0

_BASELINE_HALF_LIFE, _LEFT_OUT = 28.0, 7
_COHORT_DAYS = 7.0
_FEW_EVENTS, _ENOUGH_EVENTS = 3.0, 6.0
# One-sided, 90 %.
_CONFIDENCE = 1.28
_FULL_MOMENTUM = math.log(4)
# Fewer events say little of how much more than Poisson a title varies, and fewer titles nothing.
_BUSY_EVENTS, _LEAST_BUSY = 20.0, 10
# A normal distribution's standard deviation over its median absolute deviation.
_MAD = 1.4826

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cohorts:
    """What titles of a day have in common.

    Attributes:
        medians: cohort → the median of its titles' baselines, in events a day.
        dispersion: ``psi``, at least 0.
        largest_rate: the highest recent rate, in events a day.
        median: of the baselines of all titles, for a cohort that has none; None where no title has one.
    """

    medians: Mapping[str, float]
    dispersion: float
    largest_rate: float
    median: float | None = None


@dataclass(frozen=True, eq=False)
class Trend:
    """The score of n titles on one day by one kind of signal, and all that it is made of; arrays of shape (n,).

    Attributes:
        score: from 0 to 100: ``momentum_points + volume_points``, to the last bit.
        momentum_points: from 0 to 65.
        volume_points: from 0 to 35.
        recent_rate: events a day.
        baseline_rate: events a day that are usual for the title, drawn towards its cohort's; not a number, like what
            follows, where nothing is usual yet.
        lift: natural logarithm of the recent rate over the usual one.
        standard_error: of the lift.
        pace: the title goes at least at so many times its usual pace, with a confidence of 90 %.
    """

    score: Floats
    momentum_points: Floats
    volume_points: Floats
    recent_rate: Floats
    baseline_rate: Floats
    lift: Floats
    standard_error: Floats
    pace: Floats


def cohort_of(kind: str, age_days: int | None) -> str:
    """The cohort of a title: its kind, and how long it has been out.

    Args:
        kind: ``movie``, ``show`` or ``unknown``.
        age_days: days since its release; None where that is unknown.
    """
    if age_days is None:
        return f"{kind}, unknown age"
    bands = ((0, "to come"), (30, "up to a month"), (365, "up to a year"), (3650, "up to ten years"))
    return f"{kind}, " + next((name for limit, name in bands if age_days < limit), "older")


def trend(
    counts: Floats, known_days: npt.NDArray[np.int64], cohorts: Sequence[str], window: Window, of: Cohorts | None = None
) -> Trend:
    """The trend of each title.

    Args:
        counts: shape (n, 180): events by day, the day itself last.
        known_days: shape (n,): on how many of the last days, at least 1, the title and the source of the events were
            there to be seen; what lies before is no zero, but unknown.
        cohorts: each title's cohort, see :func:`cohort_of`.
        window: decides the half-life of the recent rate.
        of: what the titles are compared with; their own cohorts where None, see :func:`cohort_statistics`.

    Raises:
        ValueError: a title was known on no day, so that nothing can be said of its pace.
    """
    if (known_days < 1).any():
        raise ValueError("each title has to be known on at least one day")
    recent, usual = _Rates.recent(counts, known_days, window), _Rates.usual(counts, known_days)
    of = of or _statistics(recent, usual, cohorts)
    shrunk = usual.towards(_medians(of, cohorts))
    lift = _lift(recent, shrunk)
    error = np.sqrt(_poisson_variance(recent, shrunk) + of.dispersion)
    sure = lift - _CONFIDENCE * error
    # Where nothing is usual yet the lift is no number, and not above 0.
    faster = np.where(sure > 0, np.clip(sure / _FULL_MOMENTUM, 0.0, 1.0), 0.0)
    momentum = MOMENTUM_POINTS * (_enough(recent.events) * faster)
    largest = np.log1p(of.largest_rate)
    volume = VOLUME_POINTS * np.clip(np.log1p(recent.rate) / largest, 0.0, 1.0) if largest else np.zeros(len(counts))
    return Trend(momentum + volume, momentum, volume, recent.rate, shrunk.rate, lift, error, np.exp(sure))


def cohort_statistics(
    counts: Floats, known_days: npt.NDArray[np.int64], cohorts: Sequence[str], window: Window
) -> Cohorts:
    """What the titles of a day have in common; the arguments are those of :func:`trend`."""
    return _statistics(_Rates.recent(counts, known_days, window), _Rates.usual(counts, known_days), cohorts)


@dataclass(frozen=True, eq=False)
class _Rates:
    """Events a day, and the weight in days of what they were counted on; arrays of shape (n,)."""

    rate: Floats
    days: Floats

    @classmethod
    def recent(cls, counts: Floats, known_days: npt.NDArray[np.int64], window: Window) -> "_Rates":
        return cls._weighted(counts, known_days, HALF_LIVES[window], 0)

    @classmethod
    def usual(cls, counts: Floats, known_days: npt.NDArray[np.int64]) -> "_Rates":
        return cls._weighted(counts, known_days, _BASELINE_HALF_LIFE, _LEFT_OUT)

    @classmethod
    def _weighted(cls, counts: Floats, known_days: npt.NDArray[np.int64], half_life: float, left_out: int) -> "_Rates":
        before = np.arange(HISTORY_DAYS - 1, -1, -1)
        weights = np.where(before >= left_out, 2.0 ** (-before / half_life), 0.0)
        weighed = weights * (before < known_days[:, None])
        # Summed row by row in one order, so that a title's rate does not depend on the others that are asked about.
        days, events = weighed.sum(axis=1), (weighed * counts).sum(axis=1)
        return cls(np.divide(events, days, out=np.zeros_like(events), where=days > 0), days)

    def towards(self, rate: Floats) -> "_Rates":
        """Drawn towards a rate as if that had been seen for seven days more."""
        days = self.days + _COHORT_DAYS
        return _Rates((self.days * self.rate + _COHORT_DAYS * rate) / days, days)

    @property
    def events(self) -> Floats:
        return self.days * self.rate


def _enough(events: Floats) -> Floats:
    """``w``: how much of a lift so many events may speak for."""
    share: Floats = np.clip((events - _FEW_EVENTS) / (_ENOUGH_EVENTS - _FEW_EVENTS), 0.0, 1.0)
    return share


def _lift(recent: _Rates, usual: _Rates) -> Floats:
    lift: Floats = np.log(recent.rate + 0.5 / recent.days) - np.log(usual.rate + 0.5 / usual.days)
    return lift


def _poisson_variance(recent: _Rates, usual: _Rates) -> Floats:
    return 1 / (recent.events + 0.5) + 1 / (usual.events + 0.5)


def _statistics(recent: _Rates, usual: _Rates, cohorts: Sequence[str]) -> Cohorts:
    names, seen = np.array(cohorts, dtype=object), usual.days > 0
    medians = {
        str(name): float(np.median(usual.rate[chosen]))
        for name in sorted(set(cohorts))
        if (chosen := (names == name) & seen).any()
    }
    largest = float(recent.rate.max(initial=0.0))
    of = Cohorts(medians, 0.0, largest, float(np.median(usual.rate[seen])) if seen.any() else None)
    shrunk = usual.towards(_medians(of, cohorts))
    busy = (recent.events >= _BUSY_EVENTS) & (usual.events >= _BUSY_EVENTS)
    dispersion = 0.0
    if busy.sum() >= _LEAST_BUSY:
        lift = _lift(recent, shrunk)[busy]
        spread = _MAD * np.median(np.abs(lift - np.median(lift)))
        dispersion = max(0.0, float(spread**2 - np.median(_poisson_variance(recent, shrunk)[busy])))
    return replace(of, dispersion=dispersion)


def _medians(of: Cohorts, cohorts: Sequence[str]) -> Floats:
    otherwise = math.nan if of.median is None else of.median
    return np.array([of.medians.get(cohort, otherwise) for cohort in cohorts], dtype=np.float64)
