"""Every live source crawled over HTTPS: whole days, and days on which its site misbehaves in every usual way."""

import gzip
import itertools
import logging
import re
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from trending_assets.ingest.documents import Document, parse_documents
from trending_assets.ingest.fields import UnreadableListError
from trending_assets.ingest.http import client as client_module
from trending_assets.ingest.http.errors import (
    ContentTypeError,
    DisallowedByRobotsError,
    FetchError,
    RejectedError,
    ResponseTooLargeError,
    UnavailableError,
)
from trending_assets.ingest.live import SourceNotSetUpError
from trending_assets_tests.ingest.http.live_sites import (
    DAY,
    KEY,
    KEY_PARAMETER,
    LIVE_SITES,
    Crawler,
    Internet,
    LiveSite,
    url_of,
)
from trending_assets_tests.ingest.http.serving import CONTACT, JSON, Answer, reply

_GZIP = {"Content-Encoding": "gzip"}

_APIS = [name for name in LIVE_SITES if name != "schema_org"]


@pytest.fixture(params=LIVE_SITES)
def crawler(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crawler]:
    """Crawls a source, whose site is up and whole."""
    site = LIVE_SITES[request.param]()
    with Internet(hosts=tuple(site.politeness.hosts)) as internet:
        crawler = Crawler(site, internet, tmp_path)
        crawler.serve()
        monkeypatch.setattr(client_module, "PoliteClient", crawler.client)
        yield crawler


def only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("crawler", names, indirect=True)


def became(site: LiveSite, documents: Sequence[Document]) -> dict[str, tuple[str, str]]:
    """URL → what becomes of its document, and why."""
    rows = parse_documents(documents, site.source.parse, lambda author, source: "somebody").to_pylist()
    return {document.url: (row["outcome"], row["reason"] or "") for document, row in zip(documents, rows, strict=True)}


def expected(site: LiveSite) -> dict[str, tuple[str, str]]:
    return {
        url: ("quarantined", site.quarantined[url]) if url in site.quarantined else ("kept", "")
        for url in site.documents
    }


def payloads(documents: Sequence[Document]) -> dict[str, bytes]:
    """URL → payload of the one document from there."""
    assert len({document.url for document in documents}) == len(documents)
    return {document.url: document.payload for document in documents}


def test_a_day_is_crawled_whole_and_every_document_is_read_or_named(crawler: Crawler) -> None:
    site = crawler.site
    documents = crawler.crawl()
    assert crawler.internet.asked == list(site.pages)
    assert {d.url: (d.document_type, d.source_id) for d in documents} == site.documents
    assert payloads(documents) == site.payloads
    assert {(d.source, d.status) for d in documents} == {(site.source.name, 200)}
    assert {d.document_type for d in documents} <= site.source.card.documents.keys()
    assert became(site, documents) == expected(site)
    read = [site.source.parse(d) for d in documents if d.url not in site.quarantined]
    assert sorted(title["title"] for parsed in read for title in parsed.titles) == site.titles


def test_every_request_says_who_asks_and_none_comes_too_soon(crawler: Crawler) -> None:
    times = defaultdict(list)
    crawler.internet.on_request = lambda seen: times[seen.host].append(crawler.clock.seconds)
    crawler.crawl()
    assert times.keys() == crawler.site.politeness.hosts
    interval = 1 / crawler.site.politeness.requests_per_second
    for asked in times.values():
        assert all(later - sooner > 0.99 * interval for sooner, later in itertools.pairwise(asked))
    assert all(CONTACT in seen.headers["user-agent"] for seen in crawler.internet.seen)


def test_a_day_that_is_crawled_is_not_crawled_again(crawler: Crawler) -> None:
    first = crawler.crawl()
    assert crawler.crawl() == first
    assert crawler.internet.seen == []


def test_lists_that_have_not_changed_are_taken_again_and_bring_nothing_new(crawler: Crawler) -> None:
    site = crawler.site
    crawler.held = crawler.crawl()
    crawler.live.landed(DAY)
    for url in site.listings:
        crawler.internet.answers[url] = [reply(304)]
    again = crawler.crawl()
    # What was not there may have come.
    assert crawler.internet.asked == [url for url, there in site.pages.items() if url in site.listings or not there]
    known = {url_of(seen): seen.headers.get("if-none-match") for seen in crawler.internet.seen}
    assert [url for url, version in known.items() if version == '"a"'] == list(site.listings)
    assert payloads(again) == site.payloads
    assert {d.url for d in again if d.status == 304} == set(site.listings)


# ---- faults that pass


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(lambda there: reply(500, b"Oops"), id="500"),
        # One byte less than its Content-Length, or than its headers.
        pytest.param(lambda there: Answer(there.raw[:-1], close=True), id="truncated"),
    ],
)
def test_a_fault_of_every_page_that_passes_changes_nothing(crawler: Crawler, fault: Callable[[Answer], Answer]) -> None:
    crawler.serve(lambda there: [fault(there)])
    documents = crawler.crawl()
    assert crawler.internet.asked == [url for url in crawler.site.pages for _ in range(2)]
    assert payloads(documents) == crawler.site.payloads
    assert became(crawler.site, documents) == expected(crawler.site)


def test_a_site_that_asks_for_time_is_given_it(crawler: Crawler) -> None:
    crawler.serve(lambda there: [reply(429, headers={"Retry-After": "7"})])
    documents = crawler.crawl()
    assert became(crawler.site, documents) == expected(crawler.site)
    assert [seconds for seconds in crawler.clock.slept if seconds > 6] == [pytest.approx(7)] * len(crawler.site.pages)


def test_a_site_that_asks_for_too_much_time_is_left_alone(crawler: Crawler) -> None:
    crawler.serve(lambda there: [reply(429, headers={"Retry-After": "3600"})])
    with pytest.raises(UnavailableError, match="asks to wait 3600 s, longer than the 300 s that a crawl waits"):
        crawler.crawl()
    assert len(crawler.internet.asked) == 1
    assert crawler.clock.seconds < 3


# ---- faults that stay


def test_a_crawl_that_fails_at_any_page_names_it_and_goes_on_from_there(crawler: Crawler) -> None:
    before: list[str] = []
    for url in crawler.site.pages:
        crawler.serve()
        crawler.internet.answers[url] = [reply(500)]
        with pytest.raises(UnavailableError, match=rf"^{re.escape(url)}: failed 4 times, .* status 500"):
            crawler.crawl()
        # What failed the last time, and nothing of what came before it.
        assert crawler.internet.asked == [*before, *[url] * 4]
        before = [url]
    crawler.serve()
    assert payloads(crawler.crawl()) == crawler.site.payloads
    assert crawler.internet.asked == before


@pytest.mark.parametrize(
    ("refused", "error", "reason"),
    [
        pytest.param(
            lambda site: replace(
                site.answer(b"", **{"Content-Length": str(site.politeness.max_bytes + 1)}), close=True
            ),
            ResponseTooLargeError,
            r"\d+ bytes are announced, \d+ are allowed",
            id="announced to be too large",
        ),
        pytest.param(
            lambda site: site.answer(gzip.compress(bytes(site.politeness.max_bytes + 1)), **_GZIP),
            ResponseTooLargeError,
            r"more than \d+ bytes after decompression",
            id="too large when unpacked",
        ),
        pytest.param(
            lambda site: reply(200, b"a, b", {"Content-Type": "text/csv"}),
            ContentTypeError,
            "content type is 'text/csv'",
            id="of another type",
        ),
        pytest.param(lambda site: reply(200, b"{}"), ContentTypeError, "content type is ''", id="of no type"),
        pytest.param(lambda site: reply(403), RejectedError, "status 403", id="forbidden"),
    ],
)  # fmt: skip
def test_what_asking_again_does_not_change_is_refused_at_once_and_not_kept(
    crawler: Crawler, refused: Callable[[LiveSite], Answer], error: type[FetchError], reason: str
) -> None:
    site, urls = crawler.site, list(crawler.site.pages)
    fetched = 0
    for url in (urls[0], site.detail):
        crawler.serve()
        crawler.internet.answers[url] = [refused(site)]
        with pytest.raises(error, match=f"^{re.escape(url)}: {reason}"):
            crawler.crawl()
        assert crawler.internet.asked == urls[fetched : urls.index(url) + 1]
        fetched = urls.index(url)
    crawler.serve()
    assert payloads(crawler.crawl()) == site.payloads
    assert crawler.internet.asked == urls[fetched:]


# ---- what cannot be read


def test_a_title_that_cannot_be_read_is_quarantined_and_stops_nothing(crawler: Crawler) -> None:
    site = crawler.site
    for number, (payload, reason) in enumerate(site.malformed.items()):
        crawler.internet.answers[site.detail] = [site.answer(payload)]
        documents = crawler.afresh(str(number)).crawl()
        assert {d.url: d.payload for d in documents}[site.detail] == payload
        outcomes = became(site, documents)
        outcome, said = outcomes.pop(site.detail)
        assert (outcome, reason in said) == ("quarantined", True), said
        assert outcomes == {url: usual for url, usual in expected(site).items() if url != site.detail}


@only(*_APIS)
@pytest.mark.parametrize("payload", [b'{"page": 1, "results": [{"id"', b'{"items": 0, "results": 0}'])
def test_a_list_that_cannot_be_read_stops_the_crawl_and_is_asked_for_anew(crawler: Crawler, payload: bytes) -> None:
    site, urls = crawler.site, list(crawler.site.pages)
    fetched = 0
    for url in site.lists:
        crawler.serve()
        crawler.internet.answers[url] = [site.answer(payload)]
        with pytest.raises(UnreadableListError, match=f"^{re.escape(url)}: .+"):
            crawler.crawl()
        assert crawler.internet.asked == urls[fetched : urls.index(url) + 1]
        fetched = urls.index(url)
    crawler.serve()
    assert became(site, crawler.crawl()) == expected(site)
    assert crawler.internet.asked == urls[fetched:]


# ---- robots.txt


def forbid(crawler: Crawler, rules: bytes, status: int = 200) -> None:
    for host in crawler.site.politeness.hosts:
        crawler.internet.answers[f"https://{host}/robots.txt"] = [reply(status, rules, {"Content-Type": "text/plain"})]


@only("schema_org")
@pytest.mark.parametrize(
    ("rules", "status", "stops_at", "reason"),
    [
        (b"User-agent: *\nDisallow: /", 200, 0, "forbidden by robots.txt of films.example"),
        (b"User-agent: trending-now\nDisallow: /al\n\nUser-agent: *\nAllow: /", 200, 1, "forbidden by robots.txt"),
        (b"User-agent: *\nDisallow: /*?s=", 200, 2, "forbidden by robots.txt of shows.example"),
        (b"", 500, 0, "everything is forbidden while robots.txt cannot be read"),
    ],
)
def test_a_page_that_robots_txt_forbids_stops_the_crawl_unasked(
    crawler: Crawler, rules: bytes, status: int, stops_at: int, reason: str
) -> None:
    urls = list(crawler.site.pages)
    forbid(crawler, rules, status)
    with pytest.raises(DisallowedByRobotsError, match=f"^{re.escape(f'{urls[stops_at]}: {reason}')}"):
        crawler.crawl()
    assert crawler.internet.asked == urls[:stops_at]
    forbid(crawler, b"")
    assert became(crawler.site, crawler.crawl()) == expected(crawler.site)
    assert crawler.internet.asked == urls[stops_at:]


@only("schema_org")
def test_the_delay_that_robots_txt_asks_for_is_kept(crawler: Crawler) -> None:
    forbid(crawler, b"User-agent: *\nCrawl-delay: 30")
    crawler.crawl()
    # Between the two pages of the first host; the rules are no page.
    assert max(crawler.clock.slept) == pytest.approx(30)


@only(*_APIS)
def test_a_documented_api_is_asked_as_its_terms_say_whatever_robots_txt_forbids(crawler: Crawler) -> None:
    forbid(crawler, b"User-agent: *\nDisallow: /")
    assert payloads(crawler.crawl()) == crawler.site.payloads
    assert "/robots.txt" not in {seen.target for seen in crawler.internet.seen}


# ---- the key


@only("tmdb")
@pytest.mark.parametrize(("key", "token"), [(KEY, False), ("eyJhbGciOi.eyJhdWQiOi.c2lnbmF0dXJl", True)])
def test_the_key_reaches_tmdb_and_is_kept_nowhere(
    crawler: Crawler, caplog: pytest.LogCaptureFixture, key: str, token: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    keyed = replace(crawler, site=replace(crawler.site, options={"api_key": key}))
    keyed.serve(lambda there: [reply(500)])
    documents = keyed.crawl()
    for seen in crawler.internet.seen:
        given = seen.headers.get("authorization") if token else seen.target.partition(KEY_PARAMETER)[2]
        assert given == (f"Bearer {key}" if token else key)
    assert {d.url for d in documents} == crawler.site.documents.keys()
    assert key not in repr(documents)
    assert key not in repr(keyed.live)
    assert "api.themoviedb.org" in caplog.text
    assert key not in caplog.text
    kept = [path for path in crawler.folder.rglob("*") if path.is_file()]
    assert len(kept) == len(crawler.site.pages)
    assert not [path for path in kept if key.encode() in path.read_bytes()]


@only("tmdb")
@pytest.mark.parametrize(
    "answer",
    [
        reply(401),
        reply(500),
        reply(200, b"{"),
        reply(200, b"{", JSON),
        reply(302, headers={"Location": f"/3/x?k={KEY}"}),
    ],
)
def test_no_error_says_the_key(crawler: Crawler, answer: Answer) -> None:
    first = next(iter(crawler.site.pages))
    crawler.internet.answers[first] = [answer]
    with pytest.raises(FetchError, match=re.escape(first)) as caught:
        crawler.crawl()
    assert crawler.internet.seen[-1].target.endswith(f"{KEY_PARAMETER}{KEY}")
    assert KEY not in "".join(traceback.format_exception(caught.value))


@only("tmdb")
def test_without_a_key_tmdb_is_not_asked(crawler: Crawler) -> None:
    keyless = replace(crawler, site=replace(crawler.site, options={}))
    with pytest.raises(SourceNotSetUpError, match="set TRENDING_TMDB_API_KEY"):
        keyless.crawl()
    assert crawler.internet.connections == 0
