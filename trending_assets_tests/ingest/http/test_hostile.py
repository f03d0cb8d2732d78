"""Nothing but an allowed host at a public address is ever contacted, whoever names the URL.

The client's whole internet is one local site that takes every connection, so whatever gets through is seen.
"""

import asyncio
import ipaddress
import re
from collections.abc import Iterator, Sequence

import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.ingest.http.addresses import check_addresses, checked_url, host_name, refused_range
from trending_assets.ingest.http.client import PoliteClient
from trending_assets.ingest.http.errors import RefusedURLError, UnavailableError
from trending_assets.ingest.http.network import Network, PinnedBackend
from trending_assets_tests.ingest.http.hostile import GOOD_URLS, HOSTILE_URLS, PRIVATE_ADDRESSES, PUBLIC_ADDRESSES
from trending_assets_tests.ingest.http.serving import API, PUBLIC, WWW, Answer, Site, client_of, page, resolving

HOSTS = frozenset({API, WWW})
# What a Location header can hold and does not make a path of the host that answers with it.
REDIRECTS = [
    url
    for url in HOSTILE_URLS
    if not re.search(r"[\r\n\0\ud800]", url)
    and url == url.strip()
    and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|[^/]*\\", url)
    and not url.startswith((f"//{API}/", f"///{API}/"))
]


@pytest.fixture(scope="module")
def canary() -> Iterator[Site]:
    """One site for all that must not reach it."""
    with Site() as running:
        yield running


def ask(client: PoliteClient, url: str) -> None:
    async def run() -> None:
        async with client:
            await client.get(url)

    asyncio.run(run())


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE_URLS)) == len(HOSTILE_URLS) >= 400
    assert len(REDIRECTS) >= 300


@pytest.mark.parametrize(("url", "target"), GOOD_URLS)
def test_an_honest_url_gets_through(site: Site, url: str, target: str) -> None:
    site.answers[target.partition("?")[0]] = [page()]
    ask(client_of(site), url)
    assert [(seen.host, seen.target) for seen in site.seen] == [(API, target)]


@pytest.mark.parametrize("url", HOSTILE_URLS)
def test_a_hostile_url_is_refused_and_nobody_is_contacted(canary: Site, url: str) -> None:
    before = canary.connections
    with pytest.raises(RefusedURLError):
        ask(client_of(canary), url)
    assert canary.connections == before


@pytest.mark.parametrize("url", REDIRECTS)
def test_a_redirect_to_a_hostile_url_is_not_followed(canary: Site, url: str) -> None:
    canary.seen.clear()
    location = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + url.encode() + b"\r\n\r\n"
    canary.answers = {"/start": [Answer(location)]}
    # A redirect that cannot even be read as HTTP is a fault like any other.
    with pytest.raises((RefusedURLError, UnavailableError)):
        ask(client_of(canary), f"https://{API}/start")
    assert {seen.target for seen in canary.seen} == {"/start"}


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
@pytest.mark.parametrize("place", ["alone", "first", "last"])
def test_an_allowed_name_with_any_address_that_is_not_public_is_refused(canary: Site, address: str, place: str) -> None:
    before = canary.connections
    addresses = {"alone": [address], "first": [address, PUBLIC], "last": [PUBLIC, "2606:4700::1111", address]}[place]
    with pytest.raises(RefusedURLError, match=f"https://{API}: refused, it resolves to"):
        ask(client_of(canary, network=Network(resolving(*addresses), canary.dial)), f"https://{API}/")
    assert canary.connections == before


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_an_allowed_name_with_a_public_address_gets_through(site: Site, address: str) -> None:
    site.answers["/"] = [page()]
    ask(client_of(site, network=Network(resolving(address), site.dial)), f"https://{API}/")
    assert site.connections == 1


@pytest.mark.parametrize("second", ["127.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_an_answer_that_changes_between_look_ups_changes_nothing(site: Site, second: str) -> None:
    lookups: list[str] = []
    dialled: list[str] = []

    async def resolve(host: str) -> Sequence[str]:
        lookups.append(host)
        return [PUBLIC if len(lookups) == 1 else second]

    async def dial(address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:  # noqa: ASYNC109
        dialled.append(address)
        return await site.dial(address, port, timeout)

    # The connection ends with its answer, so that the second request needs another one.
    site.answers["/"] = [Answer(page(Connection="close").raw, close=True)]
    client = client_of(site, network=Network(resolve, dial))

    async def run() -> None:
        async with client:
            await client.get(f"https://{API}/")
            # One look-up for the check and the dialling: there is no second one to lie to.
            assert lookups == [API]
            with pytest.raises(RefusedURLError, match=re.escape(second)):
                await client.get(f"https://{API}/")

    asyncio.run(run())
    assert dialled == [PUBLIC]
    assert (lookups, len(site.seen)) == ([API, API], 1)


def test_a_redirect_to_a_name_that_points_inside_is_refused(site: Site) -> None:
    async def resolve(host: str) -> Sequence[str]:
        return [PUBLIC if host == API else "10.0.0.1"]

    head = f"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: https://{WWW}/\r\n\r\n"
    site.answers["/"] = [Answer(head.encode())]
    with pytest.raises(RefusedURLError, match=r"10\.0\.0\.1, which is private"):
        ask(client_of(site, network=Network(resolve, site.dial)), f"https://{API}/")
    assert [seen.host for seen in site.seen] == [API]


@pytest.mark.parametrize(
    ("host", "port"),
    [("127.0.0.1", 443), ("::1", 443), ("localhost", 443), ("evil.example", 443), (API, 80), (API.upper(), 443)],
)
def test_the_last_line_of_defence_dials_no_other_host_or_port(canary: Site, host: str, port: int) -> None:
    before = canary.connections
    backend = PinnedBackend(HOSTS, Network(resolving(PUBLIC), canary.dial))
    with pytest.raises(RefusedURLError):
        asyncio.run(backend.connect_tcp(host, port))
    with pytest.raises(NotImplementedError):
        asyncio.run(backend.connect_unix_socket("/run/docker.sock"))
    assert canary.connections == before


@pytest.mark.parametrize(
    "url",
    ["https://user:hunter2@evil.example/a", "https://evil.example/a?token=hunter2", "ftp:\\\\u:hunter2@evil.example",
     f"https://u:hunter2%40{API}@evil.example/?hunter2", "https://evil.example#hunter2", "u:hunter2@evil.example"],
)  # fmt: skip
def test_a_refusal_names_the_host_and_no_secret(url: str) -> None:
    with pytest.raises(RefusedURLError, match=r"evil\.example") as caught:
        checked_url(url, HOSTS)
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).isprintable()


# ---- what holds for every URL and address

URL_PIECES = st.sampled_from(
    ["https://", "http://", "//", "/", "\\", "@", ":", "#", "?", "%", "%2e", ".", "443", ":443", API, WWW, API.upper(),
     "127.0.0.1", "[::1]", "evil.example", "\u3002", "\u212a", "\r\n", " ", "xn--", "user", "\u0430"]
)  # fmt: skip
PIECED = st.builds(str.__add__, st.sampled_from(["", "https://"]), st.lists(URL_PIECES).map("".join))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(), PIECED))
def test_whatever_is_accepted_asks_an_allowed_host_and_is_accepted_as_it_is(text: str) -> None:
    try:
        url = checked_url(text, HOSTS)
    except RefusedURLError:
        return
    assert (url.scheme, url.port, url.userinfo, url.fragment) == ("https", None, b"", "")
    assert url.raw_host.decode() in HOSTS
    assert checked_url(str(url), HOSTS) == url


@settings(max_examples=200, deadline=None)
@given(st.ip_addresses())
def test_only_addresses_that_the_standard_library_calls_global_pass(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if refused_range(str(address)) is None:
        held = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF) if str(address).startswith("64:ff9b::") else address
        assert held.is_global
        assert not held.is_multicast


@settings(max_examples=100, deadline=None)
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_an_ipv6_one_is_no_better_than_itself(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    for prefix in (0, 0xFFFF << 32, 0x2002 << 112 | number << 48, 0x2001 << 112):
        held = ipaddress.IPv6Address(prefix if prefix >> 112 == 0x2002 else prefix | number)
        assert refused_range(str(held)) is not None
    nat64 = refused_range(str(ipaddress.IPv6Address(0x64FF9B << 96 | number)))
    assert (nat64 is None) == (refused_range(str(address)) is None)


@pytest.mark.parametrize(
    ("host", "name"),
    [("API.Shows.Example.", API), ("b\u00fccher.example", "xn--bcher-kva.example"), ("xn--bcher-kva.example",) * 2],
)
def test_a_host_has_one_spelling(host: str, name: str) -> None:
    assert host_name(host) == name
    assert checked_url(f"https://{host}/", frozenset({name})).raw_host.decode() == name


def test_a_name_whose_addresses_are_all_public_passes() -> None:
    check_addresses(API, PUBLIC_ADDRESSES)
