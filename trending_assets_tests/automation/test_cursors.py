"""No landing is passed over and none is asked about twice, however landings, runs and ticks come together."""

import itertools
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.automation.cursors import Batch, Consumed, Landing, ranges, retraining, take

_DAYS = [f"2025-06-{number:02d}" for number in range(2, 9)]


@pytest.mark.parametrize(
    ("landings", "batch"),
    [
        ([], Batch(5)),
        ([Landing(4, _DAYS[0]), Landing(5, _DAYS[1])], Batch(5)),
        ([Landing(6, _DAYS[0])], Batch(6, (_DAYS[0],))),
        ([Landing(8, _DAYS[0]), Landing(6, _DAYS[1]), Landing(7, _DAYS[0])], Batch(8, (_DAYS[0], _DAYS[1]))),
        ([Landing(6, _DAYS[0], passed=False)], Batch(6, (), (_DAYS[0],))),
        ([Landing(6, _DAYS[0], passed=False), Landing(7, _DAYS[0])], Batch(7, (_DAYS[0],))),
        ([Landing(6, _DAYS[0]), Landing(7, _DAYS[0], passed=False)], Batch(7, (), (_DAYS[0],))),
        ([Landing(6, _DAYS[0]), Landing(7, _DAYS[1], finished=False), Landing(8, _DAYS[2])], Batch(6, (_DAYS[0],))),
        ([Landing(6, _DAYS[0], finished=False)], Batch(5)),
    ],
    ids=["none", "old", "one", "many", "failed", "mended", "spoilt", "beyond an unfinished run", "unfinished"],
)
def test_what_a_tick_takes(landings: list[Landing], batch: Batch) -> None:
    assert take(5, landings) == batch
    assert take(5, reversed(landings)) == batch


class _World:
    """Runs that land days one after the other, as Dagster's log would tell of them at any moment."""

    def __init__(self) -> None:
        self.log: list[tuple[int, str, int, bool]] = []
        self.ended: set[int] = set()

    def land(self, run: int, day: str, passed: bool) -> None:
        if run not in self.ended:
            self.log.append((len(self.log) + 1, day, run, passed))

    def landings(self, after: int) -> list[Landing]:
        return [
            Landing(number, day, run in self.ended, passed) for number, day, run, passed in self.log if number > after
        ]


_LAND = st.tuples(st.just("land"), st.integers(0, 5), st.sampled_from(_DAYS), st.booleans())
_END = st.tuples(st.just("end"), st.integers(0, 5), st.just(""), st.just(value=True))
_TICK = st.tuples(st.just("tick"), st.just(0), st.just(""), st.just(value=True))


@settings(max_examples=400, deadline=None)
@given(st.lists(_LAND | _LAND | _END | _TICK, max_size=40))
def test_any_interleaving_of_landings_and_ticks_takes_every_landing_once(
    events: list[tuple[str, int, str, bool]],
) -> None:
    world = _World()
    cursor = 0
    asked: list[tuple[int, int, Batch]] = []
    every_run_ends = [("end", run, "", True) for run in range(6)]
    for what, run, day, passed in [*events, *every_run_ends, ("tick", 0, "", True), ("tick", 0, "", True)]:
        if what == "land":
            world.land(run, day, passed)
        elif what == "end":
            world.ended.add(run)
        else:
            batch = take(cursor, world.landings(cursor))
            unfinished = [number for number, _, run, _ in world.log if run not in world.ended]
            assert batch.cursor < min(unfinished, default=batch.cursor + 1)
            asked.append((cursor, batch.cursor, batch))
            cursor = batch.cursor
    # The ticks' windows meet without gap or overlap, so each landing is looked at exactly once.
    assert [start for start, _, _ in asked] == [0, *(end for _, end, _ in asked[:-1])]
    assert cursor == len(world.log)
    assert asked[-1][2] == Batch(cursor)
    for start, end, batch in asked:
        newest = {day: passed for number, day, _, passed in world.log if start < number <= end}
        assert set(batch.partitions) == {day for day, passed in newest.items() if passed}
        assert set(batch.refused) == {day for day, passed in newest.items() if not passed}
        assert list(batch.partitions) == sorted(batch.partitions)


_WAIT = st.tuples(st.just("wait"), st.integers(0, 20), st.just(""), st.just(value=True))
_TRAIN = st.tuples(st.just("train"), st.just(0), st.just(""), st.booleans())


class _Trainings:
    """A retraining sensor and the runs that it asks for, one at a time."""

    def __init__(self, least_titles: int, quiet_seconds: float) -> None:
        self.world, self.clock, self.landed_at = _World(), 0.0, list[float]()
        self.cursor, self.succeeded = Consumed(), 0
        self.least_titles, self.quiet_seconds = least_titles, quiet_seconds
        # What each request asked for, and which one runs.
        self.asked: list[tuple[Consumed, tuple[str, ...]]] = []
        self.running: int | None = None
        self.learned: set[int] = set()

    def land(self, run: int, day: str, passed: bool) -> None:
        self.world.land(run, day, passed)
        self.landed_at += [self.clock] * (len(self.world.log) - len(self.landed_at))

    def landings(self, after: int) -> list[Landing]:
        return [
            replace(each, titles=10, landed_at=self.landed_at[each.storage_id - 1])
            for each in self.world.landings(after)
        ]

    def tick(self) -> None:
        if self.running is not None:
            return
        rules = (self.clock, self.least_titles, self.quiet_seconds)
        decided = retraining(self.cursor, self.landings(self.cursor.trained), self.succeeded, *rules)
        assert bool(decided.partitions) is not bool(decided.why_not)
        assert decided.cursor.trained >= self.cursor.trained
        self.cursor = Consumed.parse(str(decided.cursor))
        if decided.partitions:
            self.running = decided.cursor.asked
            self.asked.append((decided.cursor, decided.partitions))

    def train(self, succeeds: bool) -> None:
        if self.running is None:
            return
        if succeeds:
            self.succeeded = self.running
            self.learned |= set(range(1, self.running + 1))
        self.running = None


@settings(max_examples=400, deadline=None)
@given(
    st.lists(_LAND | _LAND | _END | _TICK | _WAIT | _TRAIN, max_size=60),
    st.integers(0, 40),
    st.sampled_from([0.0, 15.0]),
)
def test_any_interleaving_of_landings_ticks_and_trainings_learns_every_good_day_and_asks_once_for_each_new_set(
    events: list[tuple[str, int, str, bool]], least_titles: int, quiet_seconds: float
) -> None:
    sensor = _Trainings(least_titles, quiet_seconds)
    for what, number, day, good in events:
        match what:
            case "land":
                sensor.land(number, day, good)
            case "end":
                sensor.world.ended.add(number)
            case "wait":
                sensor.clock += number
            case "tick":
                sensor.tick()
            case _:
                sensor.train(good)
    sensor.train(succeeds=False)
    # Once all runs have ended, enough has landed and it is quiet, one training that succeeds learns what is left.
    sensor.world.ended |= set(range(6))
    for day in _DAYS[:4]:
        sensor.world.log.append((len(sensor.world.log) + 1, day, 0, True))
        sensor.landed_at.append(sensor.clock)
    sensor.clock += quiet_seconds
    sensor.tick()
    sensor.train(succeeds=True)
    sensor.tick()
    assert sensor.running is None
    assert set(range(1, len(sensor.world.log) + 1)) == sensor.learned
    # A request asks for something that none before it did.
    sets = [cursor.asked for cursor, _ in sensor.asked]
    assert sets == sorted(set(sets))
    newest = dict.fromkeys(_DAYS[:4])
    assert set(newest) <= set(sensor.asked[-1][1])
    for cursor, partitions in sensor.asked:
        window = {day: passed for number, day, _, passed in sensor.world.log if cursor.trained < number <= cursor.asked}
        assert list(partitions) == sorted(day for day, passed in window.items() if passed)


@pytest.mark.parametrize(("text", "cursor"), [("7", Consumed(7, 7)), ("7 9", Consumed(7, 9))])
def test_a_cursor_of_one_number_stands_for_both(text: str, cursor: Consumed) -> None:
    assert Consumed.parse(text) == cursor
    assert Consumed.parse(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "1 2 3", "x"])
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"cursor|invalid literal"):
        Consumed.parse(text)


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=10), st.sets(st.integers(0, 10)))
def test_a_day_that_lands_again_after_it_failed_is_taken(outcomes: list[bool], ticks: set[int]) -> None:
    cursor, taken = 0, False
    for number, passed in enumerate([*outcomes, True], start=1):
        # What landed since the last tick; a tick need not come between two landings.
        if number in ticks or number > len(outcomes):
            world = [Landing(n, _DAYS[0], passed=p) for n, p in enumerate([*outcomes, True][:number], start=1)]
            batch = take(cursor, world)
            cursor, taken = batch.cursor, bool(batch.partitions)
            assert taken is passed
    assert taken
    assert cursor == len(outcomes) + 1


@settings(deadline=None)
@given(st.sets(st.integers(0, 60)))
def test_ranges_cover_the_days_and_no_other_without_meeting(offsets: set[int]) -> None:
    days = [(date(2024, 12, 1) + timedelta(days=offset)).isoformat() for offset in sorted(offsets)]
    found = ranges(days)
    covered = [
        (date.fromisoformat(first) + timedelta(days=number)).isoformat()
        for first, last in found
        for number in range((date.fromisoformat(last) - date.fromisoformat(first)).days + 1)
    ]
    assert covered == days
    gaps = [date.fromisoformat(b[0]) - date.fromisoformat(a[1]) for a, b in itertools.pairwise(found)]
    assert all(gap > timedelta(days=1) for gap in gaps)


@given(st.sets(st.integers(0, 60)), st.integers(0, 20))
def test_ranges_with_gaps_cover_the_days_and_leave_longer_gaps_out(offsets: set[int], gap: int) -> None:
    days = [(date(2024, 12, 1) + timedelta(days=offset)).isoformat() for offset in sorted(offsets)]
    found = ranges(days, gap)
    assert all(any(first <= day <= last for first, last in found) for day in days)
    assert {day for both in found for day in both} <= set(days)
    apart = [date.fromisoformat(b[0]) - date.fromisoformat(a[1]) for a, b in itertools.pairwise(found)]
    assert all(between > timedelta(days=gap + 1) for between in apart)
