"""What a backfill runs, and how it goes around the days that fail."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.automation.backfills import Outcome, Part, carry_out, described, divided, parts, summary
from trending_assets.automation.running import RunFailedError

DAYS = [(date(2025, 6, 1) + timedelta(days=i)).isoformat() for i in range(30)]
A, B, WHOLE = dg.AssetKey("a"), dg.AssetKey("b"), dg.AssetKey("whole")


def _parts(stale: dict[str, set[dg.AssetKey]], most: int = 500) -> list[tuple[int, int, set[dg.AssetKey]]]:
    found = parts(stale, DAYS, lambda keys: {WHOLE} if A in keys else set(), most)
    return [(DAYS.index(part.days[0]), len(part.days), set(part.assets)) for part in found]


def test_days_that_all_lack_the_same_are_one_run() -> None:
    assert _parts({day: {A, B} for day in DAYS}) == [(0, 30, {A, B, WHOLE})]


def test_days_with_a_gap_between_them_and_days_that_lack_something_else_are_runs_of_their_own() -> None:
    stale = {DAYS[0]: {A}, DAYS[1]: {A}, DAYS[3]: {A}, DAYS[4]: {B}}
    assert _parts(stale) == [(0, 2, {A, WHOLE}), (3, 1, {A, WHOLE}), (4, 1, {B})]


def test_a_run_has_no_more_than_the_most_days() -> None:
    assert [size for _, size, _ in _parts({day: {A} for day in DAYS}, most=12)] == [12, 12, 6]


def test_nothing_is_run_where_nothing_is_missing() -> None:
    assert _parts({}) == []


@pytest.mark.parametrize(
    ("part", "said"),
    [
        (Part((), frozenset({WHOLE})), "whole"),
        (Part((DAYS[0],), frozenset({A, B})), f"{DAYS[0]}: a, b"),
        (Part(tuple(DAYS), frozenset(dg.AssetKey(str(i)) for i in range(9))), f"{DAYS[0]} to {DAYS[-1]}: 9 assets"),
    ],
)
def test_a_run_is_described_by_its_days_and_by_its_assets_where_they_are_few(part: Part, said: str) -> None:
    assert described(part) == said


@given(st.integers(2, 30), st.sets(st.sampled_from(DAYS)))
def test_divided_days_are_the_same_days_in_fewer_pieces_and_in_order(size: int, named: set[str]) -> None:
    pieces = divided(DAYS[:size], named)
    assert [day for piece in pieces for day in piece] == DAYS[:size]
    assert all(pieces)
    assert len(pieces) > 1
    suspects = [day for day in DAYS[:size] if day in named]
    if len(suspects) < size:
        assert all((day,) in pieces for day in suspects)


class _Runs:
    """Runs that fail on some days, and may name them."""

    def __init__(self, bad: Iterable[str], *, named: bool) -> None:
        self._bad, self._named = set(bad), named
        self.parts: list[tuple[str, ...]] = []

    def __call__(self, part: Part) -> str:
        self.parts.append(part.days)
        bad = [day for day in part.days if day in self._bad]
        if bad:
            raise RunFailedError(f"raw of {bad[0]} cannot be had" if self._named else "no", f"run {len(self.parts)}")
        return f"run {len(self.parts)}"


def _carried_out(bad: Collection[str], *, named: bool, days: Sequence[str] = DAYS) -> tuple[Outcome, _Runs, list[str]]:
    runs, tagged = _Runs(bad, named=named), []
    outcome = carry_out([Part(tuple(days), frozenset({A}))], runs, lambda _, day: tagged.append(day), lambda line: None)
    return outcome, runs, tagged


def test_where_nothing_fails_there_is_one_run() -> None:
    outcome, runs, _ = _carried_out([], named=True)
    assert runs.parts == [tuple(DAYS)]
    assert (outcome.computed, outcome.failed, outcome.untried) == (DAYS, {}, [])


def test_a_day_that_its_failure_names_is_run_by_itself_and_the_others_around_it() -> None:
    outcome, runs, tagged = _carried_out([DAYS[13]], named=True)
    assert runs.parts == [tuple(DAYS), tuple(DAYS[:13]), (DAYS[13],), tuple(DAYS[14:])]
    assert outcome.computed == [day for day in DAYS if day != DAYS[13]]
    assert list(outcome.failed) == tagged == [DAYS[13]]


@pytest.mark.parametrize("bad", [0, 13, 29])
def test_a_day_that_no_failure_names_is_found_by_halves(bad: int) -> None:
    outcome, runs, tagged = _carried_out([DAYS[bad]], named=False)
    assert outcome.computed == [day for day in DAYS if day != DAYS[bad]]
    assert list(outcome.failed) == tagged == [DAYS[bad]]
    assert len(runs.parts) <= 11


@given(st.sets(st.sampled_from(DAYS), max_size=2), st.booleans())
def test_every_day_is_computed_or_named_and_days_are_computed_in_order(bad: set[str], named: bool) -> None:
    outcome, runs, tagged = _carried_out(bad, named=named)
    assert outcome.computed == [day for day in DAYS if day not in bad]
    assert set(outcome.failed) == set(tagged) == bad
    succeeded = [day for days in runs.parts if not bad & set(days) for day in days]
    assert succeeded == outcome.computed


@pytest.mark.parametrize("named", [True, False])
def test_what_fails_on_every_day_is_given_up(named: bool) -> None:
    outcome, runs, _ = _carried_out(DAYS, named=named)
    assert outcome.computed == []
    assert list(outcome.failed) == DAYS[:3]
    assert outcome.untried == DAYS[3:]
    assert len(runs.parts) <= 10


def test_a_day_that_a_failure_names_but_that_is_good_is_computed() -> None:
    def run(part: Part) -> str:
        if len(part.days) == len(DAYS):
            raise RunFailedError(f"since {DAYS[3]} something is odd", "1")
        return "2"

    outcome = carry_out([Part(tuple(DAYS), frozenset({A}))], run, lambda *_: None, lambda line: None)
    assert (outcome.computed, outcome.failed) == (DAYS, {})


def test_what_has_no_days_fails_as_it_is() -> None:
    def run(part: Part) -> str:
        raise RunFailedError("the disk is full", "1")

    with pytest.raises(RunFailedError, match="the disk is full"):
        carry_out([Part((), frozenset({WHOLE}))], run, lambda *_: None, lambda line: None)


def test_the_summary_names_each_day_with_its_reason_and_how_many_were_computed() -> None:
    outcome = Outcome(["1"], DAYS[:2], {DAYS[2]: "raw failed"}, DAYS[3:5])
    assert summary(outcome) == (
        f"2 of 5 days were computed; these were not: {DAYS[2]}; 2 from {DAYS[3]} on were not tried, since the fault is "
        f"of no day; {DAYS[2]}: raw failed"
    )
