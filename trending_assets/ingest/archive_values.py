"""Values of archives: the shapes in which catalogues write numbers, dates, lists and names, read into plain values.

Every function takes a cell as it is in the file. A blank cell says nothing; one that cannot be meant is a
:class:`MalformedRecordError`, to which the caller adds the column's name.
"""

import ast
import math
import re
from datetime import UTC, date, datetime, time
from functools import lru_cache
from reprlib import repr as short
from typing import Any, Literal

import orjson

from trending_assets.ingest.documents import MalformedRecordError

Written = Literal["comma", "pipe", "python", "json"]

_YEAR_AT_END = re.compile(r"\s*\((\d{4})(?:\s*[-\u2013]\s*(?:\d{4})?)?\)\s*$")
_ARTICLE_AT_END = re.compile(r"^(.+), (The|A|An|Le|La|Les|L'|Il|El|Los|Las|Der|Die|Das)$")
_MINUTES = re.compile(r"(\d+(?:\.\d+)?)(?:\s*min(?:ute)?s?\.?)?", re.IGNORECASE)
_HOURS = re.compile(r"(\d+)\s*h(?:(?:ou)?rs?)?(?:\s*(\d+)\s*m(?:in(?:ute)?s?)?)?\.?", re.IGNORECASE)
_SEASONS = re.compile(r"\d+\s+seasons?", re.IGNORECASE)
_SEPARATORS = {"comma": ",", "pipe": "|"}


def text(value: Any) -> str:
    """A cell as text: a whole number without its decimal point, nothing as an empty text."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    if isinstance(value, int):
        return str(value)
    return orjson.dumps(value).decode()


def number(value: Any) -> float | None:
    """A number, with or without commas between its thousands and a currency sign before it."""
    written = text(value)
    if not written:
        return None
    try:
        found = float(written.lstrip("$€£").replace(",", ""))
    except ValueError:
        raise MalformedRecordError(f"{short(written)} is not a number") from None
    if not math.isfinite(found):
        raise MalformedRecordError(f"{short(written)} is not a number")
    return found


def year(value: Any) -> int | None:
    """A year."""
    found = number(value)
    if found is None:
        return None
    if not found.is_integer():
        raise MalformedRecordError(f"{short(text(value))} is not a year")
    return int(found)


def minutes(value: Any) -> float | None:
    """A running time in minutes: ``90``, ``90 min``, ``1h 30m``; a number of seasons is none."""
    written = text(value)
    if not written or _SEASONS.fullmatch(written):
        return None
    if found := _MINUTES.fullmatch(written):
        return float(found[1])
    if found := _HOURS.fullmatch(written):
        return int(found[1]) * 60.0 + int(found[2] or 0)
    raise MalformedRecordError(f"{short(written)} is not a running time")


def imdb_id(value: Any) -> str | None:
    """An IMDb id, also where it is written without ``tt`` or its leading zeros."""
    written = text(value)
    return (f"tt{written:0>7}" if written.isdecimal() else written) or None


def items(value: Any, written: Written, key: str | None) -> list[str]:
    """The entries of a list.

    Args:
        value: the cell; a JSON array of a JSONL or Parquet file is taken as it is.
        written: how a cell of text writes the list: entries between commas or pipes, a Python literal, JSON.
        key: the entry's name inside each object, where the entries are objects.
    """
    found = _listed(text(value), written) if isinstance(value, str) or value is None else value
    if not isinstance(found, list):
        raise MalformedRecordError(f"{short(value)} is not a list")
    if key is not None:
        if not all(isinstance(entry, dict) and key in entry for entry in found):
            raise MalformedRecordError(f"{short(value)} has an entry without {key}")
        found = [entry[key] for entry in found]
    if not all(isinstance(entry, str) for entry in found):
        raise MalformedRecordError(f"{short(value)} is not a list of texts")
    return [entry.strip() for entry in found if entry.strip()]


def _listed(value: str, written: Written) -> Any:
    if not value:
        return []
    if written in _SEPARATORS:
        return value.split(_SEPARATORS[written])
    try:
        return orjson.loads(value) if written == "json" else ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise MalformedRecordError(f"{short(value)} is not a list written as {written}") from None


def moment(value: Any, formats: tuple[str, ...]) -> datetime | date | None:
    """A day, or a moment where the cell says more than the day.

    Args:
        value: the cell.
        formats: in the order in which they are tried: ``iso`` (ISO 8601), ``unix`` (seconds since 1970) or a
            format of :meth:`datetime.strptime`. A moment without a time zone is UTC.
    """
    return _moment(text(value), formats)


# The days of an archive repeat far more often than they change.
@lru_cache(maxsize=1 << 14)
def _moment(written: str, formats: tuple[str, ...]) -> datetime | date | None:
    if not written:
        return None
    for form in formats:
        try:
            if form == "unix":
                return datetime.fromtimestamp(float(written), UTC)
            # Without a zone of its own it is given UTC below.
            found = datetime.fromisoformat(written) if form == "iso" else datetime.strptime(written, form)  # noqa: DTZ007
            if found.tzinfo is not None:
                return found.astimezone(UTC)
        except (ValueError, OverflowError, OSError):
            continue
        return found.date() if found.time() == time() else found.replace(tzinfo=UTC)
    raise MalformedRecordError(f"{short(written)} is not a date")


def name_and_year(written: str) -> tuple[str, int | None]:
    """A name without the year that some catalogues put behind it, and that year.

    An article that such catalogues move behind the name is put back: ``American President, The (1995)``.
    """
    found = _YEAR_AT_END.search(written)
    name = written[: found.start()] if found else written.strip()
    moved = _ARTICLE_AT_END.match(name)
    if moved:
        name = f"{moved[2]}{'' if moved[2].endswith(chr(39)) else ' '}{moved[1]}"
    return name, int(found[1]) if found else None
