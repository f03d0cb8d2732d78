"""Which requests are worked on, which wait, and which are refused since the server would collapse under them."""

import asyncio
from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.observability import Metrics
from serving.problems import overloaded, problem_response, timed_out

# Let in however busy the server is, so that who watches over it sees that.
UNSHED_PATHS = frozenset({"/healthz", "/metrics"})


class Admission:
    """ASGI middleware: so many requests are worked on at a time, so many more wait, and the rest is refused with 503.

    A request that has waited too long is refused too: by then its caller may have given up, and those behind it would
    wait in vain. A place is free again as soon as an answer begins, so a caller that reads slowly holds none.
    """

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        *,
        max_in_flight: int,
        max_queued: int,
        queue_seconds: float,
        request_seconds: float,
        exempt: Collection[str],
    ) -> None:
        """Wraps an app.

        Args:
            app: what answers the requests.
            metrics: where requests that wait or are refused are counted.
            max_in_flight: how many are worked on at a time.
            max_queued: how many wait.
            queue_seconds: for how long one waits.
            request_seconds: for how long one is worked on and answered.
            exempt: paths that are always let in, and take no time.
        """
        self._app = app
        self._metrics = metrics
        self._places = asyncio.Semaphore(max_in_flight)
        self._max_queued = max_queued
        self._queue_seconds = queue_seconds
        self._request_seconds = request_seconds
        self._exempt = frozenset(exempt)
        self._queued, self._in_flight = 0, 0
        metrics.queued.set_function(lambda: self._queued)
        metrics.in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http" or scope["path"] in self._exempt:
            await self._app(scope, receive, send)
        elif await self._admitted():
            await self._answer(scope, receive, send)
        else:
            await problem_response(scope["path"], overloaded())(scope, receive, send)

    async def _admitted(self) -> bool:
        """Takes a place, after a wait where there is none; False where the request is refused."""
        if not self._places.locked():
            return await self._places.acquire()
        if self._queued >= self._max_queued:
            self._metrics.shed.labels("queue_full").inc()
            return False
        self._queued += 1
        try:
            async with asyncio.timeout(self._queue_seconds):
                return await self._places.acquire()
        except TimeoutError:
            self._metrics.shed.labels("queue_time").inc()
            return False
        finally:
            self._queued -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False
        self._in_flight += 1

        def leave() -> None:
            self._in_flight -= 1
            self._places.release()

        async def send_and_leave(message: Message) -> None:
            nonlocal started
            if not started:
                started = True
                leave()
            await send(message)

        try:
            async with asyncio.timeout(self._request_seconds) as deadline:
                await self._app(scope, receive, send_and_leave)
        except TimeoutError:
            # One that the app raised itself is a fault like any other.
            if started or not deadline.expired():
                raise
            self._metrics.timed_out.inc()
            await problem_response(scope["path"], timed_out())(scope, receive, send)
        finally:
            if not started:
                leave()
