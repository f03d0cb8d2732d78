"""The way to the network: names resolved and checked, the checked address dialled, credentials added last."""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus, urlencode

import httpcore
import httpx

from trending_assets.ingest.http.addresses import check_addresses, host_of
from trending_assets.ingest.http.errors import RefusedURLError

HTTPS_PORT = 443
_KEEPALIVE_S = 60.0
# No word of a URL is as long as that by chance and equal to a secret.
_SURELY_SECRET = 8

# Host name → its IP addresses; OSError where it has none.
Resolve = Callable[[str], Awaitable[Sequence[str]]]
# IP address, port, seconds to wait → an open connection; httpcore's ConnectError or ConnectTimeout otherwise.
Dial = Callable[[str, int, float | None], Awaitable[httpcore.AsyncNetworkStream]]


async def resolve_by_system(host: str) -> Sequence[str]:
    """The addresses that the system's resolver gives, in its order of preference."""
    found = await asyncio.get_running_loop().getaddrinfo(host, HTTPS_PORT, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def dial_by_system(address: str, port: int, timeout: float | None) -> httpcore.AsyncNetworkStream:  # noqa: ASYNC109 - httpcore hands it down
    """A TCP connection to an IP address."""
    return await httpcore.AnyIOBackend().connect_tcp(address, port, timeout=timeout)


@dataclass(frozen=True)
class Network:
    """How names are resolved and addresses dialled; tests lead both to a local server."""

    resolve: Resolve = resolve_by_system
    dial: Dial = dial_by_system


@dataclass(frozen=True)
class Credentials:
    """What one host wants to see of its caller; added to a request as it is sent, and kept nowhere.

    Attributes:
        headers: header → its value.
        params: query parameter → its value.

    Raises:
        ValueError: a value is empty or has characters that a header may not hold; it is not shown.
    """

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    params: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        for name, value in {**self.headers, **self.params}.items():
            if not (value.strip() and value.isascii() and value.isprintable()):
                raise ValueError(f"the credential {name} is empty or has characters that are not printable ASCII")

    def stripped(self, url: str) -> str:
        """A URL without these parameters: what a host redirects to may repeat them."""
        head, mark, query = url.partition("?")
        given = {f"{name}={value}" for name, value in self.params.items()}
        kept = [pair for pair in query.split("&") if unquote_plus(pair) not in given]
        return head + (mark if kept else "") + "&".join(kept)

    def shown_in(self, url: str) -> bool:
        """Whether a URL gives one of the values away."""
        # "Bearer abc" is as secret without its first word.
        secrets = {*self.params.values(), *(value.split()[-1] for value in self.headers.values())}
        # A short one may be part of an honest word, so it only counts as a whole part of the URL.
        parts = {unquote_plus(part) for part in re.split(r"[/?&=#;:@]", url)}
        return bool(secrets & parts) or any(
            secret in unquote_plus(url) for secret in secrets if len(secret) >= _SURELY_SECRET
        )


class PinnedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for the pool: to an allowed host only, at an address that was checked a moment ago.

    A name is resolved once a connection, and what is dialled is one of the checked addresses, never the name.
    So an answer that changes between two look-ups changes nothing: each is checked by itself.
    """

    def __init__(self, hosts: frozenset[str], network: Network) -> None:
        self._hosts = hosts
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,  # noqa: ARG002 - httpcore's signature
        socket_options: Any = None,  # noqa: ARG002 - httpcore's signature
    ) -> httpcore.AsyncNetworkStream:
        """A connection to a host that is on the allow-list.

        Raises:
            RefusedURLError: the host, its port or one of its addresses may not be asked.
            httpcore.ConnectError: it has no address, or none answers.
            httpcore.ConnectTimeout: no answer in time.
        """
        if host not in self._hosts or port != HTTPS_PORT:
            raise RefusedURLError(f"{host}:{port}: refused, it is not a host and port of the source")
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._network.resolve(host)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} was not resolved within {timeout} s") from None
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
        check_addresses(host, addresses)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._network.dial(address, port, timeout and timeout / len(addresses))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Body(httpx.AsyncByteStream):
    """The body of a response, as httpx wants it."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx's way to the network. Credentials join a request below httpx, whose logs and errors show URLs.

    Faults are raised as httpcore's exceptions; where a response redirects to is its extension ``location``.
    """

    def __init__(
        self,
        hosts: frozenset[str],
        network: Network,
        credentials: Mapping[str, Credentials],
        ssl_context: ssl.SSLContext,
        connections: int,
    ) -> None:
        self._credentials = credentials
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=connections,
            keepalive_expiry=_KEEPALIVE_S,
            network_backend=PinnedBackend(hosts, network),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request with the credentials of its own host, and of no other."""
        url = request.url
        target, headers = url.raw_path, list(request.headers.raw)
        if given := self._credentials.get(host_of(url)):
            if given.params:
                target += (b"&" if b"?" in target else b"?") + urlencode(given.params).encode("ascii")
            headers += [(name.encode("ascii"), value.encode("ascii")) for name, value in given.headers.items()]
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=target),
                headers=headers,
                extensions=request.extensions,
            )
        )
        # httpx reads a redirect's target even where it does not follow, and fails in its own ways: it sees none.
        answered = httpx.Headers(response.headers)
        location = answered.pop("location", None)
        return httpx.Response(
            response.status, headers=answered, stream=_Body(response), extensions={"location": location}
        )

    async def aclose(self) -> None:
        """Closes all connections."""
        await self._pool.aclose()
