"""The API on a real socket, and callers that do what no client library does."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.server import BoundedHttpProtocol, uvicorn_options
from serving.settings import ServingSettings
from trending_assets_tests.serving.world import World

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /v1/genres/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = b'{"instances":[{"title":"x","kind":"movie"}]}'


class HastyProtocol(BoundedHttpProtocol):
    """The server's protocol for tests that wait until a time is over."""

    head_seconds = 0.2
    write_seconds = 0.2


class CrampedProtocol(BoundedHttpProtocol):
    """The server's protocol for tests of what happens when it is full, and nobody's time is over."""

    head_seconds = 60.0
    max_connections = 5


class Running:
    """The app under uvicorn, in a thread of this process, so that its connections and tasks can be looked at."""

    def __init__(self, app: FastAPI, settings: ServingSettings, protocol: type[BoundedHttpProtocol]) -> None:
        options = uvicorn_options(settings) | {"http": protocol, "port": 0, "log_config": None, "timeout_keep_alive": 1}
        self.server = uvicorn.Server(uvicorn.Config(app, **options))
        self._thread = threading.Thread(target=self.server.run, daemon=True)

    @contextlib.contextmanager
    def running(self) -> Iterator["Running"]:
        self._thread.start()
        self.until(lambda: self.server.started)
        try:
            yield self
        finally:
            self.server.should_exit = True
            self._thread.join(30)
            assert not self._thread.is_alive()

    def until(self, condition: Any) -> None:
        """Waits until something is true."""
        waiting = threading.Event()
        for _ in range(3000):
            if condition():
                return
            waiting.wait(0.01)
        raise AssertionError("it never came true")

    def connect(self, receive_buffer: int | None = None) -> socket.socket:
        (listening,) = self.server.servers[0].sockets
        caller = socket.socket()
        if receive_buffer is not None:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        caller.settimeout(30)
        caller.connect(listening.getsockname())
        return caller

    def is_quiet(self) -> bool:
        """Whether no connection is open and no request is being answered."""
        return not self.server.server_state.connections and not self.server.server_state.tasks


def all_of(caller: socket.socket) -> bytes:
    """What is sent until the other side closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := caller.recv(65536):
            parts.append(part)
    return b"".join(parts)


def one_answer(caller: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of the next answer, which has a Content-Length."""
    got = b""
    while b"\r\n\r\n" not in got:
        got += caller.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    (length,) = [int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
    while len(body) < length:
        body += caller.recv(65536)
    return head, body


@pytest.fixture
def protocol() -> type[BoundedHttpProtocol]:
    return BoundedHttpProtocol


@pytest.fixture
def running(app: FastAPI, ready: TestClient, world: World, protocol: type[BoundedHttpProtocol]) -> Iterator[Running]:
    with Running(app, ServingSettings(home=world.folder), protocol).running() as running:
        yield running


def test_a_request_is_answered_and_the_server_says_nothing_of_itself(running: Running) -> None:
    with running.connect() as caller:
        caller.sendall(GET)
        head, body = one_answer(caller)
        assert head.startswith(b"HTTP/1.1 200")
        assert body == b'{"status":"alive"}'
        assert b"server:" not in head.lower()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 33_000,
        b"GET /healthz HTTP/1.1\r\nHost: x" + b"\r\nX: y" * 9000,
        b"GET /" + b"y" * 33_000 + b" HTTP/1.1\r\nHost: x",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /?" + b"y" * 33_000 + b" HTTP/1.1\r\nHost: x",
    ],
)
def test_a_large_head_that_comes_at_once_is_refused(running: Running, head: bytes) -> None:
    with running.connect() as caller:
        caller.sendall(head + b"\r\n\r\n")
        assert b"HTTP/1.1 431" in all_of(caller)
    running.until(running.is_quiet)


@pytest.mark.parametrize("protocol", [HastyProtocol])
@pytest.mark.parametrize("sent", [b"", b"G", GET[:-2], GET + GET[:-2], GET + b"\r\n"])
def test_a_head_that_never_ends_is_hung_up_on(running: Running, sent: bytes) -> None:
    with running.connect() as caller:
        caller.sendall(sent)
        assert all_of(caller).count(b"HTTP/1.1 200") == sent.count(GET)
    running.until(running.is_quiet)


@pytest.mark.parametrize("protocol", [HastyProtocol])
def test_a_byte_now_and_then_does_not_keep_a_connection(running: Running) -> None:
    with running.connect() as caller, contextlib.suppress(ConnectionError):
        caller.sendall(b"GET /healthz HTTP/1.1\r\n")
        hung_up = threading.Event()
        for _ in range(1000):
            caller.sendall(b"X: y\r\n")
            hung_up.wait(0.02)
        raise AssertionError("the connection was kept for 20 seconds")
    running.until(running.is_quiet)


@pytest.mark.parametrize("protocol", [HastyProtocol])
def test_the_rest_of_a_body_that_nobody_reads_is_not_waited_for(running: Running) -> None:
    with running.connect() as caller:
        caller.sendall(POST + b"Content-Length: 9000000\r\n\r\n")
        head, _ = one_answer(caller)
        assert head.startswith(b"HTTP/1.1 413")
        hung_up = threading.Event()
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                caller.sendall(b"x")
                hung_up.wait(0.02)
            raise AssertionError("the connection was kept for 20 seconds")
    running.until(running.is_quiet)


def test_a_head_that_grows_and_grows_is_refused(running: Running) -> None:
    with running.connect() as caller:
        caller.sendall(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                caller.sendall(b"X: " + b"y" * 8000 + b"\r\n")
        assert all_of(caller).startswith(b"HTTP/1.1 431")
    running.until(running.is_quiet)


@pytest.mark.parametrize("piece", [b"a: b\r\n" * 1000, b"a" * 6000], ids=["many fields", "one field without end"])
@pytest.mark.parametrize("path", [b"/v1/genres/predict", b"/nowhere"], ids=["before the answer", "after the answer"])
def test_fields_behind_a_body_are_not_gathered(running: Running, path: bytes, piece: bytes) -> None:
    with running.connect() as caller:
        head = POST.replace(b"/v1/genres/predict", path) + b"Transfer-Encoding: chunked\r\n\r\n"
        caller.sendall(head + b"%x\r\n%s\r\n0\r\nx: " % (len(BODY), BODY))
        sent = 0
        with contextlib.suppress(ConnectionError):
            while sent < 4 * 1024 * 1024:
                caller.sendall(piece)
                sent += len(piece)
        # What the buffers of both sockets took is on its way.
        assert sent < 4 * 1024 * 1024
    running.until(running.is_quiet)


def test_fields_behind_a_body_are_no_headers_of_its_request(running: Running) -> None:
    with running.connect() as caller:
        head = POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        body = b"%x\r\n%s\r\n0\r\nX-Request-ID: behind-the-body\r\n\r\n" % (len(BODY), BODY)
        caller.sendall(head + body)
        answer = all_of(caller)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"behind-the-body" not in answer


def test_a_body_in_the_smallest_chunks_is_read(running: Running) -> None:
    body = BODY.replace(b'"x"', b'"' + b"x" * 500 + b'"')
    with running.connect() as caller:
        caller.sendall(POST + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
        caller.sendall(b"".join(b"000001\r\n%c\r\n" % each for each in body + b" " * 60_000) + b"0\r\n\r\n")
        assert all_of(caller).startswith(b"HTTP/1.1 200")


def test_who_opens_connections_and_sends_nothing_keeps_nobody_out(
    app: FastAPI, world: World, client: TestClient
) -> None:
    server = Running(app, ServingSettings(home=world.folder), CrampedProtocol)
    with server.running(), contextlib.ExitStack() as stack:
        kept = stack.enter_context(server.connect())
        kept.sendall(GET)
        assert b"alive" in kept.recv(65536)
        silent = [stack.enter_context(server.connect()) for _ in range(20)]
        for caller in silent[-2:]:
            caller.sendall(POST + b"Content-Length: 9000\r\n\r\n{")
        for _ in range(10):
            with server.connect() as caller:
                caller.sendall(GET)
                assert caller.recv(65536).startswith(b"HTTP/1.1 200")
        server.until(lambda: len(server.server.server_state.connections) <= CrampedProtocol.max_connections)


def test_what_callers_that_have_left_asked_for_never_begins(
    running: Running, app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_end = list[int](), threading.Event()

    def in_flight() -> float | None:
        counted: float | None = app.state.serving.metrics.registry.get_sample_value("trending_requests_in_flight")
        return counted

    def held(*_: object, **__: object) -> tuple[bytes, list[object]]:
        begun.append(1)
        may_end.wait(30)
        return b"{}", []

    monkeypatch.setattr("serving.routes.genres._predict", held)
    with contextlib.ExitStack() as stack:
        for _ in range(6):
            caller = stack.enter_context(running.connect())
            caller.sendall(POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
        running.until(lambda: in_flight() == 6)
    running.until(lambda: in_flight() == 0)
    may_end.set()
    running.until(running.is_quiet)
    assert len(begun) == 2
    # They were let go of since their callers had left, and not since their time was over.
    assert app.state.serving.metrics.registry.get_sample_value("trending_requests_timed_out_total") == 0


@pytest.mark.parametrize("protocol", [HastyProtocol])
def test_who_reads_nothing_is_hung_up_on(running: Running, app: FastAPI) -> None:
    @app.get("/long")
    async def long() -> str:
        return "x" * 20_000_000

    with running.connect(receive_buffer=4096) as caller:
        caller.sendall(b"GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
        running.until(lambda: running.server.server_state.total_requests == 1)
        running.until(running.is_quiet)


def test_a_caller_that_is_gone_leaves_no_task(running: Running) -> None:
    for sent in (
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
        GET,
    ):
        with running.connect() as caller:
            caller.sendall(sent)
            running.until(lambda: not running.is_quiet())
        running.until(running.is_quiet)
    with running.connect() as caller:
        caller.sendall(GET)
        assert one_answer(caller)[0].startswith(b"HTTP/1.1 200")


def test_requests_in_one_packet_are_answered_in_order(running: Running) -> None:
    predict = POST + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    last = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with running.connect() as caller:
        caller.sendall(predict + GET + last)
        answered = all_of(caller)
    assert answered.count(b"HTTP/1.1 200") == 3
    assert answered.index(b'"predictions"') < answered.index(b'"alive"')


@pytest.mark.parametrize(
    "header",
    [
        b"X-Request-ID: a\r\nSet-Cookie: b=c",
        b"X-Request-ID: a\tSet-Cookie: b=c",
        b"X-Request-ID: a%0d%0aSet-Cookie: b=c",
        b"X-Request-ID: \xc4\x8d\xc4\x8aSet-Cookie: b=c",
        b"Origin: https://evil.example\r\nX-Forwarded-For: 1",
        b"If-None-Match: \xff\xfe",
        b"Authorization: Bearer \xff",
        b"Content-Encoding: \xff",
    ],
)
def test_no_header_of_a_request_becomes_one_of_the_answer(running: Running, header: bytes) -> None:
    with running.connect() as caller:
        caller.sendall(b"GET /v1/titles HTTP/1.1\r\nHost: x\r\n" + header + b"\r\n\r\n")
        head, _ = one_answer(caller)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"set-cookie" not in head.lower()
    assert b"evil" not in head


@pytest.mark.parametrize(
    "path",
    [
        b"/v1/titles/%0d%0aSet-Cookie:%20b=c",
        b"/v1/titles/..%2f..%2f..%2fetc%2fpasswd",
        b"/v1/titles/../../../etc/passwd",
        b"/v1/titles/%00",
        b"/v1/titles/%ff%fe",
        b"/v1/titles/%c0%ae%c0%ae",
        b"/v1/titles/" + b"a" * 20_000,
        b"/v1/titles/%F0%9F%92%A9",
        b"/v1/titles/${jndi:ldap://evil.example}",
        b"/v1/titles/%25%30%30",
    ],
)
def test_a_path_leads_to_a_title_or_nowhere(running: Running, path: bytes) -> None:
    with running.connect() as caller:
        caller.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        head, body = one_answer(caller)
    assert head.startswith((b"HTTP/1.1 404", b"HTTP/1.1 400"))
    assert b"set-cookie" not in head.lower()
    assert b"root:" not in body


@pytest.mark.parametrize(
    "request_line",
    [b"GET /healthz HTTP/9.9", b"get", b"\x00\x01\x02", b"GET  HTTP/1.1", b"PRI * HTTP/2.0", b"GET /\xff HTTP/1.1"],
)
def test_what_is_no_http_is_refused(running: Running, request_line: bytes) -> None:
    with running.connect() as caller:
        caller.sendall(request_line + b"\r\nHost: x\r\n\r\n")
        assert all_of(caller).startswith(b"HTTP/1.1 400")
    running.until(running.is_quiet)


def test_smuggled_lengths_are_refused(running: Running) -> None:
    for lengths in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: +5\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
    ):
        with running.connect() as caller:
            caller.sendall(POST + lengths + b"\r\n0\r\n\r\n")
            assert all_of(caller).startswith(b"HTTP/1.1 400"), lengths


def test_the_protocol_is_the_one_that_serve_runs() -> None:
    options = uvicorn_options(ServingSettings())
    config = uvicorn.Config(cast("Any", lambda: None), **options)
    config.load()
    assert config.http_protocol_class is BoundedHttpProtocol
    assert asyncio.Protocol in BoundedHttpProtocol.__mro__
