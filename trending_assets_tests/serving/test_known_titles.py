"""A store that is down, slow or full of nonsense: who is answered, from what, and how soon."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from serving.features import (
    ForeignFeatureError,
    OnlineFeatures,
    OnlineStoreError,
    OnlineTitle,
    UnknownFeatureServiceError,
)
from serving.known_titles import KnownTitles, Reading, StoreUnavailableError
from serving.observability import Metrics
from trending_assets.domain.genres.models import TEXT_SERVICE
from trending_assets_tests.serving.test_breaker import Clock
from trending_assets_tests.serving.world import TITLES, FakeFeatures

MATRIX, FUTURE = "tt0133093", "tt0088763"


@pytest.fixture
def store() -> FakeFeatures:
    features = FakeFeatures()
    features.fill(TITLES)
    return features


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(metrics: Metrics, clock: Clock) -> KnownTitles:
    return KnownTitles(metrics, clock=clock, deadline_seconds=0.05, patience_seconds=0.2)


def read(known: KnownTitles, store: OnlineFeatures, *title_ids: str) -> list[Reading]:
    async def one_after_the_other() -> list[Reading]:
        return [await known.read(store, TEXT_SERVICE, title_id) for title_id in title_ids]

    return asyncio.run(one_after_the_other())


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_what_the_store_says_is_what_is_answered(known: KnownTitles, store: FakeFeatures) -> None:
    (first,) = read(known, store, MATRIX)
    store.rows[MATRIX] = store.row({"text": "another text", "kind": "movie"})
    (second,) = read(known, store, MATRIX)
    assert (first.last_known, second.last_known) == (False, False)
    assert second.features.held["text"] == "another text"


@pytest.mark.parametrize("failure", ["down", "slow", "foreign"])
def test_a_known_title_is_answered_with_what_was_read_last(
    known: KnownTitles, store: FakeFeatures, metrics: Metrics, failure: str
) -> None:
    (before,) = read(known, store, MATRIX)
    fail(store, failure)
    (after,) = read(known, store, MATRIX)
    assert after.features is before.features
    assert after.last_known
    assert value(metrics, "trending_feature_reads_total", outcome="last_known") == 1
    store.error, store.seconds = None, 0.0
    assert not read(known, store, MATRIX)[0].last_known


@pytest.mark.parametrize(
    ("failure", "error"),
    [("down", StoreUnavailableError), ("slow", StoreUnavailableError), ("foreign", ForeignFeatureError)],
)
def test_an_unknown_title_is_refused(
    known: KnownTitles, store: FakeFeatures, metrics: Metrics, failure: str, error: type[OnlineStoreError]
) -> None:
    fail(store, failure)
    with pytest.raises(error):
        read(known, store, MATRIX)
    assert value(metrics, "trending_feature_reads_total", outcome="unavailable") == 1


def fail(store: FakeFeatures, failure: str) -> None:
    store.seconds = 60.0 if failure == "slow" else 0.0
    store.error = {
        "down": OnlineStoreError("no connection"),
        "slow": None,
        "foreign": ForeignFeatureError("title_text:text: no value of Feast's"),
    }[failure]


def read_at_once(known: KnownTitles, store: OnlineFeatures, title_ids: Sequence[str]) -> list[Reading]:
    async def at_once() -> list[Reading]:
        return list(await asyncio.gather(*(known.read(store, TEXT_SERVICE, title_id) for title_id in title_ids)))

    return asyncio.run(at_once())


def test_a_title_that_many_ask_for_at_once_takes_the_room_of_one(metrics: Metrics, store: FakeFeatures) -> None:
    sizes = [size_of(metrics, store, title_id) for title_id in (MATRIX, FUTURE)]
    known = KnownTitles(metrics, capacity_bytes=sum(sizes) + 1)
    store.seconds = 0.001
    for title_id in [MATRIX, FUTURE] * 10:
        read_at_once(known, store, [title_id] * 50)
    assert known.kept_bytes == sum(sizes)
    store.error = OnlineStoreError("no connection")
    assert all(reading.last_known for reading in read(known, store, MATRIX, FUTURE))


def size_of(metrics: Metrics, store: FakeFeatures, title_id: str) -> int:
    read(alone := KnownTitles(metrics), store, title_id)
    return alone.kept_bytes


@pytest.mark.parametrize("failure", ["down", None])
def test_a_title_that_is_forgotten_while_it_is_read_is_answered(
    metrics: Metrics, store: FakeFeatures, failure: str | None
) -> None:
    # There is room for one.
    known = KnownTitles(metrics, capacity_bytes=size_of(metrics, store, MATRIX) + 1, deadline_seconds=30.0)
    whole = store.read

    async def both() -> Reading:
        asked, may_go_on = asyncio.Event(), asyncio.Event()

        async def held(*arguments: Any) -> list[OnlineTitle]:
            asked.set()
            await may_go_on.wait()
            return await whole(*arguments)

        await known.read(store, TEXT_SERVICE, MATRIX)
        store.read = held  # type: ignore[method-assign]
        first = asyncio.ensure_future(known.read(store, TEXT_SERVICE, MATRIX))
        await asked.wait()
        store.read = whole  # type: ignore[method-assign]
        await known.read(store, TEXT_SERVICE, FUTURE)
        assert not known.knows(TEXT_SERVICE, MATRIX)
        if failure:
            fail(store, failure)
        may_go_on.set()
        return await first

    assert asyncio.run(both()).last_known == bool(failure)


def test_who_has_nothing_to_be_answered_with_waits_longer(known: KnownTitles, store: FakeFeatures) -> None:
    store.seconds = 0.1
    assert not read(known, store, MATRIX)[0].last_known
    assert read(known, store, MATRIX)[0].last_known


def test_a_store_that_fails_again_and_again_is_left_alone(
    known: KnownTitles, store: FakeFeatures, metrics: Metrics, clock: Clock
) -> None:
    read(known, store, MATRIX)
    fail(store, "down")
    read(known, store, *[MATRIX] * 5)
    assert value(metrics, "trending_online_store_breaker", trending_online_store_breaker="open") == 1
    # Nothing would come of waiting for this one.
    fail(store, "slow")
    store.reads.clear()
    assert all(reading.last_known for reading in read(known, store, *[MATRIX] * 100))
    with pytest.raises(StoreUnavailableError):
        read(known, store, FUTURE)
    assert store.reads == []
    store.seconds = 0.0
    clock.now += 1.0
    assert not read(known, store, MATRIX)[0].last_known
    assert value(metrics, "trending_online_store_breaker", trending_online_store_breaker="closed") == 1


def test_a_store_that_is_only_slow_is_asked_for_what_nothing_is_known_of(
    known: KnownTitles, store: FakeFeatures, metrics: Metrics
) -> None:
    read(known, store, MATRIX)
    store.seconds = 0.1
    assert all(reading.last_known for reading in read(known, store, *[MATRIX] * 5))
    assert known.breaker.state == "open"
    store.reads.clear()
    assert read(known, store, MATRIX)[0].last_known
    assert store.reads == []
    assert not read(known, store, FUTURE)[0].last_known
    # That it answers at all is good news for everyone.
    assert known.breaker.state == "closed"


def test_a_deadline_that_this_process_missed_says_nothing_of_the_store(
    known: KnownTitles, store: FakeFeatures, clock: Clock
) -> None:
    class Starved(FakeFeatures):
        async def read(self, service, title_ids, known=()) -> list[OnlineTitle]:
            clock.now += 0.06
            return await super().read(service, title_ids, known)

    read(known, store, MATRIX)
    starved = Starved()
    starved.seconds = 60
    assert all(reading.last_known for reading in read(known, starved, *[MATRIX] * 20))
    assert known.breaker.state == "closed"


def test_nonsense_of_one_title_opens_nothing(known: KnownTitles, store: FakeFeatures) -> None:
    fail(store, "foreign")
    for _ in range(20):
        with pytest.raises(ForeignFeatureError):
            read(known, store, MATRIX)
    assert known.breaker.state == "closed"


def test_an_unknown_service_is_no_failure_of_the_store(known: KnownTitles, store: FakeFeatures) -> None:
    read(known, store, MATRIX)
    store.services.clear()
    for _ in range(20):
        with pytest.raises(UnknownFeatureServiceError):
            read(known, store, MATRIX)
    assert known.breaker.state == "closed"


def test_a_request_that_is_cancelled_while_it_tries_leaves_room_for_the_next(
    known: KnownTitles, store: FakeFeatures, clock: Clock
) -> None:
    fail(store, "down")
    for _ in range(5):
        with pytest.raises(StoreUnavailableError):
            read(known, store, MATRIX)
    clock.now += 1.0
    fail(store, "slow")

    async def cancelled() -> None:
        trying = asyncio.create_task(known.read(store, TEXT_SERVICE, MATRIX))
        await asyncio.sleep(0.01)
        assert known.breaker.state == "half_open"
        trying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trying

    asyncio.run(cancelled())
    store.seconds = 0.0
    assert not read(known, store, MATRIX)[0].last_known


class Wide:
    """A store in which every title has a text of ten thousand bytes."""

    async def read(self, service, title_ids, known=()) -> list[OnlineTitle]:
        return [
            OnlineTitle({}, {"text": title_id}, FakeFeatures.row({"text": ""}).event_times, {}, (b"x" * 10_000,))
            for title_id in title_ids
        ]


def test_memory_is_bounded_and_the_newest_stay(metrics: Metrics) -> None:
    known, store = KnownTitles(metrics, capacity_bytes=1_000_000), Wide()
    read(known, store, *(f"tt{number}" for number in range(1000)), "tt999")
    held = value(metrics, "trending_known_titles")
    assert held is not None
    assert 50 < held < 100
    down = FakeFeatures()
    fail(down, "down")
    assert read(known, down, "tt999")[0].last_known
    with pytest.raises(StoreUnavailableError):
        read(known, down, "tt0")


def test_a_title_of_which_nothing_is_online_is_not_kept(
    known: KnownTitles, store: FakeFeatures, metrics: Metrics
) -> None:
    read(known, store, "nobody")
    assert value(metrics, "trending_known_titles") == 0
