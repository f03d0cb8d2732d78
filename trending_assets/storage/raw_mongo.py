"""Raw documents in MongoDB, without transactions.

Each write of a day puts its documents beside those that are there, under an id of its own. The day's head, one
small document in the collection ``<name>.days``, names the write whose documents are the day's; it is changed last
and in one step, and only where no other write changed it meanwhile. What a write that failed leaves is named by no
head, so no reader sees it, and the next write of that day removes it.
"""

import uuid
from collections.abc import Collection
from datetime import date, datetime
from functools import reduce
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, PlainSerializer

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.storage.lake import MissingPartitionError, Write
from trending_assets.storage.raw_documents import ORIGIN, check_documents, content_hash, table_of

if TYPE_CHECKING:
    import pymongo.collection

    # Not `Collection`, which is what has a length and members here.
    MongoCollection = pymongo.collection.Collection[dict[str, Any]]

# MongoDB's limit, less the room for the names of the fields, the numbers and the ids.
_MAX_BYTES = 16 * 1024 * 1024 - 1024
_BATCH = 500
_READ_ATTEMPTS = 20


class DocumentTooLargeError(ValueError):
    """A document is larger than MongoDB takes; the lake has no such limit."""


class ConcurrentWriteError(RuntimeError):
    """A day was written by another process at the same time; its documents are those of the other one."""


class StoredDocument(BaseModel):
    """A document as it is stored: the columns of ``records.DOCUMENT`` and its place.

    Attributes:
        landed_by: the source that landed it; ``source`` is another one where that is an archive.
        day: the arrival day.
        write: the write that it belongs to.
        generation: the number of that write among those of the day.
        position: its place in the day, from 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    landed_by: str
    day: str
    write: str
    generation: int
    position: int
    source: str
    document_type: str
    source_id: str
    url: str
    # As text: MongoDB's own times have no microseconds.
    fetched_at: Annotated[datetime, PlainSerializer(datetime.isoformat)]
    status: int
    headers: str
    payload: bytes
    sha256: str


class DayHead(BaseModel):
    """What is held of a day of a source. It is never removed, so that generations do not begin again.

    Attributes:
        source: the source.
        day: the arrival day.
        landed: whether the day is held; not before its first write and after it expired.
        write: the write whose documents are the day's.
        generation: how often the head was changed.
        written: hash of the documents as that write got them.
        origin: fingerprint of what they were taken from.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str
    day: str
    landed: bool = False
    write: str = ""
    generation: int = 0
    written: str = ""
    origin: str = ""

    @property
    def key(self) -> str:
        """Its id."""
        return f"{self.source}/{self.day}"


class MongoRawStore:
    """Raw documents in a collection of MongoDB; see :class:`raw_documents.RawStore`.

    How safe a write is and what a reader sees after a failover is decided by the concerns of the collection; both
    should be ``majority`` on a replica set.
    """

    def __init__(self, collection: "MongoCollection") -> None:
        """The raw documents in ``collection`` and ``<collection>.days``, which are created when they are written to."""
        self._documents = collection
        self._heads: MongoCollection = collection["days"]

    def write(self, source: str, day: str, documents: pa.Table, origin: str = "") -> Write:
        """Makes documents the documents of a day.

        Raises:
            InvalidDocumentsError: they are no documents, or a payload does not have its hash.
            DocumentTooLargeError: one is too large for MongoDB.
            ConcurrentWriteError: another process wrote the day meanwhile; it holds what that one wrote.
        """
        check_documents(source, day, documents)
        _check_sizes(documents)
        self._create_indexes()
        written = content_hash(documents)
        seen = self._claim(source, day)
        if seen.landed and seen.written == written:
            held = self.read(source, day)
            if seen.origin != origin:
                self._change(seen, seen.model_copy(update={"generation": seen.generation + 1, "origin": origin}))
            return Write(table_of(source), day, held.num_rows, content_hash(held), skipped=seen.origin == origin)
        new = {"landed": True, "write": uuid.uuid4().hex, "generation": seen.generation + 1, "written": written}
        head = seen.model_copy(update=new | {"origin": origin})
        self._insert(head, documents)
        self._change(seen, head)
        return Write(table_of(source), day, documents.num_rows, written, skipped=False)

    def origin(self, source: str, day: str) -> str | None:
        """What a day's documents were taken from; None where it has not landed."""
        found = self._heads.find_one({"_id": f"{source}/{day}", "landed": True}, {"_id": 0})
        return DayHead.model_validate(found).origin if found else None

    def read(self, source: str, day: str) -> pa.Table:
        """The documents of a day as they were written.

        Raises:
            MissingPartitionError: the day has not landed.
            ConcurrentWriteError: it was written anew at each of 20 attempts to read it.
        """
        head = self._landed(source, day)
        for _ in range(_READ_ATTEMPTS):
            found = self._documents.find({"write": head.write}, {"_id": 0}).sort("position")
            rows = [_row(StoredDocument.model_validate(document)) for document in found]
            # The documents of a write are removed only after the head has come to name another one.
            again = self._landed(source, day)
            if again == head:
                return pa.Table.from_pylist(rows, schema=DOCUMENT.schema)
            head = again
        raise ConcurrentWriteError(f"{head.key} was written anew at each of {_READ_ATTEMPTS} attempts to read it")

    def origins(self, source: str, day: str, sha256s: Collection[str]) -> list[dict[str, Any]]:
        """Where documents of a day came from, by the columns ``raw_documents.ORIGIN``.

        Raises:
            MissingPartitionError: the day has not landed.
        """
        chosen = {"write": self._landed(source, day).write, "sha256": {"$in": list(sha256s)}}
        found = self._documents.find(chosen, {"_id": 0, **dict.fromkeys(ORIGIN, 1)}).sort("position")
        return [{**row, "fetched_at": datetime.fromisoformat(row["fetched_at"])} for row in found]

    def sha256(self, source: str, day: str) -> str:
        """Hash of what a day holds.

        Raises:
            MissingPartitionError: the day has not landed.
        """
        return content_hash(self.read(source, day))

    def sources(self) -> list[str]:
        """The sources of which a day is held, in order."""
        return sorted(self._heads.distinct("source", {"landed": True}))

    def days(self, source: str) -> list[str]:
        """The days of a source that are held, in order."""
        return sorted(self._heads.distinct("day", {"source": source, "landed": True}))

    def find(self, sha256: str) -> list[tuple[str, str]]:
        """Source and day of every day that holds a payload, in order."""
        writes = self._documents.distinct("write", {"sha256": sha256})
        heads = self._heads.find({"write": {"$in": writes}, "landed": True}, {"source": 1, "day": 1})
        return sorted((head["source"], head["day"]) for head in heads)

    def erase(self, source: str, day: str, sha256s: Collection[str]) -> int:
        """Removes every document of a day that has one of the payloads, one after the other.

        Raises:
            MissingPartitionError: the day has not landed.
        """
        head = self._landed(source, day)
        # From what failed writes left too, and in place: where this is cut off, what is gone is gone.
        chosen = {"landed_by": source, "day": day, "sha256": {"$in": list(sha256s)}}
        removed = self._documents.count_documents({**chosen, "write": head.write})
        self._documents.delete_many(chosen)
        return int(removed)

    def expire(self, source: str, before: date) -> list[str]:
        """Removes the days of a source before a day, and what failed writes left of such days.

        Raises:
            ConcurrentWriteError: another process wrote one of the days meanwhile.
        """
        early = {"day": {"$lt": before.isoformat()}}
        expired = sorted(self._heads.distinct("day", {**early, "source": source, "landed": True}))
        for day in sorted({*expired, *self._documents.distinct("day", {**early, "landed_by": source})}):
            seen = self._claim(source, day)
            gone = {"landed": False, "write": uuid.uuid4().hex, "generation": seen.generation + 1, "written": ""}
            self._change(seen, seen.model_copy(update=gone))
        return expired

    def _create_indexes(self) -> None:
        self._documents.create_index([("write", 1), ("position", 1)], unique=True)
        self._documents.create_index([("landed_by", 1), ("day", 1), ("generation", 1)])
        self._documents.create_index("sha256")
        self._heads.create_index([("source", 1), ("day", 1)], unique=True)
        self._heads.create_index("write")

    def _landed(self, source: str, day: str) -> DayHead:
        found = self._heads.find_one({"_id": f"{source}/{day}", "landed": True}, {"_id": 0})
        if found is None:
            raise MissingPartitionError(f"{table_of(source)} of {day} has not landed: {self._documents.full_name}")
        return DayHead.model_validate(found)

    def _claim(self, source: str, day: str) -> DayHead:
        """The head of a day, made where there is none: a first write too must notice that another one won."""
        from pymongo import ReturnDocument

        fresh = DayHead(source=source, day=day)
        found = self._heads.find_one_and_update(
            {"_id": fresh.key},
            {"$setOnInsert": fresh.model_dump()},
            {"_id": 0},
            upsert=True,
            return_document=ReturnDocument.AFTER,
        )
        return DayHead.model_validate(found)

    def _insert(self, head: DayHead, documents: pa.Table) -> None:
        place = {"landed_by": head.source, "day": head.day, "write": head.write, "generation": head.generation}
        for start in range(0, documents.num_rows, _BATCH):
            rows = enumerate(documents.slice(start, _BATCH).to_pylist(), start)
            stored = [StoredDocument.model_validate({**row, **place, "position": position}) for position, row in rows]
            self._documents.insert_many([document.model_dump() for document in stored])

    def _change(self, seen: DayHead, head: DayHead) -> None:
        """Puts a head in the place of the one that was seen, and removes all documents that it makes obsolete."""
        unchanged = {"_id": seen.key, "generation": seen.generation}
        if not self._heads.replace_one(unchanged, head.model_dump()).matched_count:
            raise ConcurrentWriteError(f"{head.key} was written by another process at the same time")
        # A write that began after this change has a higher generation.
        obsolete = {"landed_by": head.source, "day": head.day, "generation": {"$lte": head.generation}}
        self._documents.delete_many({**obsolete, "write": {"$ne": head.write}})


def connect(url: str) -> MongoRawStore:
    """The raw documents of a MongoDB server; the server is asked when something is read or written.

    Raises:
        pymongo.errors.ConfigurationError: the URL cannot be read.
    """
    import pymongo
    from pymongo.read_concern import ReadConcern
    from pymongo.write_concern import WriteConcern

    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(url)
    database = client.get_default_database("trending")
    # What a write said to be done must not be undone by a failover, nor a reader see what one undoes.
    written, read = WriteConcern("majority"), ReadConcern("majority")
    return MongoRawStore(database.get_collection("raw", write_concern=written, read_concern=read))


def _row(document: StoredDocument) -> dict[str, Any]:
    return {name: getattr(document, name) for name in DOCUMENT.schema.names}


def _check_sizes(documents: pa.Table) -> None:
    sizes = [
        pc.binary_length(documents[field.name])
        for field in documents.schema
        if pa.types.is_string(field.type) or pa.types.is_binary(field.type)
    ]
    for row, size in enumerate(reduce(pc.add, sizes).to_pylist()):
        if size > _MAX_BYTES:
            source, source_id = (documents[name][row] for name in ("source", "source_id"))
            raise DocumentTooLargeError(f"{source}: {source_id} has {size} bytes; MongoDB takes {_MAX_BYTES}")
