"""Evidently's reports of a day's features: JSON for programs, and a page where there is something to look at."""

import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trending_assets.domain.drift.embeddings import Vectors
from trending_assets.domain.drift.reference import CATEGORICAL, NUMERIC
from trending_assets.domain.drift.windows import MINIMUM_ROWS
from trending_assets.storage.atomic import replacing

_DISTANCE = "embedding_distance"
# Each column takes Evidently some 50 ms, so on most days those that say most are enough.
_ALWAYS = ("year", "word_count", "kind", _DISTANCE)


def with_distance(rows: pd.DataFrame, embeddings: Vectors, centre: Vectors) -> pd.DataFrame:
    """The rows with each title's cosine distance to a centre of embeddings, shape (d,)."""
    lengths = np.linalg.norm(embeddings, axis=1) * np.linalg.norm(centre)
    return rows.assign(**{_DISTANCE: 1 - embeddings @ centre / np.where(lengths > 0, lengths, 1)})


def write_reports(
    current: pd.DataFrame, reference: pd.DataFrame, moved: Collection[str], day: str, folder: Path, *, page: bool
) -> None:
    """Writes ``<day>.json`` and, where it is asked for, ``<day>.html``; its own defaults decide what it calls drift.

    A page that is not asked for is removed: it would be of what the day was before.

    Args:
        current: the day's columns.
        reference: those of the reference.
        moved: columns that have moved: the JSON is about them and a few others, the page about all.
        day: an ISO date.
        folder: where reports lie.
        page: whether to write the page, of 4 MB.
    """
    # Read at import: without it, every report is counted on its maker's server.
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    # It cannot compare what one side has too little of.
    usable = [c for c in current if min(current[c].notna().sum(), reference[c].notna().sum()) >= MINIMUM_ROWS]
    numerical = [column for column in (*NUMERIC, _DISTANCE) if column in usable]
    categorical = [column for column in CATEGORICAL if column in usable]
    columns = DataDefinition(numerical_columns=numerical, categorical_columns=categorical)
    data = Dataset.from_pandas(current[usable], columns), Dataset.from_pandas(reference[usable], columns)
    # The preset draws every column twice, which costs more than the measuring; it is for the page alone.
    measured = [column for column in (*numerical, *categorical) if column in moved or column in _ALWAYS]
    measures = [ValueDrift(column=column) for column in measured]
    _write_json(Report(measures, include_tests=True).run(*data).dict(), day, folder)
    if page:
        shown = Report([DataDriftPreset()], include_tests=True).run(*data)
        with replacing(folder / f"{day}.html", folder / ".staging") as path:
            shown.save_html(str(path))


def write_unknown(why: str, day: str, folder: Path) -> None:
    """Writes ``<day>.json`` of a day of which nothing can be measured, in the form of the others; no page is left.

    Args:
        why: why it is unknown.
        day: an ISO date.
        folder: where reports lie.
    """
    _write_json({"metrics": [], "tests": [], "unknown": why}, day, folder)


def _write_json(content: Mapping[str, Any], day: str, folder: Path) -> None:
    (folder / f"{day}.html").unlink(missing_ok=True)
    with replacing(folder / f"{day}.json", folder / ".staging") as path:
        path.write_text(json.dumps(content, default=str, indent=1), encoding="utf-8")
