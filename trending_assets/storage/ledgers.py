"""What people decided, in unpartitioned tables of the lake to which rows are only ever added.

``erasures`` says whose documents were removed, and which, so that neither comes back; ``undone_matches`` which records
are not of the title that they were matched with. Both are what an auditor reads.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from trending_assets.domain.catalog.records import ERASURE, UNDONE_MATCH, Record
from trending_assets.storage.atomic import exclusively
from trending_assets.storage.lake import Lake


class Ledger:
    """A table of a lake to which rows are only ever added."""

    table: str
    record: Record

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds rows of the record."""
        with exclusively(self._lake.staging / f"{self.table}.lock"):
            added = pa.Table.from_pylist(list(rows), schema=self.record.schema)
            self._lake.write(self.table, pa.concat_tables([self.rows(), added]))

    def rows(self) -> pa.Table:
        """All rows, in the order of their adding."""
        if not self._lake.exists(self.table):
            return self.record.schema.empty_table()
        return self._lake.read(self.table).replace_schema_metadata(None)


class Erasures(Ledger):
    """The erasures of a lake: rows of ``records.ERASURE``."""

    table, record = "erasures", ERASURE

    def documents(self, source: str) -> frozenset[str]:
        """Hashes of the payloads that may not land again of a source."""
        return frozenset(
            row["document_sha256"]
            for row in self.rows().to_pylist()
            if row["source"] == source and row["document_sha256"]
        )

    def authors(self) -> frozenset[str]:
        """Pseudonyms of the authors whose reviews may not be parsed again."""
        return frozenset(self.rows()["author_hash"].to_pylist())


class UndoneMatches(Ledger):
    """The matches of a lake that were undone: rows of ``records.UNDONE_MATCH``."""

    table, record = "undone_matches", UNDONE_MATCH

    def until(self, day: str) -> frozenset[tuple[str, str, str]]:
        """Source, record and title of the matches that were undone on a day, an ISO date, or before."""
        rows = self.rows().to_pylist()
        return frozenset(
            (row["source"], row["source_id"], row["title_id"])
            for row in rows
            if row["undone_at"].date().isoformat() <= day
        )
