"""Where a raw document landed, and whether it is kept still; nothing that is in it is read."""

import datetime as dt

import pyarrow.compute as pc

from trending_assets.domain.predictions.lineage import DocumentLineage
from trending_assets.storage.lake import Lake
from trending_assets.storage.ledgers import Erasures
from trending_assets.storage.raw_documents import RawStore
from trending_assets.storage.unknowns import tried

PARSED = "parsed"


class DocumentOrigins:
    """The documents of one home, by the hashes of their payloads."""

    def __init__(self, lake: Lake, raw: RawStore) -> None:
        self._lake, self._raw = lake, raw

    def landed_by(self, sha256: str, day: str) -> str | None:
        """The source that landed a document on a day, by what was parsed then; None where no table says."""
        found = (table for table in self._lake.tables(PARSED) if self._lake.exists(table, day))
        return next((_source(table) for table in found if self._parsed(table, day, sha256)), None)

    def landings(self, sha256: str) -> list[tuple[str, str]]:
        """Source and day of each landing of a document, in order; those that were erased since included."""
        parsed = {
            (_source(table), day)
            for table in self._lake.tables(PARSED)
            for day in self._lake.days(table)
            if self._parsed(table, day, sha256)
        }
        erased = {
            (row["source"], row["day"].isoformat())
            for row in Erasures(self._lake).rows().to_pylist()
            if row["document_sha256"] == sha256 and row["day"]
        }
        held, _ = tried("Raw documents cannot be searched", lambda: self._raw.find(sha256))
        return sorted({*parsed, *erased, *(held or ())})

    def _parsed(self, table: str, day: str, sha256: str) -> bool:
        read = self._lake.read(table, day, ["document_sha256"])["document_sha256"]
        return bool(pc.index(read, sha256).as_py() >= 0)

    def of(self, sha256: str, source: str, day: str) -> DocumentLineage:
        """A document that a source landed on a day."""
        origins, why = tried(
            "Raw documents cannot be read",
            lambda: self._raw.origins(source, day, [sha256]) if day in self._raw.days(source) else [],
        )
        held = bool(origins) if origins is not None else None
        return DocumentLineage(
            sha256=sha256,
            source=source,
            day=dt.date.fromisoformat(day),
            held=held,
            url=origins[0]["url"] if origins else None,
            fetched_at=origins[0]["fetched_at"] if origins else None,
            unknown=self._why_gone(sha256, source, day) if held is False else why,
        )

    def _why_gone(self, sha256: str, source: str, day: str) -> str:
        for row in Erasures(self._lake).rows().to_pylist():
            if (row["source"], row["document_sha256"]) == (source, sha256):
                return f"It was erased on {row['erased_at'].date()}."
        return f"Raw documents of {source} of {day} do not hold it any more."


def _source(table: str) -> str:
    return table.removeprefix(f"{PARSED}/")
