"""Features as they were last read: what is answered from while the online store is down or slow.

A store that fails must not make a request wait. So each read has a deadline, a circuit breaker spares a store that does
not answer, and what was read of a title before is kept, as much as fits: it is served in place of an answer, and said
to be so.
"""

import asyncio
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from serving.breaker import CircuitBreaker, State
from serving.features import ForeignFeatureError, OnlineFeatures, OnlineStoreError, OnlineTitle
from serving.observability import Metrics, log

# A read takes less than a millisecond. Whoever can be answered without it waits no longer than this, anyone else until
# a writer that is just committing may have finished.
_DEADLINE_SECONDS = 0.03
_PATIENCE_SECONDS = 1.0
_CAPACITY_BYTES = 64 * 1024 * 1024
# A deadline that is noticed so much later was missed by this process, which had no processor to run on.
_STARVED_SECONDS = 0.005
# What Python and the decoded values take beside the stored bytes.
_OVERHEAD_BYTES = 2048


class StoreUnavailableError(OnlineStoreError):
    """The store does not answer, and nothing is known of the title."""


@dataclass(frozen=True)
class Reading:
    """Features of a title.

    Attributes:
        features: what they are.
        last_known: the store did not answer, and this is what it said before.
    """

    features: OnlineTitle
    last_known: bool


class KnownTitles:
    """Reads titles and keeps what it read; used by the event loop alone.

    Attributes:
        breaker: says whether the store is asked.
        kept_bytes: what the titles take that are kept.
    """

    def __init__(
        self,
        metrics: Metrics,
        *,
        capacity_bytes: int = _CAPACITY_BYTES,
        deadline_seconds: float = _DEADLINE_SECONDS,
        patience_seconds: float = _PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is known yet.

        Args:
            metrics: where reads are counted.
            capacity_bytes: how much is kept; of more, what was asked for longest ago is forgotten.
            deadline_seconds: how long a known title waits for the store.
            patience_seconds: how long any other does.
            clock: seconds that only grow.
        """
        self._metrics, self._capacity, self._clock = metrics, capacity_bytes, clock
        self._deadline, self._patience = deadline_seconds, patience_seconds
        self._known: OrderedDict[tuple[str, str], OnlineTitle] = OrderedDict()
        self.kept_bytes = 0
        # The breaker opened since deadlines were missed: who has nothing else to be answered with may still wait.
        self._only_slow = False
        self.breaker = CircuitBreaker(clock, changed=self._tell)
        self._outcomes = {name: metrics.feature_reads.labels(name) for name in ("store", "last_known", "unavailable")}
        metrics.breaker.state("closed")
        metrics.known_titles.set_function(lambda: len(self._known))

    def knows(self, service: str, title_id: str) -> bool:
        """Whether there is something to be answered with if the store does not answer."""
        return (service, title_id) in self._known

    async def read(self, store: OnlineFeatures, service: str, title_id: str, *, hurries: bool = False) -> Reading:
        """The features of a title: of the store, or as they are known.

        Args:
            store: the store.
            service: the feature service.
            title_id: the title.
            hurries: it waits no longer than for a title that is known, since the caller has something else.

        Raises:
            UnknownFeatureServiceError: there is no such service.
            StoreUnavailableError: the store does not answer in time, and nothing is known of the title.
            OnlineStoreError: what the store holds of the title cannot be read, and nothing else is known of it.
        """
        key = service, title_id
        known = self._known.get(key)
        try:
            (features,) = await self._ask(store, service, [title_id], [known], waits=known is None and not hurries)
        except OnlineStoreError:
            known = self._known.get(key, known)
            if known is None:
                self._outcomes["unavailable"].inc()
                raise
            self._keep(key, known)
            self._outcomes["last_known"].inc()
            return Reading(known, last_known=True)
        self._outcomes["store"].inc()
        self._keep(key, features)
        return Reading(features, last_known=False)

    async def probe(self, store: OnlineFeatures, service: str, title_ids: Sequence[str]) -> list[OnlineTitle]:
        """What the store itself says of some titles, in order.

        Raises:
            UnknownFeatureServiceError: there is no such service.
            OnlineStoreError: the store does not answer, or not what can be read.
        """
        return await self._ask(store, service, title_ids, (), waits=True)

    async def _ask(
        self,
        store: OnlineFeatures,
        service: str,
        title_ids: Sequence[str],
        known: Sequence[OnlineTitle | None],
        *,
        waits: bool,
    ) -> list[OnlineTitle]:
        if not (waits and self._only_slow) and not self.breaker.permits():
            raise StoreUnavailableError("the online store is not asked, since it did not answer just now")
        seconds = self._patience if waits else self._deadline
        started = self._clock()
        try:
            async with asyncio.timeout(seconds):
                rows = await store.read(service, title_ids, known)
        except ForeignFeatureError as error:
            # The store is well, what it holds is not.
            self._succeed()
            log.error("unreadable_features", error=str(error))
            raise
        except OnlineStoreError as error:
            self._fail(str(error), slow=False)
            raise StoreUnavailableError(str(error)) from error
        except TimeoutError:
            if self._clock() - started > seconds + _STARVED_SECONDS:
                self.breaker.gave_up()
            else:
                self._fail(f"no answer within {seconds} s", slow=not waits)
            raise StoreUnavailableError(f"no answer within {seconds} s") from None
        except BaseException:
            self.breaker.gave_up()
            raise
        self._succeed()
        return rows

    def _succeed(self) -> None:
        self._only_slow = False
        self.breaker.succeeded()

    def _fail(self, reason: str, *, slow: bool) -> None:
        self._only_slow = slow
        # Not each of the thousands that a store that is down would fail: the breaker ends them.
        if self.breaker.state == "closed":
            log.warning("online_store_failed", error=reason)
        self.breaker.failed()

    def _tell(self, state: State) -> None:
        self._metrics.breaker.state(state)
        if state != "half_open":
            log.warning("online_store_breaker", state=state)

    def _keep(self, key: tuple[str, str], features: OnlineTitle) -> None:
        """Has a title be the last that is forgotten.

        While it was read, other requests may have read it too, or had it forgotten: what is kept now decides.
        """
        kept = self._known.get(key)
        if kept is features:
            self._known.move_to_end(key)
            return
        if kept is not None:
            self.kept_bytes -= _size(kept)
            del self._known[key]
        # A title of which nothing is online is not worth remembering.
        if not features.event_times:
            return
        self._known[key] = features
        self.kept_bytes += _size(features)
        while self.kept_bytes > self._capacity:
            _, forgotten = self._known.popitem(last=False)
            self.kept_bytes -= _size(forgotten)


def _size(features: OnlineTitle) -> int:
    stored = sum(len(each) for each in features.stored if isinstance(each, bytes))
    return _OVERHEAD_BYTES + stored + sum(map(sys.getsizeof, features.held.values()))
