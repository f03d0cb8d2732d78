"""When a call is made again, and how long is waited before."""

import datetime as dt
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus

# Refused, or given up: to send it again does no harm.
REFUSALS = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True)
class Retries:
    """How often and how patiently a call is made again.

    Attributes:
        attempts: calls in all, the first included.
        first_seconds: the longest wait before the second attempt; it doubles from attempt to attempt.
        longest_seconds: who has to wait longer than this is told at once.
        sleep: waits.
        draw: a number between 0 and 1: callers that failed together must not come back together.
    """

    attempts: int = 4
    first_seconds: float = 0.25
    longest_seconds: float = 30.0
    sleep: Callable[[float], None] = time.sleep
    draw: Callable[[], float] = random.random

    def wait(self, attempt: int, retry_after: str | None) -> bool:
        """Waits before another attempt; False, at once, where there is none to be made.

        Args:
            attempt: which one has failed, from 1.
            retry_after: the header of the answer: seconds, or a date (RFC 9110, section 10.2.3).
        """
        if attempt >= self.attempts:
            return False
        asked = _seconds(retry_after)
        if asked > self.longest_seconds:
            return False
        # Never sooner than was asked for.
        self.sleep(asked + min(self.first_seconds * 2 ** (attempt - 1), self.longest_seconds) * self.draw())
        return True


def _seconds(retry_after: str | None) -> float:
    """The seconds that a header asks for; 0 where it is none that can be read."""
    if retry_after is None:
        return 0.0
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        moment = parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return max(0.0, (aware - dt.datetime.now(dt.UTC)).total_seconds())
