"""Scores of several signals come together by their weights, whatever else is known or not."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trending_assets.domain.trend.activity import RECENT_DAYS, WEIGHTS, WINDOWS, activity, window_start
from trending_assets.domain.trend.score import HISTORY_DAYS, Cohorts, cohort_of, trend

_DAY = date(2025, 6, 20)
_FACTS = {"kind": "movie", "released": None, "year": 1999, "known_from": date(2020, 1, 1)}
_Event = tuple[str, str, str, int, float]


def _scored(events: Sequence[_Event], facts: dict[str, dict[str, Any]] | None = None) -> dict[str, dict[str, Any]]:
    """Rows by title, of events of a title, source and signal so many days ago."""
    frame = pd.DataFrame(
        [(title, source, signal, _DAY - timedelta(days=ago), number) for title, source, signal, ago, number in events],
        columns=["title_id", "source", "signal", "happened_on", "events"],
    )
    known = dict.fromkeys(frame["title_id"], _FACTS) | (facts or {})
    table = pd.DataFrame.from_dict(known, orient="index", columns=list(_FACTS))
    return {row["title_id"]: row for row in activity(frame, table, _DAY)}


def _every_day(title: str, source: str, signal: str, number: float, since: int = HISTORY_DAYS) -> list[_Event]:
    return [(title, source, signal, ago, number) for ago in range(since)]


def test_with_one_signal_the_score_is_that_of_the_formula() -> None:
    events = [*_every_day("tt1", "tmdb", "reviews", 3.0), ("tt1", "tmdb", "reviews", 0, 20.0)]
    events += _every_day("tt2", "tmdb", "reviews", 1.0)
    found = _scored(events)
    counts = np.full((2, HISTORY_DAYS), [[3.0], [1.0]])
    counts[0, -1] += 20
    for window in WINDOWS:
        expected = trend(counts, np.full(2, HISTORY_DAYS), ["movie, older"] * 2, window)
        assert [found[title][f"score_{window}"] for title in ("tt1", "tt2")] == expected.score.tolist()
        assert found["tt1"][f"momentum_points_{window}"] > 0
    assert (found["tt1"]["reviews_1d"], found["tt1"]["reviews_7d"], found["tt2"]["reviews_7d"]) == (23, 41, 7)


def test_signals_weigh_what_they_weigh_and_those_that_do_not_know_a_title_nothing() -> None:
    both = [*_every_day("tt1", "tmdb", "reviews", 2.0), *_every_day("tt1", "wikipedia", "views", 900.0)]
    found = _scored([*both, *_every_day("tt2", "tmdb", "reviews", 5.0), ("tt2", "tmdb", "reviews", 0, 40.0)])
    for window in WINDOWS:
        parts = {part["signal"]: part for part in found["tt1"]["parts"] if part["window"] == window}
        weights = {signal: WEIGHTS[signal] for signal in ("reviews", "views")}
        assert {signal: part["weight"] for signal, part in parts.items()} == weights
        for name in ("momentum_points", "volume_points"):
            mean = sum(weights[signal] * part[name] for signal, part in parts.items()) / sum(weights.values())
            assert found["tt1"][f"{name}_{window}"] == pytest.approx(mean)
        (only,) = (part for part in found["tt2"]["parts"] if part["window"] == window)
        assert found["tt2"][f"score_{window}"] == pytest.approx(only["score"])
    assert found["tt1"]["coverage"] == 1
    assert found["tt2"]["coverage"] == pytest.approx(WEIGHTS["reviews"] / (WEIGHTS["reviews"] + WEIGHTS["views"]))


def test_the_parts_sum_to_the_score_to_the_last_bit() -> None:
    rng = np.random.default_rng(3)
    events = [
        (f"tt{title}", source, signal, int(ago), float(rng.integers(1, 9)))
        for title in range(30)
        for source, signal in (("tmdb", "reviews"), ("movielens", "ratings"), ("wikipedia", "views"))
        if rng.random() < 0.7
        for ago in rng.choice(HISTORY_DAYS, 25, replace=False)
    ]
    for row in _scored(events).values():
        for window in WINDOWS:
            assert row[f"momentum_points_{window}"] + row[f"volume_points_{window}"] == row[f"score_{window}"]
            assert 0 < row["coverage"] <= 1


def test_nothing_is_a_surge_where_nothing_is_usual_yet() -> None:
    first_week = [(f"tt{i}", "tmdb", "reviews", ago, 3.0) for i in range(5) for ago in range(7)]
    rows = _scored(first_week, {f"tt{i}": _FACTS | {"known_from": _DAY - timedelta(days=6)} for i in range(5)})
    for row in rows.values():
        assert row["momentum_points_day"] == row["momentum_points_week"] == 0
        assert {part["pace"] for part in row["parts"]} == {part["baseline_rate"] for part in row["parts"]} == {None}
        assert row["score_week"] == row["volume_points_week"] == 35


def test_a_source_that_is_new_makes_no_surges_of_its_titles() -> None:
    """Titles were known for years; what nobody counted before the source came is not zero."""
    old = [event for i in range(12) for event in _every_day(f"tt{i}", "tmdb", "reviews", 2.0)]
    new = [event for i in range(12) for event in _every_day(f"tt{i}", "movielens", "ratings", 5.0, since=30)]
    assert all(row["momentum_points_week"] == 0 for row in _scored([*old, *new]).values())


def test_three_events_of_a_quiet_source_do_not_outrank_a_surge_of_a_busy_one() -> None:
    busy = [event for i in range(20) for event in _every_day(f"tt{i}", "tmdb", "reviews", 10.0)]
    surge = [("tt0", "tmdb", "reviews", ago, 70.0) for ago in range(3)]
    quiet = [("tt90", "tvmaze", "reviews", 0, 3.0), *_every_day("tt91", "tvmaze", "reviews", 0.1)]
    found = _scored([*busy, *surge, *quiet])
    for window in WINDOWS:
        assert found["tt0"][f"score_{window}"] > found["tt90"][f"score_{window}"]


def test_titles_of_which_nothing_was_said_lately_have_no_row_but_are_compared_with() -> None:
    silent = [event for event in _every_day("tt1", "tmdb", "reviews", 4.0) if event[3] >= RECENT_DAYS]
    talked_of = [event for event in _every_day("tt2", "tmdb", "reviews", 4.0) if event[3] >= RECENT_DAYS - 1]
    assert list(_scored([*silent, *talked_of])) == ["tt2"]
    assert _scored([]) == {}


@pytest.mark.parametrize(
    ("facts", "cohort"),
    [
        ({"released": _DAY - timedelta(days=3)}, "movie, up to a month"),
        ({"released": _DAY + timedelta(days=3), "year": 2025}, "movie, to come"),
        ({"year": 2025}, "movie, up to a year"),
        ({"year": 2026}, "movie, to come"),
        ({"year": 2020}, "movie, up to ten years"),
        ({"year": None}, "movie, unknown age"),
        ({"kind": None, "year": 1999}, "unknown, older"),
    ],
)
def test_a_title_is_compared_with_its_kind_and_age(facts: dict[str, Any], cohort: str) -> None:
    """The cohort's titles go at nine a day, all others at one: a new title of the cohort is not surging at nine."""
    others = [event for i in range(20, 25) for event in _every_day(f"tt{i}", "tmdb", "reviews", 1.0)]
    peers = [event for i in range(5) for event in _every_day(f"tt{i}", "tmdb", "reviews", 9.0)]
    new = _every_day("tt9", "tmdb", "reviews", 9.0, since=7)
    known = {f"tt{i}": _FACTS | facts for i in range(5)}
    known["tt9"] = _FACTS | facts | {"known_from": _DAY - timedelta(days=6)}
    known |= {f"tt{i}": _FACTS | {"year": 1950} for i in range(20, 25)}
    (part,) = (part for part in _scored([*others, *peers, *new], known)["tt9"]["parts"] if part["window"] == "week")
    of = Cohorts({cohort: 9.0}, 0.0, 9.0)
    counts = np.zeros((1, HISTORY_DAYS))
    counts[0, -7:] = 9
    assert part["lift"] == pytest.approx(trend(counts, np.array([7]), [cohort], "week", of).lift[0])
    assert part["momentum_points"] == 0


def test_a_window_is_half_a_year() -> None:
    assert (_DAY - window_start(_DAY)).days == HISTORY_DAYS - 1 == 179
    assert cohort_of("show", 12) == "show, up to a month"


def test_a_count_of_nothing_changes_nothing() -> None:
    young = [event for n in range(8) for event in _every_day(f"tt{n}", "wikipedia", "views", 100.0 + n, since=3)]
    before = _scored(young)
    assert {row["momentum_points_day"] for row in before.values()} == {0.0}
    assert _scored([*young, ("tt0", "wikipedia", "views", 100, 0.0), ("tt9", "wikipedia", "views", 0, 0.0)]) == before
