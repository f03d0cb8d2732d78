"""Live metrics: how good served predictions were, by what became known of their titles afterwards.

Truth is the newest feedback for a prediction, which names all genres of its title; where there is none, the labels of
sources that arrived after the prediction. A label that had arrived before counts for nothing, since the model may have
learned from it. A slug that no such record can express is unknown, and so is all that incomplete labels leave out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trending_assets.domain.catalog.records import Column, Record
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.metrics import macro_f1, micro_f1, per_genre
from trending_assets.domain.predictions.experiments import SHADOW

MEASURED, UNKNOWN = "measured", "unknown"
_BY_GENRE = ("precision", "recall", "f1")

LIVE_METRICS = Record(
    "live_metrics",
    "A metric of the predictions that a model version served on a day, by what became known of their titles later.",
    (
        Column("model", pa.string(), "The model's name."),
        Column("version", pa.string(), "Its version."),
        Column("slice", pa.string(), "`all`, or `genre=` and a slug."),
        Column("metric", pa.string(), "`micro_f1` and `macro_f1` of all; `precision`, `recall` and `f1` of a genre."),
        Column("value", pa.float64(), "Its value; null where it is unknown.", nullable=True),
        Column("status", pa.string(), "`measured` or `unknown`."),
        Column("predictions", pa.int64(), "Predictions of the version on that day."),
        Column("with_truth", pa.int64(), "Those of which the truth is known, of a genre whether the title has it."),
        Column("with_feedback", pa.int64(), "Those of them of which feedback told."),
        Column("positives", pa.int64(), "Genres that those titles have; of a genre how many have it."),
    ),
)


@dataclass(frozen=True)
class LabelRecord:
    """The labels of one record of a source.

    Attributes:
        title_id: the title.
        record: which record it is, such as source and id; a newer version takes an older one's place.
        arrived_at: when it arrived.
        genres: the genres it names.
        coverage: the slugs its source can express.
        complete: whether the source means to name every genre that fits.
    """

    title_id: str
    record: tuple[str, ...]
    arrived_at: datetime
    genres: frozenset[str]
    coverage: frozenset[str]
    complete: bool

    @property
    def known(self) -> frozenset[str]:
        """The slugs of which it tells whether the title has them; none where it names no genre at all."""
        return (self.coverage if self.complete else frozenset()) | self.genres if self.genres else frozenset()


def late_labels(records: Iterable[LabelRecord], predicted_at: datetime) -> dict[str, bool]:
    """Slug → whether a title has it, for slugs that first became known after a prediction.

    Empty where none of the records that came later is complete: what such records leave out may fit all the same, and
    positives alone would make every metric better than it is.

    Args:
        records: all label records of the title.
        predicted_at: when its genres were predicted.
    """
    before: set[str] = set()
    newest: dict[tuple[str, ...], LabelRecord] = {}
    for record in sorted(records, key=lambda each: each.arrived_at):
        if record.arrived_at <= predicted_at:
            before |= record.known
        elif record.known:
            newest[record.record] = record
    if not any(record.complete for record in newest.values()):
        return {}
    positive = {slug for record in newest.values() for slug in record.genres}
    known = {slug for record in newest.values() for slug in record.known}
    return {slug: slug in positive for slug in known - before if slug in GENRES}


def records_by_title(labels: Iterable[LabelRecord]) -> dict[str, list[LabelRecord]]:
    """Title → its label records."""
    by_title: dict[str, list[LabelRecord]] = {}
    for record in labels:
        by_title.setdefault(record.title_id, []).append(record)
    return by_title


def truth(
    feedback: Collection[str] | None, records: Iterable[LabelRecord], predicted_at: datetime, genres: Sequence[str]
) -> list[float]:
    """1 where a title has a genre, 0 where not, NaN where that is unknown.

    Args:
        feedback: all its genres, as feedback has them; None where there is none.
        records: all label records of the title.
        predicted_at: when its genres were predicted.
        genres: the slugs to tell of.
    """
    if feedback is not None:
        return [float(slug in feedback) for slug in genres]
    late = late_labels(records, predicted_at)
    return [float(late.get(slug, np.nan)) for slug in genres]


def live_metrics(logged: pa.Table, labels: Iterable[LabelRecord]) -> list[dict[str, Any]]:
    """The metrics of each model version that served on a day, as rows of :data:`LIVE_METRICS`.

    A title that was predicted several times counts as often. What a shadow said nobody was served.

    Args:
        logged: rows of :data:`~trending_assets.domain.predictions.records.PREDICTION_LOG` of the day.
        labels: the label records of the predicted titles, of all days.
    """
    by_title = records_by_title(labels)
    columns = ["model", "version", "variant", "title_id", "predicted_at", "genres", "feedback_genres"]
    by_version: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in logged.select(columns).to_pylist():
        if row["variant"] == SHADOW:
            continue
        by_version.setdefault((row["model"], row["version"]), []).append(row)
    return [
        {"model": model, "version": version} | row
        for (model, version), rows in sorted(by_version.items())
        for row in _of_version(rows, by_title)
    ]


def _of_version(
    rows: Sequence[Mapping[str, Any]], by_title: Mapping[str, Sequence[LabelRecord]]
) -> Iterator[dict[str, Any]]:
    answered = {each["genre"] for row in rows for each in row["genres"]}
    genres = [slug for slug in GENRES if slug in answered]
    known = [
        truth(row["feedback_genres"], by_title.get(row["title_id"], ()), row["predicted_at"], genres) for row in rows
    ]
    labels = np.array(known).reshape(len(rows), len(genres))
    selected, probabilities = np.zeros(labels.shape, dtype=bool), np.zeros(labels.shape)
    for i, row in enumerate(rows):
        for each in row["genres"]:
            place = genres.index(each["genre"])
            selected[i, place], probabilities[i, place] = each["selected"], each["probability"]
    feedback = np.array([row["feedback_genres"] is not None for row in rows])
    overall = {"micro_f1": micro_f1(labels, selected), "macro_f1": macro_f1(labels, selected)}
    yield from _rows("all", overall, labels, feedback)
    found = per_genre(labels, selected, probabilities, genres)
    for place, slug in enumerate(genres):
        figures = {name: found[slug][name] for name in _BY_GENRE}
        yield from _rows(f"genre={slug}", figures, labels[:, place : place + 1], feedback)


def _rows(
    name: str, figures: Mapping[str, float | None], labels: npt.NDArray[np.float64], feedback: npt.NDArray[np.bool_]
) -> Iterator[dict[str, Any]]:
    known = ~np.isnan(labels).all(axis=1)
    counts = {
        "predictions": len(labels),
        "with_truth": int(known.sum()),
        "with_feedback": int((known & feedback).sum()),
        "positives": int((labels == 1).sum()),
    }
    for metric, value in figures.items():
        status = UNKNOWN if value is None else MEASURED
        yield {"slice": name, "metric": metric, "value": value, "status": status, **counts}
