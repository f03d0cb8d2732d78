"""What the API answered and was told, kept without holding up a request.

Records wait in a queue of bounded length for a thread that appends them to this process's segments at least twice a
second. A record that finds the queue full, since the disk is full or slow, is dropped and counted.
"""

import errno
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice, takewhile
from pathlib import Path

from orjson import Fragment

from serving.observability import Metrics, current_key_id, current_request_id, log
from serving.predictors import Answer
from trending_assets.domain.predictions.records import day_of
from trending_assets.storage.prediction_segments import SegmentedLog, encode_record, predictions_of

CAPACITY = 10_000
FLUSH_SECONDS = 0.5
_BATCH = 1000
_STOP_SECONDS = 10.0
# A disk that stays full is not worth a line in each half second.
_SECONDS_BETWEEN_LINES = 10.0


def prediction_line(answer: Answer, source: str, latency_ms: float) -> tuple[str, bytes]:
    """A prediction as it is kept: its stream, and its line.

    Args:
        answer: the prediction and what it was made from.
        source: ``online`` or ``text``.
        latency_ms: how long it took.
    """
    model, outcome = answer.model, answer.outcome
    record = {
        "record": "prediction",
        "prediction_id": answer.prediction_id,
        "request_id": current_request_id(),
        "key_id": current_key_id(),
        "title_id": answer.title_id,
        "input_sha256": outcome.input_sha256,
        "kind": outcome.kind,
        "source": source,
        "model": model.ref.model,
        "version": model.ref.version,
        "variant": model.variant,
        "feature_service": model.manifest.feature_service,
        "feature_times": [
            {"view": view, "event_timestamp": moment} for view, moment in sorted(answer.feature_times.items())
        ],
        "as_of": answer.as_of,
        "stale": answer.stale,
        "missing": outcome.missing,
        "degraded": answer.degraded,
        "abstained": outcome.abstained,
        "genres": Fragment(outcome.genres),
        "latency_ms": latency_ms,
    }
    return predictions_of(day_of(answer.prediction_id)), encode_record(record)


class PredictionLog:
    """The queue, and the thread that empties it into segments; :meth:`add` may be called from any thread."""

    def __init__(
        self,
        segments: SegmentedLog,
        metrics: Metrics,
        *,
        capacity: int = CAPACITY,
        flush_seconds: float = FLUSH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A log that is not written yet.

        Args:
            segments: what the thread writes to.
            metrics: where records are counted.
            capacity: how many records wait at most.
            flush_seconds: how long one waits at most, where the disk takes it.
            clock: seconds that only grow.
        """
        self._segments, self._metrics, self._clock = segments, metrics, clock
        self._capacity, self._flush_seconds = capacity, flush_seconds
        self._queue: deque[tuple[str, bytes]] = deque()
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._failing, self._dropped, self._last_line = False, 0, float("-inf")
        metrics.log_queue.set_function(lambda: len(self._queue))

    @classmethod
    def under(cls, folder: Path, metrics: Metrics) -> "PredictionLog":
        """The log whose segments are in a folder, which is created with the first record."""
        return cls(SegmentedLog(folder), metrics)

    def start(self) -> None:
        """Starts the thread; returns at once. What was stopped may be started again."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Writes what waits and closes the segments; what the disk does not take any more is dropped."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def add(self, stream: str, line: bytes) -> bool:
        """Leaves a line to be written; False where the queue was full and it was dropped."""
        with self._lock:
            waiting = len(self._queue)
            kept = waiting < self._capacity
            if kept:
                self._queue.append((stream, line))
            else:
                self._dropped += 1
        if not kept:
            self._metrics.log_dropped.inc()
        if waiting >= self._capacity // 2:
            self._wake.set()
        return kept

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(self._flush_seconds)
            self._wake.clear()
            self.flush()
            if self._failing:
                self._stopping.wait(self._flush_seconds)
        self.flush()
        self._give_up()

    def flush(self) -> None:
        """Writes what waits, oldest first; what could not be written goes on waiting."""
        with self._writing:
            self._flush()

    def _flush(self) -> None:
        try:
            while batch := self._oldest():
                self._segments.append(batch[0][0], (line for _, line in batch))
                with self._lock:
                    for _ in batch:
                        self._queue.popleft()
                self._metrics.log_written.inc(len(batch))
            self._segments.rotate()
        except Exception as error:  # noqa: BLE001 - a thread that ended would lose all that comes
            self._tell_failure(error)
        else:
            self._tell_recovery()

    def _oldest(self) -> list[tuple[str, bytes]]:
        """The oldest lines, as many as are of one stream: they are written together or not at all."""
        with self._lock:
            stream = self._queue[0][0] if self._queue else ""
            return list(takewhile(lambda each: each[0] == stream, islice(self._queue, _BATCH)))

    def _give_up(self) -> None:
        with self._lock:
            left = len(self._queue)
            self._queue.clear()
        if left:
            self._metrics.log_dropped.inc(left)
            log.error("prediction_log_incomplete", dropped=left)
        try:
            self._segments.close()
        except OSError as error:
            log.error("prediction_log_not_closed", error=_name(error))

    def _tell_failure(self, error: Exception) -> None:
        now = self._clock()
        if not self._failing or now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._failing, self._last_line = True, now
            log.error("prediction_log_not_written", error=_name(error), dropped=self._dropped, waiting=len(self._queue))

    def _tell_recovery(self) -> None:
        if self._failing:
            self._failing = False
            log.warning("prediction_log_written_again", dropped=self._dropped)


def _name(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return f"{type(error).__name__} {errno.errorcode.get(number, '')}".strip() if number else type(error).__name__
