"""The inbox: archives as they were ingested, sorted by day, so that any day can be had again at any time.

An archive is one Parquet file of documents in the order of their arrival; what it was made from is in the
file's own footer, so that one file's replacement is all that ever happens.
"""

import hashlib
import heapq
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.ingest.archive_mappings import Mapping, RecordKind
from trending_assets.ingest.archive_reader import FIRST_ARRIVAL, join_path, kind_of, read_archive
from trending_assets.ingest.documents import Document, read_documents
from trending_assets.storage.atomic import replacing

# A day is read by reading the row groups that hold it.
_RUN_BYTES = 24 << 20
_GROUP_ROWS = 1_000
_KEY = b"archive"


@dataclass(frozen=True)
class Ingestion:
    """What the inbox holds of one file.

    Attributes:
        file_name: the file's name.
        mapping: the name of the mapping that it was read with.
        kind: the kind of records that was taken.
        added: False where the inbox held the same already.
        days: ISO date → rows that arrived on it, in order; 0 for a day on which an earlier reading of the same
            file had rows and this one has none.
    """

    file_name: str
    mapping: str
    kind: RecordKind
    added: bool
    days: dict[str, int]

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(self.days.values())


@dataclass(frozen=True)
class _Entry:
    """An archive of the inbox, by its footer.

    Attributes:
        version: hash of what its documents depend on.
        days: ISO date → rows, in order.
        erased: how many of its documents were erased.
    """

    path: Path
    version: str
    days: dict[str, int]
    erased: int


class ArchiveInbox:
    """A folder of ingested archives.

    Args:
        folder: where they are; need not exist.
        first_day: the earliest day of arrival; rows that are dated before arrive on the day of ingestion.
        rows_in_memory: most rows of a file that are sorted at a time.
    """

    def __init__(self, folder: Path, first_day: date = FIRST_ARRIVAL, rows_in_memory: int = 50_000) -> None:
        self._folder, self._first_day, self._rows_in_memory = folder, first_day, rows_in_memory
        self._known: dict[Path, tuple[tuple[int, int], _Entry]] = {}

    def add(self, path: Path, mapping: Mapping, ingest_day: date, kind: RecordKind | None = None) -> Ingestion:
        """Takes in a file.

        The same file with the same mapping and kind again changes nothing, whatever the day; with a mapping
        of the same name that was changed it is read anew, and what was read before is replaced.

        Raises:
            ArchiveError: the file cannot be read or has not the mapping's columns; the inbox stays as it was.
        """
        chosen = kind_of(mapping, kind, path)
        content = _sha256(path)
        target = self._folder / f"{content[:32]}-{mapping.name}-{chosen}.parquet"
        joined = join_path(path, mapping)
        made_from = {
            "content": content,
            "joined": _sha256(joined) if joined else None,
            "mapping": mapping.model_dump(mode="json", exclude={"card", "files"}),
            "kind": chosen,
            "first_day": self._first_day.isoformat(),
        }
        version = hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()
        before = self._entry(target) if target.exists() else None
        if before and before.version == version:
            return Ingestion(path.name, mapping.name, chosen, added=False, days=before.days)
        documents = read_archive(path, mapping, ingest_day=ingest_day, kind=chosen, first_day=self._first_day)
        described = {"version": version, "file_name": path.name, "ingest_day": ingest_day.isoformat(), "erased": 0}
        days = self._write(target, documents, described)
        gone = dict.fromkeys(before.days if before else (), 0)
        return Ingestion(path.name, mapping.name, chosen, added=True, days=dict(sorted((gone | days).items())))

    def days(self) -> dict[str, int]:
        """Each day on which rows arrived, in order, with their number."""
        counted: Counter[str] = Counter()
        for entry in self._entries():
            counted.update(entry.days)
        return dict(sorted(counted.items()))

    def documents(self, day: str) -> list[Document]:
        """The rows that arrived on a day, an ISO date, in the order of the archives' names and their own."""
        return [document for entry in self._entries() for document in _of_day(entry, day)]

    def landed(self, day: str) -> dict[str, int]:
        """How many rows of each archive arrived on a day."""
        return {entry.path.name: entry.days[day] for entry in self._entries() if day in entry.days}

    def version(self, day: str) -> str:
        """Hash of what the documents of a day depend on beside the code."""
        parts = [[e.path.name, e.version, e.days[day], e.erased] for e in self._entries() if day in e.days]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def erase(self, unwanted: Callable[[Document], bool]) -> dict[str, int]:
        """Removes documents for good; the same file, added again, does not bring them back.

        Returns:
            ISO date → documents that were removed, in order.
        """
        removed: Counter[str] = Counter()
        for entry in self._entries():
            gone = Counter(d.fetched_at.date().isoformat() for d in _each(entry) if unwanted(d))
            if gone:
                described = json.loads(pq.read_metadata(entry.path).metadata[_KEY])
                kept = (document for document in _each(entry) if not unwanted(document))
                self._write(entry.path, kept, described | {"erased": entry.erased + gone.total()})
                removed += gone
        return dict(sorted(removed.items()))

    def _write(self, target: Path, documents: Iterable[Document], described: dict[str, Any]) -> dict[str, int]:
        staging = self._folder / ".staging"
        with replacing(target, staging) as staged, ExitStack() as stack:
            runs = [_write_run(table, stack, staging) for table in _tables(documents, self._rows_in_memory)]
            days: dict[str, int] = {}
            with pq.ParquetWriter(staged, DOCUMENT.schema, compression="zstd") as writer:
                for table in _gathered(_merged(runs)):
                    for day, rows in _by_day(table):
                        days[day] = days.get(day, 0) + rows.num_rows
                    writer.write_table(table, row_group_size=_GROUP_ROWS)
                writer.add_key_value_metadata({_KEY.decode(): json.dumps(described | {"days": days})})
        return days

    def _entries(self) -> list[_Entry]:
        return [self._entry(path) for path in sorted(self._folder.glob("*.parquet"))]

    def _entry(self, path: Path) -> _Entry:
        found = path.stat()
        signature = (found.st_ino, found.st_mtime_ns)
        known = self._known.get(path)
        if known is None or known[0] != signature:
            described = json.loads(pq.read_metadata(path).metadata[_KEY])
            entry = _Entry(path, described["version"], described["days"], described["erased"])
            known = self._known[path] = (signature, entry)
        return known[1]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _tables(documents: Iterable[Document], most: int) -> Iterator[pa.Table]:
    held: list[Document] = []
    size = 0
    for document in documents:
        held.append(document)
        size += len(document.payload)
        if len(held) == most or size >= _RUN_BYTES:
            yield _table(held)
            held, size = [], 0
    if held:
        yield _table(held)


def _table(documents: Sequence[Document]) -> pa.Table:
    # Row by row, as documents_table makes it, takes four times as long.
    columns = [pa.array([getattr(d, field.name) for d in documents], field.type) for field in DOCUMENT.schema]
    return pa.Table.from_arrays(columns, schema=DOCUMENT.schema)


def _write_run(table: pa.Table, stack: ExitStack, staging: Path) -> Path:
    path = staging / f"{uuid.uuid4().hex}.run"
    stack.callback(path.unlink, missing_ok=True)
    # The sort is stable: rows of a day stay in the file's order.
    order = pc.sort_indices(table["fetched_at"].cast(pa.date32()))
    pq.write_table(table.take(order), path, row_group_size=_GROUP_ROWS, compression="lz4")
    return path


def _merged(runs: Sequence[Path]) -> Iterator[pa.Table]:
    for _, rows in heapq.merge(*map(_days_of_run, runs), key=itemgetter(0)):
        yield rows


def _days_of_run(run: Path) -> Iterator[tuple[str, pa.Table]]:
    with pq.ParquetFile(run) as file:
        for batch in file.iter_batches(batch_size=_GROUP_ROWS):
            yield from _by_day(pa.Table.from_batches([batch]))


def _by_day(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    days = pc.run_end_encode(table["fetched_at"].cast(pa.date32()).combine_chunks())
    start = 0
    for day, end in zip(days.values.to_pylist(), days.run_ends.to_pylist(), strict=True):
        yield day.isoformat(), table.slice(start, end - start)
        start = end


def _gathered(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    held: list[pa.Table] = []
    rows = size = 0
    for table in tables:
        held.append(table)
        rows, size = rows + table.num_rows, size + table.nbytes
        if rows >= 20 * _GROUP_ROWS or size >= _RUN_BYTES:
            yield pa.concat_tables(held)
            held, rows, size = [], 0, 0
    if held:
        yield pa.concat_tables(held)


def _of_day(entry: _Entry, day: str) -> list[Document]:
    if day not in entry.days:
        return []
    first = sum(rows for earlier, rows in entry.days.items() if earlier < day)
    last = first + entry.days[day]
    with pq.ParquetFile(entry.path) as file:
        groups, start, skipped = [], 0, 0
        for group in range(file.metadata.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            if end <= first:
                skipped = end
            elif start < last:
                groups.append(group)
            start = end
        return read_documents(file.read_row_groups(groups).slice(first - skipped, last - first))


def _each(entry: _Entry) -> Iterator[Document]:
    with pq.ParquetFile(entry.path) as file:
        for batch in file.iter_batches(batch_size=_GROUP_ROWS):
            yield from read_documents(pa.Table.from_batches([batch]))
