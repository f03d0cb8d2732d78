"""A day's reviews: cleaned, rated, each once; and without the names of those who wrote them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.ratings import rating_of
from trending_assets.domain.catalog.records import REVIEW
from trending_assets.domain.catalog.reviews import finish_reviews, normalise_reviews
from trending_assets.domain.text.cleaning import plain_text
from trending_assets.domain.text.personal import pseudonym, without_contacts

_START = datetime(2024, 5, 1, tzinfo=UTC)
_SCHEMA = pa.schema(
    [
        ("source", pa.string()),
        ("source_title_id", pa.string()),
        ("author", pa.string()),
        ("text", pa.string()),
        ("rating_raw", pa.string()),
        ("rating_scale", pa.float64()),
        ("event_time", pa.timestamp("us", tz="UTC")),
        ("note", pa.int64()),
    ]
)
_LONG = "One of the rare films that get better with every single viewing, year after year."


def _raw(**changes: Any) -> dict[str, Any]:
    return {
        "source": "critics",
        "source_title_id": "t1",
        "imdb_id": None,
        "author": "Renée O'Brien",
        "text": _LONG,
        "language": None,
        "rating_raw": "3/5",
        "rating_scale": None,
        "verdict": "fresh",
        "event_time": _START,
        "arrived_at": _START + timedelta(days=1),
        "document_sha256": "0" * 64,
    } | changes


@pytest.fixture
def finish() -> Callable[..., list[dict[str, Any]]]:
    return lambda *rows: finish_reviews(rows, lambda author, source: pseudonym(author, source, b"key"))


def test_a_finished_review_is_a_row_of_the_record(finish: Callable[..., list[dict[str, Any]]]) -> None:
    [row] = finish(_raw(text="<p>Caf&eacute;  scenes</p> of the best kind, and that is all.<br>joe@example.com"))
    assert list(row) == REVIEW.schema.names
    pa.Table.from_pylist([row], schema=REVIEW.schema).validate(full=True)
    assert row["text"] == "Café scenes of the best kind, and that is all. [e-mail]"
    assert (row["rating"], row["rating_raw"], row["language"], row["verdict"]) == (6, "3/5", "en", "fresh")
    assert (row["flags"], row["near_duplicate_of"]) == ([], None)
    assert "Brien" not in str(row)


def test_an_id_is_of_source_title_author_and_text(finish: Callable[..., list[dict[str, Any]]]) -> None:
    rows = [_raw(), _raw(rating_raw="1/5"), _raw(text=f" {_LONG}"), _raw(author="renée  o'brien")]
    rows += [_raw(source="viewers"), _raw(source_title_id="t2"), _raw(author=None), _raw(text="Other.")]
    ids = [row["review_id"] for row in finish(*rows)]
    assert len(set(ids[:4])) == 1
    assert len(set(ids[3:])) == 5
    assert {len(found) for found in ids} == {24}


def test_rows_stay_in_order_and_number(finish: Callable[..., list[dict[str, Any]]]) -> None:
    texts = ["Bravo.", "", "Bravo.", "Brava!", " Bravo. "]
    assert [row["text"] for row in finish(*(_raw(text=text) for text in texts))] == [text.strip() for text in texts]
    assert finish() == []


def test_a_copy_names_the_earliest_review_that_it_repeats(finish: Callable[..., list[dict[str, Any]]]) -> None:
    late, early, again, other = finish(
        _raw(author="B", event_time=_START + timedelta(hours=1), text=f"{_LONG} Really."),
        _raw(author="A"),
        _raw(author="A", event_time=_START + timedelta(hours=2)),
        _raw(author="C", text="Nothing of the kind has been seen in any of his films until now."),
    )
    assert late["near_duplicate_of"] == early["review_id"]
    # The same review seen twice is no copy of itself.
    assert again["review_id"] == early["review_id"]
    assert [row["near_duplicate_of"] for row in (early, again, other)] == [None, None, None]


def test_a_language_that_the_source_gives_stays(finish: Callable[..., list[dict[str, Any]]]) -> None:
    assert [row["language"] for row in finish(_raw(language="fr"), _raw(), _raw(language="de"))] == ["fr", "en", "de"]


def test_flags_are_those_of_the_cleaned_text(finish: Callable[..., list[dict[str, Any]]]) -> None:
    assert [row["flags"] for row in finish(_raw(text="<br> "), _raw(text="Fine."))] == [["empty"], []]


def test_ratings_use_the_scale_of_their_row(finish: Callable[..., list[dict[str, Any]]]) -> None:
    rows = finish(
        _raw(rating_raw="8", rating_scale=10.0), _raw(rating_raw="8"), _raw(rating_raw=None), _raw(rating_raw="good")
    )
    assert [row["rating"] for row in rows] == [8, None, None, None]


_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["critics", "viewers"]),
            "source_title_id": st.sampled_from(["1", "10", "2"]),
            "author": st.sampled_from([None, "A", "B"]),
            "text": st.sampled_from(
                ["Good.", "Good. ", "<b>Good.</b>", "Bad.", "Cafe\u0301", "Café", "", "mail a@b.com"]
            ),
            "rating_raw": st.sampled_from([None, "3/5", "8", "B-", "fresh"]),
            "rating_scale": st.sampled_from([None, 10.0]),
            "event_time": st.integers(0, 3).map(lambda hours: _START + timedelta(hours=hours)),
        }
    ),
    max_size=25,
)


@given(_ROWS)
@settings(deadline=None, max_examples=200)
def test_a_table_is_what_its_rows_are_one_by_one(rows: list[dict[str, Any]]) -> None:
    expected: dict[tuple[Any, ...], dict[str, Any]] = {}
    for number, row in sorted(enumerate(rows), key=lambda pair: pair[1]["event_time"]):
        text = without_contacts(plain_text(row["text"]))
        rating = None if row["rating_raw"] is None else rating_of(row["rating_raw"], row["rating_scale"])
        kept = {k: v for k, v in row.items() if k != "rating_scale"} | {"text": text, "rating": rating, "note": number}
        expected.setdefault((row["source"], row["source_title_id"], row["author"], text), kept)
    written = pa.Table.from_pylist([r | {"note": i} for i, r in enumerate(rows)], schema=_SCHEMA)
    table = pa.concat_tables(normalise_reviews(written))
    order = ("source", "source_title_id", "event_time", "author", "text")
    assert table.to_pylist() == sorted(expected.values(), key=lambda row: [row[name] or "" for name in order])
    assert table.column_names == [
        name.replace("_scale", "") if name == "rating_scale" else name for name in _SCHEMA.names
    ]


def test_a_table_of_many_chunks_is_read_whole() -> None:
    rows = [
        {**_raw(), "source_title_id": f"{number % 7}", "text": f"<b>{number % 20_000}</b>", "note": number}
        for number in range(40_000)
    ]
    rows = [{name: row[name] for name in _SCHEMA.names} for row in rows]
    table = pa.concat_tables(pa.Table.from_pylist(rows[i : i + 7_000], schema=_SCHEMA) for i in range(0, 40_000, 7_000))
    assert sum(map(len, normalise_reviews(table))) == len({(row["source_title_id"], row["text"]) for row in rows})
