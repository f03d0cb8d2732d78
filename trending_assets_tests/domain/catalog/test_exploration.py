"""Exploration: every figure is what counting by hand gives, and no text or author is among them."""

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.exploration import (
    EXPLORATION,
    QUANTILES,
    Figures,
    explore,
    figures_of,
    generalised,
)
from trending_assets.domain.catalog.records import PARSED
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets_tests.domain.catalog.parsed_rows import DAY, kept, parsed, review, signal, title


def _figures(*documents: dict[str, Any]) -> Figures:
    return figures_of(explore([(DAY, parsed(*documents))]))


def test_documents_and_records_are_counted_by_day() -> None:
    first = parsed(kept([title()], [review(), review("r2")]), kept(outcome="duplicate", reason="same payload as d"))
    second = parsed(kept(signals=[signal("views", 3)]), kept(outcome="quarantined", reason="title is missing"))
    figures = figures_of(explore([(DAY, first), ("2025-06-03", second)]))
    assert figures["documents"] == {
        (DAY, "kept"): 1,
        (DAY, "duplicate"): 1,
        ("2025-06-03", "kept"): 1,
        ("2025-06-03", "quarantined"): 1,
    }
    assert figures["records"][DAY, "reviews"] == 2
    assert figures["records"]["2025-06-03", "signals"] == 1
    assert figures["totals"]["documents", None] == 4
    assert figures["quality"]["documents that repeat another word for word", None] == 1


def test_a_field_is_missing_where_it_is_null_an_empty_list_or_an_empty_text() -> None:
    titles = [title(plot="A plot.", countries=["FR"]), title("2", plot=""), title("3"), title("4", year=1999)]
    missing = _figures(kept(titles, [review(text=""), review("r2")]))["missing"]
    assert missing["titles", "plot"] == 0.75
    assert missing["titles", "countries"] == 0.75
    assert missing["titles", "year"] == 0.75
    assert missing["titles", "external_ids"] == 1
    assert missing["reviews", "text"] == 0.5
    assert not [key for key in missing if key[0] == "signals"], "of no rows there is no share"
    assert not [key for key in missing if key[1] in ("flags", "near_duplicate_of")]


def test_genres_of_unknown_coverage_are_not_counted_as_negative() -> None:
    film = ["comedy", "drama"]
    figures = _figures(
        kept([title(genres=film, label_coverage=[*film, "war"]), title("2", genres=["drama"], label_coverage=film)])
    )
    assert figures["genres together"]["drama", "drama"] == 2
    assert figures["genres together"]["comedy", "drama"] == 1
    assert figures["genres together"]["comedy", "war"] == 0
    assert figures["genre known"]["war", None] == 1
    assert figures["genre known"]["reality", None] == 0


def test_duplicates_of_every_sort_are_told_apart() -> None:
    titles = [title("1", title="It", year=1990), title("2", title="It", year=1990), title("3", title="It", year=2017)]
    reviews = [review("a"), review("a"), review("b", near_duplicate_of="a", flags=["spam", "shouting"])]
    figures = _figures(kept([*titles, titles[0]], reviews))
    assert figures["namesakes"] == {("It (movie, 1990)", None): 2}
    quality = {name: value for (name, _), value in figures["quality"].items() if value}
    assert quality == {
        "titles described again": 1,
        "titles that share name, kind and year with another": 2,
        "reviews seen again": 1,
        "reviews that nearly repeat another of their day": 1,
        "reviews with a flag": 1,
    }
    assert figures["flags"] == {("spam", None): 1, ("shouting", None): 1}


def test_ratings_languages_years_and_signals() -> None:
    reviews = [
        review("a", rating=7.5, rating_raw="7.5", language="en"),
        review("b", rating=7.9, rating_raw="7.9"),
        review("c", rating=10.0, rating_raw="10"),
        review("d", rating_raw="three cheers"),
        review("e", rating_raw="fresh", verdict="fresh"),
    ]
    counts = [signal("views", 2), signal("views", 10), signal("votes", 1)]
    figures = _figures(kept([title(year=1999, kind="show", language="fr")], reviews, counts))
    assert figures["ratings"] == {("7.5", None): 2, ("10", None): 1}
    assert figures["verdicts"] == {("fresh", None): 1}
    assert figures["quality"]["ratings that give no number", None] == 1
    assert figures["languages"] == {("titles", "fr"): 1, ("reviews", "en"): 1, ("reviews", "unknown"): 4}
    assert figures["years"] == {("1999", "show"): 1}
    assert figures["event years"]["reviews", "2024"] == 5
    assert {part: value for (name, part), value in figures["signals"].items() if name == "views"} == {
        "rows": 2,
        "smallest": 2,
        "mean": 6,
        "largest": 10,
    }


_TEXTS = st.text("ab ", max_size=60).map(lambda text: " ".join(text.split()))
_TITLES = st.builds(
    lambda number, genres, plot, year: title(str(number), genres=genres, label_coverage=genres, plot=plot, year=year),
    st.integers(0, 5),
    st.lists(st.sampled_from(GENRES), unique=True, max_size=4),
    st.none() | _TEXTS,
    st.none() | st.integers(1990, 1992),
)
_REVIEWS = st.builds(lambda number, text: review(f"r{number}", text), st.integers(0, 5), _TEXTS)
_DOCUMENTS = st.builds(kept, st.lists(_TITLES, max_size=3), st.lists(_REVIEWS, max_size=3))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(_DOCUMENTS, max_size=4), min_size=1, max_size=4))
def test_figures_are_those_of_counting_one_by_one(days: list[list[dict[str, Any]]]) -> None:
    figures = figures_of(explore((f"2025-06-{i:02}", parsed(*day)) for i, day in enumerate(days, 1)))
    titles = [row for day in days for document in day for row in document["titles"]]
    reviews = [row for day in days for document in day for row in document["reviews"]]
    together = Counter((one, other) for row in titles for one in row["genres"] for other in row["genres"])
    assert {at: count for at, count in figures["genres together"].items() if count} == together
    for name, texts in {"plots": [row["plot"] for row in titles], "reviews": [row["text"] for row in reviews]}.items():
        words = [len(text.split()) for text in texts if text]
        assert sum(n for (text, _), n in figures.get("length histogram", {}).items() if text == name) == len(words)
        if words:
            expected = np.quantile(words, list(QUANTILES.values()), method="inverted_cdf")
            assert [figures["lengths"][name, part] for part in QUANTILES] == expected.tolist()
    assert figures["totals"]["distinct titles", None] == len({row["source_id"] for row in titles})
    assert figures["totals"]["distinct reviews", None] == len({row["review_id"] for row in reviews})
    ids: dict[tuple[str, int], set[str]] = {}
    for row in titles:
        if row["year"] is not None:
            ids.setdefault((row["title"], row["year"]), set()).add(row["source_id"])
    shared = sum(len(found) for found in ids.values() if len(found) > 1)
    assert figures["quality"]["titles that share name, kind and year with another", None] == shared


def test_days_are_read_one_after_the_other_and_the_order_of_rows_is_fixed() -> None:
    documents = [kept([title(str(i), genres=["war"], year=1990 + i % 9)]) for i in range(40)]
    forwards, backwards = parsed(*documents), parsed(*reversed(documents))
    table = explore([(DAY, forwards)])
    assert table.schema == EXPLORATION.schema
    assert table.equals(explore([(DAY, backwards)]))
    keys = [(row["key"], row["part"] or "") for row in table.to_pylist() if row["section"] == "years"]
    assert len(keys) == 9
    assert all(one < other for one, other in pairwise(keys))


def test_more_documents_than_are_counted_at_once() -> None:
    day = pa.concat_tables([parsed(*(kept([title(str(i))], [review(f"r{i}")]) for i in range(50)))] * 300)
    figures = figures_of(explore((f"2025-06-{i:02}", day) for i in (1, 2, 3)))
    assert figures["totals"]["titles", None] == figures["kinds"]["movie", None] == 45_000
    assert figures["totals"]["distinct reviews", None] == 50


def test_a_day_without_documents_gives_figures_of_nothing() -> None:
    figures = figures_of(explore([(DAY, PARSED.schema.empty_table())]))
    assert figures["totals"]["documents", None] == 0
    assert "lengths" not in figures
    assert "missing" not in figures


def test_neither_texts_nor_authors_nor_what_a_reason_quotes_are_among_the_figures() -> None:
    secret = "Jane Q. Public"
    table = explore(
        [
            (
                DAY,
                parsed(
                    kept(reviews=[review(text=f"{secret} saw it.", author_hash="deadbeef", rating_raw=secret)]),
                    kept(outcome="quarantined", reason=f"author: '{secret}' is not a 'name'"),
                    kept(outcome="quarantined", reason="author: \"Anna\" is not a 'name'"),
                ),
            )
        ]
    )
    said = " ".join(str(value) for row in table.to_pylist() for value in row.values())
    assert not [word for word in ("Jane", "Public", "deadbeef", "saw", "Anna") if word in said]
    assert figures_of(table)["reasons"] == {("author: …", None): 1, ("author: … is not a …", None): 1}


@pytest.mark.parametrize(
    ("reason", "general"),
    [
        ("year: 1066 is not from 1870 to 2100", "year: … is not from … to …"),
        ("category: 'stale' is neither fresh nor rotten", "category: … is neither fresh nor rotten"),
        ("title is missing", "title is missing"),
    ],
)
def test_reasons_are_counted_without_what_they_quote(reason: str, general: str) -> None:
    assert generalised(reason) == general


@given(st.text(alphabet=st.characters(exclude_characters="'\"…x"), min_size=1))
def test_whatever_a_reason_quotes_is_left_out(quoted: str) -> None:
    assert generalised(f"x: {quoted!r} x") == "x: … x"
