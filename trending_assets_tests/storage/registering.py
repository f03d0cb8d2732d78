"""What registry tests do in another process; apart from them, so that such a process starts quickly."""

import os
import signal
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from trending_assets.storage.registry import ModelRef, ModelRegistry

REF = ModelRef("genre_logreg", "20250627-3fa9c1d2")


def fields(**changes: Any) -> dict[str, Any]:
    return {
        "trained_at": datetime(2025, 6, 27, 12, tzinfo=UTC),
        "code_version": "1",
        "feature_service": "genre_text_v2",
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


def roll_back(root: Path, times: int, barrier: Barrier, answers: "Queue[list[str]]") -> None:
    barrier.wait(timeout=30)
    answers.put([str(ModelRegistry(root).rollback()) for _ in range(times)])


def promote(root: Path, ref: ModelRef, ready: Event) -> None:
    ready.set()
    ModelRegistry(root).promote(ref)


def register_slowly(root: Path, barrier: Barrier, number: int) -> None:
    def save(folder: Path) -> None:
        (folder / "weights.bin").write_bytes(bytes([number]))
        barrier.wait(timeout=30)

    ModelRegistry(root).register(REF, fields(seed=number), save)


def register_and_die(root: Path) -> None:
    def save(folder: Path) -> None:
        save_files(folder)
        os.kill(os.getpid(), signal.SIGKILL)

    ModelRegistry(root).register(REF, fields(), save)
