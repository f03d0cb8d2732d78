"""A crawl's journal: what was fetched is never fetched again, whenever the crawl was stopped."""

import asyncio
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from trending_assets.ingest.documents import Document
from trending_assets.ingest.http.client import Limits
from trending_assets.ingest.http.crawl import CrawlJournal, JournalledFetcher, MismatchedDocumentError
from trending_assets.ingest.http.errors import FetchError, RefusedURLError
from trending_assets_tests.ingest.http.crawling import DAY, PAGES, crawl, url_of
from trending_assets_tests.ingest.http.serving import START, FakeClock, Seen, Site, client_of, page, reply

BODY = b'{"id": 1}\n\0\xff'


def journal_in(folder: Path, **changes: Any) -> CrawlJournal:
    return CrawlJournal(folder, "shows", DAY, **changes)


def got(site: Site, journal: CrawlJournal, *numbers: int, **changes: Any) -> list[Document | None]:
    """What a crawl gets that asks for these pages at once."""
    older = changes.pop("older", {})
    client = client_of(site, **changes)

    async def run() -> list[Document | None]:
        async with client:
            fetcher = JournalledFetcher(client, journal, older)
            return await asyncio.gather(
                *(fetcher.get(url_of(number), document_type="show", source_id=str(number)) for number in numbers)
            )

    return asyncio.run(run())


def served(site: Site, **pages: Any) -> None:
    site.answers |= {f"/shows/{number}": [page(b'{"id": %d}' % number)] for number in PAGES} | pages


def older_version(number: int, **changes: Any) -> Document:
    usual: dict[str, Any] = {
        "source": "shows",
        "document_type": "show",
        "source_id": str(number),
        "url": url_of(number),
        "fetched_at": START - timedelta(days=3),
        "payload": b'{"old": true}',
        "headers": json.dumps({"etag": '"a"', "content-type": "application/json", "date": "then"}),
    }
    return Document(**usual | changes)


def test_a_document_is_what_the_source_sent_and_survives_in_the_journal(site: Site, tmp_path: Path) -> None:
    site.answers["/shows/1"] = [page(BODY, ETag='"ä"', Content_Language="en")]
    [document] = got(site, journal_in(tmp_path), 1)
    assert document == Document(
        source="shows",
        document_type="show",
        source_id="1",
        url=url_of(1),
        fetched_at=START,
        payload=BODY,
        status=200,
        headers=document.headers if document else "",
    )
    headers = json.loads(document.headers)
    assert list(headers) == sorted(headers) == ["content-language", "content-type", "etag"]
    assert journal_in(tmp_path).documents() == [document]
    assert got(site, journal_in(tmp_path), 1) == [document]
    assert site.targets == ["/shows/1"]


def test_documents_come_in_the_same_order_however_they_were_fetched(site: Site, tmp_path: Path) -> None:
    served(site)
    journals = [journal_in(tmp_path / name) for name in "ab"]
    got(site, journals[0], *PAGES)
    got(site, journals[1], *reversed(PAGES))
    orders = [[document.url for document in journal.documents()] for journal in journals]
    assert orders[0] == orders[1] == [url_of(number) for number in PAGES]


def test_a_url_that_is_asked_for_many_times_at_once_is_fetched_once(site: Site, tmp_path: Path) -> None:
    served(site)
    documents = got(site, journal_in(tmp_path), *[1] * 20)
    assert len({document.url for document in documents if document}) == 1
    assert site.targets == ["/shows/1"]


@pytest.mark.parametrize("status", [404, 410])
def test_what_the_source_has_not_is_remembered_too(site: Site, tmp_path: Path, status: int) -> None:
    site.answers["/shows/1"] = [reply(status), page()]
    assert got(site, journal_in(tmp_path), 1) == [None]
    assert got(site, journal_in(tmp_path), 1) == [None]
    assert journal_in(tmp_path).documents() == []
    assert site.targets == ["/shows/1"]


def test_a_failure_is_not_remembered(site: Site, tmp_path: Path) -> None:
    site.answers["/shows/1"] = [reply(403), page()]
    with pytest.raises(FetchError):
        got(site, journal_in(tmp_path), 1)
    assert url_of(1) not in journal_in(tmp_path)
    assert got(site, journal_in(tmp_path), 1) != [None]


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://api.shows.example/\ud800", "../../etc/passwd", ""])
def test_a_refused_url_leaves_nothing(site: Site, tmp_path: Path, url: str) -> None:
    async def run() -> None:
        async with client_of(site) as client:
            with pytest.raises(RefusedURLError):
                await JournalledFetcher(client, journal_in(tmp_path)).get(url, document_type="show", source_id="1")

    asyncio.run(run())
    assert list(tmp_path.iterdir()) == []


def test_one_url_cannot_be_two_documents(site: Site, tmp_path: Path) -> None:
    served(site)
    got(site, journal_in(tmp_path), 1)

    async def run() -> None:
        async with client_of(site) as client:
            with pytest.raises(MismatchedDocumentError, match=r"episode 9.*show 1"):
                await JournalledFetcher(client, journal_in(tmp_path)).get(
                    url_of(1), document_type="episode", source_id="9"
                )

    asyncio.run(run())


def test_what_is_held_already_is_part_of_the_crawl_and_not_fetched(site: Site, tmp_path: Path) -> None:
    served(site)
    held = [older_version(1), older_version(7)]
    journal = journal_in(tmp_path, held=held)
    one, two = got(site, journal, 1, 2)
    assert one == held[0]
    assert journal.documents() == [held[0], two, held[1]]
    assert site.targets == ["/shows/2"]
    journal.discard()
    assert journal.documents() == held


def test_journals_of_other_days_and_sources_are_others(site: Site, tmp_path: Path) -> None:
    served(site)
    got(site, journal_in(tmp_path), 1)
    assert CrawlJournal(tmp_path, "shows", DAY + timedelta(days=1)).documents() == []
    assert CrawlJournal(tmp_path, "films", DAY).documents() == []


def test_a_discarded_journal_is_gone_and_a_new_crawl_starts_afresh(site: Site, tmp_path: Path) -> None:
    served(site)
    journal = journal_in(tmp_path)
    journal.discard()
    got(site, journal, 1, 2)
    journal.discard()
    assert journal.documents() == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    got(site, journal, 1)
    assert site.targets.count("/shows/1") == 2


def test_what_a_killed_write_left_behind_is_not_read(site: Site, tmp_path: Path) -> None:
    served(site)
    got(site, journal_in(tmp_path), 1)
    [entry] = tmp_path.rglob("*.entry")
    (tmp_path / ".staging" / "half.entry").write_bytes(entry.read_bytes()[:10])
    assert [document.url for document in journal_in(tmp_path).documents()] == [url_of(1)]


def test_an_older_version_that_did_not_change_arrives_again_today(site: Site, tmp_path: Path) -> None:
    site.answers["/shows/1"] = [reply(304, headers={"Date": "now", "ETag": '"a"'})]
    older = older_version(1)
    [document] = got(site, journal_in(tmp_path), 1, older={older.url: older})
    assert site.seen[0].headers["if-none-match"] == '"a"'
    assert document == older_version(
        1,
        fetched_at=START,
        status=304,
        headers=json.dumps({"content-type": "application/json", "date": "now", "etag": '"a"'}),
    )
    assert journal_in(tmp_path).documents() == [document]


def test_an_older_version_that_changed_is_replaced(site: Site, tmp_path: Path) -> None:
    served(site)
    older = older_version(1, headers=json.dumps({"last-modified": "Mon, 02 Jun 2025 12:00:00 GMT"}))
    [document] = got(site, journal_in(tmp_path), 1, older={older.url: older})
    assert site.seen[0].headers["if-modified-since"] == "Mon, 02 Jun 2025 12:00:00 GMT"
    assert document is not None
    assert (document.payload, document.status) == (b'{"id": 1}', 200)


def test_an_older_version_of_something_else_is_no_version(site: Site, tmp_path: Path) -> None:
    served(site)
    older = older_version(1, document_type="episode")
    got(site, journal_in(tmp_path), 1, older={older.url: older})
    assert "if-none-match" not in site.seen[0].headers


def test_times_keep_their_microseconds(site: Site, tmp_path: Path) -> None:
    served(site)
    [document] = got(site, journal_in(tmp_path), 1, clock=FakeClock(seconds=0.123456))
    assert document is not None
    assert document.fetched_at == datetime(2025, 6, 2, 12, 0, 0, 123456, tzinfo=UTC)
    assert journal_in(tmp_path).documents() == [document]


@pytest.mark.parametrize("stop", [0, 3, len(PAGES) - 1])
def test_a_crawl_that_stops_at_a_fault_goes_on_where_it_was(site: Site, tmp_path: Path, stop: int) -> None:
    served(site, **{f"/shows/{stop}": [reply(500), page()]})
    client = client_of(site, limits=Limits(attempts=1))
    with pytest.raises(FetchError):
        asyncio.run(crawl(client, journal_in(tmp_path)))
    assert len(journal_in(tmp_path).documents()) == stop
    asyncio.run(crawl(client_of(site), journal_in(tmp_path)))
    assert len(journal_in(tmp_path).documents()) == len(PAGES)
    assert sorted(site.targets) == sorted([*(f"/shows/{number}" for number in PAGES), f"/shows/{stop}"])


def test_a_killed_crawl_fetches_only_what_is_missing(site: Site, tmp_path: Path) -> None:
    served(site)
    ca_file = tmp_path / "ca.pem"
    site.ca.cert_pem.write_to_path(str(ca_file))
    folder = tmp_path / "journals"
    child: list[subprocess.Popen[bytes]] = []
    killed_at = 5

    def kill(seen: Seen) -> None:
        if seen.target == f"/shows/{killed_at}" and child[0].poll() is None:
            child[0].send_signal(signal.SIGKILL)
            child[0].wait()

    site.on_request = kill
    module = "trending_assets_tests.ingest.http.crawling"
    child.append(subprocess.Popen([sys.executable, "-m", module, str(site.port), str(ca_file), str(folder)]))
    assert child[0].wait(timeout=60) == -signal.SIGKILL
    before = journal_in(folder).documents()
    assert [document.url for document in before] == [url_of(number) for number in range(killed_at)]
    asyncio.run(crawl(client_of(site), journal_in(folder)))
    assert journal_in(folder).documents()[:killed_at] == before
    assert [document.url for document in journal_in(folder).documents()] == [url_of(number) for number in PAGES]
    assert sorted(site.targets) == sorted([*(f"/shows/{number}" for number in PAGES), f"/shows/{killed_at}"])
