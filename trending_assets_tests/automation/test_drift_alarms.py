"""An alarm is one alarm however many days and ticks it has; none is told twice, and none is lost."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.automation.cursors import Watched, WatchedDay, new_alarm

_DAYS = [f"2025-06-{number:02d}" for number in range(2, 9)]


def _day(number: int, state: str, reference: str = "genre_logreg/1") -> WatchedDay:
    return WatchedDay(_DAYS[number], reference, ("year",) if state == "alarm" else (), known=state != "unknown")


def _begun(*states: str) -> list[str]:
    """The days on which alarms begin, looked at one by one."""
    watched, found = Watched(), []
    for number in range(len(states)):
        watched, begun = new_alarm(watched, [_day(n, state) for n, state in enumerate(states[: number + 1])])
        found += [begun.day] if begun else []
    return found


@pytest.mark.parametrize(
    ("states", "begun"),
    [
        ([], []),
        (["calm", "calm"], []),
        (["alarm"], [0]),
        (["calm", "alarm", "alarm", "alarm"], [1]),
        (["alarm", "unknown", "alarm"], [0]),
        (["alarm", "calm", "alarm"], [0, 2]),
        (["unknown", "alarm"], [1]),
    ],
)
def test_an_alarm_begins_once_and_ends_with_a_day_that_is_calm(states: list[str], begun: list[int]) -> None:
    assert _begun(*states) == [_DAYS[number] for number in begun]


def test_at_the_first_tick_only_the_newest_day_counts() -> None:
    assert new_alarm(Watched(), [_day(0, "alarm"), _day(1, "calm")])[1] is None


def test_an_alarm_against_another_reference_is_another() -> None:
    watched, first = new_alarm(Watched(), [_day(0, "alarm")])
    _, second = new_alarm(watched, [_day(1, "alarm", "genre_logreg/2")])
    assert (first and first.day, second and second.day) == (_DAYS[0], _DAYS[1])


def test_a_day_that_is_computed_again_begins_its_alarm_once() -> None:
    watched, _ = new_alarm(Watched(), [_day(0, "alarm")])
    for state in ("calm", "alarm", "unknown", "alarm"):
        watched, begun = new_alarm(watched, [_day(0, state)])
        assert begun is None
    assert watched.is_open


def test_a_day_of_which_nothing_is_known_hides_no_older_one_that_lands_after_it() -> None:
    watched, _ = new_alarm(Watched(), [_day(0, "calm")])
    watched, _ = new_alarm(watched, [_day(0, "calm"), _day(3, "unknown")])
    _, begun = new_alarm(watched, [_day(0, "calm"), _day(1, "alarm"), _day(3, "unknown")])
    assert begun == _day(1, "alarm")


def test_an_alarm_that_came_and_went_between_two_ticks_is_told_of() -> None:
    watched, _ = new_alarm(Watched(), [_day(0, "calm")])
    watched, begun = new_alarm(watched, [_day(0, "calm"), _day(1, "alarm"), _day(2, "calm")])
    assert begun == _day(1, "alarm")
    assert not watched.is_open


_STATES = st.sampled_from(["calm", "alarm", "unknown"])


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), _STATES, st.sampled_from(["a/1", "a/2"])), max_size=25),
    st.sets(st.integers(0, 25)),
)
def test_no_materialisation_and_no_tick_tells_of_a_day_twice(
    landings: list[tuple[int, str, str]], ticks: set[int]
) -> None:
    lake: dict[int, WatchedDay] = {}
    watched, told = Watched(), []
    for number, (day, state, reference) in enumerate(landings):
        lake[day] = _day(day, state, reference)
        if number in ticks:
            before = watched
            watched, begun = new_alarm(watched, lake.values())
            assert watched.seen >= before.seen
            told += [begun] if begun else []
            # Nothing has landed since: there is nothing more to tell.
            assert new_alarm(watched, lake.values()) == (watched, None)
    assert all(alarm.alarmed and alarm.known for alarm in told)
    named = [(alarm.day, alarm.reference) for alarm in told]
    assert all(first != second for first, second in pairwise(named))
    assert [day for day, _ in named] == sorted(day for day, _ in named)


@settings(max_examples=200, deadline=None)
@given(st.lists(_STATES, max_size=6), st.sets(st.integers(0, 6)))
def test_ticks_decide_when_an_alarm_is_told_of_and_never_whether(later: list[str], ticks: set[int]) -> None:
    # Until something is known of a day, a tick is like the first one, at which only the newest counts.
    states = ["calm", *later]
    days = [_day(number, state) for number, state in enumerate(states)]
    watched, told = new_alarm(Watched(), days[:1])[0], []
    for number in sorted({*ticks, len(states) - 1}):
        watched, begun = new_alarm(watched, days[: number + 1])
        told += [begun.day] if begun else []
    every = _begun(*states)
    # Several between two ticks are one message, of the newest.
    assert set(told) <= set(every)
    assert every[-1:] == told[-1:]
