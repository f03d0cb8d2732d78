"""A local HTTPS site that says byte for byte what a test wants, and a client that takes it for the internet."""

import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import httpcore
import trustme

from trending_assets.ingest.http.client import Limits, PoliteClient
from trending_assets.ingest.http.network import Network
from trending_assets.ingest.source import Politeness

API, WWW, IDN = "api.shows.example", "www.shows.example", "xn--bcher-kva.example"
PUBLIC = "93.184.215.14"
CONTACT = "crawler@trending.example"
START = datetime(2025, 6, 2, 12, tzinfo=UTC)
JSON = {"Content-Type": "application/json"}


@dataclass
class Seen:
    """A request that reached the site."""

    host: str
    target: str
    headers: dict[str, str]


@dataclass
class Answer:
    """What the site says: bytes as they go out, then the end of the connection where ``close`` is set."""

    raw: bytes
    close: bool = False
    # Sent one after the other for ever, with a pause in between.
    drip: bytes = b""


def reply(status: int = 200, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
    """An honest answer with a Content-Length."""
    fields = {"Content-Length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return Answer(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode() + body)


def page(body: bytes = b"{}", **headers: str) -> Answer:
    """A JSON document; underscores in header names stand for hyphens."""
    return reply(200, body, JSON | {name.replace("_", "-"): value for name, value in headers.items()})


@dataclass
class Site:
    """Answers by path, each list in order with its last one for ever; 404 for what it does not know."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    on_request: Callable[[Seen], None] = lambda seen: None
    hosts: tuple[str, ...] = (API, WWW, IDN)

    def __post_init__(self) -> None:
        self.ca = trustme.CA()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert(*self.hosts).configure_cert(self._context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context), self._loop
        ).result()
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def targets(self) -> list[str]:
        """The targets that were asked for, robots.txt left out."""
        return [seen.target for seen in self.seen if seen.target != "/robots.txt"]

    def find(self, seen: Seen) -> list[Answer]:
        """What there is to say to a request."""
        return self.answers.get(seen.target.partition("?")[0], [reply(404)])

    def trust(self) -> ssl.SSLContext:
        """A client's context that trusts the site alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.ca.configure_trust(context)
        return context

    async def dial(self, address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:  # noqa: ASYNC109
        """A connection to the site, whatever the address: whatever gets through is seen."""
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self.port, timeout=timeout)

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            async for seen in _requests(reader):
                self.seen.append(seen)
                self.on_request(seen)
                answers = self.find(seen)
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                writer.write(answer.raw)
                await writer.drain()
                while answer.drip:
                    writer.write(answer.drip)
                    await writer.drain()
                    await asyncio.sleep(0.01)
                if answer.close:
                    break
        writer.close()


async def _requests(reader: asyncio.StreamReader) -> AsyncIterator[Seen]:
    while True:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        yield Seen(headers["host"], head[0].split(" ")[1], headers)


@dataclass
class FakeClock:
    """Time that passes only while somebody sleeps."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


def resolving(*addresses: str) -> Callable[[str], Any]:
    """A resolver that gives every name the same addresses."""

    async def resolve(host: str) -> Sequence[str]:
        return addresses

    return resolve


def polite(**changes: Any) -> Politeness:
    """Ten requests a second to the two hosts, robots.txt left alone."""
    usual: dict[str, Any] = {
        "hosts": frozenset({API, WWW}), "requests_per_second": 10, "max_bytes": 100_000, "robots": False,
    }  # fmt: skip
    return Politeness(**usual | changes)


def client_of(site: Site, politeness: Politeness | None = None, **changes: Any) -> PoliteClient:
    """A client that takes the site for every host of the internet; it never waits for real."""
    usual: dict[str, Any] = {
        "contact": CONTACT,
        "limits": Limits(backoff_s=0),
        "network": Network(resolving(PUBLIC), site.dial),
        "ssl_context": site.trust(),
        "clock": FakeClock(),
    }
    return PoliteClient(politeness or polite(), **usual | changes)
