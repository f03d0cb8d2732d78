"""The lake: Parquet files between the assets, one file a table and day, or one a table.

``<root>/<table>/day=YYYY-MM-DD/part.parquet`` for a daily table and ``<root>/<table>/part.parquet`` for
one that is not partitioned; a table's name is its asset key joined by ``/``. One file a write is what makes
a write all or nothing. Every file carries in its footer the fingerprint of what it was computed from, so
that work whose inputs and code have not changed can be skipped.
"""

import glob
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from trending_assets.storage.atomic import replacing, swap_in

_FINGERPRINT = b"trending.fingerprint"


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


class Lake:
    """The lake under one folder."""

    def __init__(self, root: Path) -> None:
        """The lake at ``root``; nothing is created until something is written."""
        self.root = root

    @property
    def staging(self) -> Path:
        """Where files are written before they are swapped in; no table lives here."""
        return self.root / ".staging"

    def path(self, table: str, day: str | None = None) -> Path:
        """The file of a table, or of one of its days."""
        folder = self.root / table
        return folder / "part.parquet" if day is None else folder / f"day={day}" / "part.parquet"

    def glob(self, table: str) -> str:
        """A glob over every landed day of a table, for DuckDB and Feast."""
        return str(Path(glob.escape(str(self.root / table))) / "day=*" / "part.parquet")

    def days(self, table: str) -> list[str]:
        """The landed days of a table, in order."""
        return sorted(p.parent.name.removeprefix("day=") for p in self.root.glob(f"{table}/day=*/part.parquet"))

    def exists(self, table: str, day: str | None = None) -> bool:
        """Whether a table, or one of its days, has landed."""
        return self.path(table, day).is_file()

    def read(self, table: str, day: str | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """One file as a table.

        Raises:
            MissingPartitionError: it has not landed.
        """
        path = self.path(table, day)
        if not path.is_file():
            raise MissingPartitionError(f"{table}{f' of {day}' if day else ''} has not landed: {path}")
        return pq.ParquetFile(path).read(columns=list(columns) if columns else None)

    def read_days(self, table: str, days: Iterable[str], columns: Sequence[str] | None = None) -> pa.Table:
        """Several days as one table, in the order of the days.

        Raises:
            MissingPartitionError: one of them has not landed, or ``days`` is empty.
        """
        tables = [self.read(table, day, columns) for day in days]
        if not tables:
            raise MissingPartitionError(f"{table}: no day has landed under {self.root}")
        return pa.concat_tables(tables)

    def sha256(self, table: str, day: str | None = None) -> str:
        """Hash of a file's bytes.

        Raises:
            MissingPartitionError: it has not landed.
        """
        path = self.path(table, day)
        if not path.is_file():
            raise MissingPartitionError(f"{table}{f' of {day}' if day else ''} has not landed: {path}")
        return hashlib.sha256(path.read_bytes()).hexdigest()

    def fingerprint(self, table: str, day: str | None = None) -> str | None:
        """What the file that is there was computed from; None where none is there."""
        path = self.path(table, day)
        if not path.is_file():
            return None
        stored = (pq.read_schema(path).metadata or {}).get(_FINGERPRINT)
        return stored.decode() if stored else None

    def write(self, table: str, data: pa.Table, *, day: str | None = None, computed_from: str = "") -> Write:
        """Writes one file, all or nothing.

        Args:
            table: the table.
            data: its rows, already in their final order.
            day: the partition, or None.
            computed_from: the fingerprint of inputs and code; see :func:`fingerprint`.
        """
        target = self.path(table, day)
        with replacing(target, self.staging) as staged:
            write_parquet(data, staged, computed_from)
        return Write(table, day, data.num_rows, self.sha256(table, day), skipped=False)

    def adopt(self, table: str, staged: Path, *, day: str | None = None) -> Write:
        """Swaps in a finished Parquet file that another engine wrote into :attr:`staging`."""
        swap_in(staged, self.path(table, day))
        rows = pq.read_metadata(self.path(table, day)).num_rows
        return Write(table, day, rows, self.sha256(table, day), skipped=False)

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
        if self.fingerprint(table, day) == computed_from:
            rows = pq.read_metadata(self.path(table, day)).num_rows
            return Write(table, day, rows, self.sha256(table, day), skipped=True)
        return self.write(table, build(), day=day, computed_from=computed_from)

    def input_hashes(self, table: str, days: Iterable[str]) -> dict[str, str]:
        """Name → hash of the given days of a table, for :meth:`update`."""
        return {f"{table}/{day}": self.sha256(table, day) for day in days}


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
