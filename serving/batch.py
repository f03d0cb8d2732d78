"""Predictions for a file of titles, by the same code as the API's."""

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from serving.predictors import ModelLoader, predict_instances
from serving.schemas import Instance
from trending_assets.storage.atomic import replacing
from trending_assets.storage.registry import ModelRegistry

_CHUNK = 512
Row = tuple[str | None, Instance]


class NoChampionError(LookupError):
    """The gate has promoted no model yet."""


class BadLineError(ValueError):
    """A line of the input is not a title; the message names the line and what is wrong with it."""


def predict_rows(registry: ModelRegistry, rows: Iterator[Row], target: Path) -> tuple[int, str]:
    """Predicts titles with the champion, as many at a time as fit in memory.

    Args:
        registry: holds the champion.
        rows: ids, or None, and titles.
        target: rows as the API answers, in order; replaced whole, or left as it is where a row is bad.

    Returns:
        The number of predictions, and the champion.

    Raises:
        NoChampionError: there is no champion.
    """
    loader = ModelLoader(registry)
    ref = loader.find()
    if ref is None:
        raise NoChampionError("no champion: the gate has promoted no model yet; run `trending demo` first")
    champion, count = loader.load(ref), 0
    with replacing(target.absolute(), target.absolute().parent) as staged, staged.open("wb") as stream:
        while chunk := list(islice(rows, _CHUNK)):
            answers = predict_instances(champion, [instance for _, instance in chunk])
            for (title_id, _), answer in zip(chunk, answers, strict=True):
                stream.write(replace(answer, title_id=title_id).json() + b"\n")
            count += len(chunk)
    return count, str(ref)


def rows_of_json_lines(source: Path) -> Iterator[Row]:
    """The titles in a file of JSON lines, gzipped or not: a title_id and what an :class:`Instance` holds.

    Raises:
        BadLineError: a line is not a title.
    """
    open_text = gzip.open if source.suffix == ".gz" else open
    with open_text(source, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{source}, line {number}"
            try:
                row: dict[str, Any] = json.loads(line)
                title_id = row.pop("title_id", None)
            except (ValueError, AttributeError, TypeError) as error:
                raise BadLineError(f"{where}: not a JSON object: {error}") from None
            yield title_id, checked_instance(row, where)


def checked_instance(row: Mapping[str, object], where: str) -> Instance:
    """A row as a title.

    Args:
        row: what an :class:`Instance` holds.
        where: what the row is called in the error.

    Raises:
        BadLineError: it is none.
    """
    try:
        return Instance.model_validate(row)
    except ValidationError as error:
        found = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'title'}: {e['msg']}" for e in error.errors())
        raise BadLineError(f"{where}: {found}") from None
