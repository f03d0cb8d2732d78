"""How the API is run by uvicorn: what a connection may cost, beside what the app itself limits."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from serving.settings import ServingSettings

_MAX_HEAD_BYTES = 32 * 1024
_KEEP_ALIVE_SECONDS = 5
_STOP_SECONDS = 10
_HEAD_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Timer:
    """Calls something unless it is stopped before; one that runs is not started anew."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, end: Callable[[], None]) -> None:
        if self._handle is None:
            self._handle = self._loop.call_later(seconds, end)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class BoundedHttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on what it has none for.

    The head of a request has to come whole within a time and a size, what is left of a body that was refused within
    the same time, what comes between and behind the parts of a body within the same size, and a caller has to read what
    it asked for. Else the connection is closed. Fields behind a body are no headers of its request (RFC 9110, section
    6.5.1): they are passed over. Where there are as many connections as there may be, a new one takes the place of the
    one that has waited longest for the rest of a request: who opens them and sends nothing keeps nobody out.

    Attributes:
        head_seconds: for how long the head of a request may come.
        write_seconds: for how long a caller may read nothing of an answer.
        max_connections: how many there may be at a time.
        waiting_since: when it was made or had its last answer, in seconds that only grow.
    """

    head_seconds = 10.0
    write_seconds = 20.0
    max_connections = 1000

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_timer, self._write_timer = _Timer(self.loop), _Timer(self.loop)
        # Since the head began, or in a body since its last part came.
        self._unread_bytes, self._in_body = 0, False
        self.waiting_since = time.monotonic()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Starts the time of the first head."""
        super().connection_made(transport)
        if len(self.connections) > self.max_connections:
            self._make_room()
        self._head_timer.start(self.head_seconds, transport.close)

    def _make_room(self) -> None:
        """Closes the connection that has waited longest; this one waits too."""
        all_of_them = cast("set[BoundedHttpProtocol]", self.connections)
        min((each for each in all_of_them if each.waits), key=lambda each: each.waiting_since).transport.close()

    @property
    def waits(self) -> bool:
        """Whether nothing but its caller is waited for: the rest of a request, or another one."""
        idle = self.cycle is None or self.cycle.response_complete or self.cycle.more_body
        return idle and not self.transport.is_closing()

    def on_response_complete(self) -> None:
        """From here on another request is waited for."""
        self.waiting_since = time.monotonic()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops all times."""
        self._head_timer.stop()
        self._write_timer.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes what came. The time starts with the first byte where no request is being answered."""
        if self.cycle is None or self.cycle.response_complete:
            self._head_timer.start(self.head_seconds, self.transport.close)
        self._unread_bytes += len(data)
        super().data_received(data)
        if self._unread_bytes > _MAX_HEAD_BYTES and not self.transport.is_closing():
            if not self._in_body:
                self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a field of the head."""
        if not self._in_body:
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body, whose size the app limits."""
        self._unread_bytes = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Ends the time of the head, which may have come at once, with a body behind it."""
        self._head_timer.stop()
        self._unread_bytes, self._in_body = 0, True
        app = self.app
        if len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers) > _MAX_HEAD_BYTES:
            self.app = _refuse_head
        try:
            super().on_headers_complete()
        finally:
            self.app = app

    def on_message_complete(self) -> None:
        """From here on another head comes."""
        self._unread_bytes, self._in_body = 0, False
        super().on_message_complete()

    def pause_writing(self) -> None:
        """Starts the time of a caller that reads nothing."""
        super().pause_writing()
        self._write_timer.start(self.write_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Ends the time of a caller that reads again."""
        self._write_timer.stop()
        super().resume_writing()


async def _refuse_head(_: Scope, __: Receive, send: Send) -> None:
    headers = [(b"content-length", b"0"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 431, "headers": headers})
    await send({"type": "http.response.body"})


def uvicorn_options(settings: ServingSettings) -> dict[str, Any]:
    """What uvicorn is run with, beside the app and the number of its processes."""
    return {
        "host": settings.host,
        "port": settings.port,
        "http": BoundedHttpProtocol,
        "ws": "none",
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": _KEEP_ALIVE_SECONDS,
        "timeout_graceful_shutdown": _STOP_SECONDS,
    }
