"""Every document is accounted for: kept, set aside as a duplicate, or quarantined whole with its reason."""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.records import DOCUMENT, PARSED, QUARANTINE
from trending_assets.ingest.documents import (
    Document,
    MalformedRecordError,
    ParsedDocument,
    documents_table,
    parse_documents,
    payload_of,
    quarantined,
    read_documents,
)
from trending_assets.ingest.sample_parser import parse
from trending_assets_tests.ingest.payloads import PAYLOADS, document, review, show

_GOOD = st.sampled_from(sorted(PAYLOADS)).map(lambda kind: (kind, PAYLOADS[kind]()))
_SPOILT = st.just(("show", show() | {"genres": ["No such genre"]}))
_JUNK = st.tuples(st.sampled_from(["film", "show", "review", "plot", "other"]), st.binary(max_size=12))
_DOCUMENTS = st.lists(
    st.builds(lambda content, name: document(*content, name), _GOOD | _SPOILT | _JUNK, st.sampled_from("abc")),
    max_size=15,
)


def _pseudonym(author: str, source: str) -> str:
    return f"{len(author)}@{source}"


@settings(max_examples=150, deadline=None)
@given(_DOCUMENTS)
def test_what_came_in_is_what_was_kept_set_aside_or_quarantined(documents: list[Document]) -> None:
    parsed = parse_documents(documents, parse, _pseudonym)
    assert parsed.schema == PARSED.schema
    parsed.validate(full=True)
    rows = parsed.to_pylist()
    assert [(row["source_id"], row["document_sha256"]) for row in rows] == [(d.source_id, d.sha256) for d in documents]
    seen: set[tuple[str, str]] = set()
    for row in rows:
        key = (row["document_type"], row["document_sha256"])
        records = row["titles"] + row["reviews"]
        if key in seen:
            assert row["outcome"] == "duplicate"
        if row["outcome"] == "kept":
            assert records
            assert row["reason"] is None
        else:
            assert row["outcome"] in ("duplicate", "quarantined")
            assert (row["outcome"] == "duplicate") == (key in seen)
            assert row["reason"]
            assert not records
        seen.add(key)


@settings(max_examples=150, deadline=None)
@given(_DOCUMENTS)
def test_quarantine_holds_each_quarantined_document_once_byte_for_byte(documents: list[Document]) -> None:
    parsed = parse_documents(documents, parse, _pseudonym)
    held = quarantined(documents, parsed)
    assert held.schema == QUARANTINE.schema
    expected = [
        (d.document_type, d.source_id, d.url, d.fetched_at, row["reason"], d.sha256, d.payload)
        for d, row in zip(documents, parsed.to_pylist(), strict=True)
        if row["outcome"] == "quarantined"
    ]
    columns = ["document_type", "source_id", "url", "arrived_at", "reason", "document_sha256", "payload"]
    assert [tuple(row[name] for name in columns) for row in held.to_pylist()] == expected


def test_the_same_payload_under_another_type_is_no_duplicate() -> None:
    documents = [document("show", show(), "a"), document("review", show(), "b")]
    assert parse_documents(documents, parse, _pseudonym)["outcome"].to_pylist() == ["kept", "quarantined"]


def test_a_duplicate_names_the_document_that_it_repeats() -> None:
    rows = parse_documents(
        [document("review", review(), "rt-1"), document("review", review(), "rt-2")], parse, _pseudonym
    )
    assert rows["reason"].to_pylist() == [None, "same payload as rt-1"]


def test_a_row_of_the_wrong_type_is_quarantined_and_does_not_break_its_day() -> None:
    def careless(origin: Document) -> ParsedDocument:
        parsed = parse(origin)
        if origin.source_id == "bad":
            parsed.titles[0]["year"] = "two thousand"
        return parsed

    documents = [document("show", show(), "bad"), document("show", show() | {"title": "Other"}, "good")]
    outcomes = parse_documents(documents, careless, _pseudonym)["outcome"].to_pylist()
    assert Counter(outcomes) == {"quarantined": 1, "kept": 1}


def test_no_documents_give_tables_without_rows_but_with_every_column() -> None:
    parsed = parse_documents([], parse, _pseudonym)
    assert (parsed.num_rows, parsed.schema) == (0, PARSED.schema)
    assert quarantined([], parsed).schema == QUARANTINE.schema
    assert documents_table([]).schema == DOCUMENT.schema


_ANY_DOCUMENT = st.builds(
    Document,
    source=st.just("sample"),
    document_type=st.sampled_from(["film", "show"]),
    source_id=st.text(max_size=8),
    url=st.text(max_size=8),
    fetched_at=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    payload=st.binary(max_size=20),
    status=st.integers(100, 599),
    headers=st.just('{"content-type": "text/plain"}'),
)


@settings(max_examples=100, deadline=None)
@given(st.lists(_ANY_DOCUMENT, max_size=8, unique_by=lambda d: (d.document_type, d.source_id)), st.randoms())
def test_documents_come_back_from_their_table_as_they_were(documents: list[Document], chance: random.Random) -> None:
    table = documents_table(documents)
    assert table.schema == DOCUMENT.schema
    back = read_documents(table)
    assert sorted(back, key=lambda d: (d.document_type, d.source_id)) == sorted(
        documents, key=lambda d: (d.document_type, d.source_id)
    )
    assert table["sha256"].to_pylist() == [d.sha256 for d in back]
    chance.shuffle(documents)
    assert documents_table(documents).equals(table)


def test_a_table_with_further_columns_is_read_all_the_same() -> None:
    table = documents_table([document("show", show())])
    assert read_documents(table.append_column("day", pa.array(["2025-06-02"]))) == [document("show", show())]


def test_times_keep_their_microseconds_and_their_zone() -> None:
    moment = datetime(2025, 6, 2, 1, 2, 3, 456789, tzinfo=UTC)
    (back,) = read_documents(documents_table([Document("s", "t", "i", "u", moment, b"")]))
    assert back.fetched_at == moment
    assert back.fetched_at.utcoffset() == timedelta(0)


@pytest.mark.parametrize("payload", [b"1", b'"text"', b"[{}]", b"true"])
def test_only_a_json_object_is_a_record(payload: bytes) -> None:
    with pytest.raises(MalformedRecordError, match="not an object"):
        payload_of(document("show", payload))
