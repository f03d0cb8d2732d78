"""Predictions for a file of titles, by the same code as the API's."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from serving.predictors import ChampionLoader, predict_instances
from serving.schemas import Instance
from trending_assets.storage.atomic import replacing
from trending_assets.storage.home import Home
from trending_assets.storage.registry import ModelRegistry

_CHUNK = 512


class NoChampionError(LookupError):
    """The gate has promoted no model yet."""


class BadLineError(ValueError):
    """A line of the input is not a title; the message names the line and what is wrong with it."""


def predict_file(home: Home, source: Path, target: Path) -> tuple[int, str]:
    """Predicts every title of a JSON-lines file with the champion.

    Args:
        home: where the registry is.
        source: rows with title_id, title, kind, year and plot; year may be null.
        target: rows as the API answers, in order; replaced whole, or left as it is where a line is bad.

    Returns:
        The number of predictions, and the champion.

    Raises:
        NoChampionError: there is no champion.
        BadLineError: a line is not a title.
    """
    loader = ChampionLoader(ModelRegistry(home.registry))
    ref = loader.find()
    if ref is None:
        raise NoChampionError("no champion: the gate has promoted no model yet; run `trending demo` first")
    champion, count = loader.load(ref), 0
    rows = _rows(source)
    with replacing(target.absolute(), target.absolute().parent) as staged, staged.open("w") as stream:
        while chunk := list(islice(rows, _CHUNK)):
            predictions = predict_instances(champion, [instance for _, instance in chunk])
            for (title_id, _), prediction in zip(chunk, predictions, strict=True):
                stream.write(prediction.model_copy(update={"title_id": title_id}).model_dump_json() + "\n")
            count += len(chunk)
    return count, str(ref)


def _rows(source: Path) -> Iterator[tuple[str | None, Instance]]:
    with source.open() as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                row: dict[str, Any] = json.loads(line)
                title_id = row.pop("title_id", None)
                yield title_id, Instance.model_validate(row)
            except ValidationError as error:
                found = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'title'}: {e['msg']}" for e in error.errors())
                raise BadLineError(f"{source}, line {number}: {found}") from None
            except (ValueError, AttributeError, TypeError) as error:
                raise BadLineError(f"{source}, line {number}: not a JSON object: {error}") from None
