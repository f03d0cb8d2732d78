"""Rows come out of every format alike, and a row that cannot be read is handed on whole with the reason."""

import gzip
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.ingest.archive_files import ArchiveError, Row, opened
from trending_assets.ingest.archive_mappings import read_mapping
from trending_assets.ingest.archive_parser import parse
from trending_assets.ingest.archive_reader import read_archive
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument
from trending_assets_tests.ingest.archive_samples import COLUMNS, DAY, FORMATS, MAPPING, file, film, written

MINE = read_mapping(MAPPING, "mine.toml")
_CELL = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ['"', "a,b", "a\tb", "line\nbreak", "line\r\nbreak", "\r", "{", "'", "é", "\ufeff", "\x00", "\u2028"]
)
_ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, _CELL)), min_size=1, max_size=6)


def _rows(path: Path) -> list[Row]:
    with opened(path) as rows:
        return list(rows.each)


def _documents(path: Path) -> list[Document]:
    return list(read_archive(path, MINE, ingest_day=DAY))


def _reason(document: Document) -> str:
    with pytest.raises(MalformedRecordError) as error:
        parse(document)
    return str(error.value)


@settings(max_examples=60, deadline=None)
@given(_ROWS)
def test_the_same_rows_are_the_same_documents_in_every_format(rows: list[dict[str, str]]) -> None:
    with TemporaryDirectory() as folder:
        # One name for all: what a file is, its content says.
        read = [_documents(file(Path(folder), "films.dat", written(rows, form))) for form in FORMATS]
    assert [json.loads(document.payload) for document in read[0]] == rows
    for documents in read[1:]:
        assert documents == read[0]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["films.csv", "films.parquet", "films"])
def test_a_format_is_known_by_content_whatever_the_name_says(tmp_path: Path, form: str, name: str) -> None:
    rows = _rows(file(tmp_path, name, written([film(), film(id="f2")], form)))
    assert [(row.number, row.values) for row in rows] == [(1, film()), (2, film(id="f2"))]


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path, form: str) -> None:
    rows = _rows(file(tmp_path, f"films.{form}", b"\xef\xbb\xbf" + written([film()], form)))
    assert [row.values for row in rows] == [film()]


_HOSTILE: dict[str, tuple[bytes, str]] = {
    "too few": (b"f9,FILM,Nine\n", "the row has 3 cells, the header 7"),
    "too many": (b"f9,FILM,Nine,1999,Funny,a,b,c\n", "the row has 8 cells, the header 7"),
    "latin-1": (b"f9,FILM,Caf\xe9,1999,Funny,A day.,\n", "the row is not UTF-8"),
    "text after a quote": (b'f9,FILM,"Nine"x,1999,Funny,a,\n', "the row cannot be read: ',' expected after '\"'"),
    "endless cell": (b"f9,FILM," + b"x" * 200_000 + b",1999,Funny,a,\n", "field larger than field limit"),
}


@pytest.mark.parametrize(("spoilt", "reason"), _HOSTILE.values(), ids=_HOSTILE.keys())
def test_a_row_that_cannot_be_read_is_kept_whole_and_loses_no_other(tmp_path: Path, spoilt: bytes, reason: str) -> None:
    lines = written([film(id="f1"), film(id="f2")], "csv").splitlines(keepends=True)
    documents = _documents(file(tmp_path, "films.csv", b"".join([*lines[:2], spoilt, *lines[2:]])))
    assert [document.url for document in documents] == [f"archive:films.csv#{row}" for row in (1, 2, 3)]
    first, bad, last = documents
    assert [parse(document).titles[0]["source_id"] for document in (first, last)] == ["f1", "f2"]
    assert bad.payload == spoilt.rstrip(b"\n")
    assert bad.source_id == "films.csv#2"
    assert reason in _reason(bad)


def test_an_open_quote_is_a_fault_of_what_it_swallowed_and_not_a_long_cell(tmp_path: Path) -> None:
    lines = written([film(id="f1"), film(id="f2")], "csv").splitlines(keepends=True)
    documents = _documents(file(tmp_path, "films.csv", lines[0] + b'f0,FILM,Zero,1999,Funny,A day.,"\n' + lines[1]))
    assert len(documents) == 1
    assert "unexpected end of data" in _reason(documents[0])
    assert lines[1].strip() in documents[0].payload


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{oops", "the line is not JSON"),
        (b'{"id": NaN}', "the line is not JSON"),
        (b'{"id": "\\ud800"}', "the line is not JSON"),
        (b'{"id": "\xe9"}', "the line is not JSON"),
        (b"[" * 100_000, "the line is not JSON"),
        (b"[1]", "the line is a JSON list, not an object"),
        (b"7", "the line is a JSON int, not an object"),
    ],
    ids=["cut off", "NaN", "lone surrogate", "latin-1", "deep", "list", "number"],
)
def test_a_line_that_is_no_object_is_kept_whole_and_loses_no_other(tmp_path: Path, line: bytes, reason: str) -> None:
    good = written([film()], "jsonl")
    documents = _documents(file(tmp_path, "films.jsonl", line + b"\n\n" + good))
    assert [document.url for document in documents] == ["archive:films.jsonl#1", "archive:films.jsonl#2"]
    assert documents[0].payload == line
    assert reason in _reason(documents[0])
    assert documents[1].payload == good.strip()
    assert parse(documents[1]).titles


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["csv", "jsonl"]))
def test_whatever_follows_a_good_row_the_good_row_is_read(junk: bytes, form: str) -> None:
    with TemporaryDirectory() as folder:
        documents = _documents(file(Path(folder), f"films.{form}", written([film()], form) + junk))
    assert parse(documents[0]).titles[0]["title"] == "One"
    for document in documents[1:]:
        try:
            assert isinstance(parse(document), ParsedDocument)
        except MalformedRecordError as error:
            assert str(error)  # noqa: PT017 - any reason will do, another kind of error will not


def _parquet(columns: dict[str, Any]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def test_a_parquet_row_that_is_not_utf8_loses_no_other(tmp_path: Path) -> None:
    names = pa.Array.from_buffers(
        pa.string(),
        2,
        [None, pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), pa.py_buffer(b"\xe9a")],
    )
    columns = {column: [film()[column]] * 2 for column in COLUMNS} | {"name": names}
    documents = _documents(file(tmp_path, "films.parquet", _parquet(columns)))
    assert _reason(documents[0]) == "the row is not UTF-8"
    assert b"\xe9" in documents[0].payload
    assert parse(documents[1]).titles[0]["title"] == "a"


def test_typed_parquet_columns_mean_what_their_texts_mean(tmp_path: Path) -> None:
    typed = _parquet({c: [film()[c]] for c in COLUMNS} | {"id": [7], "year": [1999.0], "added": [DAY]})
    plain = written([film(id="7", year="1999", added=DAY.isoformat())], "csv")
    mapping = read_mapping(MAPPING.replace('"%d-%b-%y"', '"iso"'), "mine.toml")
    found = []
    for name, content in (("films.parquet", typed), ("films.csv", plain)):
        (document,) = read_archive(file(tmp_path, name, content), mapping, ingest_day=DAY)
        found.append(parse(document).titles[0] | {"document_sha256": ""})
    assert found[0] == found[1]


def test_a_parquet_value_without_a_place_in_json_is_a_fault_of_its_row(tmp_path: Path) -> None:
    documents = _documents(
        file(tmp_path, "films.parquet", _parquet({c: [film()[c]] for c in COLUMNS} | {"x": [b"\x00"]}))
    )
    assert "cannot be written as JSON" in _reason(documents[0])


_UNREADABLE: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "films.csv is empty"),
    "blank": (b"\n\n", "films.csv is empty"),
    "empty gzip": (gzip.compress(b""), "films.csv is empty"),
    "cut gzip": (gzip.compress(written([film()] * 900, "csv"))[:-9], "films.csv is a damaged gzip file"),
    "damaged gzip": (gzip.compress(b"a,b\n")[:11] + b"\xff\xff\xff", "films.csv is a damaged gzip file"),
    "cut Parquet": (written([film()], "parquet")[:-20], "films.csv cannot be read"),
    "UTF-16": ("id,type\n".encode("utf-16"), "films.csv is encoded in UTF-16"),
    "doubled column": (b"id,name,id\n", "films.csv has more than one column named id"),
    "latin-1 header": (b"id,caf\xe9\n", "films.csv has a header that is not UTF-8"),
    "missing columns": (
        b"id,type,name\n",
        "films.csv has not the columns of the mapping mine: about, added, genres, year",
    ),
    "missing keys": (b'{"id":"f1","type":"FILM"}\n', "mapping mine: about, added, genres, name, year"),
}


@pytest.mark.parametrize(("content", "message"), _UNREADABLE.values(), ids=_UNREADABLE.keys())
def test_a_file_that_cannot_be_read_is_one_error_that_names_it(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(ArchiveError, match=message):
        _documents(file(tmp_path, "films.csv", content))


def test_a_line_without_end_is_an_error_and_does_not_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"films.csv has a line of more than 16777216 characters"):
        _documents(file(tmp_path, "films.csv", written([], "csv") + b"x" * (1 << 24) + b"yy\n"))


def test_a_key_that_some_lines_leave_out_is_blank_there(tmp_path: Path) -> None:
    rows = [film(), {"id": "f2", "type": "SERIES", "name": "Two"}]
    path = file(tmp_path, "films.jsonl", "\n".join(json.dumps(row) for row in rows))
    titles = [parse(document).titles[0] for document in _documents(path)]
    assert [(title["kind"], title["plot"], title["genres"]) for title in titles] == [
        ("movie", "A day.", ["comedy"]),
        ("show", None, []),
    ]
