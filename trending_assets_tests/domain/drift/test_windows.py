"""A day is compared with landed days before it alone, and only where there are enough rows to compare."""

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.drift.windows import MINIMUM_ROWS, REFERENCE_DAYS, comparable, reference_days

_DAYS = st.dates(date(2025, 5, 20), date(2025, 7, 10))


@settings(deadline=None)
@given(st.sets(_DAYS, max_size=30), _DAYS)
def test_the_reference_is_the_landed_days_of_the_two_weeks_before(landed: set[date], day: date) -> None:
    found = reference_days([d.isoformat() for d in landed], day.isoformat())
    window = [day - timedelta(days=back) for back in range(REFERENCE_DAYS, 0, -1)]
    assert found == [d.isoformat() for d in window if d in landed]


@pytest.mark.parametrize("year_end", ["2025-01-01", "2025-01-10"])
def test_the_window_reaches_over_the_turn_of_the_year(year_end: str) -> None:
    assert reference_days(["2024-12-30", year_end], year_end) == ["2024-12-30"]


@pytest.mark.parametrize(
    ("current", "reference", "enough"),
    [
        (MINIMUM_ROWS, MINIMUM_ROWS, True),
        (MINIMUM_ROWS - 1, 1000, False),
        (1000, MINIMUM_ROWS - 1, False),
        (0, 0, False),
    ],
)
def test_drift_of_too_few_rows_is_unknown(current: int, reference: int, enough: bool) -> None:
    assert comparable(current, reference) is enough
