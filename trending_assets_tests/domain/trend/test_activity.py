"""Review counts of a day and of its seven days equal a count by hand."""

from collections import Counter
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.trend.activity import WINDOW_DAYS, review_counts

_DAY = date(2025, 6, 20)
_EVENTS = st.lists(
    st.tuples(st.sampled_from(["tt1", "tt2", "tt3"]), st.integers(-12, 12), st.integers(1, 5)), max_size=40
)


@settings(deadline=None)
@given(_EVENTS)
def test_counts_are_those_of_a_count_by_hand(events: list[tuple[str, int, int]]) -> None:
    found = review_counts([(title, _DAY + timedelta(days=back), n) for title, back, n in events], _DAY)
    today: Counter[str] = Counter()
    week: Counter[str] = Counter()
    for title, back, number in events:
        for offset in range(WINDOW_DAYS):
            if back == -offset:
                week[title] += number
        if back == 0:
            today[title] += number
    assert {title: row["reviews_7d"] for title, row in found.items()} == dict(week)
    assert {title: row["reviews_1d"] for title, row in found.items()} == {title: today[title] for title in week}


def test_the_window_holds_seven_days_and_its_last_one_is_the_day_itself() -> None:
    assert WINDOW_DAYS == 7
    days = [(f"{back}", _DAY - timedelta(days=back), 1) for back in (-1, 0, 6, 7)]
    assert review_counts(days, _DAY) == {
        "0": {"reviews_1d": 1, "reviews_7d": 1},
        "6": {"reviews_1d": 0, "reviews_7d": 1},
    }
