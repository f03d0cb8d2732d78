"""Parsed rows for the tests of identity, and days resolved one after the other."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from trending_assets.domain.catalog.identity import KnownTitles, Undone, resolve
from trending_assets.domain.catalog.records import IDENTITY

Row = dict[str, Any]
START = datetime(2025, 6, 2, tzinfo=UTC)


def title(
    pair: str,
    name: str = "Heat",
    year: int | None = 1995,
    *,
    kind: str = "movie",
    imdb: str | None = None,
    original: str | None = None,
    runtime: int | None = None,
    ids: dict[str, str] | None = None,
    matches: list[Row] | None = None,
    day: int = 0,
    hour: int = 0,
) -> Row:
    """A document with one title; ``pair`` is its source and id there, with a colon between."""
    source, source_id = pair.split(":")
    row = {
        "source": source, "source_id": source_id, "kind": kind, "title": name, "original_title": original,
        "year": year, "runtime_minutes": runtime, "imdb_id": imdb, "matches": matches or [],
        "external_ids": [{"catalogue": c, "id": i} for c, i in (ids or {}).items()],
    }  # fmt: skip
    return _document("titles", row, day, hour)


def review(pair: str, imdb: str | None = None, *, day: int = 0, hour: int = 0) -> Row:
    """A document with one review."""
    source, source_id = pair.split(":")
    return _document("reviews", {"source": source, "source_title_id": source_id, "imdb_id": imdb}, day, hour)


def signal(pair: str, imdb: str | None = None, *, day: int = 0, hour: int = 0) -> Row:
    """A document with one signal."""
    source, source_id = pair.split(":")
    return _document("signals", {"source": source, "source_title_id": source_id, "imdb_id": imdb}, day, hour)


def _document(group: str, row: Row, day: int, hour: int) -> Row:
    origin = {"arrived_at": START + timedelta(days=day, hours=hour), "document_sha256": f"{group}-{row}"}
    return {"titles": [], "reviews": [], "signals": []} | {group: [row | origin]}


def stored(rows: Sequence[Row]) -> list[Row]:
    """Rows as they come back from a file of the identity table."""
    table = pa.Table.from_pylist(rows, schema=IDENTITY.schema)
    table.validate(full=True)
    read: list[Row] = table.to_pylist()
    return read


def resolve_days(days: Sequence[Sequence[Row]], undone: Undone = frozenset()) -> list[list[Row]]:
    """The identity rows of each day, where each sees those before it."""
    known = KnownTitles(undone=undone)
    return [resolve(day, known) for day in days]


def found(rows: Sequence[Row]) -> dict[str, str]:
    """Record or alias → title."""
    return {f"{row['source']}:{row['source_id']}": row["title_id"] for row in rows}
