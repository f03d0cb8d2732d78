"""Raw documents: what sources gave, day by day, exactly as it was. Nothing is read out of them here.

A day of a source is written as a whole and never changes by itself; the two things that take from it are the right
to erasure and the end of retention. The columns are those of ``records.DOCUMENT``. :mod:`raw_mongo` keeps the same in
MongoDB.
"""

import hashlib
import json
import re
from collections.abc import Collection
from datetime import date
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.storage.lake import Lake, Write

# What names a document, without anything that is in it.
ORIGIN = ["source", "source_id", "url", "fetched_at", "sha256"]
_GROUP = "raw"
_SOURCE = re.compile(r"[a-z0-9][a-z0-9_-]*")


class InvalidDocumentsError(ValueError):
    """Documents that are not what they are said to be: with other columns, or with a wrong hash."""


class RawStore(Protocol):
    """Where raw documents are kept."""

    def write(self, source: str, day: str, documents: pa.Table, origin: str = "") -> Write:
        """Makes documents the documents of a day, all or nothing; those that were there before are replaced.

        Written again with the same documents, the day keeps what it holds: what was erased from it stays erased.

        Args:
            source: the source that landed them.
            day: the arrival day, an ISO date.
            documents: the columns of ``records.DOCUMENT``; rows are kept in their order. Their own ``source`` is
                another one where the source is an archive of several catalogues.
            origin: fingerprint of what they were taken from.

        Raises:
            InvalidDocumentsError: they are no documents, or a payload does not have its hash.
        """

    def origin(self, source: str, day: str) -> str | None:
        """What a day's documents were taken from, as stated when they were written; None where it has not landed."""

    def read(self, source: str, day: str) -> pa.Table:
        """The documents of a day as they were written.

        Raises:
            MissingPartitionError: the day has not landed.
        """

    def origins(self, source: str, day: str, sha256s: Collection[str]) -> list[dict[str, Any]]:
        """Where documents of a day came from: the columns :data:`ORIGIN` of those that have one of the payloads.

        Neither payloads nor headers are read.

        Raises:
            MissingPartitionError: the day has not landed.
        """

    def sha256(self, source: str, day: str) -> str:
        """Hash of what a day holds, for work that is done again only where it has changed.

        Raises:
            MissingPartitionError: the day has not landed.
        """

    def sources(self) -> list[str]:
        """The sources of which a day is held, in order."""

    def days(self, source: str) -> list[str]:
        """The days of a source that are held, in order."""

    def find(self, sha256: str) -> list[tuple[str, str]]:
        """Source and day of every day that holds a payload, in order."""

    def erase(self, source: str, day: str, sha256s: Collection[str]) -> int:
        """Removes every document of a day that has one of the payloads; the day itself stays, even without any.

        Returns:
            How many were removed. Where it fails it can be run again.

        Raises:
            MissingPartitionError: the day has not landed.
        """

    def expire(self, source: str, before: date) -> list[str]:
        """Removes the days of a source before a day, each as a whole.

        Returns:
            The days that were removed, in order. Where it fails it can be run again.
        """


class LakeRawStore:
    """Raw documents in the lake, as tables ``raw/<source>``. A day has one writer at a time."""

    def __init__(self, lake: Lake) -> None:
        """The raw documents of a lake, in a folder or a bucket."""
        self._lake = lake

    def write(self, source: str, day: str, documents: pa.Table, origin: str = "") -> Write:
        """Makes documents the documents of a day; see :class:`RawStore`."""
        check_documents(source, day, documents)
        table, written = table_of(source), content_hash(documents)
        before = self._lake.fingerprint(table, day)
        if before and before.endswith(f" {written}"):
            documents = self.read(source, day)
            if before == f"{origin} {written}":
                return Write(table, day, documents.num_rows, self.sha256(source, day), skipped=True)
        return self._lake.write(table, documents, day=day, computed_from=f"{origin} {written}")

    def origin(self, source: str, day: str) -> str | None:
        """What a day's documents were taken from; see :class:`RawStore`."""
        before = self._lake.fingerprint(table_of(source), day)
        return before and before.rpartition(" ")[0]

    def read(self, source: str, day: str) -> pa.Table:
        """The documents of a day; see :class:`RawStore`."""
        return self._lake.read(table_of(source), day, DOCUMENT.schema.names).replace_schema_metadata(None)

    def origins(self, source: str, day: str, sha256s: Collection[str]) -> list[dict[str, Any]]:
        """Where documents of a day came from; see :class:`RawStore`."""
        rows = self._lake.read(table_of(source), day, ORIGIN)
        found: list[dict[str, Any]] = rows.filter(
            pc.is_in(rows["sha256"], pa.array(list(sha256s), pa.string()))
        ).to_pylist()
        return found

    def sha256(self, source: str, day: str) -> str:
        """Hash of a day's file."""
        return self._lake.sha256(table_of(source), day)

    def sources(self) -> list[str]:
        """The sources of which a day is held, in order."""
        return [table.removeprefix(f"{_GROUP}/") for table in self._lake.tables(_GROUP)]

    def days(self, source: str) -> list[str]:
        """The days of a source that are held, in order."""
        return self._lake.days(table_of(source))

    def find(self, sha256: str) -> list[tuple[str, str]]:
        """Source and day of every day that holds a payload; reads the hashes of all days."""
        return [
            (source, day)
            for source in self.sources()
            for day in self.days(source)
            if pc.any(pc.equal(self._lake.read(table_of(source), day, ["sha256"])["sha256"], sha256)).as_py()
        ]

    def erase(self, source: str, day: str, sha256s: Collection[str]) -> int:
        """Removes documents of a day by their payloads, in one step; see :class:`RawStore`."""
        documents = self.read(source, day)
        erased = pc.is_in(documents["sha256"], pa.array(list(sha256s), pa.string()))
        kept = documents.filter(pc.invert(erased))
        if kept.num_rows < documents.num_rows:
            # Still computed from the same documents: they are not written again, and so what was erased stays erased.
            origin = self._lake.fingerprint(table_of(source), day)
            self._lake.write(table_of(source), kept, day=day, computed_from=origin or "")
        return int(documents.num_rows - kept.num_rows)

    def expire(self, source: str, before: date) -> list[str]:
        """Removes the days of a source before a day."""
        expired = [day for day in self.days(source) if day < before.isoformat()]
        for day in expired:
            self._lake.remove(table_of(source), day)
        return expired


def open_raw_store(lake: Lake, url: str | None) -> RawStore:
    """Where raw documents are kept: MongoDB at a URL, the lake without one.

    Args:
        lake: the lake.
        url: ``mongodb://…`` or ``mongodb+srv://…``; the collection is ``raw`` of the database that it names,
            ``trending`` where it names none.

    Raises:
        ValueError: it is another kind of URL.
    """
    if not url:
        return LakeRawStore(lake)
    if not url.startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("TRENDING_RAW_STORE: raw documents are kept in the lake, or in MongoDB at mongodb://…")
    from trending_assets.storage.raw_mongo import connect

    return connect(url)


def table_of(source: str) -> str:
    """The name of a source's raw documents among tables and assets."""
    return f"{_GROUP}/{source}"


def content_hash(documents: pa.Table) -> str:
    """Hash of documents in their order; their payloads count by their own hashes."""
    digest = hashlib.sha256()
    for batch in documents.drop_columns(["payload"]).to_batches():
        for row in batch.to_pylist():
            digest.update(json.dumps(row, default=str).encode())
    return digest.hexdigest()


def check_documents(source: str, day: str, documents: pa.Table) -> None:
    """Holds documents against what they are said to be.

    Raises:
        InvalidDocumentsError: the source is no slug, the day no ISO date, a column is missing, of another type or has a
            null, or a payload does not have its hash.
    """
    name = f"{table_of(source)} of {day}"
    if not _SOURCE.fullmatch(source):
        raise InvalidDocumentsError(f"{name}: a source's name is of a-z, 0-9, - and _")
    try:
        canonical = date.fromisoformat(day).isoformat()
    except ValueError:
        canonical = None
    if day != canonical:
        raise InvalidDocumentsError(f"{name}: a day is written YYYY-MM-DD")
    if documents.schema.remove_metadata() != DOCUMENT.schema:
        raise InvalidDocumentsError(f"{name}: the columns are not those of a document: {documents.schema.to_string()}")
    empty = [column for column in documents.column_names if documents[column].null_count]
    if empty:
        raise InvalidDocumentsError(f"{name}: no value may be missing, as in {', '.join(empty)}")
    columns = (documents[column] for column in ("source_id", "payload", "sha256"))
    for row, (source_id, payload, stated) in enumerate(zip(*columns, strict=True)):
        if hashlib.sha256(payload.as_buffer()).hexdigest() != stated.as_py():
            raise InvalidDocumentsError(f"{name}: row {row}, {source_id}: its payload does not have sha256 {stated}")
