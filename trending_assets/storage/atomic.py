"""Atomic writes: a file or a folder is written beside its place and then swapped in; and one writer at a time.

A crash at any point leaves the old content or the new one. What a crash leaves behind lies in a staging
folder that no reader looks into.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def swap_in(staged: Path, target: Path) -> None:
    """Moves a finished file to its place, durably and in one step.

    Args:
        staged: the finished file; on the same file system as ``target``.
        target: where it belongs; a file that is there is replaced.
    """
    with staged.open("rb") as file:
        os.fsync(file.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    staged.replace(target)
    _sync_folder(target.parent)


@contextmanager
def replacing(target: Path, staging: Path) -> Iterator[Path]:
    """A path to write to; its file replaces ``target`` when the block ends without an exception.

    Args:
        target: the file to replace.
        staging: a folder on the same file system that no reader looks into.
    """
    staging.mkdir(parents=True, exist_ok=True)
    staged = staging / f"{uuid.uuid4().hex}{target.suffix}"
    try:
        yield staged
        swap_in(staged, target)
    finally:
        staged.unlink(missing_ok=True)


def write_bytes(target: Path, content: bytes, staging: Path) -> None:
    """Writes a whole file atomically."""
    with replacing(target, staging) as staged:
        staged.write_bytes(content)


@contextmanager
def exclusively(lock: Path) -> Iterator[None]:
    """Waits until no other process or thread is in a block with the same lock, and keeps others out of this one.

    Args:
        lock: the file that stands for the lock; created where it is missing, and left there. A process that
            ends, however it does, holds it no longer.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def creating_folder(target: Path, staging: Path) -> Iterator[Path]:
    """A new folder to fill; it becomes ``target`` in one step when the block ends without an exception.

    Args:
        target: the folder to create; must not exist, since a folder that holds something cannot be
            replaced in one step.
        staging: a folder on the same file system that no reader looks into.

    Raises:
        FileExistsError: ``target`` exists.
    """
    staged = staging / uuid.uuid4().hex
    staged.mkdir(parents=True)
    try:
        yield staged
        for path in staged.rglob("*"):
            if path.is_file():
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        if target.exists():
            raise FileExistsError(f"{target} exists and is never changed once written")
        target.parent.mkdir(parents=True, exist_ok=True)
        staged.rename(target)
        _sync_folder(target.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
