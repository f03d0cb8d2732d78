"""What registry tests do in another process; apart from them, so that such a process starts quickly."""

import os
import signal
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from trending_assets.storage.home import Home
from trending_assets.storage.objects import FolderObjects, Objects
from trending_assets.storage.registry import ModelRef, ModelRegistry, open_registry
from trending_assets.storage.s3_objects import S3Objects

REF = ModelRef("genre_logreg", "20250627-3fa9c1d2")


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "trained_at": datetime(2025, 6, 27, 12, tzinfo=UTC),
        "code_version": "1",
        "feature_service": "genre_text_v4",
        "feature_views": {"title_text": "1"},
        "genres": ["comedy", "drama"],
        "thresholds": {"comedy": 0.3, "drama": 0.4},
        "metrics": {"macro_f1": 0.5},
        "slices": {"kind=movie": {"rows": 10.0}},
        "per_genre": {"comedy": {"precision": 0.5, "recall": None}},
        "training_set_sha256": "0" * 64,
        "data_partitions": ["2025-06-01"],
        "run_ids": ["run"],
        "library_versions": {"numpy": "2"},
        "seed": 1,
        **changes,
    }


def save_files(folder: Path) -> None:
    (folder / "weights.bin").write_bytes(b"weights")
    (folder / "nested").mkdir()
    (folder / "nested" / "words.json").write_text("[]")


@dataclass(frozen=True)
class Place:
    """Where a registry is, and what someone who passes it by can do there.

    Attributes:
        home: the home, whose cache it uses.
        url: of a bucket; None where it is in the home.
    """

    home: Path
    url: str | None

    @property
    def registry(self) -> ModelRegistry:
        """The registry, as another process would open it."""
        return open_registry(Home(self.home), self.url)

    @property
    def objects(self) -> Objects:
        """What it consists of."""
        return S3Objects(self.url) if self.url else FolderObjects(Home(self.home).registry)

    def write(self, key: str, content: bytes) -> None:
        """Writes an object, whatever is there."""
        with tempfile.TemporaryDirectory(dir=self.home.parent) as folder:
            staged = Path(folder) / "staged"
            staged.write_bytes(content)
            self.objects.put(staged, key)


def roll_back(place: Place, times: int, barrier: Barrier, answers: "Queue[list[str]]") -> None:
    registry = place.registry
    barrier.wait(timeout=60)
    answers.put([str(registry.rollback()) for _ in range(times)])


def promote(place: Place, ref: ModelRef, ready: Event) -> None:
    ready.set()
    place.registry.promote(ref)


def register_slowly(place: Place, barrier: Barrier, number: int) -> None:
    def save(folder: Path) -> None:
        (folder / "weights.bin").write_bytes(bytes([number]))
        barrier.wait(timeout=60)

    place.registry.register(REF, fields(seed=number), save)


def read_weights(place: Place) -> None:
    for _ in range(5):
        if (place.registry.verified(REF) / "weights.bin").read_bytes() != b"weights":
            raise AssertionError("other weights than were registered")


def register_and_die(place: Place) -> None:
    def save(folder: Path) -> None:
        save_files(folder)
        os.kill(os.getpid(), signal.SIGKILL)

    place.registry.register(REF, fields(), save)
