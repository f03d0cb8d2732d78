"""Rows of ``records.PARSED``, written in a line each."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from trending_assets.domain.catalog.records import PARSED

DAY = "2025-06-02"
_TIMES = {"event_time": datetime(2024, 5, 6, tzinfo=UTC), "arrived_at": datetime(2025, 6, 2, tzinfo=UTC)}
_ORIGIN = {"source": "toy", "document_sha256": "0" * 64, **_TIMES}


def title(source_id: str = "1", **columns: Any) -> dict[str, Any]:
    """A title of which little is known."""
    row = {"source_id": source_id, "kind": "movie", "title": f"Film {source_id}", "countries": [], "genres": []}
    lists: dict[str, Any] = {"label_coverage": [], "external_ids": [], "matches": []}
    return {**_ORIGIN, **row, **lists, "labels_complete": True, **columns}


def review(review_id: str = "r1", text: str = "A fine film.", **columns: Any) -> dict[str, Any]:
    """A review without a rating."""
    return {**_ORIGIN, "review_id": review_id, "source_title_id": "1", "text": text, "flags": [], **columns}


def signal(name: str, value: float, **columns: Any) -> dict[str, Any]:
    """A number."""
    return {**_ORIGIN, "source_title_id": "1", "name": name, "value": value, **columns}


def kept(
    titles: Sequence[dict[str, Any]] = (),
    reviews: Sequence[dict[str, Any]] = (),
    signals: Sequence[dict[str, Any]] = (),
    **columns: Any,
) -> dict[str, Any]:
    """A document that holds these records; with ``outcome`` and ``reason`` one that became something else."""
    row = {"source": "toy", "document_type": "page", "source_id": "d", "document_sha256": "0" * 64, "outcome": "kept"}
    return {**row, "titles": list(titles), "reviews": list(reviews), "signals": list(signals), **columns}


def parsed(*documents: dict[str, Any]) -> pa.Table:
    """What became of these documents."""
    return pa.Table.from_pylist(list(documents), schema=PARSED.schema)
