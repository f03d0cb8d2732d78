"""Segments of the prediction log: files to which serving appends records, and that compaction reads.

A record is one line: eight hexadecimal digits of the CRC-32 of what follows, a blank, a JSON object, and a newline.
A line that a kill or a full disk cut short has no newline or another checksum; readers skip it and count it.

``predictions-<day>-<id>.jsonl`` holds predictions of one UTC day, ``feedback-<id>.jsonl`` feedback for any day. While a
process writes to a segment, it holds a lock on it, and its name ends in ``.open``. An open segment that nobody has
locked is what a killed process left: nothing is ever added to it.
"""

import contextlib
import fcntl
import os
import re
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

import orjson

from trending_assets.domain.ids import UUID7, moment_of, uuid7
from trending_assets.storage.atomic import swap_in

FEEDBACK = "feedback"
_PREDICTIONS = "predictions-"
_SUFFIX, _OPEN = ".jsonl", ".open"
_NAME = re.compile(rf"(?:feedback|predictions-(?P<day>\d{{4}}-\d{{2}}-\d{{2}}))-{UUID7}\.jsonl(?P<open>\.open)?")
_CHECKSUM_DIGITS = 8
_MAX_BYTES = 16 * 1024 * 1024
_MAX_SECONDS = 3600.0


class SegmentClosedError(RuntimeError):
    """Records were appended to a segment that takes none any more."""


def predictions_of(day: str) -> str:
    """The stream that holds the predictions of a UTC day, an ISO date."""
    return f"{_PREDICTIONS}{day}"


def encode_record(record: object) -> bytes:
    """A record as its line. Times become ISO 8601 in UTC."""
    payload = orjson.dumps(record, option=orjson.OPT_UTC_Z)
    return b"%08x %s\n" % (zlib.crc32(payload), payload)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The record of a line with its newline; None where it is not one whole record."""
    payload = line[_CHECKSUM_DIGITS + 1 : -1]
    if line[:_CHECKSUM_DIGITS] != b"%08x" % zlib.crc32(payload) or line[_CHECKSUM_DIGITS:][:1] + line[-1:] != b" \n":
        return None
    record = orjson.loads(payload)
    return record if isinstance(record, dict) else None


@dataclass(frozen=True)
class Segment:
    """A file of the log.

    Attributes:
        path: the file, by the name under which it was found.
        day: the UTC day, an ISO date, of which it holds predictions; None where it holds feedback.
    """

    path: Path
    day: str | None

    @property
    def begun_at(self) -> datetime:
        """When it was made, by the id in its name."""
        (identifier,) = re.findall(UUID7, self.path.name)
        return moment_of(identifier)


@dataclass(frozen=True)
class SegmentContent:
    """What a segment held when it was read.

    Attributes:
        segment: the segment.
        records: its records, in the order of their writing.
        torn: how many lines were no whole record; the end of a line that is just being written is none.
        finished: nothing will be added to it.
        size: how many bytes it had.
    """

    segment: Segment
    records: list[dict[str, Any]]
    torn: int
    finished: bool
    size: int


def segments(folder: Path) -> list[Segment]:
    """The segments in a folder, open ones included, in the order of their names; none where there is no folder."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    matches = ((path, _NAME.fullmatch(path.name)) for path in paths)
    return [Segment(path, match["day"]) for path, match in matches if match]


def nearest(found: Iterable[Segment], moment: datetime) -> list[Segment]:
    """Segments in the order in which they are likely to hold what was made at a moment.

    That is in the last one that a process had begun before; later ones have it only where a disk was full meanwhile.
    """
    return sorted(found, key=lambda each: (each.begun_at > moment, abs(each.begun_at - moment)))


def _opened(segment: Segment) -> BinaryIO | None:
    """The file of a segment, which may have been closed since it was found; None where it was removed."""
    for path in (segment.path, segment.path.with_name(segment.path.name.removesuffix(_OPEN))):
        with contextlib.suppress(FileNotFoundError):
            return path.open("rb")
    return None


def records_with(segment: Segment, text: str) -> Iterator[dict[str, Any]]:
    """The records of a segment whose line holds a text, in order, a segment that is being written included.

    Only these lines are looked at: a segment takes milliseconds.
    """
    file, wanted = _opened(segment), text.encode()
    if file is None:
        return
    with file:
        content = file.read()
    at = content.find(wanted)
    while at >= 0:
        end = content.find(b"\n", at) + 1 or len(content)
        record = decode_line(content[content.rfind(b"\n", 0, at) + 1 : end])
        if record is not None:
            yield record
        at = content.find(wanted, end)


def read_segment(segment: Segment) -> SegmentContent | None:
    """What a segment holds, a segment that is being written included; None where it was removed."""
    file = _opened(segment)
    if file is None:
        return None
    path = Path(file.name)
    with file:
        # Looked at before reading: what was written until its writer ended is then read in any case.
        finished = _locked(file.fileno(), fcntl.LOCK_SH)
        content = file.read()
    *lines, rest = content.split(b"\n")
    records = [decode_line(line + b"\n") for line in lines]
    torn = records.count(None) + bool(rest and finished)
    return SegmentContent(
        Segment(path, segment.day), [record for record in records if record is not None], torn, finished, len(content)
    )


def read_segments(folder: Path, wanted: Callable[[Segment], bool] = lambda _: True) -> Iterator[SegmentContent]:
    """Segments of a folder, one after the other.

    Args:
        folder: the log's folder.
        wanted: which of them.
    """
    for segment in filter(wanted, segments(folder)):
        content = read_segment(segment)
        if content is not None:
            yield content


def remove_segment(content: SegmentContent) -> bool:
    """Removes a segment unless somebody writes to it or it has grown since it was read; whether it was removed."""
    try:
        file = content.segment.path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        # The lock is held until the file is gone: a process that has just made it finds out, and makes another.
        if not _locked(file.fileno(), fcntl.LOCK_EX) or os.fstat(file.fileno()).st_size != content.size:
            return False
        content.segment.path.unlink()
        return True


def _locked(descriptor: int, kind: int) -> bool:
    """Locks an open file, shared or alone, unless somebody else's lock is in the way."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class SegmentFile:
    """A segment that this process writes."""

    def __init__(self, folder: Path, stream: str, now: float) -> None:
        """Creates it, empty.

        Args:
            folder: the log's folder; created where it is missing.
            stream: :data:`FEEDBACK` or one of :func:`predictions_of`.
            now: seconds that only grow.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.size, self.opened_at, self.torn = 0, now, False
        while True:
            self._path = folder / f"{stream}-{uuid7()}{_SUFFIX}{_OPEN}"
            self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
            # Between its making and its locking it looks like one that a killed process left.
            if _locked(self._file, fcntl.LOCK_EX) and os.fstat(self._file).st_nlink:
                return
            os.close(self._file)
            self._path.unlink(missing_ok=True)

    def append(self, lines: bytes) -> None:
        """Adds whole lines: all of them, or none.

        Raises:
            OSError: they could not be written; what was written of them is taken back. Where that failed too, the
                segment is :attr:`torn`.
            SegmentClosedError: it is torn.
        """
        if self.torn:
            raise SegmentClosedError(f"{self._path.name} ends in half a record")
        try:
            rest = memoryview(lines)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            self._take_back()
            raise
        self.size += len(lines)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self.size)
        except OSError:
            self.torn = True

    def close(self) -> None:
        """Syncs it and gives it the name of a closed one, or removes it where it is empty."""
        try:
            if self.size:
                swap_in(self._path, self._path.with_suffix(""))
            else:
                self._path.unlink(missing_ok=True)
        finally:
            os.close(self._file)


class SegmentedLog:
    """The segments that one process writes, at most one a stream at a time; used by one thread."""

    def __init__(
        self,
        folder: Path,
        *,
        max_bytes: int = _MAX_BYTES,
        max_seconds: float = _MAX_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A log in a folder, which is created with the first record.

        Args:
            folder: the log's folder.
            max_bytes: a segment that is larger takes no more records.
            max_seconds: nor does one that is older.
            clock: seconds that only grow.
        """
        self._folder, self._max_bytes, self._max_seconds, self._clock = folder, max_bytes, max_seconds, clock
        self._open: dict[str, SegmentFile] = {}

    def append(self, stream: str, lines: Iterable[bytes]) -> None:
        """Adds lines of :func:`encode_record` to a stream: all of them, or none.

        Raises:
            OSError: they could not be written.
        """
        segment = self._open.get(stream)
        if segment is None:
            segment = self._open[stream] = SegmentFile(self._folder, stream, self._clock())
        try:
            segment.append(b"".join(lines))
        except OSError:
            # The next attempt gets a segment of its own.
            if segment.torn:
                self._close(stream)
            raise
        if segment.size >= self._max_bytes:
            self._close(stream)

    def rotate(self) -> None:
        """Closes the segments that are too old to be added to.

        Raises:
            OSError: one of them could not be closed; readers take it for one that a killed process left.
        """
        oldest = self._clock() - self._max_seconds
        for stream in [name for name, segment in self._open.items() if segment.opened_at <= oldest]:
            self._close(stream)

    def close(self) -> None:
        """Closes all segments.

        Raises:
            OSError: see :meth:`rotate`.
        """
        for stream in list(self._open):
            self._close(stream)

    def _close(self, stream: str) -> None:
        self._open.pop(stream).close()

    def __enter__(self) -> Self:
        """The log."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes all segments."""
        self.close()
