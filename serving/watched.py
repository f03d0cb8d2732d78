"""A part of the server that lies in files: watched, loaded when it changes, kept when the new one is bad."""

import gc
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from serving.observability import Metrics, log

_RETRY_SECONDS = 10.0
# Another thread may be loading the same; of one that hangs nothing comes.
_OTHER_THREAD_SECONDS = 5.0

Signature = TypeVar("Signature", bound=Hashable)
Part = TypeVar("Part")


@dataclass(frozen=True)
class _Refusal:
    signature: Hashable
    at: float


class Watched(Generic[Signature, Part]):
    """One part: the newest that could be loaded.

    Attributes:
        name: the part's name, in logs and metrics.
    """

    def __init__(
        self,
        name: str,
        *,
        signature: Callable[[], Signature | None],
        load: Callable[[Signature], Part],
        absent: str,
        metrics: Metrics,
        clock: Callable[[], float],
        keeps: bool = True,
        large: bool = False,
    ) -> None:
        """Watches a part; nothing is read until :meth:`refresh`.

        Args:
            name: the part's name.
            signature: says which part is there, None where there is none; asked several times a second.
            load: reads the part with this signature.
            absent: what to tell callers while there is none.
            metrics: where loads and refusals are counted.
            clock: seconds that only grow.
            keeps: whether the one in use stays where it is gone or the newest is bad; it is let go of otherwise.
            large: whether it is made of very many objects, which the garbage collector is to pass over.
        """
        self.name = name
        self._keeps, self._large = keeps, large
        self._find = signature
        self._load = load
        self._absent = absent
        self._metrics = metrics
        self._clock = clock
        self._lock = threading.Lock()
        self._value: Part | None = None
        self._loaded: Signature | None = None
        self._refusal: _Refusal | None = None
        self._trouble: str | None = f"the {name} is being loaded"

    @property
    def value(self) -> Part | None:
        """The newest that could be loaded; None before there is one."""
        return self._value

    @property
    def trouble(self) -> str | None:
        """Why there is none, or why the newest is not in use; None where all is well."""
        return self._trouble

    @property
    def reason_for_none(self) -> str:
        """What to tell callers where there is none."""
        return self._trouble or self._absent

    def refresh(self) -> None:
        """Loads the part where it has changed.

        One that cannot be loaded is refused, counted and logged, and tried again after a while or when it changes; the
        one in use stays, unless it is not to be kept. So does one whose files are gone: what was loaded can still
        answer. Where another thread has been at it for seconds, it is left to that one.
        """
        if self._lock.acquire(timeout=_OTHER_THREAD_SECONDS):
            try:
                self._look()
            finally:
                self._lock.release()

    def _look(self) -> None:
        try:
            signature = self._find()
        except Exception as error:  # noqa: BLE001 - whatever a file holds, the part in use goes on serving
            self._refuse(f"{type(error).__name__}: {error}", error)
            return
        if signature is None:
            self._let_go()
            self._trouble = self._absent if self._value is None else None
        elif signature == self._loaded:
            self._accept()
        elif not self._waits(signature):
            self._try(signature)

    def _try(self, signature: Signature) -> None:
        try:
            value = self._load(signature)
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(signature, error)
            return
        self._value, self._loaded = value, signature
        self._accept()
        if self._large:
            _set_apart()
        self._metrics.loads.labels(self.name).inc()
        log.info("loaded", part=self.name, identity=str(value))

    def _let_go(self) -> None:
        if not self._keeps:
            self._value = self._loaded = None

    def _accept(self) -> None:
        self._refusal = self._trouble = None

    def _waits(self, signature: Hashable) -> bool:
        refusal = self._refusal
        return refusal is not None and refusal.signature == signature and self._clock() - refusal.at < _RETRY_SECONDS

    def _refuse(self, signature: Hashable, error: Exception) -> None:
        self._let_go()
        if self._waits(signature):
            return
        self._refusal = _Refusal(signature, self._clock())
        self._trouble = f"the newest {self.name} could not be loaded ({type(error).__name__}; the log has the details)"
        self._metrics.refusals.labels(self.name).inc()
        log.error("refused", part=self.name, error=type(error).__name__, message=str(error), kept=str(self._value))


def _set_apart() -> None:
    """Keeps the garbage collector from looking through what stays in memory anyway.

    Each full collection would, and hold up all requests for a tenth of a second where the catalogue has ten thousand
    titles; so does this one.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def file_signature(path: Path) -> Hashable | None:
    """What changes when a file is written again or replaced; None where there is none."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
