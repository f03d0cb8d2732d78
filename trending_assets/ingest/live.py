"""Documents of a live source: a day is crawled once, politely, and what was fetched is never fetched again."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trending_assets.ingest.documents import Document
from trending_assets.ingest.source import Source

if TYPE_CHECKING:
    from trending_assets.ingest.http.client import PoliteClient
    from trending_assets.ingest.http.crawl import CrawlJournal


class SourceNotSetUpError(ValueError):
    """A source cannot be asked for this: a setting is missing, or it has no such thing."""


# Makes the client that asks a source; tests give one that reaches a server of their own.
Connect = Callable[[Source, Mapping[str, str], str], "PoliteClient"]


def connect(source: Source, options: Mapping[str, str], contact: str) -> "PoliteClient":
    """The client that asks a source's own hosts."""
    from trending_assets.ingest.http.client import PoliteClient

    if source.politeness is None:
        raise SourceNotSetUpError(f"{source.name} does not say how it wants to be asked")
    credentials = source.credentials(options) if source.credentials else {}
    return PoliteClient(source.politeness, contact=contact, credentials=credentials)


@dataclass
class LiveDocuments:
    """The documents of a live source, day by day.

    Attributes:
        source: the source.
        options: its settings.
        contact: under which its hosts reach whoever asks them.
        journals: folder that keeps what unfinished crawls have fetched.
        held: day → the documents that raw holds already.
        now: the clock.
        connect: makes the client.
    """

    source: Source
    options: Mapping[str, str] = field(repr=False)
    contact: str | None
    journals: Path
    held: Callable[[str], list[Document]]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    connect: Connect = connect

    def version(self, day: str) -> str:
        """``complete`` for a day that is over, so that it is crawled once; another each time while it goes on."""
        now = self.now()
        return "complete" if now >= _end(day) else f"until {now.isoformat()}"

    def documents(self, day: str) -> list[Document]:
        """The documents of a day: those that raw holds, and what the source has beside them.

        Raises:
            SourceNotSetUpError: a setting is missing.
            FetchError: a document cannot be had; the next crawl goes on from there.
        """
        crawl = self.source.crawl
        if crawl is None:
            raise SourceNotSetUpError(f"{self.source.name} cannot be crawled")
        if self.now() < _end(day) - timedelta(days=1):
            raise SourceNotSetUpError(f"{day} has not begun: {self.source.name} has nothing of it yet")
        return self._fetch(day, lambda fetcher: crawl(date.fromisoformat(day), fetcher, self.options))

    def visit(self, day: str, url: str) -> list[Document]:
        """The documents that raw holds of a day, and the page at a URL.

        Raises:
            SourceNotSetUpError: a setting is missing.
            FetchError: the page cannot be had.
        """
        visit = self.source.visit
        if visit is None:
            raise SourceNotSetUpError(f"{self.source.name} has no pages that mean something by themselves")
        return self._fetch(day, lambda fetcher: visit(url, fetcher))

    def landed(self, day: str) -> dict[str, Any]:
        """Called after a day was written: forgets its journal, which raw holds now."""
        self._journal(day, []).discard()
        return {}

    def _fetch(self, day: str, crawl: Callable[[Any], Any]) -> list[Document]:
        from trending_assets.ingest.fields import UnreadableListError
        from trending_assets.ingest.http.crawl import JournalledFetcher

        contact = self._ready()
        held = self.held(day)
        # A list of what there is grows while the day goes on; the source is asked whether it has changed.
        listings = {d.url: d for d in held if d.document_type in self.source.listings}
        journal = self._journal(day, [d for d in held if d.url not in listings])

        async def run() -> None:
            async with self.connect(self.source, self.options, contact) as client:
                try:
                    await crawl(JournalledFetcher(client, journal, listings))
                except UnreadableListError as error:
                    journal.forget(error.url)
                    raise

        asyncio.run(run())
        fetched = {document.url: document for document in journal.documents()}
        return list((listings | fetched).values())

    def _journal(self, day: str, held: list[Document]) -> "CrawlJournal":
        from trending_assets.ingest.http.crawl import CrawlJournal

        return CrawlJournal(self.journals, self.source.name, date.fromisoformat(day), held)

    def _ready(self) -> str:
        missing = [self.source.settings[name] for name in sorted(self.source.required) if not self.options.get(name)]
        if not self.contact:
            missing.append("TRENDING_CONTACT (an e-mail address or a URL at which sites can reach you)")
        if missing or not self.contact:
            raise SourceNotSetUpError(f"{self.source.name} cannot be asked yet: set {', '.join(missing)}")
        return self.contact


def with_hosts(source: Source, options: Mapping[str, str]) -> Source:
    """The source with the hosts that its option ``hosts`` adds to the allow-list."""
    extra = frozenset((options.get("hosts") or "").split())
    if not extra or source.politeness is None:
        return source
    politeness = replace(source.politeness, hosts=source.politeness.hosts | extra)
    return replace(source, politeness=politeness, domains=source.domains | extra)


def _end(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
