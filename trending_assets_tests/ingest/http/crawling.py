"""A crawl in a process of its own, which a test kills: ``python -m … PORT CA_FILE FOLDER``."""

import asyncio
import ssl
import sys
from datetime import date
from pathlib import Path

import httpcore

from trending_assets.ingest.http.client import PoliteClient
from trending_assets.ingest.http.crawl import CrawlJournal, JournalledFetcher
from trending_assets.ingest.http.network import Network
from trending_assets_tests.ingest.http.serving import API, CONTACT, PUBLIC, FakeClock, polite, resolving

DAY = date(2025, 6, 2)
PAGES = range(8)


def url_of(number: int) -> str:
    return f"https://{API}/shows/{number}"


async def crawl(client: PoliteClient, journal: CrawlJournal) -> None:
    """Fetches all pages, one after the other."""
    async with client:
        fetcher = JournalledFetcher(client, journal)
        for number in PAGES:
            await fetcher.get(url_of(number), document_type="show", source_id=str(number))


def _main(port: int, ca_file: str, folder: Path) -> None:
    async def dial(address: str, _: int, timeout: float | None) -> httpcore.AsyncNetworkStream:  # noqa: ASYNC109
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", port, timeout=timeout)

    client = PoliteClient(
        polite(),
        contact=CONTACT,
        network=Network(resolving(PUBLIC), dial),
        ssl_context=ssl.create_default_context(cafile=ca_file),
        clock=FakeClock(),
    )
    asyncio.run(crawl(client, CrawlJournal(folder, "shows", DAY)))


if __name__ == "__main__":
    _main(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
