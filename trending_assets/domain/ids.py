"""Identifiers that sort by the time they were made: UUID version 7 (RFC 9562, section 5.7)."""

import os
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

# The form of one, as a regular expression.
UUID7 = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_lock = threading.Lock()
_last_stamp = 0


def _next_stamp(nanoseconds: int) -> int:
    """Milliseconds and 1/4096 milliseconds as one 60-bit number, larger than any given before in this process."""
    global _last_stamp  # noqa: PLW0603 -- ids of one process stay in order even within one clock tick
    milliseconds, rest = divmod(nanoseconds, 1_000_000)
    stamp = milliseconds << 12 | (rest << 12) // 1_000_000
    with _lock:
        _last_stamp = max(stamp, _last_stamp + 1)
        return _last_stamp


def uuid7(nanoseconds: int | None = None, randomness: bytes | None = None) -> str:
    """A UUID version 7, in its canonical form of 36 characters.

    Its first 48 bits are milliseconds since 1970 and the next 12 free ones are the fraction of the
    millisecond (RFC 9562, section 6.2, method 3), so ids made one after the other by one process sort in
    that order.

    Args:
        nanoseconds: time since 1970; the clock, made strictly increasing within the process, where None.
        randomness: 8 bytes, of which 62 bits are used; the operating system's where None.

    Raises:
        ValueError: ``randomness`` is not 8 bytes, or the time is outside what 48 bits of milliseconds hold.
    """
    if nanoseconds is None:
        stamp = _next_stamp(time.time_ns())
    else:
        milliseconds, rest = divmod(nanoseconds, 1_000_000)
        if not 0 <= milliseconds < 1 << 48:
            raise ValueError(f"{nanoseconds} ns is outside what a UUID version 7 holds")
        stamp = milliseconds << 12 | (rest << 12) // 1_000_000
    random = os.urandom(8) if randomness is None else randomness
    if len(random) != 8:
        raise ValueError(f"randomness must be 8 bytes, not {len(random)}")
    high = stamp >> 12 << 16 | 0x7000 | stamp & 0xFFF
    low = 0x8 << 60 | int.from_bytes(random, "big") & (1 << 62) - 1
    digits = f"{high << 64 | low:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def moment_of(identifier: str) -> datetime:
    """When a UUID version 7 of :func:`uuid7` was made, in UTC, to the microsecond.

    Raises:
        ValueError: it is no UUID version 7, or of a time after the year 9999.
    """
    parsed = uuid.UUID(identifier)
    if parsed.version != 7:
        raise ValueError(f"{identifier} is no UUID version 7")
    milliseconds, fraction = parsed.int >> 80, parsed.int >> 64 & 0xFFF
    try:
        return _EPOCH + timedelta(milliseconds=milliseconds, microseconds=fraction * 1000 >> 12)
    except OverflowError:
        raise ValueError(f"{identifier} is of a time after the year 9999") from None
