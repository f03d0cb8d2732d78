"""Which requests are worked on, which wait, and which are refused."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import anyio.to_thread
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from serving.admission import Admission
from serving.app import create_app
from serving.observability import Metrics
from serving.settings import ServingSettings
from trending_assets_tests.serving.asgi import ask
from trending_assets_tests.serving.conftest import HOUR
from trending_assets_tests.serving.world import FakeEncoder, World

LONG = 60.0


class Slow:
    """An app that answers once it may; each request waits for a turn of its own.

    Attributes:
        begun: how many requests have reached it.
        cancelled: how many of them were stopped.
        may_answer: lets all answer.
        may_read: lets callers take what they were answered.
    """

    def __init__(self) -> None:
        self.begun, self.cancelled = 0, 0
        self.may_answer, self.may_read = asyncio.Event(), asyncio.Event()
        self.may_read.set()
        self._changed = asyncio.Condition()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._changed:
            self.begun += 1
            self._changed.notify_all()
        try:
            await self.may_answer.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await self.may_read.wait()
            await send({"type": "http.response.body", "body": b"done"})
        except asyncio.CancelledError:
            self.cancelled += 1
            raise

    async def has_begun(self, count: int) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.begun >= count)


def admission(app: Slow, metrics: Metrics | None = None, **options: float) -> Admission:
    chosen = {"max_in_flight": 2, "max_queued": 1, "queue_seconds": LONG, "request_seconds": LONG} | options
    return Admission(app, metrics or Metrics(), exempt=["/healthz"], **chosen)  # type: ignore[arg-type]


def run(test: Callable[[Slow], Awaitable[None]]) -> None:
    """Runs a test, which has to leave no task behind."""

    async def main() -> None:
        await test(Slow())
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_so_many_are_worked_on_so_many_wait_and_the_rest_is_refused() -> None:
    async def test(slow: Slow) -> None:
        metrics = Metrics()
        app = admission(slow, metrics)
        worked_on = [asyncio.create_task(ask(app)) for _ in range(2)]
        await slow.has_begun(2)
        waiting = asyncio.create_task(ask(app))
        await asyncio.sleep(0)
        assert (metrics.queued.collect()[0].samples[0].value, metrics.in_flight.collect()[0].samples[0].value) == (1, 2)
        refused = await ask(app)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert b"urn:trending-now:problem:overloaded" in refused.body
        assert metrics.shed.labels("queue_full")._value.get() == 1
        assert slow.begun == 2
        slow.may_answer.set()
        assert [answer.status for answer in await asyncio.gather(*worked_on, waiting)] == [200] * 3
        assert (metrics.queued.collect()[0].samples[0].value, metrics.in_flight.collect()[0].samples[0].value) == (0, 0)

    run(test)


def test_who_waits_too_long_is_refused() -> None:
    async def test(slow: Slow) -> None:
        metrics = Metrics()
        app = admission(slow, metrics, max_in_flight=1, queue_seconds=0.01)
        first = asyncio.create_task(ask(app))
        await slow.has_begun(1)
        assert (await ask(app)).status == 503
        assert metrics.shed.labels("queue_time")._value.get() == 1
        slow.may_answer.set()
        assert (await first).status == 200
        assert (await ask(app)).status == 200

    run(test)


def test_who_asks_whether_the_server_lives_never_waits() -> None:
    async def test(slow: Slow) -> None:
        app = admission(slow, max_in_flight=1, max_queued=0)
        tasks = [asyncio.create_task(ask(app)), asyncio.create_task(ask(app, path="/healthz"))]
        await slow.has_begun(2)
        assert (await ask(app)).status == 503
        slow.may_answer.set()
        assert [answer.status for answer in await asyncio.gather(*tasks)] == [200, 200]

    run(test)


def test_who_reads_slowly_holds_no_place() -> None:
    async def test(slow: Slow) -> None:
        app = admission(slow, max_in_flight=1, max_queued=0)
        slow.may_answer.set()
        slow.may_read.clear()
        reading = [asyncio.create_task(ask(app)) for _ in range(3)]
        await slow.has_begun(3)
        slow.may_read.set()
        assert [answer.status for answer in await asyncio.gather(*reading)] == [200] * 3

    run(test)


def test_an_answer_that_takes_too_long_is_given_up() -> None:
    async def test(slow: Slow) -> None:
        metrics = Metrics()
        app = admission(slow, metrics, max_in_flight=1, max_queued=0, request_seconds=0.01)
        answer = await ask(app)
        assert answer.status == 503
        assert b"urn:trending-now:problem:timed-out" in answer.body
        assert slow.cancelled == 1
        assert metrics.timed_out._value.get() == 1
        slow.may_answer.set()
        assert (await ask(app)).status == 200

    run(test)


def test_an_answer_that_has_begun_and_takes_too_long_is_broken_off() -> None:
    async def test(slow: Slow) -> None:
        app = admission(slow, request_seconds=0.01)
        slow.may_answer.set()
        slow.may_read.clear()
        with pytest.raises(TimeoutError):
            await ask(app)
        slow.may_read.set()
        assert (await ask(app)).status == 200

    run(test)


def test_a_fault_of_the_app_is_not_taken_for_a_time_that_is_over() -> None:
    async def failing(scope: Scope, receive: Receive, send: Send) -> None:
        raise TimeoutError("the store")

    app = Admission(failing, Metrics(), max_in_flight=1, max_queued=0, queue_seconds=1, request_seconds=LONG, exempt=())
    for _ in range(2):
        with pytest.raises(TimeoutError, match="the store"):
            asyncio.run(ask(app))


@pytest.mark.parametrize("waiting", [False, True])
def test_a_request_that_is_cancelled_leaves_its_place(waiting: bool) -> None:
    async def test(slow: Slow) -> None:
        app = admission(slow, max_in_flight=1, max_queued=1)
        first = asyncio.create_task(ask(app))
        await slow.has_begun(1)
        second = asyncio.create_task(ask(app))
        await asyncio.sleep(0)
        gone, stays = (second, first) if waiting else (first, second)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        slow.may_answer.set()
        assert (await stays).status == 200
        assert (await ask(app)).status == 200

    run(test)


def test_the_server_sheds_what_it_has_no_room_for_and_stays_alive(world: World) -> None:
    settings = ServingSettings(home=world.folder, max_in_flight=1, max_queued=0)
    app: FastAPI = create_app(settings, encoder=FakeEncoder, poll_seconds=HOUR)
    reached, may_end = threading.Event(), threading.Event()

    @app.get("/hold")
    async def hold() -> str:
        reached.set()
        await anyio.to_thread.run_sync(may_end.wait)
        return "held"

    with TestClient(app) as client:
        held: list[int] = []
        thread = threading.Thread(target=lambda: held.append(client.get("/hold").status_code))
        thread.start()
        assert reached.wait(30)
        refused = client.get("/v1/models")
        assert refused.status_code == 503
        assert refused.json()["type"] == "urn:trending-now:problem:overloaded"
        assert client.get("/healthz").status_code == 200
        counted = client.get("/metrics").text
        assert "trending_requests_in_flight 1.0" in counted
        assert 'trending_requests_shed_total{reason="queue_full"} 1.0' in counted
        may_end.set()
        thread.join(30)
        assert held == [200]
        assert client.get("/v1/models").status_code == 200
