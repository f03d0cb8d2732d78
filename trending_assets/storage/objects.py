"""Objects: files by key in a folder or an S3 bucket, each replaced as a whole. They know nothing of tables.

A key is a path with ``/`` between its parts. A reader sees one version of an object from its first byte to its
last, however often it is replaced meanwhile; a writer that fails or is killed leaves the version that was there.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from trending_assets.storage.atomic import creating_folder, exclusively, replacing, swap_in, write_bytes


class InvalidUrlError(ValueError):
    """Not the URL of a place for objects, or one with more in it than a bucket and a prefix."""


class ReplacedWhileReadError(OSError):
    """An object was replaced at every attempt to read it."""


class TooManyWritersError(OSError):
    """Others changed an object at every attempt to change it."""


class Objects(Protocol):
    """Where objects are."""

    def uri(self, key: str) -> str:
        """Where an object is: a path, or a URL without secrets."""

    def matching(self, pattern: str) -> list[str]:
        """The keys that match a pattern, in order; ``*`` stands for anything within one part of a key."""

    def below(self, prefix: str) -> list[str]:
        """The keys of all that begin with ``prefix/``, in order; of a folder, links too."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    def open(self, key: str) -> pa.NativeFile:
        """One version of an object, to be read at any position.

        Raises:
            FileNotFoundError: there is no such object.
        """

    def read(self, key: str) -> bytes:
        """One version of a small object, whole, as quickly as can be.

        Raises:
            FileNotFoundError: there is no such object.
        """

    def create(self, key: str, content: bytes) -> None:
        """Writes an object that must not be there yet.

        Raises:
            FileExistsError: it is there; it stays as it is.
        """

    def update(self, key: str, change: Callable[[bytes | None], bytes | None]) -> None:
        """Changes an object, with no other change in between.

        Args:
            key: the object's.
            change: what it holds, or None where there is none → what it is to hold, or None to leave it; asked
                again where another writer came first.

        Raises:
            TooManyWritersError: another writer came first every time.
        """

    def creating(self, prefix: str, last: str) -> AbstractContextManager[Path]:
        """A local folder to fill; its files become the objects below ``prefix`` when the block ends, all or nothing.

        Whoever takes them to be there only where ``last`` is sees none of them or all. Of several writers one wins,
        whole; where one is killed the next completes its work, or begins anew.

        Args:
            prefix: where they belong.
            last: the name of the file that comes last.

        Raises:
            FileExistsError: another writer's are there.
        """

    def replacing(self, key: str) -> AbstractContextManager[Path]:
        """A local path to write to; its file becomes the object when the block ends without an exception."""

    def put(self, staged: Path, key: str) -> None:
        """Moves a finished local file to its place."""

    def delete(self, key: str) -> None:
        """Removes an object.

        Raises:
            FileNotFoundError: there is no such object.
        """


class FolderObjects:
    """Objects as files in a folder."""

    def __init__(self, root: Path) -> None:
        """The objects under ``root``; nothing is created until something is written."""
        self.root = root

    @property
    def staging(self) -> Path:
        """Where files are written before they are swapped in; on the same file system, and no object."""
        return self.root / ".staging"

    def uri(self, key: str) -> str:
        """The path of an object."""
        return str(self.root / key)

    def matching(self, pattern: str) -> list[str]:
        """The keys that match a pattern, in order."""
        return sorted(path.relative_to(self.root).as_posix() for path in self.root.glob(pattern))

    def below(self, prefix: str) -> list[str]:
        """The keys of all files and links in a folder, in order."""
        found = (path for path in (self.root / prefix).rglob("*") if path.is_symlink() or not path.is_dir())
        return sorted(path.relative_to(self.root).as_posix() for path in found)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return (self.root / key).is_file()

    def open(self, key: str) -> pa.NativeFile:
        """One version of an object: an open file stays what it was when another one takes its place."""
        return pa.OSFile(self.uri(key))

    def read(self, key: str) -> bytes:
        """One version of an object."""
        return (self.root / key).read_bytes()

    def create(self, key: str, content: bytes) -> None:
        """Writes an object that must not be there yet.

        Raises:
            FileExistsError: it is there.
        """
        with exclusively(self.staging / "create.lock"):
            if self.exists(key):
                raise FileExistsError(f"{self.uri(key)} is there already")
            write_bytes(self.root / key, content, self.staging)

    def update(self, key: str, change: Callable[[bytes | None], bytes | None]) -> None:
        """Changes an object while holding its lock."""
        with exclusively((self.staging / key).with_suffix(".lock")):
            content = change(self.read(key) if self.exists(key) else None)
            if content is not None:
                write_bytes(self.root / key, content, self.staging)

    def creating(self, prefix: str, last: str) -> AbstractContextManager[Path]:  # noqa: ARG002 - all come at once
        """A folder to fill; it is moved to its place in one step.

        Raises:
            FileExistsError: the place is taken.
        """
        return creating_folder(self.root / prefix, self.staging)

    def replacing(self, key: str) -> AbstractContextManager[Path]:
        """A path to write to; its file becomes the object when the block ends without an exception."""
        return replacing(self.root / key, self.staging)

    def put(self, staged: Path, key: str) -> None:
        """Moves a finished file of the same file system to its place."""
        swap_in(staged, self.root / key)

    def delete(self, key: str) -> None:
        """Removes an object; its folder stays, since a writer may just be about to use it."""
        (self.root / key).unlink()
