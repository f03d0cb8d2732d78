"""Limits on a request's body: its size, its time, what it is made of, and the memory of all bodies together."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.observability import Metrics
from serving.problems import (
    ProblemError,
    body_encoded,
    body_not_utf8,
    body_too_complex,
    body_too_large,
    body_too_slow,
    overloaded,
    problem_response,
)

_BODY_HEADERS = {b"content-length", b"transfer-encoding"}


class BodyLimit:
    """ASGI middleware that reads a body whole before anything works on the request, or refuses it.

    So a caller that sends slowly takes up memory for a while, and none of the places of requests that are worked on.
    A compressed body is refused: it could hold any size in a few bytes. So is one of very many parts: reading JSON
    holds up every other request, and what is made of a million empty lists takes many times their bytes.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, *, max_bytes: int, max_parts: int, max_bytes_together: int, seconds: float
    ) -> None:
        """Wraps an app.

        Args:
            app: what answers the requests.
            metrics: where refused requests are counted.
            max_bytes: of one body.
            max_parts: values of one body, lists and objects among them.
            max_bytes_together: of the bodies of all requests that are not answered yet.
            seconds: for how long a body may come.
        """
        self._app = app
        self._shed = metrics.shed.labels("body_memory")
        self._max_bytes, self._max_parts = max_bytes, max_parts
        self._max_bytes_together = max_bytes_together
        self._seconds = seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or not any(name in _BODY_HEADERS for name, _ in scope["headers"]):
            await self._app(scope, receive, send)
            return
        body = _Body(self, receive)
        try:
            problem = await self._read(body, Headers(scope=scope))
            if problem is not None:
                await problem_response(scope["path"], problem)(scope, receive, send)
            elif not body.abandoned:
                await self._app(scope, body.replay, send)
        finally:
            self._held -= body.size

    async def _read(self, body: "_Body", headers: Headers) -> ProblemError | None:
        if headers.get("content-encoding", "identity").strip().lower() != "identity":
            return body_encoded()
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            return body_too_large()
        try:
            async with asyncio.timeout(self._seconds):
                problem = await body.read()
        except TimeoutError:
            return body_too_slow()
        return problem or self._problem_of(body.content)

    def _problem_of(self, content: bytes) -> ProblemError | None:
        # JSON as UTF-8 never holds one; as UTF-16 it does, and could not be counted.
        if b"\0" in content:
            return body_not_utf8()
        if len(content) >= self._max_parts and parts_of(content) > self._max_parts:
            return body_too_complex()
        return None

    def take(self, size: int, of_body: int) -> ProblemError | None:
        """Makes room for a part of a body; a problem where there is none.

        Args:
            size: bytes of the part.
            of_body: bytes of the body with it.
        """
        self._held += size
        if of_body > self._max_bytes:
            return body_too_large()
        if self._held > self._max_bytes_together:
            self._shed.inc()
            return overloaded()
        return None


def parts_of(content: bytes) -> int:
    """How many values a JSON text holds, lists and objects among them, without reading it; no less than there are.

    Args:
        content: UTF-8, and JSON or not.
    """
    unescaped = content.replace(rb"\\", b"").replace(rb"\"", b"")
    outside = b"".join(unescaped.split(b'"')[::2])
    return 1 + sum(map(outside.count, (b",", b"[", b"{")))


class _Body:
    """The body of one request.

    Attributes:
        size: bytes that came.
        content: all of them, once they have come.
        abandoned: the caller was gone before all of it had come.
    """

    def __init__(self, limit: BodyLimit, receive: Receive) -> None:
        self._limit, self._receive = limit, receive
        self._parts: list[bytes] = []
        self._replayed = False
        self.size, self.content = 0, b""
        self.abandoned = False

    async def read(self) -> ProblemError | None:
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                self.abandoned = True
                return None
            part = message.get("body", b"")
            self.size += len(part)
            problem = self._limit.take(len(part), self.size)
            if problem is not None:
                return problem
            self._parts.append(part)
            if not message.get("more_body", False):
                self.content = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts.clear()
                return None

    async def replay(self) -> Message:
        if self._replayed:
            return await self._receive()
        self._replayed = True
        content, self.content = self.content, b""
        return {"type": "http.request", "body": content, "more_body": False}
