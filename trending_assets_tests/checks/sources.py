"""Sources that differ in what their checks depend on: whether they are crawled."""

from collections.abc import Mapping
from datetime import date

from trending_assets.ingest.documents import Document, ParsedDocument
from trending_assets.ingest.source import DataCard, Fetcher, Source


async def _crawl(day: date, fetcher: Fetcher, options: Mapping[str, str]) -> None: ...


def _parse(document: Document) -> ParsedDocument:
    return ParsedDocument()


_CARD = DataCard("Test", "made for tests", "none", {}, (), "none")
LIVE = Source("live", _CARD, {}, _parse, (__name__,), crawl=_crawl)
FILES = Source("files", _CARD, {}, _parse, (__name__,))
