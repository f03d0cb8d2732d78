"""Reading archives: each row of a file becomes a document of the catalogue that its mapping belongs to."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from trending_assets.ingest.archive_files import ArchiveError, Row, Rows, encoded, opened
from trending_assets.ingest.archive_mappings import Mapping, RecordKind
from trending_assets.ingest.archive_parser import date_in, first, headers
from trending_assets.ingest.documents import Document, MalformedRecordError

# No catalogue of films received anything by day before; what is older arrives when it is ingested.
FIRST_ARRIVAL = date(1995, 1, 1)


def read_archive(
    path: Path,
    mapping: Mapping,
    *,
    ingest_day: date,
    kind: RecordKind | None = None,
    first_day: date = FIRST_ARRIVAL,
) -> Iterator[Document]:
    """The rows of a file as documents, in order, read as they are asked for.

    A row arrives when the mapping's arrival column says, at 00:00 UTC where it says only the day; on the day
    of ingestion where it says nothing or a day before ``first_day``.

    Args:
        path: the file.
        mapping: what its columns are.
        ingest_day: the day of ingestion; no row may have arrived later.
        kind: which kind of records to take; the first that the mapping describes where not given.
        first_day: the earliest day on which anything can have arrived.

    Raises:
        ArchiveError: the file cannot be read, has not the mapping's columns, or the mapping takes nothing of
            this kind from it.
    """
    chosen = kind_of(mapping, kind, path)
    joined = _joined(path, mapping)
    documents = _Documents(path.name, mapping, chosen, ingest_day, first_day)
    with opened(path) as rows:
        if rows.columns is not None:
            _check_columns(mapping.required - set(rows.columns), mapping, path)
        for row in _checked(rows, mapping, path):
            yield documents.of(row if mapping.join is None or row.values is None else _add(row, joined, mapping))


def kind_of(mapping: Mapping, kind: RecordKind | None, path: Path) -> RecordKind:
    """The kind of records that is taken from a file.

    Raises:
        ArchiveError: the mapping takes nothing from the file, or nothing of that kind.
    """
    if mapping.skip:
        raise ArchiveError(f"{path.name}: nothing is taken with the mapping {mapping.name}: {mapping.skip}")
    if kind is not None and kind not in mapping.kinds:
        raise ArchiveError(f"{path.name}: the mapping {mapping.name} describes {', '.join(mapping.kinds)}, not {kind}")
    return kind or mapping.kinds[0]


class _Documents:
    """Makes the rows of one file documents."""

    def __init__(self, file_name: str, mapping: Mapping, kind: RecordKind, ingest_day: date, first_day: date) -> None:
        # A file's name may be any bytes; a text may not.
        self._name = file_name.encode(errors="backslashreplace").decode()
        self._mapping, self._kind = mapping, kind
        self._ingested, self._first = _midnight(ingest_day), _midnight(first_day)
        self._headers = headers(mapping)
        parts = {"titles": mapping.titles, "reviews": mapping.reviews, "signals": None}
        self._ids = getattr(parts[kind], "id", None) or ()

    def of(self, row: Row) -> Document:
        place = f"{self._name}#{row.number}"
        arrived, fault = self._ingested, row.fault
        if row.values is not None:
            try:
                arrived = self._arrival(row.values)
            except MalformedRecordError as error:
                fault = str(error)
        return Document(
            source=self._mapping.source,
            document_type=self._kind,
            source_id=(first(self._ids, row.values or {}) if self._ids else None) or place,
            url=f"archive:{place}",
            fetched_at=arrived,
            payload=row.payload,
            headers=headers(self._mapping, fault) if fault else self._headers,
        )

    def _arrival(self, values: dict[str, Any]) -> datetime:
        if self._mapping.arrival is None:
            return self._ingested
        found = date_in(values, self._mapping.arrival)
        if found is None:
            return self._ingested
        arrived = found if isinstance(found, datetime) else _midnight(found)
        if arrived.date() > self._ingested.date():
            day = self._ingested.date()
            raise MalformedRecordError(
                f"{self._mapping.arrival.column}: {arrived.date()} is after {day}, the ingestion"
            )
        return arrived if arrived >= self._first else self._ingested


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _checked(rows: Rows, mapping: Mapping, path: Path) -> Iterator[Row]:
    # The lines of a JSONL file may leave out what is blank: a column is missing where no line has it.
    missing, read = set(mapping.required) if rows.columns is None else set(), False
    for row in rows.each:
        if missing and row.values is not None:
            missing -= row.values.keys()
            read = True
        yield row
    if read:
        _check_columns(missing, mapping, path)


def _check_columns(missing: set[str] | frozenset[str], mapping: Mapping, path: Path) -> None:
    if missing:
        raise ArchiveError(
            f"{path.name} has not the columns of the mapping {mapping.name}: {', '.join(sorted(missing))}"
        )


def join_path(path: Path, mapping: Mapping) -> Path | None:
    """The file beside an archive that its mapping joins to it, where there is one."""
    if mapping.join is None:
        return None
    beside = path.with_name(path.name.replace(*mapping.join.renamed))
    return beside if beside != path and beside.is_file() else None


def _joined(path: Path, mapping: Mapping) -> dict[str, dict[str, Any]]:
    beside = join_path(path, mapping)
    if mapping.join is None or beside is None:
        return {}
    join, found = mapping.join, {}
    with opened(beside) as rows:
        _check_columns({join.on, *join.add} - set(rows.columns or (join.on, *join.add)), mapping, beside)
        for row in rows.each:
            if row.values is not None:
                found[str(row.values.get(join.on))] = {column: row.values.get(column) for column in join.add}
    return found


def _add(row: Row, joined: dict[str, dict[str, Any]], mapping: Mapping) -> Row:
    if mapping.join is None or row.values is None:
        return row
    values = row.values | joined.get(str(row.values.get(mapping.join.on)), {})
    return row._replace(values=values, payload=encoded(values))
