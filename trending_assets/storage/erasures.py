"""Erasures: whose documents were removed, and which, so that neither comes back.

One unpartitioned table of the lake, ``erasures``, to which rows are only ever added. It is what an auditor reads, what
raw documents are held against when a source gives them again, and what reviews are held against when they are parsed.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from trending_assets.domain.catalog.records import ERASURE
from trending_assets.storage.atomic import exclusively
from trending_assets.storage.lake import Lake

TABLE = "erasures"


class Erasures:
    """The erasures of a lake."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds rows of ``records.ERASURE``."""
        with exclusively(self._lake.staging / "erasures.lock"):
            added = pa.Table.from_pylist(list(rows), schema=ERASURE.schema)
            self._lake.write(TABLE, pa.concat_tables([self.rows(), added]))

    def rows(self) -> pa.Table:
        """All rows, in the order of their adding."""
        if not self._lake.exists(TABLE):
            return ERASURE.schema.empty_table()
        return self._lake.read(TABLE).replace_schema_metadata(None)

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
