"""Rows of files that a user has: CSV, TSV, JSONL and Parquet, gzipped or not, recognised by their content.

A row that cannot be read is handed on whole with the reason, so that it goes to quarantine and the rows
after it are still read. Only what makes the whole file unreadable is an error.
"""

import csv
import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple, TypeVar

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

_LONGEST_LINE = 1 << 24
_PARQUET_ROWS = 5_000

_Line = TypeVar("_Line", str, bytes)


class ArchiveError(ValueError):
    """A file or a mapping cannot be used; the message names it and what is wrong with it."""


class Row(NamedTuple):
    """A row of a file.

    Attributes:
        number: its place among the rows that are not blank, from 1.
        values: column → value; None where the row cannot be read.
        payload: the row as a JSON object; a line of JSONL, or a row that cannot be read, byte for byte.
        fault: why it cannot be read.
    """

    number: int
    values: dict[str, Any] | None
    payload: bytes
    fault: str | None = None


@dataclass(frozen=True)
class Rows:
    """The rows of an open file.

    Attributes:
        columns: the columns that every row has; None for JSONL, where each line names its own.
        each: the rows in order; to be read once, while the file is open.
    """

    columns: tuple[str, ...] | None
    each: Iterator[Row]


@contextmanager
def opened(path: Path) -> Iterator[Rows]:
    """The rows of a file, read as they are asked for.

    Raises:
        ArchiveError: the file is empty, damaged, encoded in UTF-16, or has no usable header.
    """
    with ExitStack() as stack:
        stream: Any = stack.enter_context(path.open("rb"))
        if stream.peek(2)[:2] == b"\x1f\x8b":
            stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
        with _file_errors(path):
            head = stream.peek(1 << 16)
            if not head:
                raise ArchiveError(f"{path.name} is empty")
            if head.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise ArchiveError(f"{path.name} is encoded in UTF-16: save it as UTF-8")
            if head.startswith(b"PAR1"):
                rows = _parquet(_seekable(stream, stack), path.name)
            elif _is_jsonl(head, path.name):
                rows = Rows(None, _jsonl(stream, path.name))
            else:
                rows = _delimited(stream, path.name, "\t" if _tabs(head) else ",")
        yield Rows(rows.columns, _guarded(rows.each, path))


@contextmanager
def _file_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ArchiveError(f"{path.name} is a damaged gzip file: {error}") from None
    except (pa.ArrowException, OSError) as error:
        raise ArchiveError(f"{path.name} cannot be read: {error}") from None


def _guarded(rows: Iterator[Row], path: Path) -> Iterator[Row]:
    with _file_errors(path):
        yield from rows


def _is_jsonl(head: bytes, name: str) -> bool:
    hinted = name.lower().removesuffix(".gz").endswith((".jsonl", ".ndjson"))
    return hinted or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")


def _tabs(head: bytes) -> bool:
    header = head.split(b"\n", 1)[0]
    return header.count(b"\t") > header.count(b",")


def _seekable(stream: Any, stack: ExitStack) -> Any:
    if not isinstance(stream, gzip.GzipFile):
        return stream
    # The stack closes it, which is what ruff looks for in vain.
    unpacked = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    shutil.copyfileobj(stream, unpacked)
    unpacked.seek(0)
    return unpacked


def _named(columns: Sequence[str], name: str) -> tuple[str, ...]:
    if doubled := sorted({column for column in columns if columns.count(column) > 1}):
        raise ArchiveError(f"{name} has more than one column named {', '.join(doubled)}")
    return tuple(columns)


def _lines(read: Callable[[int], _Line], name: str) -> Iterator[_Line]:
    while line := read(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise ArchiveError(f"{name} has a line of more than {_LONGEST_LINE} characters")
        yield line


def _delimited(stream: IO[bytes], name: str, delimiter: str) -> Rows:
    # A byte that is not UTF-8 becomes a lone surrogate, which JSON refuses: only its own row is lost.
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    seen: list[str] = []

    def lines() -> Iterator[str]:
        for line in _lines(text.readline, name):
            seen.append(line)
            yield line

    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    try:
        header = next(filter(None, reader), None)
    except csv.Error as error:
        raise ArchiveError(f"{name} has no readable header: {error}") from None
    if header is None:
        raise ArchiveError(f"{name} is empty")
    columns = _named([column.strip() for column in header], name)
    try:
        orjson.dumps(columns)
    except orjson.JSONEncodeError:
        raise ArchiveError(f"{name} has a header that is not UTF-8") from None
    seen.clear()
    return Rows(columns, _cells(reader, columns, seen))


def _cells(reader: Any, columns: tuple[str, ...], seen: list[str]) -> Iterator[Row]:
    number, width = 0, len(columns)
    while True:
        fault = None
        try:
            cells = next(reader)
            if cells and len(cells) != width:
                fault = f"the row has {len(cells)} cells, the header {width}"
        except StopIteration:
            return
        except csv.Error as error:
            fault = f"the row cannot be read: {error}"
        if fault is None and cells:
            number += 1
            values = dict(zip(columns, cells, strict=True))
            try:
                yield Row(number, values, orjson.dumps(values))
            except orjson.JSONEncodeError:
                fault = "the row is not UTF-8"
                yield Row(number, None, _raw(seen), fault)
        elif fault is not None:
            number += 1
            yield Row(number, None, _raw(seen), fault)
        seen.clear()


def _raw(seen: list[str]) -> bytes:
    return "".join(seen).encode("utf-8", "surrogateescape").rstrip(b"\r\n")


def _jsonl(stream: IO[bytes], name: str) -> Iterator[Row]:
    number = 0
    for line in _lines(stream.readline, name):
        payload = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 0 else line.strip()
        if not payload:
            continue
        number += 1
        try:
            values = orjson.loads(payload)
        except orjson.JSONDecodeError as error:
            yield Row(number, None, payload, f"the line is not JSON: {error}")
            continue
        if isinstance(values, dict):
            yield Row(number, values, payload)
        else:
            yield Row(number, None, payload, f"the line is a JSON {type(values).__name__}, not an object")


def _parquet(file: Any, name: str) -> Rows:
    parquet = pq.ParquetFile(file)
    return Rows(_named(parquet.schema_arrow.names, name), _records(parquet))


def _records(parquet: Any) -> Iterator[Row]:
    number = 0
    for batch in parquet.iter_batches(batch_size=_PARQUET_ROWS):
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError:
            rows = [_one(batch.slice(row, 1)) for row in range(batch.num_rows)]
        for values in rows:
            number += 1
            if isinstance(values, bytes):
                yield Row(number, None, values, "the row is not UTF-8")
                continue
            try:
                payload = encoded(values)
            except orjson.JSONEncodeError as error:
                yield Row(number, None, repr(values).encode(), f"the row cannot be written as JSON: {error}")
            else:
                # What the parser will see of it later, so that a day of a typed column is a text now too.
                yield Row(number, orjson.loads(payload), payload)


def _one(row: pa.RecordBatch) -> dict[str, Any] | bytes:
    try:
        values: dict[str, Any] = row.to_pylist()[0]
    except UnicodeDecodeError:
        return row.serialize().to_pybytes()  # type: ignore[no-any-return]
    return values


def encoded(values: dict[str, Any]) -> bytes:
    """A row as a JSON object."""
    return orjson.dumps(values, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON")
