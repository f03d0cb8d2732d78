"""robots.txt: who may ask for what, and what holds while the file cannot be read."""

import asyncio
import gzip

import pytest

from trending_assets.ingest.http.client import Limits
from trending_assets.ingest.http.errors import DisallowedByRobotsError, UnavailableError
from trending_assets.ingest.http.robots import ROBOTS_BYTES
from trending_assets_tests.ingest.http.serving import (
    API,
    WWW,
    Answer,
    FakeClock,
    Site,
    client_of,
    page,
    polite,
    reply,
)

POLITE = polite(robots=True)
URL = f"https://{API}/shows/1"
DAY_S = 24 * 3600.0


def robots(text: str, **headers: str) -> Answer:
    return reply(200, text.encode(), {"Content-Type": "text/plain"} | headers)


def allowed(site: Site, *urls: str) -> list[bool]:
    """Whether each URL is fetched, one after the other."""
    client = client_of(site, POLITE)

    async def one(url: str) -> bool:
        try:
            await client.get(url)
        except DisallowedByRobotsError:
            return False
        return True

    async def run() -> list[bool]:
        async with client:
            return [await one(url) for url in urls]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("", True),
        ("User-agent: *\nDisallow: /private", True),
        ("User-agent: *\nDisallow: /", False),
        ("User-agent: *\nDisallow: /\nAllow: /shows/", True),
        ("User-agent: *\nDisallow: /shows/*$", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: Trending-Now\nDisallow: /private", True),
        ("User-agent: *\nDisallow:\n\nUser-agent: trending-now\nDisallow: /shows", False),
        ("User-agent: another-bot\nDisallow: /", True),
        ("\ufeffUser-agent: *\r\nDisallow: /shows\r\n", False),
        ("<html>Disallow: /</html>", True),
    ],
)
def test_the_file_decides(site: Site, text: str, may: bool) -> None:
    site.answers |= {"/robots.txt": [robots(text)], "/shows/1": [page()]}
    assert allowed(site, URL) == [may]
    assert site.targets == (["/shows/1"] if may else [])


@pytest.mark.parametrize("answer", [reply(404), reply(401), reply(403), reply(410)])
def test_a_host_without_a_file_allows_everything(site: Site, answer: Answer) -> None:
    site.answers |= {"/robots.txt": [answer], "/shows/1": [page()]}
    assert allowed(site, URL) == [True]


@pytest.mark.parametrize(
    "answer",
    [
        reply(500),
        reply(503),
        reply(429),
        reply(204),
        Answer(b"", close=True),
        Answer(b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\nUser-agent: *\nAllow: /\n", close=True),
        robots("", **{"Content-Encoding": "br"}),
        reply(302, headers={"Location": "https://127.0.0.1/robots.txt"}),
        reply(302, headers={"Location": "https://evil.example/robots.txt"}),
        reply(302, headers={"Location": "/robots.txt"}),
    ],
)
def test_a_file_that_cannot_be_read_forbids_everything(site: Site, answer: Answer) -> None:
    site.answers |= {"/robots.txt": [answer], "/shows/1": [page()]}
    assert allowed(site, URL, URL) == [False, False]
    assert site.targets == []


def test_a_fault_that_passes_while_the_file_is_read_is_not_noticed(site: Site) -> None:
    site.answers |= {"/robots.txt": [reply(503), robots("")], "/shows/1": [page()]}
    assert allowed(site, URL) == [True]


def test_a_file_behind_an_allowed_redirect_counts(site: Site) -> None:
    site.answers |= {
        "/robots.txt": [reply(301, headers={"Location": f"https://{WWW}/robots"})],
        "/robots": [robots("User-agent: *\nDisallow: /shows")],
        "/shows/1": [page()],
    }
    assert allowed(site, URL) == [False]


@pytest.mark.parametrize("packed", [False, True])
def test_only_the_first_500_kib_of_a_file_count(site: Site, packed: bool) -> None:
    def answer(before: int) -> Answer:
        text = "User-agent: *\n" + "#" * (before - 14) + "\nDisallow: /shows\n"
        if packed:
            return reply(200, gzip.compress(text.encode()), {"Content-Encoding": "gzip"})
        return robots(text)

    site.answers |= {"/robots.txt": [answer(ROBOTS_BYTES - 100)], "/shows/1": [page()]}
    assert allowed(site, URL) == [False]
    site.answers["/robots.txt"] = [answer(ROBOTS_BYTES), answer(10_000_000) if packed else answer(2_000_000)]
    assert allowed(site, URL) == [True]
    assert allowed(site, URL) == [True]


def test_each_host_has_its_own_file_and_a_redirect_is_checked_by_that_of_its_target(site: Site) -> None:
    site.answers |= {
        "/robots.txt": [robots(""), robots("User-agent: *\nDisallow: /shows")],
        "/old": [reply(302, headers={"Location": f"https://{WWW}/shows/1"})],
        "/shows/1": [page()],
    }
    client = client_of(site, POLITE)

    async def run() -> None:
        async with client:
            with pytest.raises(DisallowedByRobotsError, match=f"{WWW}/shows/1"):
                await client.get(f"https://{API}/old")
            await client.get(URL)

    asyncio.run(run())
    assert [(seen.host, seen.target) for seen in site.seen] == [
        (API, "/robots.txt"), (API, "/old"), (WWW, "/robots.txt"), (API, "/shows/1"),
    ]  # fmt: skip


@pytest.mark.parametrize(("answer", "kept_s"), [(robots(""), DAY_S), (reply(500), 600.0)])
def test_a_file_is_kept_for_a_day_and_a_failure_for_minutes(site: Site, answer: Answer, kept_s: float) -> None:
    site.answers |= {"/robots.txt": [answer], "/shows/1": [page()]}
    clock = FakeClock()
    client = client_of(site, POLITE, clock=clock, limits=Limits(backoff_s=0, attempts=1))

    async def readings(*moments: float) -> list[int]:
        found = []
        async with client:
            for moment in moments:
                clock.seconds = moment
                await asyncio.gather(*(client.get(URL) for _ in range(3)), return_exceptions=True)
                found.append(sum(seen.target == "/robots.txt" for seen in site.seen))
        return found

    assert asyncio.run(readings(0.0, kept_s - 1, kept_s + 1)) == [1, 1, 2]


@pytest.mark.parametrize(("delay", "interval"), [("5", 5.0), ("0.01", 0.1), ("-1", 0.1), ("nan", 0.1), ("x", 0.1)])
def test_the_longer_of_two_intervals_counts(site: Site, delay: str, interval: float) -> None:
    site.answers |= {"/robots.txt": [robots(f"User-agent: *\nCrawl-delay: {delay}")], "/shows/1": [page()]}
    clock = FakeClock()
    client = client_of(site, POLITE, clock=clock)

    async def run() -> None:
        async with client:
            for _ in range(3):
                await client.get(URL)

    asyncio.run(run())
    assert clock.slept == [pytest.approx(wait) for wait in (0.1, interval, interval)]


def test_a_crawl_delay_that_nobody_waits_for_ends_the_crawl(site: Site) -> None:
    site.answers |= {"/robots.txt": [robots("User-agent: *\nCrawl-delay: 86400")], "/shows/1": [page()]}
    client = client_of(site, POLITE)

    async def run() -> None:
        async with client:
            await client.get(URL)
            with pytest.raises(UnavailableError, match="asks to wait 86400 s"):
                await client.get(URL)

    asyncio.run(run())


def test_a_source_with_terms_of_its_own_is_not_asked_for_the_file(site: Site) -> None:
    site.answers |= {"/robots.txt": [robots("User-agent: *\nDisallow: /")], "/shows/1": [page()]}

    async def run() -> None:
        async with client_of(site, polite(robots=False)) as client:
            await client.get(URL)

    asyncio.run(run())
    assert [seen.target for seen in site.seen] == ["/shows/1"]
