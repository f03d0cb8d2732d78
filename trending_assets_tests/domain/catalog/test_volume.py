"""A day's count is judged by the trailing weeks alone, on both sides, and a few odd days among them change nothing."""

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.volume import MINIMUM_DAYS, THRESHOLD, TRAILING_DAYS, judge

DAY = date(2025, 6, 30)
_COUNTS = st.integers(0, 10**7)
_AGES = st.integers(1, TRAILING_DAYS)
_HISTORIES = st.dictionaries(_AGES.map(lambda age: DAY - timedelta(days=age)), _COUNTS, max_size=TRAILING_DAYS)
_ENOUGH = st.dictionaries(
    _AGES.map(lambda age: DAY - timedelta(days=age)), _COUNTS, min_size=MINIMUM_DAYS, max_size=TRAILING_DAYS
)
_ORDER = {"vanished": 0, "low": 0, "normal": 1, "high": 2}


def _constant(count: int, days: int = TRAILING_DAYS) -> dict[date, int]:
    return {DAY - timedelta(days=age): count for age in range(1, days + 1)}


@settings(deadline=None)
@given(_HISTORIES, _COUNTS)
def test_it_is_unknown_exactly_where_too_few_days_have_landed(history: dict[date, int], count: int) -> None:
    judgement = judge(count, DAY, history)
    assert (judgement.status == "unknown") is (len(history) < MINIMUM_DAYS)
    assert judgement.days == len(history)
    assert (judgement.low is None) is (judgement.status == "unknown")


@settings(deadline=None)
@given(_HISTORIES, _COUNTS, st.dictionaries(st.integers(0, 400), _COUNTS, max_size=9))
def test_only_the_eight_weeks_before_the_day_count(
    history: dict[date, int], count: int, others: dict[int, int]
) -> None:
    later = {DAY + timedelta(days=age): n for age, n in others.items()}
    earlier = {DAY - timedelta(days=TRAILING_DAYS + 1 + age): n for age, n in others.items()}
    assert judge(count, DAY, earlier | history | later) == judge(count, DAY, history)


@settings(deadline=None)
@given(_ENOUGH, _COUNTS, _COUNTS)
def test_more_is_never_lower_and_the_expected_range_is_what_is_normal(
    history: dict[date, int], count: int, other: int
) -> None:
    less, more = (judge(n, DAY, history) for n in sorted((count, other)))
    assert _ORDER[less.status] <= _ORDER[more.status]
    assert less.low is not None
    assert less.typical is not None
    assert less.high is not None
    assert less.low <= less.typical <= less.high
    assert (less.status == "normal") is (less.low <= less.count <= less.high)
    assert judge(less.typical, DAY, history).status == "normal"


@settings(deadline=None)
@given(st.lists(st.integers(10**6, 10**8), min_size=MINIMUM_DAYS, max_size=35), st.integers(10**5, 10**9))
def test_without_weekdays_it_is_the_modified_z_score_of_the_logarithms(counts: list[int], count: int) -> None:
    history = {DAY - timedelta(days=age): n for age, n in enumerate(counts, start=1)}
    logs = np.log1p(counts)
    mad = float(np.median(np.abs(logs - np.median(logs))))
    # Below this the days are so alike that the least spread holds, which is tested beside.
    assume(mad > 0.05)
    z = 0.6745 * (np.log1p(count) - np.median(logs)) / mad
    assume(abs(abs(z) - THRESHOLD) > 1e-3)
    assert _ORDER[judge(count, DAY, history).status] == (0 if z < -THRESHOLD else 2 if z > THRESHOLD else 1)


@settings(deadline=None)
@given(
    st.integers(1, 10**6),
    _COUNTS,
    st.dictionaries(st.integers(1, TRAILING_DAYS), st.integers(1, 10**9), max_size=3),
)
def test_three_odd_days_change_nothing(usual: int, count: int, odd: dict[int, int]) -> None:
    history = _constant(usual)
    disturbed = history | {DAY - timedelta(days=age): n for age, n in odd.items()}
    assert judge(count, DAY, disturbed) == judge(count, DAY, history)


@pytest.mark.parametrize(
    ("usual", "normal", "low", "high"),
    [
        # By chance alone 400 strays by a twentieth: exp(±3.5 / sqrt(401)).
        (400, (336, 476), 335, 477),
        # So many stray by less than a tenth, which is nobody's concern.
        (1_000_000, (909_091, 1_100_000), 909_000, 1_100_200),
    ],
)
def test_days_that_are_all_alike_leave_room_for_chance(
    usual: int, normal: tuple[int, int], low: int, high: int
) -> None:
    history = _constant(usual)
    assert [judge(n, DAY, history).status for n in (low, *normal, high)] == ["low", "normal", "normal", "high"]


def test_a_weekday_is_compared_with_its_like() -> None:
    def usual(day: date) -> int:
        return 3000 if day.weekday() >= 5 else 1000

    for day in (date(2025, 6, 28), date(2025, 6, 30)):
        history = {d: usual(d) for d in (day - timedelta(days=age) for age in range(1, 7 * 6 + 1))}
        statuses = {n: judge(n, day, history).status for n in (1000, 3000)}
        assert statuses == ({1000: "low", 3000: "normal"} if day.weekday() >= 5 else {1000: "normal", 3000: "high"})


def test_with_few_of_its_like_a_weekday_is_compared_with_all_days() -> None:
    history = {d: 900 + 10 * d.weekday() for d in (DAY - timedelta(days=age) for age in range(1, 36))}
    assert judge(900, DAY, history).typical == 930
    assert judge(900, DAY, history | {d - timedelta(days=7): n for d, n in history.items()}).typical == 900


def test_none_where_there_always_were_some_is_more_than_few() -> None:
    always = _constant(200)
    assert judge(0, DAY, always).status == "vanished"
    assert judge(1, DAY, always).status == "low"
    assert judge(0, DAY, always | {DAY - timedelta(days=3): 0}).status == "low"


@pytest.mark.parametrize(("usual", "status"), [(1, "normal"), (3, "normal"), (5, "low"), (9, "low"), (10, "vanished")])
def test_none_of_a_few_is_chance(usual: int, status: str) -> None:
    assert judge(0, DAY, _constant(usual)).status == status
