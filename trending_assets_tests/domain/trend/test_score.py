"""The trend score is its parts, follows its formula, and is moved by what people would call a surge."""

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.trend import RANKINGS, precision
from trending_assets.domain.trend.score import (
    HISTORY_DAYS,
    Cohorts,
    Trend,
    Window,
    cohort_of,
    cohort_statistics,
    trend,
)

_WINDOWS: tuple[Window, ...] = ("day", "week")
_COHORT = "movie, older"


def _counts(*days: tuple[int, float], rows: int = 1) -> np.ndarray:
    """Events so many days before the last one, the same for every row."""
    counts = np.zeros((rows, HISTORY_DAYS))
    for before, number in days:
        counts[:, HISTORY_DAYS - 1 - before] = number
    return counts


def _crowd(seed: int, titles: int = 60) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    usual = np.exp(rng.normal(0, 2, titles))
    counts = rng.poisson(usual[:, None] * rng.gamma(4, 0.25, (titles, HISTORY_DAYS))).astype(float)
    known = rng.integers(1, 400, titles)
    cohorts = [cohort_of(kind, int(age)) for kind, age in zip(["movie", "show"] * titles, known, strict=False)]
    return counts, known, cohorts


def _rows(found: Trend, chosen: slice) -> list[list[float]]:
    return [getattr(found, field.name)[chosen].tolist() for field in fields(found)]


@pytest.mark.parametrize(("window", "half_life"), [("day", 1.0), ("week", 7.0)])
def test_the_score_is_that_of_the_formula(window: Window, half_life: float) -> None:
    rng = np.random.default_rng(1)
    known, c, psi, largest = 100, 0.7, 0.05, 40.0
    y = rng.poisson(3.0, HISTORY_DAYS).astype(float)
    y[-2:] = 9
    recent = [(2 ** (-k / half_life), y[HISTORY_DAYS - 1 - k]) for k in range(known)]
    usual = [(2 ** (-k / 28), y[HISTORY_DAYS - 1 - k]) for k in range(7, known)]
    n_r, n_b = (sum(weight for weight, _ in days) for days in (recent, usual))
    r, b = (sum(weight * n for weight, n in days) / size for days, size in ((recent, n_r), (usual, n_b)))
    shrunk, size = (n_b * b + 7 * c) / (n_b + 7), n_b + 7
    lift = math.log(r + 0.5 / n_r) - math.log(shrunk + 0.5 / size)
    error = math.sqrt(1 / (n_r * r + 0.5) + 1 / (size * shrunk + 0.5) + psi)
    momentum = min(1.0, max(0.0, (lift - 1.28 * error) / math.log(4)))
    volume = math.log(1 + r) / math.log(1 + largest)
    found = trend(y[None], np.array([known]), [_COHORT], window, Cohorts({_COHORT: c}, psi, largest))
    assert 0 < momentum < 1
    assert found.score[0] == pytest.approx(100 * (0.65 * momentum + 0.35 * volume))
    assert found.momentum_points[0] == pytest.approx(65 * momentum)
    assert (found.recent_rate[0], found.baseline_rate[0]) == pytest.approx((r, shrunk))
    assert (found.lift[0], found.standard_error[0]) == pytest.approx((lift, error))
    assert found.pace[0] == pytest.approx(math.exp(lift - 1.28 * error))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(_WINDOWS))
def test_the_parts_sum_to_the_score_and_stay_in_bounds(seed: int, window: Window) -> None:
    found = trend(*_crowd(seed), window)
    assert (found.momentum_points + found.volume_points).tolist() == found.score.tolist()
    assert ((found.momentum_points >= 0) & (found.momentum_points <= 65)).all()
    assert ((found.volume_points >= 0) & (found.volume_points <= 35)).all()
    assert all(np.isfinite(getattr(found, field.name)).all() for field in fields(found))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6), st.sampled_from(_WINDOWS))
def test_one_more_recent_event_never_lowers_a_titles_momentum(seed: int, before: int, window: Window) -> None:
    counts, known, cohorts = _crowd(seed)
    of = cohort_statistics(counts, known, cohorts, window)
    more = counts.copy()
    more[:, HISTORY_DAYS - 1 - before] += 1
    first, second = (trend(y, known, cohorts, window, of) for y in (counts, more))
    assert (second.momentum_points >= first.momentum_points).all()
    assert (second.score >= first.score).all()


@given(st.integers(0, 2**32 - 1), st.sampled_from(_WINDOWS))
@settings(deadline=None)
def test_with_its_cohorts_fixed_a_title_has_its_score_to_the_last_bit_whoever_else_is_asked_about(
    seed: int, window: Window
) -> None:
    counts, known, cohorts = _crowd(seed)
    of = cohort_statistics(counts, known, cohorts, window)
    some = slice(10, 25)
    assert _rows(trend(counts[some], known[some], cohorts[some], window, of), slice(None)) == _rows(
        trend(counts, known, cohorts, window), some
    )


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(_WINDOWS),
    st.floats(0.05, 200),
    st.floats(2, 20),
    st.integers(1, 7),
    st.lists(st.integers(0, 20), min_size=3, max_size=3),
    st.tuples(st.integers(28, 400), st.integers(28, 400)),
)
@example(7, "day", 5.0, 4.0, 1, [0, 0, 0], (180, 180))
@example(7, "day", 100.0, 3.0, 1, [0, 0, 0], (180, 180))
@example(7, "week", 2.0, 4.0, 1, [0, 0, 0], (180, 180))
@settings(deadline=None)
def test_three_events_never_outrank_a_surge_that_brings_four_on_the_day(
    seed: int,
    window: Window,
    usual: float,
    times: float,
    duration: int,
    three_days: list[int],
    known_days: tuple[int, int],
) -> None:
    rng = np.random.default_rng(seed)
    counts, known, cohorts = _crowd(seed, 200)
    surge = rng.poisson(usual, HISTORY_DAYS).astype(float)
    surge[-duration:] = rng.poisson(usual * times, duration)
    surge[-1] = max(surge[-1], 4)
    three = np.zeros(HISTORY_DAYS)
    np.add.at(three, [HISTORY_DAYS - 1 - before for before in three_days], 1)
    counts = np.vstack([counts, surge, three])
    # Nothing is usual in the cohort of the three, so that they are as many times the usual pace as can be.
    found = trend(counts, np.append(known, known_days), [*cohorts, _COHORT, "silent"], window)
    assert found.score[-2] > found.score[-1]


@given(st.integers(0, 2**32 - 1), st.sampled_from(_WINDOWS), st.integers(1, 400))
@settings(deadline=None)
def test_three_events_outrank_no_title_that_is_talked_of_more(seed: int, window: Window, known_days: int) -> None:
    counts, known, cohorts = _crowd(seed, 200)
    counts = np.vstack([counts, _counts((0, 3))])
    found = trend(counts, np.append(known, known_days), [*cohorts, "silent"], window)
    assert found.momentum_points[-1] == pytest.approx(0)
    assert (found.score[found.recent_rate > found.recent_rate[-1]] > found.score[-1]).all()


@pytest.mark.parametrize(("events", "share"), [(3, 0.0), (4, 1 / 3), (5, 2 / 3), (6, 1.0), (60, 1.0)])
def test_momentum_begins_above_three_events_and_is_whole_from_six_on(events: int, share: float) -> None:
    of = Cohorts({_COHORT: 0.0}, 0.0, 100.0)
    after_silence = trend(_counts((0, events)), np.array([180]), [_COHORT], "day", of)
    assert after_silence.pace[0] > 4
    assert after_silence.momentum_points[0] == pytest.approx(65 * share)


def test_what_lies_before_a_title_was_known_is_no_zero() -> None:
    counts = _counts(*((before, 4.0) for before in range(10)))
    of = Cohorts({_COHORT: 4.0}, 0.0, 10.0)
    new, old = (trend(counts, np.array([known]), [_COHORT], "week", of) for known in (10, 180))
    # Four a day since it came out and four a day being usual for such titles is no surge.
    assert new.momentum_points[0] == 0
    assert old.momentum_points[0] > 30
    assert new.recent_rate[0] == pytest.approx(4.0)


def test_a_title_of_less_than_a_week_is_compared_with_its_cohort() -> None:
    counts = _counts((0, 12), (1, 12), rows=2)
    of = Cohorts({"loud": 12.0, "quiet": 0.1}, 0.0, 12.0)
    found = trend(counts, np.array([2, 2]), ["loud", "quiet"], "day", of)
    assert found.baseline_rate.tolist() == pytest.approx([12.0, 0.1])
    assert found.momentum_points[0] == 0
    assert found.momentum_points[1] > 40


def test_titles_that_vary_more_than_poisson_widen_the_error() -> None:
    rng = np.random.default_rng(3)
    even = rng.poisson(50.0, (60, HISTORY_DAYS)).astype(float)
    uneven = rng.poisson(50.0 * rng.gamma(2.0, 0.5, (60, HISTORY_DAYS))).astype(float)
    known, cohorts = np.full(60, 180), [_COHORT] * 60
    calm, wild = (cohort_statistics(counts, known, cohorts, "day").dispersion for counts in (even, uneven))
    assert calm < 0.02
    assert wild > 0.1
    # Of so few nothing is known.
    assert cohort_statistics(uneven[:9], known[:9], cohorts[:9], "day").dispersion == 0


def test_a_title_that_was_known_on_no_day_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one day"):
        trend(_counts((0, 3)), np.array([0]), [_COHORT], "day")


def test_without_titles_or_events_there_is_no_trend() -> None:
    nobody = trend(np.zeros((0, HISTORY_DAYS)), np.zeros(0, dtype=int), [], "day")
    assert nobody.score.shape == (0,)
    silent = trend(np.zeros((2, HISTORY_DAYS)), np.array([180, 1]), [_COHORT] * 2, "day")
    assert silent.score.tolist() == [0, 0]
    almost = trend(_counts((6, 1)), np.array([180]), [_COHORT], "day", Cohorts({}, 0.0, 5.0))
    assert almost.momentum_points.tolist() == [0]
    assert 0 < almost.volume_points[0] < 1


@pytest.mark.parametrize(
    ("age", "cohort"),
    [(None, "movie, unknown age"), (-3, "movie, to come"), (0, "movie, up to a month"), (30, "movie, up to a year"),
     (365, "movie, up to ten years"), (5000, "movie, older")],
)  # fmt: skip
def test_cohorts_are_kind_and_age(age: int | None, cohort: str) -> None:
    assert cohort_of("movie", age) == cohort


def test_it_finds_planted_surges_better_than_what_is_usually_taken() -> None:
    found = precision(5)
    mean = {name: float(np.mean(list(found[name].values()))) for name in RANKINGS}
    others = max(value for name, value in mean.items() if not name.startswith("trend score"))
    assert mean["trend score, day"] > others + 0.1
    assert mean["trend score, week"] > others + 0.1
