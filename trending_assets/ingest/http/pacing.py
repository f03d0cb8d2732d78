"""How often a host is asked: one gate a host, which all requests to it pass."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from trending_assets.ingest.http.errors import UnavailableError


class Clock(Protocol):
    """Time, as the client sees it."""

    def now(self) -> datetime:
        """The time of day, UTC."""

    def monotonic(self) -> float:
        """Seconds since some start, which never go back."""

    async def sleep(self, seconds: float) -> None:
        """Waits."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time of day, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some start, which never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


def retry_after(value: str | None, now: datetime) -> float | None:
    """How many seconds a Retry-After header asks to wait; None where it says nothing that can be read.

    Args:
        value: seconds or an HTTP date.
        now: the time of day.
    """
    if value is None:
        return None
    if value.isascii() and value.isdigit():
        # More digits than this are longer than any wait, and can be longer than int() reads.
        return float(value[:12])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    # An HTTP date is always in GMT, whether it says so or not.
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())


class HostGate:
    """Lets requests to one host start one by one, an interval apart, and so many at a time.

    Args:
        host: its name, for errors.
        interval_s: between the starts of two requests.
        concurrency: requests at a time.
        longest_wait_s: what nobody waits longer for.
        clock: tells the time.
    """

    def __init__(self, host: str, interval_s: float, concurrency: int, longest_wait_s: float, clock: Clock) -> None:
        self._host = host
        self._interval_s = interval_s
        self._longest_wait_s = longest_wait_s
        self._clock = clock
        self._slots = asyncio.Semaphore(concurrency)
        self._turns = asyncio.Lock()
        self._next = clock.monotonic()

    @asynccontextmanager
    async def turn(self, delay_s: float) -> AsyncIterator[None]:
        """Waits for the host's next turn; the block is one request.

        Args:
            delay_s: the interval that the host asks for; the longer one counts.

        Raises:
            UnavailableError: the wait is too long.
        """
        async with self._slots:
            async with self._turns:
                while (wait := self._next - self._clock.monotonic()) > 0:
                    if wait > self._longest_wait_s:
                        raise self.too_long(wait)
                    await self._clock.sleep(wait)
                self._next = self._clock.monotonic() + max(self._interval_s, delay_s)
            yield

    def hold(self, seconds: float) -> None:
        """Keeps every request to the host back for so long.

        Raises:
            UnavailableError: that is too long; the host is not asked before all the same.
        """
        self._next = max(self._next, self._clock.monotonic() + seconds)
        if seconds > self._longest_wait_s:
            raise self.too_long(seconds)

    def too_long(self, seconds: float) -> UnavailableError:
        """The error for a wait that nobody makes."""
        longest = f"the {self._longest_wait_s:.0f} s that a crawl waits"
        return UnavailableError(f"{self._host} asks to wait {seconds:.0f} s, longer than {longest}")
