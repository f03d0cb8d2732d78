"""The client against a real HTTPS server: what it sends, what it believes and when it gives up."""

import asyncio
import gzip
import logging
import ssl
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpcore
import httpx
import pytest
import trustme

from trending_assets.ingest.http.client import Fetched, Limits, PoliteClient
from trending_assets.ingest.http.errors import (
    ContentTypeError,
    FetchError,
    NotFoundError,
    RefusedURLError,
    RejectedError,
    ResponseTooLargeError,
    UnavailableError,
)
from trending_assets.ingest.http.network import Credentials, Network
from trending_assets_tests.ingest.http.serving import (
    API,
    CONTACT,
    IDN,
    JSON,
    PUBLIC,
    START,
    WWW,
    Answer,
    FakeClock,
    Site,
    client_of,
    page,
    polite,
    reply,
    resolving,
)

URL = f"https://{API}/shows/1"
QUICK = Limits(backoff_s=0, attempts=2)


def asked(client: PoliteClient, *urls: str, **conditions: str) -> Fetched:
    """Gets URLs one after the other; the last answer."""

    async def run() -> Fetched:
        async with client:
            for url in urls[:-1]:
                await client.get(url)
            return await client.get(urls[-1], **conditions)

    return asyncio.run(run())


def test_a_document_comes_with_its_status_headers_and_time(site: Site) -> None:
    site.answers["/shows/1"] = [page(b'{"id": 1}', ETag='"a"', Date="Mon, 02 Jun 2025 12:00:00 GMT", Server="x")]
    fetched = asked(client_of(site), f"{URL}?embed=cast#top")
    assert fetched.url == f"{URL}?embed=cast"
    assert (fetched.status, fetched.body, fetched.fetched_at) == (200, b'{"id": 1}', START)
    assert fetched.headers == {
        "content-type": "application/json",
        "etag": '"a"',
        "date": "Mon, 02 Jun 2025 12:00:00 GMT",
    }
    assert not fetched.not_modified


def test_a_request_says_who_asks_and_what_for(site: Site) -> None:
    site.answers["/shows/1"] = [page(Set_Cookie="session=1; Path=/")]
    asked(client_of(site), URL, URL)
    for seen in site.seen:
        assert seen.host == API
        assert seen.headers["user-agent"].startswith("trending-now/")
        assert CONTACT in seen.headers["user-agent"]
        assert (seen.headers["accept"], seen.headers["accept-encoding"]) == ("application/json", "gzip")
        assert "cookie" not in seen.headers
    assert site.connections == 1


@pytest.mark.parametrize("contact", ["", "nobody", "a@b\r\nX: y", "a b@c", "ftp://x"])
def test_a_client_without_a_contact_is_not_made(site: Site, contact: str) -> None:
    with pytest.raises(ValueError, match="contact"):
        client_of(site, contact=contact)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "[::1]", "a.example:8443", "*.example.com", ""])
def test_an_allow_list_holds_dns_names_only(site: Site, host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        client_of(site, polite(hosts=frozenset({host})))


def test_certificates_are_always_checked(site: Site) -> None:
    site.answers["/shows/1"] = [page()]
    strangers = ssl.create_default_context()
    trustme.CA().configure_trust(strangers)
    with pytest.raises(UnavailableError, match="CERTIFICATE_VERIFY_FAILED"):
        asked(client_of(site, ssl_context=strangers, limits=QUICK), URL)
    other = polite(hosts=frozenset({"other.example"}))
    with pytest.raises(UnavailableError, match=r"other\.example"):
        asked(client_of(site, other, limits=QUICK), "https://other.example/")
    assert site.seen == []
    lax = ssl.create_default_context()
    lax.check_hostname = False
    with pytest.raises(ValueError, match="check"):
        client_of(site, ssl_context=lax)


def test_proxies_of_the_environment_are_ignored(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.answers["/shows/1"] = [page()]
    assert asked(client_of(site), URL).status == 200


def test_a_host_with_a_unicode_name_is_asked_by_its_ascii_one(site: Site) -> None:
    site.answers["/a"] = [page()]
    keys = {"b\u00fccher.example": Credentials(params={"key": "12345678"})}
    client = client_of(site, polite(hosts=frozenset({"B\u00fccher.example"}), robots=True), credentials=keys)
    assert asked(client, "https://b\u00fccher.example/a").url == f"https://{IDN}/a"
    assert [(seen.host, seen.target) for seen in site.seen][1:] == [(IDN, "/a?key=12345678")]


# ---- conditions


@pytest.mark.parametrize(("condition", "header"), [("etag", "if-none-match"), ("last_modified", "if-modified-since")])
def test_a_document_that_did_not_change_comes_without_a_body(site: Site, condition: str, header: str) -> None:
    site.answers["/shows/1"] = [reply(304, headers={"ETag": '"a"'})]
    fetched = asked(client_of(site), URL, **{condition: '"a"'})
    assert (fetched.not_modified, fetched.body, fetched.headers) == (True, b"", {"etag": '"a"'})
    assert site.seen[0].headers[header] == '"a"'


def test_a_condition_that_no_header_can_carry_is_left_out(site: Site) -> None:
    site.answers["/shows/1"] = [page()]
    assert asked(client_of(site), URL, etag='"a"\r\nX: y', last_modified="dés").status == 200
    assert not {"if-none-match", "if-modified-since", "x"} & site.seen[0].headers.keys()


def test_not_modified_without_a_condition_is_rejected(site: Site) -> None:
    site.answers["/shows/1"] = [reply(304)]
    with pytest.raises(RejectedError, match="304"):
        asked(client_of(site), URL)


def test_answers_without_a_document_cost_no_new_connection(site: Site) -> None:
    site.answers |= {"/a": [moved("/b")], "/b": [reply(304, headers={"ETag": '"a"'})], "/c": [reply(404, b"no such")]}
    client = client_of(site)

    async def run() -> None:
        async with client:
            for _ in range(3):
                assert (await client.get(f"https://{API}/a", etag='"a"')).not_modified
                with pytest.raises(NotFoundError):
                    await client.get(f"https://{API}/c")

    asyncio.run(run())
    assert (len(site.seen), site.connections) == (9, 1)


# ---- what is not asked again


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(404), NotFoundError),
        (reply(404, b"x" * 1_000_000), NotFoundError),
        (reply(410), NotFoundError),
        (reply(400), RejectedError),
        (reply(401), RejectedError),
        (reply(403), RejectedError),
        (reply(204), RejectedError),
        (reply(206, b"{}", JSON), RejectedError),
        (reply(300), RejectedError),
        (reply(200, b"<html>", {"Content-Type": "text/html"}), ContentTypeError),
        (reply(200, b"{}"), ContentTypeError),
        (reply(200, b"{}", {"Content-Type": "text/json+x"}), ContentTypeError),
        (page(Content_Encoding="br"), ContentTypeError),
        (page(Content_Encoding="gzip, gzip"), ContentTypeError),
        (page(b"x" * 100_001), ResponseTooLargeError),
        (Answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999999999\r\n\r\n"),
         ResponseTooLargeError),
        (Answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + b"x" * 100_001, close=True),
         ResponseTooLargeError),
    ],
)  # fmt: skip
def test_an_answer_that_asking_again_does_not_change_is_asked_for_once(
    site: Site, answer: Answer, error: type[FetchError]
) -> None:
    site.answers["/shows/1"] = [answer]
    with pytest.raises(error) as caught:
        asked(client_of(site), URL)
    assert URL in str(caught.value)
    assert site.targets == ["/shows/1"]


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/hal+json", "application/ld+json;q=1"],
)
def test_json_by_its_other_names_is_taken(site: Site, content_type: str) -> None:
    site.answers["/shows/1"] = [reply(200, b"{}", {"Content-Type": content_type})]
    assert asked(client_of(site), URL).body == b"{}"


# ---- bodies


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", **headers: str) -> Answer:
    fields = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n{fields}\r\n".encode()
    return Answer(head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + end, close=True)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 99_999, 100_000])
def test_a_body_up_to_the_limit_comes_whole_compressed_or_not(site: Site, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    packed = gzip.compress(body)
    site.answers["/shows/1"] = [
        page(body),
        page(packed, Content_Encoding="gzip"),
        chunked(packed[:5], packed[5:], Content_Encoding="x-gzip"),
    ]
    client = client_of(site)

    async def run() -> list[bytes]:
        async with client:
            return [(await client.get(URL)).body for _ in range(3)]

    assert asyncio.run(run()) == [body] * 3


def test_a_decompression_bomb_stops_at_the_limit(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 60_000_000)
    assert len(bomb) < 100_000
    site.answers["/shows/1"] = [page(bomb, Content_Encoding="gzip")]
    with pytest.raises(ResponseTooLargeError, match="after decompression"):
        asked(client_of(site), URL)
    assert site.targets == ["/shows/1"]


def test_a_compressed_body_that_holds_nothing_is_limited_as_sent(site: Site) -> None:
    # Empty blocks: bytes for ever, and not one of content.
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n"
    start = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    site.answers["/shows/1"] = [Answer(head + start, drip=b"\0\0\0\xff\xff" * 4000)]
    with pytest.raises(ResponseTooLargeError, match="as sent"):
        asked(client_of(site), URL)


PACKED = gzip.compress(b'{"id": 1}')
BROKEN = {
    "shorter than announced": Answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
                                     close=True),
    "no last chunk": chunked(b"{}", end=b""),
    "half a chunk": chunked(end=b"ff\r\n{}"),
    "compression without its end": page(PACKED[:-4], Content_Encoding="gzip"),
    "compression with more behind it": page(PACKED + PACKED, Content_Encoding="gzip"),
    "compression that is none": page(b"{}", Content_Encoding="gzip"),
    "compression with a wrong checksum": page(PACKED[:-8] + b"\0" * 8, Content_Encoding="gzip"),
    "two lengths": Answer(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1\r\n"
                          b"Content-Length: 2\r\n\r\n{}", close=True),
    "no HTTP": Answer(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", close=True),
    "nothing at all": Answer(b"", close=True),
    "endless headers": Answer(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 30_000, close=True),
    "500": reply(500),
    "502": reply(502),
    "429": reply(429),
}  # fmt: skip


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_that_passes_is_not_noticed(site: Site, fault: str) -> None:
    site.answers["/shows/1"] = [BROKEN[fault], BROKEN[fault], page(b'{"id": 1}')]
    assert asked(client_of(site), URL).body == b'{"id": 1}'
    assert len(site.targets) == 3


@pytest.mark.parametrize("fault", BROKEN)
def test_a_fault_that_stays_ends_after_so_many_attempts(site: Site, fault: str) -> None:
    site.answers["/shows/1"] = [BROKEN[fault]]
    with pytest.raises(UnavailableError, match=f"{URL}: failed 4 times"):
        asked(client_of(site), URL)
    assert len(site.targets) == 4


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 90000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ],
)
def test_an_answer_that_drips_ends(site: Site, start: bytes) -> None:
    # Each byte comes long before the time-out between two pieces.
    site.answers["/shows/1"] = [Answer(start, drip=b"x")]
    limits = Limits(total_s=0.2, attempts=1)
    with pytest.raises(UnavailableError, match=r"not complete after 0\.2 s"):
        asked(client_of(site, limits=limits), URL)


def test_an_answer_that_never_starts_ends(site: Site) -> None:
    site.answers["/shows/1"] = [Answer(b"")]
    with pytest.raises(UnavailableError, match="ReadTimeout"):
        asked(client_of(site, limits=Limits(read_s=0.1, attempts=1)), URL)


# ---- names and connections


@pytest.mark.parametrize("failure", [OSError("no such name"), TimeoutError()])
def test_a_name_that_is_resolved_at_the_second_attempt_will_do(site: Site, failure: Exception) -> None:
    site.answers["/shows/1"] = [page()]
    answers: list[Any] = [failure, [PUBLIC]]

    async def resolve(host: str) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return list(answer)

    assert asked(client_of(site, network=Network(resolve, site.dial)), URL).status == 200
    assert answers == []


def test_a_name_without_addresses_is_unavailable(site: Site) -> None:
    with pytest.raises(UnavailableError, match=f"{API} has no address"):
        asked(client_of(site, network=Network(resolving(), site.dial)), URL)


def test_the_checked_addresses_are_dialled_in_order_until_one_answers(site: Site) -> None:
    site.answers["/shows/1"] = [page()]
    dialled: list[tuple[str, int]] = []

    async def dial(address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:  # noqa: ASYNC109
        dialled.append((address, port))
        if address == PUBLIC:
            return await site.dial(address, port, timeout)
        raise httpcore.ConnectError("unreachable")

    network = Network(resolving("2606:4700::1111", PUBLIC, "1.1.1.1"), dial)
    assert asked(client_of(site, network=network), URL).status == 200
    assert dialled == [("2606:4700::1111", 443), (PUBLIC, 443)]


# ---- redirects


def moved(location: str, status: int = 302) -> Answer:
    return reply(status, headers={"Location": location})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", [f"https://{WWW}/new", "/new", "new", f"//{API}/new", f"https://{API}:443/new"])
def test_a_redirect_to_an_allowed_host_is_followed(site: Site, status: int, location: str) -> None:
    site.answers |= {"/old": [moved(location, status)], "/new": [page(b'"new"')]}
    fetched = asked(client_of(site), f"https://{API}/old")
    assert (fetched.body, fetched.url) == (b'"new"', f"https://{WWW if WWW in location else API}/new")


def test_five_redirects_are_followed_and_no_sixth(site: Site) -> None:
    site.answers |= {f"/{hop}": [moved(f"/{hop + 1}")] for hop in range(6)} | {"/6": [page()]}
    assert asked(client_of(site), f"https://{API}/1").url == f"https://{API}/6"
    site.seen.clear()
    with pytest.raises(RefusedURLError, match="more than 5 times"):
        asked(client_of(site), f"https://{API}/0")
    assert site.targets == [f"/{hop}" for hop in range(6)]


@pytest.mark.parametrize(
    "answer",
    [
        reply(302),
        moved("https://"),
        moved("https://["),
        moved("https://a b"),
        moved("//[::1"),
        moved("/a\tb"),
        moved("\\\\evil.example\\x"),
        moved("https://" + "a" * 70 + ".example/"),
        moved(f"https://{API}:99999/"),
        moved("/" + "a" * 5000),
        moved("http:"),
        moved("https:old"),
        moved("https:/old"),
        reply(302, headers={"Location": "/a", "location": "/b, https://x"}),
    ],
)
def test_a_malformed_redirect_is_refused_without_asking_again(site: Site, answer: Answer) -> None:
    site.answers["/old"] = [answer]
    with pytest.raises(RefusedURLError):
        asked(client_of(site), f"https://{API}/old")
    assert site.targets == ["/old"]


# ---- rate and waits


def test_requests_to_a_host_start_an_interval_apart_and_hosts_do_not_wait_for_each_other(site: Site) -> None:
    site.answers["/"] = [page()]
    clock = FakeClock()
    client = client_of(site, clock=clock)

    async def run() -> None:
        async with client:
            await asyncio.gather(*(client.get(f"https://{API}/") for _ in range(4)))
            await client.get(f"https://{WWW}/")

    asyncio.run(run())
    assert clock.slept == [pytest.approx(0.1)] * 3


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_requests_run_at_a_time_than_allowed(site: Site, concurrency: int) -> None:
    running, most, release = 0, 0, asyncio.Event()

    async def resolve(host: str) -> list[str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == concurrency:
            release.set()
        await release.wait()
        # Long enough for one more to come in, if it could.
        for _ in range(20):
            await asyncio.sleep(0)
        running -= 1
        return [PUBLIC]

    # One connection an answer, so that each request resolves the name.
    site.answers["/"] = [Answer(page(Connection="close").raw, close=True)]
    client = client_of(site, polite(concurrency=concurrency), network=Network(resolve, site.dial))

    async def run() -> None:
        async with client:
            await asyncio.gather(*(client.get(f"https://{API}/") for _ in range(6)))

    asyncio.run(run())
    assert most == concurrency


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "wait"),
    [
        ("7", 7.0),
        (format_datetime(START + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(START - timedelta(hours=1), usegmt=True), 0.1),
        ("soon", 0.1),
        ("-5", 0.1),
        ("²", 0.1),
    ],
)
def test_a_host_that_asks_to_wait_is_given_the_time(site: Site, status: int, value: str, wait: float) -> None:
    site.answers["/shows/1"] = [reply(status, headers={"Retry-After": value}), page()]
    clock = FakeClock()
    assert asked(client_of(site, clock=clock), URL).status == 200
    assert sum(clock.slept) == pytest.approx(wait)


def test_a_wait_that_a_host_asks_for_holds_back_all_its_requests(site: Site) -> None:
    site.answers |= {"/busy": [reply(429, headers={"Retry-After": "50"})], "/other": [page()]}
    clock = FakeClock()
    client = client_of(site, clock=clock, limits=Limits(backoff_s=0, attempts=1))

    async def run() -> None:
        async with client:
            with pytest.raises(UnavailableError):
                await client.get(f"https://{API}/busy")
            await client.get(f"https://{WWW}/other")
            assert clock.seconds == 0
            await client.get(f"https://{API}/other")

    asyncio.run(run())
    assert clock.seconds == pytest.approx(50)


@pytest.mark.parametrize("value", ["301", "9" * 5000, "Fri, 31 Dec 2100 23:59:59 GMT"])
def test_a_wait_that_is_too_long_ends_the_crawl(site: Site, value: str) -> None:
    site.answers |= {"/shows/1": [reply(429, headers={"Retry-After": value})], "/other": [page()]}
    client = client_of(site)

    async def run() -> None:
        async with client:
            for url in (URL, f"https://{API}/other"):
                with pytest.raises(UnavailableError, match=f"{API} asks to wait .* longer than the 300 s"):
                    await client.get(url)

    asyncio.run(run())
    assert site.targets == ["/shows/1"]


# ---- credentials

SECRET = "k3y/with+signs&=and-more"
BEARER = "t0ken-that-nobody-sees"
KEYS = {API: Credentials(headers={"Authorization": f"Bearer {BEARER}"}, params={"api_key": SECRET})}


def test_credentials_reach_their_host_and_no_other_and_are_recorded_nowhere(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.answers |= {"/a": [moved(f"https://{WWW}/b")], "/b": [moved(f"https://{API}/c?page=2")], "/c": [page()]}
    fetched = asked(client_of(site, credentials=KEYS), f"https://{API}/a")
    assert fetched.url == f"https://{API}/c?page=2"
    first, second, third = site.seen
    for seen in (first, third):
        assert httpx.QueryParams(seen.target.partition("?")[2])["api_key"] == SECRET
        assert seen.headers["authorization"] == f"Bearer {BEARER}"
    assert (second.host, second.target) == (WWW, "/b")
    assert "authorization" not in second.headers
    assert third.target.startswith("/c?page=2&api_key=")
    assert "/c?page=2" in caplog.text
    for secret in (SECRET, BEARER, "k3y"):
        assert secret not in caplog.text
        assert secret not in repr(KEYS)


def errors_of(error: BaseException | None) -> str:
    """All that a traceback would say."""
    return "" if error is None else f"{error!r} {errors_of(error.__cause__)} {errors_of(error.__context__)}"


@pytest.mark.parametrize("answer", [reply(401), reply(500), moved("https://evil.example/x?api_key=k3y%2Fwith"), *(
    moved(f"https://{host}/{BEARER}?t={BEARER}") for host in (API, WWW, "evil.example", f"{BEARER}.example")
)])  # fmt: skip
def test_errors_hold_no_credentials(site: Site, answer: Answer) -> None:
    site.answers["/a"] = [answer]
    with pytest.raises(FetchError) as caught:
        asked(client_of(site, credentials=KEYS), f"https://{API}/a")
    said = errors_of(caught.value)
    assert f"https://{API}/a" in said or "evil.example" in said
    assert not [secret for secret in (SECRET, BEARER, "k3y") if secret in said]
    assert {seen.target.partition("?")[0] for seen in site.seen} == {"/a"}


def test_a_parameter_that_a_redirect_repeats_is_taken_out_of_the_recorded_url(site: Site) -> None:
    quoted = str(httpx.QueryParams({"api_key": SECRET}))
    site.answers |= {"/a": [moved(f"/b?x=1&{quoted}")], "/b": [page()]}
    assert asked(client_of(site, credentials=KEYS), f"https://{API}/a").url == f"https://{API}/b?x=1"
    assert site.seen[1].target.count("api_key") == 1


@pytest.mark.parametrize(
    "url",
    [
        f"https://{API}/a?api_key={BEARER}",
        f"https://{API}/{BEARER}/a",
        f"https://{API}/a?{httpx.QueryParams({'k': SECRET})}",
    ],
)
def test_a_source_that_puts_a_credential_into_a_url_is_stopped(site: Site, url: str) -> None:
    with pytest.raises(RefusedURLError, match="credential") as caught:
        asked(client_of(site, credentials=KEYS), url)
    assert BEARER not in str(caught.value)
    assert site.connections == 0


@pytest.mark.parametrize("value", ["", " ", "a\r\nb", "schlüssel", "a\0b"])
def test_a_credential_that_no_request_can_carry_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ValueError, match="credential token is empty or has characters") as caught:
        Credentials(headers={"token": value})
    assert not value.strip() or value not in str(caught.value)


def test_credentials_for_a_host_that_is_never_asked_are_a_mistake(site: Site) -> None:
    with pytest.raises(ValueError, match=r"other\.example"):
        client_of(site, credentials={"other.example": Credentials(params={"k": "v"})})
