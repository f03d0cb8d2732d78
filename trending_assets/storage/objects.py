"""Objects: files by key in a folder or an S3 bucket, each replaced as a whole. They know nothing of tables.

A key is a path with ``/`` between its parts. A reader sees one version of an object from its first byte to its
last, however often it is replaced meanwhile; a writer that fails or is killed leaves the version that was there.
"""

import contextlib
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa

from trending_assets.storage.atomic import replacing, swap_in

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

_S3_URL = re.compile(r"s3://(?P<path>[a-z0-9][a-z0-9.-]*[a-z0-9](?:/[^/?#]+)*)/?")
_READ_ATTEMPTS = 20
_CHUNK_BYTES = 1 << 20


class InvalidUrlError(ValueError):
    """Not the URL of a place for objects, or one with more in it than a bucket and a prefix."""


class ReplacedWhileReadError(OSError):
    """An object was replaced at every attempt to read it."""


class Objects(Protocol):
    """Where objects are."""

    def uri(self, key: str) -> str:
        """Where an object is: a path, or a URL without secrets."""

    def matching(self, pattern: str) -> list[str]:
        """The keys that match a pattern, in order; ``*`` stands for anything within one part of a key."""

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""

    def open(self, key: str) -> pa.NativeFile:
        """One version of an object, to be read at any position.

        Raises:
            FileNotFoundError: there is no such object.
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

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        return (self.root / key).is_file()

    def open(self, key: str) -> pa.NativeFile:
        """One version of an object: an open file stays what it was when another one takes its place."""
        return pa.OSFile(self.uri(key))

    def replacing(self, key: str) -> AbstractContextManager[Path]:
        """A path to write to; its file becomes the object when the block ends without an exception."""
        return replacing(self.root / key, self.staging)

    def put(self, staged: Path, key: str) -> None:
        """Moves a finished file of the same file system to its place."""
        swap_in(staged, self.root / key)

    def delete(self, key: str) -> None:
        """Removes an object; its folder stays, since a writer may just be about to use it."""
        (self.root / key).unlink()


class S3Objects:
    """Objects in an S3 bucket, under a prefix.

    Keys, region and endpoint are those of the AWS environment (``AWS_ACCESS_KEY_ID``, ``AWS_PROFILE``, an instance's
    role, ``AWS_REGION``, ``AWS_ENDPOINT_URL``), looked up when the bucket is first used.
    """

    def __init__(self, url: str) -> None:
        """The objects under ``s3://bucket`` or ``s3://bucket/prefix``.

        Raises:
            InvalidUrlError: it is no such URL. Keys have no place in it: it is shown in errors and in the UI.
        """
        found = _S3_URL.fullmatch(url)
        if found is None:
            # The URL itself is not repeated, since it may hold a key.
            raise InvalidUrlError("a lake is a folder or s3://bucket/prefix, without keys or options")
        self._root = found["path"]

    @cached_property
    def _s3(self) -> "S3FileSystem":
        from pyarrow.fs import S3FileSystem

        # Not the constructor: it does not look at AWS_ENDPOINT_URL.
        return S3FileSystem.from_uri(f"s3://{self._root}")[0]

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def uri(self, key: str) -> str:
        """The URL of an object."""
        return f"s3://{self._path(key)}"

    def matching(self, pattern: str) -> list[str]:
        """The keys that match a pattern, in order."""
        from pyarrow.fs import FileSelector, FileType

        parts = pattern.split("/")
        wild = next(number for number, part in enumerate(parts) if "*" in part)
        selector = FileSelector(self._path("/".join(parts[:wild])).rstrip("/"), allow_not_found=True, recursive=True)
        keys = [
            PurePosixPath(info.path).relative_to(self._root)
            for info in self._s3.get_file_info(selector)
            if info.type == FileType.File
        ]
        return sorted(
            key.as_posix() for key in keys if len(key.parts) == len(parts) and all(map(fnmatchcase, key.parts, parts))
        )

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        from pyarrow.fs import FileType

        return bool(self._s3.get_file_info(self._path(key)).type == FileType.File)

    def open(self, key: str) -> pa.NativeFile:
        """One version of an object, read whole: parts that are asked for one by one can be of two versions.

        Raises:
            FileNotFoundError: there is no such object.
            ReplacedWhileReadError: it was replaced at each of 20 attempts.
        """
        file = self._s3.open_input_file(self._path(key))
        for _ in range(_READ_ATTEMPTS):
            content = file.read_buffer()
            again = self._s3.open_input_file(self._path(key))
            # The size is asked for before the content. Where the object was replaced by a longer one in between, only
            # its beginning was read.
            if again.metadata() == file.metadata() and content.size == file.size():
                return pa.BufferReader(content)
            file = again
        raise ReplacedWhileReadError(f"{self.uri(key)} was replaced at each of {_READ_ATTEMPTS} attempts to read it")

    @contextmanager
    def replacing(self, key: str) -> Iterator[Path]:
        """A path to write to; its file becomes the object when the block ends without an exception."""
        with tempfile.TemporaryDirectory(prefix="trending-") as folder:
            staged = Path(folder) / PurePosixPath(key).name
            yield staged
            self.put(staged, key)

    def put(self, staged: Path, key: str) -> None:
        """Uploads a finished file beside its place, has the server copy it there in one step, and removes it."""
        # Not straight to its place: an upload that an exception breaks off is completed with what it has so far, and
        # may be empty, when its stream is dropped.
        beside = self._path(f".staging/{uuid.uuid4().hex}")
        try:
            with staged.open("rb") as file, self._s3.open_output_stream(beside) as stream:
                shutil.copyfileobj(file, stream, _CHUNK_BYTES)
            self._s3.copy_file(beside, self._path(key))
        finally:
            with contextlib.suppress(OSError):
                self._s3.delete_file(beside)
        staged.unlink()

    def delete(self, key: str) -> None:
        """Removes an object.

        Raises:
            FileNotFoundError: there is no such object.
        """
        self._s3.delete_file(self._path(key))
