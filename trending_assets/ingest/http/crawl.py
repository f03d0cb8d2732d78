"""A crawl that can be stopped at any moment: each document is kept as it comes, and never fetched twice."""

import asyncio
import hashlib
import json
import shutil
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from trending_assets.ingest.documents import Document
from trending_assets.ingest.http.client import Fetched, PoliteClient
from trending_assets.ingest.http.errors import NotFoundError
from trending_assets.storage.atomic import write_bytes


class MismatchedDocumentError(ValueError):
    """A crawl asks for one URL as two different documents."""


class CrawlJournal:
    """What one crawl fetched so far: a small file a URL, written whole or not at all.

    An entry is one line of JSON, then the payload. It also remembers the URLs that the source has not.

    Args:
        folder: where journals lie; created with the first entry.
        source: name of the source.
        day: the day that is crawled.
        held: documents of this crawl that are kept elsewhere already.
    """

    def __init__(self, folder: Path, source: str, day: date, held: Iterable[Document] = ()) -> None:
        self.source = source
        self._entries = folder / source / day.isoformat()
        self._staging = folder / ".staging"
        self._held = {document.url: document for document in held}

    def __contains__(self, url: object) -> bool:
        return url in self._held or self._path(str(url)).is_file()

    def document(self, url: str) -> Document | None:
        """The document at a URL that is in the journal; None where the source has none.

        Raises:
            FileNotFoundError: the URL is not in the journal.
        """
        return self._held.get(url) or _read(self._path(url))

    def write(self, url: str, document: Document | None) -> None:
        """Keeps what was fetched, durably; None is kept too."""
        entry: dict[str, Any] = {"url": url, "document": None}
        payload = b""
        if document is not None:
            columns = asdict(document)
            payload = columns.pop("payload")
            entry["document"] = columns | {"fetched_at": document.fetched_at.isoformat()}
        write_bytes(self._path(url), json.dumps(entry).encode() + b"\n" + payload, self._staging)

    def forget(self, url: str) -> None:
        """Takes a document out, so that it is fetched again."""
        self._path(url).unlink(missing_ok=True)

    def documents(self) -> list[Document]:
        """All documents of the crawl, the held ones included, sorted by type, id and URL."""
        fetched = [_read(path) for path in self._entries.glob("*.entry")]
        # A URL that is held is never fetched, so no document is there twice.
        return sorted(
            [*self._held.values(), *(document for document in fetched if document)],
            key=lambda document: (document.document_type, document.source_id, document.url),
        )

    def discard(self) -> None:
        """Removes the journal; what is held elsewhere stays."""
        if self._entries.is_dir():
            # In one step: half a journal would be taken for a crawl that was stopped.
            doomed = self._staging / uuid.uuid4().hex
            self._entries.rename(doomed)
            shutil.rmtree(doomed)

    def _path(self, url: str) -> Path:
        return self._entries / f"{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()}.entry"


class JournalledFetcher:
    """Fetches a crawl's documents politely and keeps each in its journal; a :class:`Fetcher`.

    Args:
        client: asks the source.
        journal: of the crawl.
        older: URL → the version of a document that an earlier crawl brought. The source is asked whether it
            changed; where it did not, its payload arrives again today: that answer says that this is what
            the source has now, so ``fetched_at`` is the time of the answer and the status is 304.
    """

    def __init__(
        self, client: PoliteClient, journal: CrawlJournal, older: Mapping[str, Document] = MappingProxyType({})
    ) -> None:
        self._client = client
        self._journal = journal
        self._older = older
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def get(self, url: str, *, document_type: str, source_id: str) -> Document | None:
        """The document at a URL: the crawl's own where it has it, the source's otherwise.

        Returns:
            The document; None where the source has none.

        Raises:
            FetchError: it cannot be had.
            MismatchedDocumentError: the crawl has the URL as another document.
        """
        async with self._asking[url]:
            if url in self._journal:
                document = self._journal.document(url)
            else:
                document = await self._fetch(url, document_type, source_id)
                # Waiting for the disk must not keep other requests waiting.
                await asyncio.to_thread(self._journal.write, url, document)
        if document and (document.document_type, document.source_id) != (document_type, source_id):
            raise MismatchedDocumentError(
                f"{url}: asked for as {document_type} {source_id}, but the crawl has it as "
                f"{document.document_type} {document.source_id}"
            )
        return document

    async def _fetch(self, url: str, document_type: str, source_id: str) -> Document | None:
        older = self._older.get(url)
        if older and (older.document_type, older.source_id) != (document_type, source_id):
            older = None
        known = json.loads(older.headers) if older else {}
        try:
            fetched = await self._client.get(url, etag=known.get("etag"), last_modified=known.get("last-modified"))
        except NotFoundError:
            return None
        if older and fetched.not_modified:
            # What a 304 does not repeat still holds of the version that it speaks of.
            return replace(
                older,
                fetched_at=fetched.fetched_at,
                status=fetched.status,
                headers=_headers({**known, **fetched.headers}),
            )
        return self._document(url, document_type, source_id, fetched)

    def _document(self, url: str, document_type: str, source_id: str, fetched: Fetched) -> Document:
        return Document(
            source=self._journal.source,
            document_type=document_type,
            source_id=source_id,
            url=url,
            fetched_at=fetched.fetched_at,
            payload=fetched.body,
            status=fetched.status,
            headers=_headers(fetched.headers),
        )


def _headers(headers: Mapping[str, str]) -> str:
    return json.dumps(dict(headers), sort_keys=True)


def _read(path: Path) -> Document | None:
    line, _, payload = path.read_bytes().partition(b"\n")
    columns = json.loads(line)["document"]
    if columns is None:
        return None
    return Document(**columns | {"fetched_at": datetime.fromisoformat(columns["fetched_at"]), "payload": payload})
