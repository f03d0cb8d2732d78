"""The lake: Parquet files between the assets, one file a table and day, or one a table.

``<root>/<table>/day=YYYY-MM-DD/part.parquet`` for a daily table and ``<root>/<table>/part.parquet`` for
one that is not partitioned; a table's name is its asset key joined by ``/``. The root is a folder or an S3
bucket, and the files in both are the same. One file a write is what makes a write all or nothing. Every file
carries in its footer the fingerprint of what it was computed from, so that work whose inputs and code have
not changed can be skipped.
"""

import contextlib
import glob
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trending_assets.storage.objects import FolderObjects, Objects
from trending_assets.storage.s3_objects import S3Objects
from trending_assets.storage.write_journal import WriteJournal

_FINGERPRINT = b"trending.fingerprint"
_READ_BUFFER = 1 << 20


class LakeWriteError(OSError):
    """A table, or one of its days, could not be written; what was there stays."""


class MissingPartitionError(FileNotFoundError):
    """A table, or one of its days, is not in the lake."""


@dataclass(frozen=True)
class Write:
    """What a write did.

    Attributes:
        table: the table.
        day: the partition, or None for a table that is not partitioned.
        rows: number of rows in the file.
        sha256: hash of the file's bytes.
        skipped: True where the file that was there had been computed from the same inputs and code.
    """

    table: str
    day: str | None
    rows: int
    sha256: str
    skipped: bool


def fingerprint(version: str, inputs: Mapping[str, str]) -> str:
    """Hash of a code version and of the hashes of all inputs, independent of their order."""
    payload = json.dumps({"version": version, "inputs": dict(sorted(inputs.items()))})
    return hashlib.sha256(payload.encode()).hexdigest()


class NotAFolderError(ValueError):
    """A local path was asked for of a lake that is not in a folder."""


class Lake:
    """The lake in one folder, or in an S3 bucket under a prefix."""

    def __init__(self, root: Path | str, journal: WriteJournal | None = None) -> None:
        """The lake at ``root``, a folder or ``s3://bucket/prefix``; nothing is created until something is written.

        Args:
            root: where it is.
            journal: where each write is noted.

        Raises:
            InvalidUrlError: a string that is no such URL.
        """
        self._objects: Objects = FolderObjects(root) if isinstance(root, Path) else S3Objects(root)
        self._journal = journal

    @property
    def _folder(self) -> FolderObjects:
        if not isinstance(self._objects, FolderObjects):
            raise NotAFolderError(f"{self._objects.uri('')} is no folder: it has no local paths; see Lake.uri")
        return self._objects

    @property
    def root(self) -> Path:
        """The folder.

        Raises:
            NotAFolderError: the lake is in a bucket.
        """
        return self._folder.root

    @property
    def staging(self) -> Path:
        """Where other engines write files that are then adopted; no table lives here.

        Raises:
            NotAFolderError: the lake is in a bucket.
        """
        return self._folder.staging

    def path(self, table: str, day: str | None = None) -> Path:
        """The file of a table, or of one of its days.

        Raises:
            NotAFolderError: the lake is in a bucket; its files have a :meth:`uri`.
        """
        return self.root / _key(table, day)

    def uri(self, table: str, day: str | None = None) -> str:
        """Where a table, or one of its days, is: a path, or a URL in a bucket."""
        return self._objects.uri(_key(table, day))

    def glob(self, table: str) -> str:
        """A glob over every landed day of a table, for DuckDB and Feast.

        Raises:
            NotAFolderError: the lake is in a bucket.
        """
        return str(Path(glob.escape(str(self.root / table))) / "day=*" / "part.parquet")

    def tables(self, group: str) -> list[str]:
        """The daily tables ``group/<name>`` of which a day has landed, in order."""
        return sorted({key.rpartition("/day=")[0] for key in self._objects.matching(_key(f"{group}/*", "*"))})

    def days(self, table: str) -> list[str]:
        """The landed days of a table, in order."""
        keys = self._objects.matching(_key(table, "*"))
        return sorted(key.split("/")[-2].removeprefix("day=") for key in keys)

    def exists(self, table: str, day: str | None = None) -> bool:
        """Whether a table, or one of its days, has landed."""
        return self._objects.exists(_key(table, day))

    def _open(self, table: str, day: str | None) -> pa.NativeFile:
        try:
            return self._objects.open(_key(table, day))
        except FileNotFoundError:
            raise self._missing(table, day) from None

    def _missing(self, table: str, day: str | None) -> MissingPartitionError:
        named = f"{table} of {day}" if day else table
        return MissingPartitionError(f"{named} has not landed: {self.uri(table, day)}")

    def read(self, table: str, day: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """One file as a table.

        Raises:
            MissingPartitionError: it has not landed.
        """
        with self._open(table, day) as file:
            return pq.ParquetFile(file).read(columns=list(columns) if columns else None)

    @contextlib.contextmanager
    def opened(self, table: str, day: str | None = None) -> Iterator[pq.ParquetFile]:
        """One file, to be read in batches; it stays the one that was opened when it is replaced meanwhile.

        Raises:
            MissingPartitionError: it has not landed.
        """
        with self._open(table, day) as file:
            # Both, or whole row groups are held in memory.
            yield pq.ParquetFile(file, buffer_size=_READ_BUFFER, pre_buffer=False)

    def read_days(self, table: str, days: Iterable[str], columns: Sequence[str] | None = None) -> pa.Table:
        """Several days as one table, in the order of the days.

        Raises:
            MissingPartitionError: one of them has not landed, or ``days`` is empty.
        """
        tables = [self.read(table, day, columns) for day in days]
        if not tables:
            raise MissingPartitionError(f"{table}: no day has landed under {self._objects.uri('')}")
        return pa.concat_tables(tables)

    def sha256(self, table: str, day: str | None = None) -> str:
        """Hash of a file's bytes.

        Raises:
            MissingPartitionError: it has not landed.
        """
        with self._open(table, day) as file:
            return _sha256(file)

    def fingerprint(self, table: str, day: str | None = None) -> str | None:
        """What the file that is there was computed from; None where none is there."""
        try:
            with self._open(table, day) as file:
                return _fingerprint(file)
        except MissingPartitionError:
            return None

    def write(self, table: str, data: pa.Table, *, day: str | None = None, computed_from: str = "") -> Write:
        """Writes one file, all or nothing.

        Args:
            table: the table.
            data: its rows, already in their final order.
            day: the partition, or None.
            computed_from: the fingerprint of inputs and code; see :func:`fingerprint`.

        Raises:
            LakeWriteError: the disk is full, or the lake cannot be reached.
        """
        with self._naming_faults(table, day), self._objects.replacing(_key(table, day)) as staged:
            write_parquet(data, staged, computed_from)
            with staged.open("rb") as file:
                written = _sha256(file)
            self._note(table, day, written)
        return Write(table, day, data.num_rows, written, skipped=False)

    def adopt(self, table: str, staged: Path, *, day: str | None = None) -> Write:
        """Moves in a finished local Parquet file that another engine wrote, in a folder's case into :attr:`staging`.

        Raises:
            LakeWriteError: the disk is full, or the lake cannot be reached.
        """
        with self._naming_faults(table, day):
            with staged.open("rb") as file:
                write = Write(table, day, pq.read_metadata(file).num_rows, _sha256(file), skipped=False)
            self._note(table, day, write.sha256)
            self._objects.put(staged, _key(table, day))
        return write

    def _note(self, table: str, day: str | None, sha256: str) -> None:
        if self._journal is not None:
            self._journal.note(table, day, sha256)

    @contextlib.contextmanager
    def _naming_faults(self, table: str, day: str | None) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            named = f"{table} of {day}" if day else table
            raise LakeWriteError(f"{named} could not be written: {self.uri(table, day)}: {error}") from error

    def remove(self, table: str, day: str) -> None:
        """Removes a day of a table, in one step.

        Raises:
            MissingPartitionError: it has not landed.
        """
        try:
            self._objects.delete(_key(table, day))
        except FileNotFoundError:
            raise self._missing(table, day) from None

    def update(
        self,
        table: str,
        build: Callable[[], pa.Table],
        *,
        version: str,
        inputs: Mapping[str, str],
        day: str | None = None,
    ) -> Write:
        """Writes one file unless the one that is there came from the same inputs and code.

        Args:
            table: the table.
            build: computes its rows, in their final order; not called when nothing has changed.
            version: version of the code that ``build`` runs.
            inputs: name of each input → hash of its content.
            day: the partition, or None.
        """
        computed_from = fingerprint(version, inputs)
        with contextlib.suppress(MissingPartitionError), self._open(table, day) as file:
            if _fingerprint(file) == computed_from:
                return Write(table, day, pq.read_metadata(file).num_rows, _sha256(file), skipped=True)
        return self.write(table, build(), day=day, computed_from=computed_from)

    def input_hashes(self, tables: str | Iterable[str], days: Iterable[str]) -> dict[str, str]:
        """Name → hash of the given days of a table, or of several, for :meth:`update`."""
        names = [tables] if isinstance(tables, str) else tables
        return {f"{table}/{day}": self.sha256(table, day) for table, day in product(names, days)}


def _key(table: str, day: str | None) -> str:
    return f"{table}/part.parquet" if day is None else f"{table}/day={day}/part.parquet"


def _sha256(file: BufferedReader | pa.NativeFile) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


def _fingerprint(file: pa.NativeFile) -> str | None:
    stored = (pq.read_schema(file).metadata or {}).get(_FINGERPRINT)
    return stored.decode() if stored else None


def write_parquet(data: pa.Table, path: Path, computed_from: str = "") -> None:
    """Writes Parquet with the project's fixed settings: the same rows give the same bytes.

    Args:
        data: the rows; pandas' metadata is dropped, since it would change bytes without changing data.
        path: the file.
        computed_from: fingerprint to carry in the footer.
    """
    metadata = {_FINGERPRINT: computed_from.encode()} if computed_from else None
    pq.write_table(
        data.replace_schema_metadata(metadata),
        path,
        compression="zstd",
        version="2.6",
        row_group_size=100_000,
        write_page_index=False,
    )
