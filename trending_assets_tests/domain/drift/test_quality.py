"""A source that lacks more than before is at fault; another source, fewer rows or a small rise is not."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.drift.answers import distinct_answers, source_labels
from trending_assets.domain.drift.quality import NULLABLE, QualityFinding, counts_of, quality
from trending_assets.domain.drift.windows import MINIMUM_ROWS

_DAY = "2025-06-30"
_BEFORE = [(date.fromisoformat(_DAY) - timedelta(days=number)).isoformat() for number in range(1, 21)]
_MEASURE = ("tmdb", "year missing")


def _verdict(having: int, rows: int, before: tuple[int, int] = (5, 100), measure: str = _MEASURE[1]) -> QualityFinding:
    key = ("tmdb", measure)
    (found,) = quality({day: {key: before} for day in _BEFORE} | {_DAY: {key: (having, rows)}}, _DAY)
    return found


@pytest.mark.parametrize(
    ("having", "rows", "verdict"),
    [
        (5, 100, "usual"),
        (100, 100, "fault"),
        (0, 100, "usual"),
        (12, 100, "usual"),
        (40, 100, "fault"),
        (10, 31, "fault"),
    ],
)
def test_a_share_that_grows_is_a_fault_and_one_that_falls_is_none(having: int, rows: int, verdict: str) -> None:
    found = _verdict(having, rows)
    assert found.verdict == verdict
    assert found.value == having / rows
    assert found.expected == 0.05


def test_a_rise_that_is_sure_and_small_is_no_fault() -> None:
    found = _verdict(1000, 10_000, before=(500, 10_000))
    assert found.p_adjusted is not None
    assert found.p_adjusted < 0.001
    assert found.verdict == "usual"


@pytest.mark.parametrize(("rows", "before"), [(MINIMUM_ROWS - 1, (5, 100)), (100, (0, 2))])
def test_too_few_rows_are_unknown(rows: int, before: tuple[int, int]) -> None:
    found = _verdict(rows, rows, before)
    assert (found.verdict, found.value, found.p_value) == ("unknown", None, None)
    assert found.why


def test_a_source_that_has_just_come_is_unknown_and_leaves_others_alone() -> None:
    old, new = _MEASURE, ("wikidata", "year missing")
    days = {day: {old: (5, 100)} for day in _BEFORE} | {_DAY: {old: (5, 100), new: (100, 100)}}
    assert {f.source: f.verdict for f in quality(days, _DAY)} == {"tmdb": "usual", "wikidata": "unknown"}


def test_a_fault_is_found_however_many_sources_there_are() -> None:
    others = {(f"source {n}", f"{name} missing"): (5, 100) for n in range(12) for name in NULLABLE}
    ours = {("tmdb", f"{name} missing"): (5, 100) for name in NULLABLE}
    days = {day: {**others, **ours} for day in _BEFORE}
    spoilt = {**ours, _MEASURE: (100, 100)}
    found = quality(days | {_DAY: {**others, **spoilt}}, _DAY)
    assert [each.source for each in found if each.verdict == "fault"] == ["tmdb"]


def test_among_many_sources_that_have_not_changed_hardly_a_week_has_a_fault() -> None:
    random = np.random.default_rng(3)
    keys = [(f"source {n}", f"{name} missing") for n in range(20) for name in NULLABLE]
    shares = random.uniform(0.1, 0.9, len(keys))
    weeks = 60

    def found(rows: int) -> dict[tuple[str, str], tuple[int, int]]:
        return {key: (int(having), rows) for key, having in zip(keys, random.binomial(rows, shares), strict=True)}

    def at_fault() -> bool:
        # Of few rows, so that what chance does is more than the least increase.
        findings = quality({_BEFORE[0]: found(300), _DAY: found(40)}, _DAY)
        return any(each.verdict == "fault" for each in findings)

    # At the level of a day for each of the sources by itself, it would be up to 19 % of weeks.
    assert sum(any(at_fault() for _ in range(7)) for _ in range(weeks)) <= 0.05 * weeks


def test_fewer_documents_than_ever_are_unusual() -> None:
    assert _verdict(3, 3, before=(100, 100), measure="documents").verdict == "unusual"
    assert _verdict(100, 100, before=(100, 100), measure="documents").verdict == "usual"


@pytest.mark.parametrize(
    ("sent_on", "verdict"),
    [
        pytest.param(_BEFORE, "unusual", id="every day so far"),
        pytest.param(_BEFORE[1:], "unusual", id="every day but yesterday"),
        pytest.param(_BEFORE[-1:], "usual", id="once"),
        pytest.param(_BEFORE[:3], "unknown", id="for three days"),
    ],
)
def test_a_source_that_sends_nothing_is_told_of(sent_on: list[str], verdict: str) -> None:
    silent, other = ("imdb", "documents"), ("tmdb", "documents")
    sent = {day: {other: (100, 100)} | ({silent: (50, 50)} if day in sent_on else {}) for day in [_DAY, *_BEFORE]}
    (found,) = (each for each in quality(sent, _DAY) if each.source == "imdb")
    assert (found.verdict, found.rows) == (verdict, 0)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["kept", "duplicate", "quarantined"]), min_size=1, max_size=30))
def test_every_document_is_counted(outcomes: list[str]) -> None:
    documents = pd.DataFrame({"source": ["tmdb"] * len(outcomes), "outcome": outcomes})
    found = counts_of(documents, pd.DataFrame({name: [] for name in ("source", *NULLABLE)}))
    assert found["tmdb", "quarantined"] == (outcomes.count("quarantined"), len(outcomes))
    assert found["tmdb", "duplicate"] == (outcomes.count("duplicate"), len(outcomes))
    assert found["tmdb", "documents"] == (len(outcomes), len(outcomes))


def test_an_empty_list_is_missing_as_a_null_is() -> None:
    titles = pd.DataFrame(
        {name: [None, "x"] for name in ("year", "language", "plot", "runtime_minutes", "certificate")}
        | {"source": ["tmdb"] * 2, "countries": [np.array([]), np.array(["FR"])], "platforms": [[], ["hulu"]]}
        | {"genres": [[], ["comedy"]]}
    )
    found = counts_of(pd.DataFrame({"source": [], "outcome": []}), titles)
    assert {measure: counts for (_, measure), counts in found.items()} == {
        f"{name} missing": (1, 2) for name in NULLABLE
    }


def test_a_title_that_is_asked_about_often_is_one_answer() -> None:
    rows = np.repeat(np.arange(4), 2)
    found = distinct_answers(
        rows,
        ["comedy", "horror"] * 4,
        np.array([0.9, 0.1, 0.9, 0.1, 0.9, 0.2, 0.3, 0.1]),
        np.array([True, False] * 3 + [False, False]),
    )
    probabilities, selected = found["comedy"]
    assert sorted(probabilities) == [0.3, 0.9, 0.9]
    assert sorted(selected) == [0, 1, 1]
    assert distinct_answers(np.empty(0, dtype=np.int64), [], np.empty(0), np.empty(0, dtype=bool)) == {}


def test_labels_are_those_that_complete_records_with_a_plot_give() -> None:
    records = pd.DataFrame(
        [
            ("t1", "A plot.", ["comedy"], ["comedy", "drama"], True),
            ("t1", "A plot.", ["horror"], ["horror"], True),
            ("t2", "A plot.", ["drama"], ["drama"], False),
            ("t3", None, ["drama"], ["drama"], True),
            ("t4", "A plot.", [], ["drama"], True),
        ],
        columns=["title_id", "plot", "genres", "label_coverage", "labels_complete"],
    )
    labels = source_labels(records)
    assert labels.shape == (1, 20)
    assert np.nansum(labels) == 2
    assert (~np.isnan(labels)).sum() == 3
    assert source_labels(records.iloc[2:]).shape == (0, 20)
