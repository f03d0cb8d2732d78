"""The parser of archives: a row of a file to typed titles, reviews and signals, as its mapping says.

A document names its mapping in its headers; a mapping that is not shipped is there as a whole, so that a
raw document can be parsed again wherever it is, as long as it is kept.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache
from reprlib import repr as short
from typing import Any, TypeVar

from trending_assets.domain.catalog.labels import LabelMap
from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.ingest import archive_values as values
from trending_assets.ingest import records
from trending_assets.ingest.archive_mappings import (
    Choice,
    Column,
    Dates,
    Items,
    Reviews,
    Signals,
    Template,
    Titles,
    shipped,
)
from trending_assets.ingest.archive_mappings import Mapping as ArchiveMapping
from trending_assets.ingest.documents import Document, MalformedRecordError, ParsedDocument, payload_of

_T = TypeVar("_T")
_C = TypeVar("_C", bound=str)
_NO_LABELS = LabelMap(slugs={}, coverage=frozenset())


def headers(mapping: ArchiveMapping, fault: str | None = None) -> str:
    """The headers of a document: how it is to be parsed, or why it cannot be."""
    is_shipped = shipped().get(mapping.name) == mapping
    stated = mapping.name if is_shipped else mapping.model_dump(mode="json", exclude_defaults=True)
    return json.dumps({"mapping": stated} | ({"fault": fault} if fault else {}), sort_keys=True)


def parse(document: Document) -> ParsedDocument:
    """The typed records of a row of an archive.

    A row of type ``titles`` gives a title and what is counted of it; one of another type only that.

    Raises:
        MalformedRecordError: the row cannot be used; the message is the reason and names the column.
    """
    mapping, fault = _how(document.headers)
    if fault:
        raise MalformedRecordError(fault)
    row = payload_of(document)
    match document.document_type:
        case "titles" if mapping.titles:
            counted = _signals(document, row, mapping, mapping.signals) if mapping.signals else []
            return ParsedDocument(titles=[_title(document, row, mapping, mapping.titles)], signals=counted)
        case "reviews" if mapping.reviews:
            return ParsedDocument(reviews=[_review(document, row, mapping.reviews)])
        case "signals" if mapping.signals:
            if found := _signals(document, row, mapping, mapping.signals):
                return ParsedDocument(signals=found)
            raise MalformedRecordError(f"{', '.join(sorted(mapping.signals.columns))}: nothing is counted")
        case other:
            raise MalformedRecordError(f"the mapping {mapping.name} describes no {short(other)}")


@lru_cache(maxsize=1 << 10)
def _how(stated: str) -> tuple[ArchiveMapping, str | None]:
    try:
        content = json.loads(stated)
        named = content["mapping"]
        mapping = shipped()[named] if isinstance(named, str) else ArchiveMapping.model_validate(named)
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedRecordError(f"headers: {short(stated)} name no known mapping: {error!r}") from None
    return mapping, content.get("fault")


def first(templates: tuple[Template, ...], row: Mapping[str, Any]) -> str | None:
    """The first of several ids that a row has."""
    return next((found for template in templates if (found := template.fill(row))), None)


def date_in(row: Mapping[str, Any], dates: Dates | None) -> datetime | date | None:
    """The date in a row.

    Raises:
        MalformedRecordError: it is none; the message names the column.
    """
    found = _value(row, dates, lambda cell: values.moment(cell, dates.formats if dates else ()))
    unknown_day = dates is not None and dates.january_first_is_year and found and (found.month, found.day) == (1, 1)
    return None if unknown_day else found


def _title(document: Document, row: Mapping[str, Any], mapping: ArchiveMapping, titles: Titles) -> dict[str, Any]:
    name, year = _text(row, titles.title), _value(row, titles.year, values.year)
    if titles.title.year_at_end:
        name, stated = values.name_and_year(name)
        year = stated if year is None else year
    released = date_in(row, titles.released)
    languages = _items(row, titles.language)
    return records.title(
        document,
        source_id=_id(titles.id, row),
        kind=_kind(row, titles),
        name=name,
        label_map=_label_map(row, mapping, titles),
        labels=_items(row, titles.genres),
        original_title=_text(row, titles.original_title),
        year=year,
        released=released.date() if isinstance(released, datetime) else released,
        language=languages[0] if languages else None,
        countries=_items(row, titles.countries),
        plot=_text(row, titles.plot),
        runtime_minutes=_value(row, titles.runtime, values.minutes),
        certificate=_text(row, titles.certificate),
        platforms=_items(row, titles.platforms),
        imdb_id=_value(row, titles.imdb_id, values.imdb_id),
        external_ids={k: found for k, template in titles.external_ids.items() if (found := template.fill(row))},
    )


def _kind(row: Mapping[str, Any], titles: Titles) -> Kind:
    kind = titles.kind or _choice(row, titles.kind_of)
    if kind is None:
        raise MalformedRecordError(f"{titles.kind_of.column if titles.kind_of else 'kind'} is missing")
    return kind


def _review(document: Document, row: Mapping[str, Any], reviews: Reviews) -> dict[str, Any]:
    return records.review(
        document,
        source_title_id=_id(reviews.title_id, row),
        text=_text(row, reviews.text),
        imdb_id=_value(row, reviews.imdb_id, values.imdb_id),
        author=_text(row, reviews.author),
        rating_raw=_text(row, reviews.rating),
        rating_scale=reviews.rating_scale,
        verdict=_choice(row, reviews.verdict),
        language=_text(row, reviews.language) or None,
        event=date_in(row, reviews.written),
    )


def _signals(
    document: Document, row: Mapping[str, Any], mapping: ArchiveMapping, signals: Signals
) -> list[dict[str, Any]]:
    ids = signals.title_id or (mapping.titles.id if mapping.titles else ())
    imdb = signals.imdb_id or (mapping.titles.imdb_id if mapping.titles else None)
    found: dict[str, float] = {}
    for name, column in signals.values.items():
        value = _value(row, column, values.number)
        if value is not None and not (value == 0 and column.zero_is_blank):
            found[name] = value * column.times
    if signals.each_row:
        found[signals.each_row] = 1.0
    return [
        records.signal(
            document,
            source_title_id=_id(ids, row),
            name=name,
            value=value,
            imdb_id=_value(row, imdb, values.imdb_id),
            event=date_in(row, signals.counted),
        )
        for name, value in found.items()
    ]


def _label_map(row: Mapping[str, Any], mapping: ArchiveMapping, titles: Titles) -> LabelMap:
    if not mapping.labels:
        return _NO_LABELS
    if titles.labels is None:
        return next(iter(mapping.labels.values())).label_map
    named = [template.fill(row) for template in titles.labels]
    chosen = next((name for name in named if name in mapping.labels), None)
    if chosen is None:
        raise MalformedRecordError(f"labels: none of the label maps is named {short(named)}")
    return mapping.labels[chosen].label_map


def _id(templates: tuple[Template, ...], row: Mapping[str, Any]) -> str:
    found = first(templates, row)
    if found is None:
        raise MalformedRecordError(
            f"{' or '.join(t.pattern for t in templates)} is missing: the row belongs to no title"
        )
    return found


def _value(row: Mapping[str, Any], column: Column | None, read: Callable[[Any], _T | None]) -> _T | None:
    if column is None:
        return None
    try:
        return read(row.get(column.column))
    except MalformedRecordError as error:
        raise MalformedRecordError(f"{column.column}: {error}") from None


def _text(row: Mapping[str, Any], column: Column | None) -> str:
    return _value(row, column, values.text) or ""


def _items(row: Mapping[str, Any], items: Items | None) -> list[str]:
    if items is None:
        return []
    return _value(row, items, lambda cell: values.items(cell, items.written, items.key)) or []


def _choice(row: Mapping[str, Any], choice: Choice[_C] | None) -> _C | None:
    written = _text(row, choice)
    if choice is None or not written:
        return None
    if written not in choice.values:
        raise MalformedRecordError(f"{choice.column}: {short(written)} is none of {', '.join(choice.values)}")
    return choice.values[written]
