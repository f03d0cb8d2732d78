"""Rows of the cleaned tables that keep every expectation."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from trending_assets.domain.catalog.records import REVIEW, SIGNAL, TITLE
from trending_assets_tests.checks.evaluating import lake_of

DAYS = ["2025-06-02", "2025-06-03"]
Rows = list[dict[str, Any]]

_ORIGIN = {
    "event_time": datetime(2025, 6, 1, tzinfo=UTC),
    "arrived_at": datetime(2025, 6, 2, 1, tzinfo=UTC),
    "document_sha256": "ab" * 32,
}
# The models take these columns from the records, and put the title's id beside them.
_COLUMNS = {"titles": (TITLE, {"matches"}), "reviews": (REVIEW, {"imdb_id"}), "stg_signals": (SIGNAL, {"imdb_id"})}
SCHEMAS = {
    table: pa.schema(
        [pa.field("title_id", pa.string()), *(pa.field(c.name, c.type) for c in record.columns if c.name not in left)]
    )
    for table, (record, left) in _COLUMNS.items()
}


def titles() -> Rows:
    """A film that is known by its IMDb id, and a show of which little is known."""
    film = {
        "title_id": "tt0123456",
        "source": "tmdb",
        "source_id": "movie-1",
        "kind": "movie",
        "title": "A Film",
        "year": 1999,
        "countries": ["FR"],
        "genres": ["drama", "war"],
        "label_coverage": ["drama", "war", "western"],
        "labels_complete": True,
        "plot": "A secret plot.",
        "runtime_minutes": 90,
        "certificate": "PG-13",
        "platforms": ["netflix"],
        "imdb_id": "tt0123456",
        "external_ids": [{"catalogue": "tmdb", "id": "movie-1"}],
    }
    show = film | {"title_id": "tvmaze:7", "kind": "show", "year": None, "plot": None, "imdb_id": None}
    return [
        film | _ORIGIN,
        show | _ORIGIN | {"genres": [], "label_coverage": [], "runtime_minutes": None, "certificate": None},
    ]


def reviews() -> Rows:
    """Two reviews, of which one nearly repeats the other, and one without any text."""
    first = {
        "review_id": "a1",
        "title_id": "tt0123456",
        "source": "tmdb",
        "source_title_id": "movie-1",
        "author_hash": "0123456789abcdef",
        "text": "A film that nobody will forget.",
        "language": "en",
        "rating": 7.0,
        "rating_raw": "7",
        "verdict": "fresh",
        "flags": [],
    }
    second = first | {"review_id": "a2", "near_duplicate_of": "a1", "author_hash": None, "verdict": None}
    empty = first | {"review_id": "a3", "text": "", "flags": ["empty"], "language": None, "rating": 10.0}
    return [row | _ORIGIN for row in (first, second, empty)]


def signals() -> Rows:
    """A rank, a rating, and views that nobody had."""
    first = {"title_id": "tvmaze:7", "source": "tmdb", "source_title_id": "tv-7", "name": "trending_rank", "value": 1.0}
    rating = first | {"name": "rating", "value": 10.0}
    return [row | _ORIGIN for row in (first, rating, first | {"name": "views", "value": 0.0})]


GOOD = {"titles": titles, "reviews": reviews, "stg_signals": signals}


def land(folder: Path, table: str, rows: Rows, day: str = DAYS[0]) -> None:
    """Writes the rows of a day of a table."""
    lake_of(folder).write(table, pa.Table.from_pylist(rows, schema=SCHEMAS[table]), day=day)
