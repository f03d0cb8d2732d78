"""Building records: what every parser does with the values that it found in a document.

Each function returns a dictionary of the columns in ``domain.catalog.records``. Texts of titles are cleaned
here; a review leaves as its source wrote it, with its author's name, and is finished for a whole day at
once, where personal data ends.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from reprlib import repr as short
from typing import Any

from trending_assets.domain.catalog.certificates import certificate as known_certificate
from trending_assets.domain.catalog.codes import country_code, language_code
from trending_assets.domain.catalog.identity import is_imdb_id
from trending_assets.domain.catalog.labels import LabelMap, in_order
from trending_assets.domain.catalog.platforms import platforms as known_platforms
from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.domain.text.cleaning import plain_text
from trending_assets.ingest.documents import Document, MalformedRecordError

YEARS = range(1870, 2101)


def title(
    document: Document,
    *,
    source_id: str,
    kind: Kind,
    name: str,
    label_map: LabelMap,
    labels: Iterable[str] = (),
    original_title: str | None = None,
    year: int | None = None,
    released: date | None = None,
    language: str | None = None,
    countries: Iterable[str] = (),
    plot: str | None = None,
    runtime_minutes: float | None = None,
    certificate: str | None = None,
    platforms: Iterable[str] = (),
    imdb_id: str | None = None,
    external_ids: Mapping[str, str] | None = None,
    event: datetime | date | None = None,
) -> dict[str, Any]:
    """A row of ``records.TITLE``.

    Args:
        document: what it was read from.
        source_id: the title's id at the source.
        kind: ``movie`` or ``show``.
        name: its name; HTML and broken encodings are mended.
        label_map: the vocabulary of ``labels``. Without a single known label every slug is unknown.
        labels: its genres in the source's own words.
        original_title: its name in the original language, where that differs.
        year: of release or first broadcast; taken from ``released`` where missing.
        released: day of release or first broadcast.
        language: a name or a code; one that is neither is left out.
        countries: names or codes.
        plot: what it is about; None or an empty text where the source does not say.
        runtime_minutes: running time; a number that is not positive says nothing.
        certificate: age certificate; one that is not of the United States is left out.
        platforms: names of the streaming platforms that have it.
        imdb_id: IMDb id.
        external_ids: catalogue (``tmdb``, ``thetvdb``, ``tvmaze``, ``wikidata``…) → the title's id there.
        event: when it happened; the day of release or the first of the year where not given.

    Raises:
        MalformedRecordError: a value cannot be meant; the message names it.
    """
    cleaned = plain_text(name)
    if not cleaned:
        raise MalformedRecordError("title is missing")
    year = released.year if year is None and released else year
    if year is not None and year not in YEARS:
        raise MalformedRecordError(f"year: {short(year)} is not from {YEARS.start} to {YEARS.stop - 1}")
    if imdb_id is not None and not is_imdb_id(imdb_id):
        raise MalformedRecordError(f"imdb id: {short(imdb_id)} is not one")
    genres = label_map.genres(labels)
    original = plain_text(original_title or "")
    happened = event or released or (date(year, 1, 1) if year else None)
    times = origin(document, happened)
    return {
        "source": document.source,
        "source_id": source_id,
        "kind": kind,
        "title": cleaned,
        "original_title": original if original and original != cleaned else None,
        "year": year,
        "released": released,
        "language": language_code(language) if language else None,
        "countries": list(dict.fromkeys(country_code(country) for country in countries)),
        "genres": genres,
        "label_coverage": in_order(label_map.coverage) if genres else [],
        "labels_complete": label_map.complete and bool(genres),
        "plot": plain_text(plot or "") or None,
        "runtime_minutes": round(runtime_minutes) if runtime_minutes and runtime_minutes > 0 else None,
        "certificate": known_certificate(certificate),
        "platforms": known_platforms(platforms),
        "imdb_id": imdb_id,
        "external_ids": [{"catalogue": k, "id": v} for k, v in sorted((external_ids or {}).items())],
        "matches": [],
        # What has been announced has not happened yet.
        **times | {"event_time": min(times["event_time"], document.fetched_at)},
    }


def review(
    document: Document,
    *,
    source_title_id: str,
    text: str,
    imdb_id: str | None = None,
    author: str | None = None,
    rating_raw: str | None = None,
    rating_scale: float | None = None,
    verdict: str | None = None,
    language: str | None = None,
    event: datetime | date | None = None,
) -> dict[str, Any]:
    """A review as its source wrote it, which :func:`reviews.finish_reviews` makes a row of ``records.REVIEW``.

    Args:
        document: what it was read from.
        source_title_id: the reviewed title's id at the source.
        text: what was written; may be empty where there is a rating.
        imdb_id: the reviewed title's IMDb id.
        author: who wrote it; only a keyed pseudonym of it is ever written.
        rating_raw: the rating as the source writes it.
        rating_scale: the best possible rating, where the source's ratings are bare numbers.
        verdict: ``fresh`` or ``rotten``, where the source says so.
        language: ISO 639-1, where the source says so; detected otherwise.
        event: when it was written.

    Raises:
        MalformedRecordError: the IMDb id or the verdict is none, or it was written after it arrived.
    """
    if imdb_id is not None and not is_imdb_id(imdb_id):
        raise MalformedRecordError(f"imdb id: {short(imdb_id)} is not one")
    if verdict not in (None, "fresh", "rotten"):
        raise MalformedRecordError(f"verdict: {short(verdict)} is neither fresh nor rotten")
    return {
        "source": document.source,
        "source_title_id": source_title_id,
        "imdb_id": imdb_id,
        "author": author or None,
        "text": text,
        "language": language_code(language) if language else None,
        "rating_raw": rating_raw or None,
        "rating_scale": rating_scale,
        "verdict": verdict,
        **_past(origin(document, event)),
    }


def signal(
    document: Document,
    *,
    source_title_id: str,
    name: str,
    value: float,
    imdb_id: str | None = None,
    event: datetime | date | None = None,
) -> dict[str, Any]:
    """A row of ``records.SIGNAL``.

    Args:
        document: what it was read from.
        source_title_id: the title's id at the source.
        name: what is counted: ``views``, ``votes``, ``rank``, ``popularity``, ``rating``…
        value: the number.
        imdb_id: the title's IMDb id.
        event: when it was counted.
    """
    return {
        "source": document.source,
        "source_title_id": source_title_id,
        "imdb_id": imdb_id,
        "name": name,
        "value": float(value),
        **_past(origin(document, event)),
    }


def origin(document: Document, happened: datetime | date | None) -> dict[str, Any]:
    """When it happened, when it arrived and which document says so.

    A record whose source gives no time of its own is taken to have happened when it arrived.

    Raises:
        MalformedRecordError: it happened before there were films, or in another century to come.
    """
    if happened is None:
        event = document.fetched_at
    elif isinstance(happened, datetime):
        event = happened.astimezone(UTC)
    else:
        event = datetime.combine(happened, time(), UTC)
    if event.year not in YEARS:
        raise MalformedRecordError(f"date: {event.date()} is not from {YEARS.start} to {YEARS.stop - 1}")
    return {"event_time": event, "arrived_at": document.fetched_at, "document_sha256": document.sha256}


def _past(times: dict[str, Any]) -> dict[str, Any]:
    # Sources write days without a time zone, so that tomorrow may be today somewhere, and clocks differ.
    if times["event_time"] > times["arrived_at"] + timedelta(days=1):
        raise MalformedRecordError(f"date: {times['event_time'].date()} is after it arrived")
    return times | {"event_time": min(times["event_time"], times["arrived_at"])}
