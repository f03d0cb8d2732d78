"""Each expectation finds what breaks it and nothing else, and no check ever shows a text or an author."""

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from trending_assets.checks.expectations import (
    SUITES,
    reviews_meet_expectations,
    signals_meet_expectations,
    titles_meet_expectations,
    validate,
)
from trending_assets_tests.checks.evaluating import lake_of, run_of, said
from trending_assets_tests.checks.rows import DAYS, GOOD, Rows, land

LATE = datetime(2025, 6, 2, 2, tzinfo=UTC)
CHECKS = {
    "titles": titles_meet_expectations,
    "reviews": reviews_meet_expectations,
    "stg_signals": signals_meet_expectations,
}

# Table, what is changed of its first row, and the column that is found wrong.
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("titles", {"title_id": "nm0123456"}, "title_id"),
    ("titles", {"title_id": "TMDB:1"}, "title_id"),
    ("titles", {"title_id": None}, "title_id"),
    ("titles", {"title_id": "tvmaze:7"}, "title_id, day"),
    ("titles", {"kind": "episode"}, "kind"),
    ("titles", {"title": ""}, "title_length"),
    ("titles", {"title": "x" * 501}, "title_length"),
    ("titles", {"plot": ""}, "plot_length"),
    ("titles", {"plot": "x" * 50_001}, "plot_length"),
    ("titles", {"year": 1066}, "year"),
    ("titles", {"runtime_minutes": 0}, "runtime_minutes"),
    ("titles", {"certificate": "18"}, "certificate"),
    ("titles", {"imdb_id": "tt1"}, "imdb_id"),
    ("titles", {"document_sha256": "no hash"}, "document_sha256"),
    ("titles", {"genres": ["noir"], "label_coverage": ["noir"]}, "unknown_genres"),
    ("titles", {"genres": ["music"]}, "uncovered_genres"),
    ("titles", {"event_time": LATE}, "happened_after_arrival"),
    ("reviews", {"review_id": None, "text": "Fine."}, "review_id"),
    ("reviews", {"review_id": "a2"}, "review_id, day"),
    ("reviews", {"title_id": None}, "title_id"),
    ("reviews", {"title_id": "A Film"}, "title_id"),
    ("reviews", {"text": None, "flags": ["empty"]}, "text_length"),
    ("reviews", {"text": "x" * 100_001}, "text_length"),
    ("reviews", {"text": ""}, "unflagged_and_empty"),
    ("reviews", {"text": "Write to jo.bloggs@mail.com!"}, "contacts_in_text"),
    ("reviews", {"author_hash": "Jo Bloggs"}, "author_without_pseudonym"),
    ("reviews", {"near_duplicate_of": "gone"}, "original_is_missing"),
    ("reviews", {"language": "English"}, "language"),
    ("reviews", {"rating": 10.5}, "rating"),
    ("reviews", {"verdict": "stale"}, "verdict"),
    ("reviews", {"event_time": LATE}, "happened_after_arrival"),
    ("stg_signals", {"title_id": None}, "title_id"),
    ("stg_signals", {"source": "TMDB"}, "source"),
    ("stg_signals", {"name": "Trending rank"}, "name"),
    ("stg_signals", {"value": None}, "value"),
    ("stg_signals", {"value": float("nan")}, "value"),
    ("stg_signals", {"value": float("inf")}, "value"),
    ("stg_signals", {"name": "votes", "value": -1.0}, "value"),
    ("stg_signals", {"value": 0.0}, "rank_below_one"),
    ("stg_signals", {"name": "rating", "value": 10.5, "source_title_id": "tv-8"}, "rating_off_scale"),
    ("stg_signals", {"name": "views", "value": 3.0}, "source, source_title_id, name, event_time, document_sha256, day"),
    ("stg_signals", {"event_time": LATE}, "happened_after_arrival"),
]


def _failed(folder: Path, table: str, days: list[str]) -> dict[str, str]:
    suite = SUITES[table]
    return validate(suite, suite.frame(lake_of(folder), days))


@pytest.mark.parametrize("table", GOOD)
def test_good_rows_keep_every_expectation(tmp_path: Path, table: str) -> None:
    for day in DAYS:
        # What holds within a day may repeat on the next one.
        land(tmp_path, table, GOOD[table](), day)
    assert _failed(tmp_path, table, DAYS) == {}


@pytest.mark.parametrize("table", GOOD)
def test_a_day_without_rows_breaks_none(tmp_path: Path, table: str) -> None:
    land(tmp_path, table, [])
    assert _failed(tmp_path, table, DAYS[:1]) == {}


@pytest.mark.parametrize("table", GOOD)
def test_each_fault_is_found_where_it_is(tmp_path: Path, table: str) -> None:
    expected = set()
    faults = [(change, column) for name, change, column in FAULTS if name == table]
    days = [(date(2025, 6, 1) + timedelta(days=age)).isoformat() for age in range(len(faults))]
    for day, (change, column) in zip(days, faults, strict=True):
        rows = GOOD[table]()
        rows[0] |= change
        # The original of a near-duplicate has to stay where it is.
        if "review_id" in change:
            rows[1]["near_duplicate_of"] = None
        land(tmp_path, table, rows, day)
        expected.add((column, day))
    failed = _failed(tmp_path, table, days).items()
    found = {(name.partition(" ")[2], day) for name, text in failed for day in re.findall(r"day ([\d-]+)", text)}
    assert found == expected


def test_every_column_that_is_asked_about_has_a_fault_that_breaks_it() -> None:
    for table, suite in SUITES.items():
        asked = {e.configuration.kwargs.get("column") for e in suite.expectations()} - {None}
        assert asked - {"document_sha256"} <= {column for name, _, column in FAULTS if name == table}


def test_a_near_duplicate_of_another_days_review_is_found(tmp_path: Path) -> None:
    first, second, empty = GOOD["reviews"]()
    land(tmp_path, "reviews", [first])
    land(tmp_path, "reviews", [second, empty], DAYS[1])
    assert list(_failed(tmp_path, "reviews", DAYS)) == ["expect_column_values_to_be_in_set original_is_missing"]


@pytest.mark.parametrize("table", GOOD)
def test_a_failing_check_stops_the_run_and_names_the_rows(tmp_path: Path, table: str) -> None:
    bad = GOOD[table]()
    bad[0]["event_time"] = LATE
    land(tmp_path, table, GOOD[table]())
    land(tmp_path, table, bad, DAYS[1])
    evaluations, went_on = run_of(tmp_path, [CHECKS[table]], DAYS)
    (evaluation,) = evaluations.values()
    assert not went_on
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.ERROR
    found = said(evaluation)
    assert (found["rows"], found["days"]) == (2 * len(bad), 2)
    (text,) = found["failed"].values()
    assert text.startswith(f"1 of {2 * len(bad)} values, such as happened_after_arrival 1, ")
    key = SUITES[table].keys[0]
    assert f"{key} {bad[0][key]}" in text
    assert DAYS[1] in text


def test_only_the_days_of_the_run_are_looked_at(tmp_path: Path) -> None:
    bad = GOOD["titles"]()
    bad[0]["year"] = 1066
    land(tmp_path, "titles", bad)
    land(tmp_path, "titles", GOOD["titles"](), DAYS[1])
    evaluations, went_on = run_of(tmp_path, [titles_meet_expectations], DAYS[1:])
    assert went_on
    assert all(evaluation.passed for evaluation in evaluations.values())


def all_wrong() -> Rows:
    """Reviews that break every expectation that a text, an author or a rating as written can break."""
    rows = GOOD["reviews"]()
    for row in rows:
        row |= {"author_hash": "Jo Bloggs", "rating_raw": "Bloggs' best", "rating": 11.0, "verdict": "stale"}
        row |= {"text": "Write to jo.bloggs@mail.com!" + "x" * 100_000, "source_title_id": "bloggs"}
    return rows


def test_no_check_shows_a_text_or_an_author(tmp_path: Path) -> None:
    land(tmp_path, "reviews", all_wrong())
    evaluations, _ = run_of(tmp_path, [reviews_meet_expectations], DAYS[:1])
    found = said(evaluations["reviews_meet_expectations"])
    assert len(found["failed"]) == 5
    assert "bloggs" not in str(found).lower()
