"""Objects in an S3 bucket."""

import contextlib
import json
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path, PurePosixPath
from secrets import SystemRandom
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from trending_assets.storage.objects import (
    FolderObjects,
    InvalidUrlError,
    ReplacedWhileReadError,
    TooManyWritersError,
)

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

_S3_URL = re.compile(r"s3://(?P<path>[a-z0-9][a-z0-9.-]*[a-z0-9](?:/[^/?#]+)*)/?")
_READ_ATTEMPTS = 20
_CHANGE_ATTEMPTS = 30
_CHANGE_PAUSE_SECONDS = 0.5
_CHUNK_BYTES = 1 << 20
# Whoever polls an object or waits for a lock of others is not to hang on a server that does not answer.
_CONNECT_SECONDS, _ANSWER_SECONDS = 5, 30
# How a server says that the condition of a write does not hold: another write came first, is going on, or removed it.
_OVERTAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})


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
            raise InvalidUrlError("not a folder and not s3://bucket/prefix, without keys or options")
        self._root = found["path"]

    @cached_property
    def _s3(self) -> "S3FileSystem":
        from pyarrow.fs import S3FileSystem

        # Not the constructor: it does not look at AWS_ENDPOINT_URL.
        return S3FileSystem.from_uri(f"s3://{self._root}")[0]

    @cached_property
    def _client(self) -> Any:
        return self._new_client(attempts=3)

    @cached_property
    def _client_that_asks_once(self) -> Any:
        # Of a conditional write no client may send a second one by itself: where the answer to the first was lost, the
        # second would meet what the first one wrote and take it for another writer's.
        return self._new_client(attempts=1)

    def _new_client(self, attempts: int) -> Any:
        import boto3
        from botocore.config import Config

        return boto3.session.Session().client(
            "s3",
            # Where the bucket is, or what AWS_REGION says: boto3 looks at AWS_DEFAULT_REGION alone.
            region_name=self._s3.region,
            config=Config(
                retries={"total_max_attempts": attempts, "mode": "standard"},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_ANSWER_SECONDS,
            ),
        )

    def _path(self, key: str) -> str:
        return f"{self._root}/{key}"

    def _named(self, key: str) -> dict[str, str]:
        """An object as boto3 names it."""
        bucket, _, path = self._path(key).partition("/")
        return {"Bucket": bucket, "Key": path}

    def uri(self, key: str) -> str:
        """The URL of an object."""
        return f"s3://{self._path(key)}"

    def matching(self, pattern: str) -> list[str]:
        """The keys that match a pattern, in order."""
        parts = pattern.split("/")
        wild = next(number for number, part in enumerate(parts) if "*" in part)
        keys = [PurePosixPath(key) for key in self.below("/".join(parts[:wild]))]
        return [
            key.as_posix() for key in keys if len(key.parts) == len(parts) and all(map(fnmatchcase, key.parts, parts))
        ]

    def below(self, prefix: str) -> list[str]:
        """The keys of all that begin with ``prefix/``, in order."""
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self._path(prefix).rstrip("/"), allow_not_found=True, recursive=True)
        found = (info.path for info in self._s3.get_file_info(selector) if info.type == FileType.File)
        return sorted(path.removeprefix(f"{self._root}/") for path in found)

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

    def read(self, key: str) -> bytes:
        """One version of an object, in one request.

        Raises:
            FileNotFoundError: there is no such object.
        """
        return self._read(key)[0]

    def _read(self, key: str) -> tuple[bytes, str]:
        """What an object holds, and the tag of that version."""
        with self._faults_named(key):
            answer = self._client.get_object(**self._named(key))
            return answer["Body"].read(), answer["ETag"]

    def create(self, key: str, content: bytes) -> None:
        """Writes an object that must not be there yet.

        Raises:
            FileExistsError: it is there.
            TooManyWritersError: others wrote and removed it every time.
        """

        def only_new(held: bytes | None) -> bytes:
            if held is not None:
                raise FileExistsError(f"{self.uri(key)} is there already")
            return content

        self.update(key, only_new)

    def update(self, key: str, change: Callable[[bytes | None], bytes | None]) -> None:
        """Changes an object by a write that the server takes only where it is still the version that was read.

        Raises:
            TooManyWritersError: another writer came first at each of 30 attempts.
        """
        held: bytes | None
        for attempt in range(_CHANGE_ATTEMPTS):
            try:
                held, tag = self._read(key)
                condition = {"IfMatch": tag}
            except FileNotFoundError:
                held, condition = None, {"IfNoneMatch": "*"}
            content = change(held)
            if content is None or self._written(key, content, condition):
                return
            # Writers that pause equally long meet again.
            time.sleep(SystemRandom().uniform(0, min(_CHANGE_PAUSE_SECONDS, 0.02 * 2**attempt)))
        raise TooManyWritersError(f"{self.uri(key)} was changed by others at each of {_CHANGE_ATTEMPTS} attempts")

    def _written(self, key: str, content: bytes, condition: dict[str, str]) -> bool:
        from botocore.exceptions import ClientError

        with self._faults_named(key):
            try:
                self._client_that_asks_once.put_object(**self._named(key), Body=content, **condition)
            except ClientError as error:
                if error.response["Error"]["Code"] in _OVERTAKEN:
                    return False
                raise
        return True

    @contextmanager
    def _faults_named(self, key: str) -> Iterator[None]:
        """Makes an OSError, with the object's URL, of what boto3 raises."""
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                raise FileNotFoundError(f"{self.uri(key)} is not there") from error
            raise OSError(f"{self.uri(key)}: {error}") from error
        except BotoCoreError as error:
            raise OSError(f"{self.uri(key)}: {error}") from error

    @contextmanager
    def creating(self, prefix: str, last: str) -> Iterator[Path]:
        """A folder to fill; its files are uploaded aside, and copied to their place after the prefix was claimed.

        The claim says which files it is for and is never removed. Whoever finds one that is not carried out does so:
        the copies are the same whoever makes them, so that one who is late does no harm.

        Raises:
            FileExistsError: another writer claimed the prefix first.
        """
        attempt = f".creating/{prefix}/{uuid.uuid4().hex}"
        with tempfile.TemporaryDirectory(prefix="trending-") as folder:
            yield Path(folder)
            if self.exists(f"{prefix}/{last}"):
                raise FileExistsError(f"{self.uri(prefix)} is there already")
            names = FolderObjects(Path(folder)).below("")
            for name in names:
                self._upload(Path(folder) / name, f"{attempt}/{name}")
        claim = json.dumps({"attempt": attempt, "names": [*(name for name in names if name != last), last]})
        try:
            self.create(f".creating/{prefix}/claim.json", claim.encode())
        except FileExistsError:
            self._remove(f"{attempt}/{name}" for name in names)
            self._carry_out(prefix)
            raise
        self._carry_out(prefix)

    def _carry_out(self, prefix: str) -> None:
        """Makes a prefix what its claim says; nothing where that is done."""
        claim = json.loads(self.read(f".creating/{prefix}/claim.json"))
        last = f"{prefix}/{claim['names'][-1]}"
        staged = {f"{prefix}/{name}": f"{claim['attempt']}/{name}" for name in claim["names"]}
        try:
            if not self.exists(last):
                for key, source in staged.items():
                    self._s3.copy_file(self._path(source), self._path(key))
        except OSError:
            # Another writer may have carried it out meanwhile, and have removed what it was copied from.
            if not self.exists(last):
                raise
        self._remove(staged.values())

    def _remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            # What is left lies where no reader looks.
            with contextlib.suppress(OSError), self._faults_named(key):
                self._client.delete_object(**self._named(key))

    def _upload(self, file: Path, key: str) -> None:
        with file.open("rb") as source, self._s3.open_output_stream(self._path(key)) as target:
            shutil.copyfileobj(source, target, _CHUNK_BYTES)

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
        beside = f".staging/{uuid.uuid4().hex}"
        try:
            self._upload(staged, beside)
            self._s3.copy_file(self._path(beside), self._path(key))
        finally:
            with contextlib.suppress(OSError):
                self._s3.delete_file(self._path(beside))
        staged.unlink()

    def delete(self, key: str) -> None:
        """Removes an object.

        Raises:
            FileNotFoundError: there is no such object.
        """
        self._s3.delete_file(self._path(key))
