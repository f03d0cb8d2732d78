"""The records state every column once, with a meaning, and carry time and origin to the end."""

import pyarrow as pa
import pytest

from trending_assets.domain.catalog.records import (
    CATALOG,
    DOCUMENT,
    IDENTITY,
    PARSED,
    QUARANTINE,
    REVIEW,
    SIGNAL,
    TIMESTAMP,
    TITLE,
    Record,
)

_ALL = [DOCUMENT, TITLE, REVIEW, SIGNAL, PARSED, IDENTITY, QUARANTINE, CATALOG]
_RECORDS = pytest.mark.parametrize("record", _ALL, ids=lambda record: record.name)


@_RECORDS
def test_every_column_is_named_once_and_says_what_it_means(record: Record) -> None:
    names = [column.name for column in record.columns]
    assert len(names) == len(set(names))
    assert all(column.description.endswith(".") for column in record.columns)
    assert record.description.endswith(".")


@_RECORDS
def test_the_schema_says_which_columns_may_be_null(record: Record) -> None:
    assert {field.name: field.nullable for field in record.schema} == {c.name: c.nullable for c in record.columns}
    assert record.schema.names == [field.name for field in record.struct]


@pytest.mark.parametrize("record", [TITLE, REVIEW, SIGNAL], ids=lambda record: record.name)
def test_every_typed_row_carries_both_times_and_the_document_that_it_came_from(record: Record) -> None:
    assert record.schema.field("event_time").type == TIMESTAMP
    assert record.schema.field("arrived_at").type == TIMESTAMP
    assert not record.schema.field("document_sha256").nullable


@pytest.mark.parametrize("record", [DOCUMENT, QUARANTINE], ids=lambda record: record.name)
def test_a_payload_is_kept_as_bytes(record: Record) -> None:
    assert record.schema.field("payload").type == pa.binary()


def test_no_typed_record_has_room_for_a_reviewers_name_or_contact() -> None:
    named = {column.name for record in (TITLE, REVIEW, SIGNAL, CATALOG) for column in record.columns}
    assert "author_hash" in named
    assert not {"author", "author_name", "reviewer", "critic", "email"} & named


def test_the_catalogue_is_made_of_the_titles_columns_less_their_origin() -> None:
    assert {"title_id", "plot", "genres", "label_coverage", "sources", "aliases", "as_of"} <= set(CATALOG.schema.names)
    assert not {"document_sha256", "matches", "event_time"} & set(CATALOG.schema.names)
