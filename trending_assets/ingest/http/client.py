"""The polite client: asks only what it may, no more often than it should, and never believes an answer's size."""

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version
from types import MappingProxyType, TracebackType
from typing import Self, TypeVar
from urllib.parse import urljoin

import httpcore
import httpx
import stamina

from trending_assets.ingest.http.addresses import checked_url, host_name, host_of
from trending_assets.ingest.http.bodies import ENCODING, check_content_type, read_body, read_start, skim
from trending_assets.ingest.http.errors import (
    FaultError,
    NotFoundError,
    RefusedURLError,
    RejectedError,
    UnavailableError,
)
from trending_assets.ingest.http.network import Credentials, GuardedTransport, Network
from trending_assets.ingest.http.pacing import Clock, HostGate, SystemClock, retry_after
from trending_assets.ingest.http.robots import ROBOTS_BYTES, Robots
from trending_assets.ingest.source import Politeness

# The name by which robots.txt speaks of the client.
PRODUCT = "trending-now"
MOST_REDIRECTS = 5
KEPT_HEADERS = ("content-language", "content-type", "date", "etag", "last-modified")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")
_CONTACT = re.compile(r"https?://[!-~]+|[!-~]+@[!-~]+")

T = TypeVar("T")


@dataclass(frozen=True)
class Limits:
    """What a request may take.

    Attributes:
        connect_s: seconds to resolve a name and open a connection.
        read_s: seconds between two pieces of an answer.
        write_s: seconds to send a piece of a request.
        pool_s: seconds to wait for a connection of the pool.
        total_s: seconds from sending a request to the end of its answer.
        attempts: how often a request that fails is sent, the first time included.
        backoff_s: seconds before the second attempt, doubled before each later one, with as much jitter.
        longest_wait_s: longest wait that a host may ask for.
    """

    connect_s: float = 10.0
    read_s: float = 30.0
    write_s: float = 10.0
    pool_s: float = 60.0
    total_s: float = 120.0
    attempts: int = 4
    backoff_s: float = 1.0
    longest_wait_s: float = 300.0


@dataclass(frozen=True)
class Fetched:
    """An answer.

    Attributes:
        url: where it came from, after redirects.
        status: 200, or 304 where nothing changed.
        headers: those of :data:`KEPT_HEADERS` that it has, in lower case.
        body: decompressed; empty where nothing changed.
        fetched_at: when its last byte arrived, UTC.
    """

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    fetched_at: datetime

    @property
    def not_modified(self) -> bool:
        """Whether what the caller holds is still what the host has."""
        return self.status == httpx.codes.NOT_MODIFIED


class PoliteClient:
    """Asks a source's hosts for documents; an async context manager.

    Args:
        politeness: how the source wants to be asked, and its allow-list.
        contact: an e-mail address or URL at which the hosts' owners reach who runs the crawl.
        credentials: host → what it wants to see; sent to that host only.
        limits: what a request may take.
        network: how hosts are reached.
        ssl_context: whom to trust; certificates and host names are always checked.
        clock: tells the time and waits.

    Raises:
        ValueError: a host is not a DNS name, credentials are for another host, there is no contact, or the
            context does not check certificates.
    """

    def __init__(
        self,
        politeness: Politeness,
        *,
        contact: str,
        credentials: Mapping[str, Credentials] = MappingProxyType({}),
        limits: Limits | None = None,
        network: Network | None = None,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._politeness = politeness
        self._limits = limits or Limits()
        self._clock = clock or SystemClock()
        self._hosts = frozenset(_allowed(host) for host in politeness.hosts)
        self._credentials = {_allowed(host): given for host, given in credentials.items()}
        if foreign := self._credentials.keys() - self._hosts:
            raise ValueError(f"credentials for {', '.join(sorted(foreign))}, which the source does not ask")
        if not _CONTACT.fullmatch(contact):
            raise ValueError(f"contact {contact!r} is neither an e-mail address nor a URL")
        context = ssl_context or httpx.create_ssl_context(trust_env=False)
        if context.verify_mode != ssl.CERT_REQUIRED or not context.check_hostname:
            raise ValueError("ssl_context does not check certificates and host names")
        self._gates = {
            host: HostGate(
                host,
                1 / politeness.requests_per_second,
                politeness.concurrency,
                self._limits.longest_wait_s,
                self._clock,
            )
            for host in self._hosts
        }
        self._robots = Robots(PRODUCT, self._robots_txt, self._clock)
        self._http = self._httpx_client(contact, network or Network(), context)

    def _httpx_client(self, contact: str, network: Network, context: ssl.SSLContext) -> httpx.AsyncClient:
        limits = self._limits
        connections = self._politeness.concurrency * len(self._hosts)
        return httpx.AsyncClient(
            transport=GuardedTransport(self._hosts, network, self._credentials, context, connections),
            headers={
                "User-Agent": f"{PRODUCT}/{version('trending-now')} (+{contact})",
                "Accept": ", ".join(sorted(self._politeness.content_types)),
                "Accept-Encoding": ENCODING,
            },
            timeout=httpx.Timeout(
                connect=limits.connect_s, read=limits.read_s, write=limits.write_s, pool=limits.pool_s
            ),
            # A crawler is nobody's session.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def get(self, url: str, *, etag: str | None = None, last_modified: str | None = None) -> Fetched:
        """Fetches a document.

        Args:
            url: where it is; without secrets.
            etag: of the version that the caller holds.
            last_modified: of the version that the caller holds.

        Raises:
            RefusedURLError: the URL, or one that it redirects to, is never asked for.
            DisallowedByRobotsError: robots.txt forbids it.
            NotFoundError: there is none.
            RejectedError: the host does not give it.
            ResponseTooLargeError: it is too large.
            ContentTypeError: it is something else than was asked for.
            UnavailableError: the host failed too often or asks for too long a wait.
        """
        wanted = {"If-None-Match": etag, "If-Modified-Since": last_modified}
        # A stored validator is the host's own text: one that a header cannot carry is no use.
        conditions = {k: v for k, v in wanted.items() if v and v.isascii() and v.isprintable()}
        target = self._checked(url)
        return await self._retried(
            target, partial(self._follow, target, conditions, self._document, robots=self._politeness.robots)
        )

    async def _robots_txt(self, host: str) -> str:
        url = httpx.URL(f"https://{host}/robots.txt")
        try:
            return await self._retried(
                url, partial(self._follow, url, {"Accept": "*/*"}, self._robots_document, robots=False)
            )
        except NotFoundError:
            return ""

    async def _retried(self, url: httpx.URL, attempt_once: Callable[[], Awaitable[T]]) -> T:
        limits = self._limits
        retries = stamina.retry_context(
            on=FaultError,
            attempts=limits.attempts,
            timeout=None,
            wait_initial=limits.backoff_s,
            wait_max=limits.longest_wait_s,
            wait_jitter=limits.backoff_s,
        )
        try:
            async for attempt in retries:
                with attempt:
                    return await attempt_once()
        except FaultError as fault:
            raise UnavailableError(f"{url}: failed {limits.attempts} times, the last time because {fault}") from fault
        raise AssertionError("an attempt either returns or raises")

    async def _follow(
        self,
        url: httpx.URL,
        headers: Mapping[str, str],
        read: Callable[[httpx.Response], Awaitable[T]],
        *,
        robots: bool,
    ) -> T:
        start = url
        for _ in range(MOST_REDIRECTS + 1):
            delay = await self._robots.check(url) if robots else 0.0
            answer = await self._send(url, headers, read, delay)
            if not isinstance(answer, httpx.URL):
                return answer
            url = answer
        raise RefusedURLError(f"{start}: redirects more than {MOST_REDIRECTS} times")

    async def _send(
        self, url: httpx.URL, headers: Mapping[str, str], read: Callable[[httpx.Response], Awaitable[T]], delay: float
    ) -> T | httpx.URL:
        """One request: what its answer reads as, or the checked URL that it redirects to."""
        host = host_of(url)
        gate = self._gates[host]
        async with gate.turn(delay):
            try:
                async with (
                    asyncio.timeout(self._limits.total_s),
                    self._http.stream("GET", url, headers=headers) as response,
                ):
                    status = response.status_code
                    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
                        wait = retry_after(response.headers.get("retry-after"), self._clock.now())
                        gate.hold(wait or 0.0)
                        raise FaultError(f"{host} answered with status {status}")
                    if status != httpx.codes.OK:
                        await skim(response)
                    return self._redirected(url, response) if status in _REDIRECTS else await read(response)
            except TimeoutError:
                raise FaultError(f"the answer was not complete after {self._limits.total_s} s") from None
            except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError, OSError) as error:
                # OSError: what TLS itself finds wrong in the middle of an answer.
                raise FaultError(f"{type(error).__name__} {error}".strip()) from error

    async def _document(self, response: httpx.Response) -> Fetched:
        name, status = str(response.url), response.status_code
        body = b""
        if status in (httpx.codes.NOT_FOUND, httpx.codes.GONE):
            raise NotFoundError(f"{name}: status {status}")
        conditional = response.request.headers.keys() & {"if-none-match", "if-modified-since"}
        if status == httpx.codes.OK:
            check_content_type(response, self._politeness.content_types, name)
            body = await read_body(response, self._politeness.max_bytes, name)
        elif status != httpx.codes.NOT_MODIFIED or not conditional:
            raise RejectedError(f"{name}: status {status}")
        headers = {key: response.headers[key] for key in KEPT_HEADERS if key in response.headers}
        return Fetched(name, status, headers, body, self._clock.now())

    async def _robots_document(self, response: httpx.Response) -> str:
        name, status = str(response.url), response.status_code
        if httpx.codes.is_client_error(status):
            raise NotFoundError(f"{name}: status {status}")
        if status != httpx.codes.OK:
            raise FaultError(f"{name} answered with status {status}")
        return (await read_start(response, ROBOTS_BYTES, name)).decode("utf-8-sig", errors="replace")

    def _redirected(self, url: httpx.URL, response: httpx.Response) -> httpx.URL:
        location = response.extensions.get("location")
        if location is None:
            raise RefusedURLError(f"{url}: redirects without saying where")
        # Joining drops tabs, line ends and the like, which must be seen by the check.
        if not location.isprintable() or "\\" in location:
            raise RefusedURLError(f"{url}: redirects to something that is no URL")
        try:
            # Joining takes "https:x" for a path, which no browser and no RFC does.
            target = location if _SCHEME.match(location) else urljoin(str(url), location)
        except ValueError:
            raise RefusedURLError(f"{url}: redirects to something that is no URL") from None
        if given := self._credentials.get(host_of(url)):
            target = given.stripped(target)
        return self._checked(target, f"{url}: redirects to a URL that")

    def _checked(self, url: str, subject: str = "a URL that") -> httpx.URL:
        if any(given.shown_in(url) for given in self._credentials.values()):
            raise RefusedURLError(f"{subject} holds a credential is never asked for")
        return checked_url(url, self._hosts)


def _allowed(host: str) -> str:
    try:
        return host_name(host)
    except ValueError as error:
        raise ValueError(f"host {host!r} {error}") from None
