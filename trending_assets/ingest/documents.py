"""Documents and parsers: what a source gives, and how what it gave becomes typed records.

A source is two things: documents of an arrival day, and a parser that reads one document. Parsing reads
only raw documents, so a parser that was mended replays them without fetching anything again.
"""

import hashlib
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

from trending_assets.domain.catalog.records import DOCUMENT, PARSED, QUARANTINE, REVIEW
from trending_assets.domain.catalog.reviews import finish_reviews


class MalformedRecordError(ValueError):
    """A document cannot be read; the message is the reason that goes to quarantine."""


@dataclass(frozen=True)
class Document:
    """A document exactly as a source gave it; the columns are those of ``records.DOCUMENT``."""

    source: str
    document_type: str
    source_id: str
    url: str
    fetched_at: datetime
    payload: bytes
    status: int = 200
    headers: str = "{}"

    @property
    def sha256(self) -> str:
        """SHA-256 of the payload."""
        return hashlib.sha256(self.payload).hexdigest()


@dataclass(frozen=True)
class ParsedDocument:
    """The typed records of one document, as dictionaries of the columns in ``records``."""

    titles: list[dict[str, Any]] = field(default_factory=list)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    signals: list[dict[str, Any]] = field(default_factory=list)


class DocumentSource(Protocol):
    """What gives the documents of a source."""

    def version(self, day: str) -> str:
        """What a day's documents depend on beside the code."""

    def documents(self, day: str) -> list[Document]:
        """The documents that arrive on a day, an ISO date."""

    def landed(self, day: str) -> dict[str, Any]:
        """Called after a day was written; gives what the source says of it, for the asset's metadata."""


Parser = Callable[[Document], ParsedDocument]
# Author and source → what stands for the author from then on.
Pseudonym = Callable[[str, str], str]

# A review that is not finished: with the author's name, and the rating as it was written.
_FINISHED = {"review_id", "author_hash", "rating", "flags", "near_duplicate_of"}
_RAW_REVIEW = pa.struct(
    [
        *(field for field in REVIEW.schema if field.name not in _FINISHED),
        pa.field("author", pa.string()),
        pa.field("rating_scale", pa.float64()),
    ]
)
_PARSED_TYPES = {
    "titles": PARSED.schema.field("titles").type,
    "reviews": pa.list_(_RAW_REVIEW),
    "signals": PARSED.schema.field("signals").type,
}


def documents_table(documents: Iterable[Document]) -> pa.Table:
    """Documents as a table with the columns of ``records.DOCUMENT``, sorted by type and id."""
    ordered = sorted(documents, key=lambda d: (d.document_type, d.source_id, d.sha256))
    return pa.Table.from_pylist([{**asdict(d), "sha256": d.sha256} for d in ordered], schema=DOCUMENT.schema)


def read_documents(table: pa.Table) -> list[Document]:
    """The documents of a table that :func:`documents_table` made."""
    return [
        Document(**{k: v for k, v in row.items() if k != "sha256"})
        for row in table.select(DOCUMENT.schema.names).to_pylist()
    ]


def payload_of(document: Document) -> dict[str, Any]:
    """A document's payload as a JSON object.

    Raises:
        MalformedRecordError: it is not one.
    """
    try:
        payload = json.loads(document.payload)
        # Python reads more than JSON may hold: lone surrogates, NaN and infinities, which no column takes.
        json.dumps(payload, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise MalformedRecordError(f"payload is not JSON: {error}") from None
    if not isinstance(payload, dict):
        raise MalformedRecordError(f"payload is a JSON {type(payload).__name__}, not an object")
    return payload


def parse_documents(
    documents: Sequence[Document], parser: Parser, pseudonym: Pseudonym, erased: Collection[str] = ()
) -> pa.Table:
    """What became of each document: the columns of ``records.PARSED``, one row a document, in order.

    A document whose payload and type equal those of an earlier one is a duplicate; one that cannot be read
    is quarantined with the reason. Nothing is lost: in = kept + duplicate + quarantined. Personal data ends
    here: reviews are finished all together, with pseudonyms for their authors; those of authors whose pseudonym
    is among the erased go no further.
    """
    rows: list[dict[str, Any]] = []
    reviews: list[dict[str, Any]] = []
    first: dict[tuple[str, str], str] = {}
    for document in documents:
        key = (document.document_type, document.sha256)
        row: dict[str, Any] = {
            "source": document.source,
            "document_type": document.document_type,
            "source_id": document.source_id,
            "document_sha256": document.sha256,
            "outcome": "kept",
            "reason": None,
        }
        parsed = ParsedDocument()
        if key in first:
            row |= {"outcome": "duplicate", "reason": f"same payload as {first[key]}"}
        else:
            first[key] = document.source_id
            try:
                parsed = parser(document)
                # A value of the wrong type would break the whole table: find it here, where it has a row.
                for name, type_ in _PARSED_TYPES.items():
                    if records := getattr(parsed, name):
                        pa.array([records], type_)
            except (MalformedRecordError, pa.ArrowException) as error:
                parsed = ParsedDocument()
                row |= {"outcome": "quarantined", "reason": str(error)}
        reviews += parsed.reviews
        rows.append(row | {"titles": parsed.titles, "reviews": len(parsed.reviews), "signals": parsed.signals})
    finished = iter(finish_reviews(reviews, pseudonym))
    for row in rows:
        found = itertools.islice(finished, row["reviews"])
        row["reviews"] = [review for review in found if review["author_hash"] not in erased]
    return pa.Table.from_pylist(rows, schema=PARSED.schema)


def quarantined(documents: Sequence[Document], parsed: pa.Table) -> pa.Table:
    """The quarantined documents, whole, with their reasons: the columns of ``records.QUARANTINE``."""
    rows = [
        {
            "source": d.source,
            "document_type": d.document_type,
            "source_id": d.source_id,
            "url": d.url,
            "arrived_at": d.fetched_at,
            "reason": row["reason"],
            "document_sha256": d.sha256,
            "payload": d.payload,
        }
        # One row a document, in the same order.
        for d, row in zip(documents, parsed.select(["outcome", "reason"]).to_pylist(), strict=True)
        if row["outcome"] == "quarantined"
    ]
    return pa.Table.from_pylist(rows, schema=QUARANTINE.schema)
