"""A day of the prediction log: its predictions, each once, with the newest feedback for each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.predictions.records import (
    PREDICTION,
    PREDICTION_LOG,
    Feedback,
    UnreadableRecordError,
    prediction_row,
)


@dataclass(frozen=True)
class LoggedDay:
    """The rows of a day, and what was found while they were put together.

    Attributes:
        rows: rows of :data:`~trending_assets.domain.predictions.records.PREDICTION_LOG`, sorted by ``prediction_id``.
        duplicates: records of a prediction that another record told of already.
        unmatched: feedback for a prediction that the day does not have.
    """

    rows: pa.Table
    duplicates: int
    unmatched: int


def prediction_table(records: Iterable[Mapping[str, Any]], day: str) -> tuple[pa.Table, int]:
    """Records of a day's predictions as rows of ``PREDICTION``, in order, and how many records could not be read.

    Args:
        records: what serving wrote.
        day: the UTC day, an ISO date; a prediction of another one counts as unreadable.
    """
    tables, unreadable = [PREDICTION.schema.empty_table()], 0
    rows = []
    for record in records:
        try:
            row = prediction_row(record)
        except UnreadableRecordError:
            unreadable += 1
            continue
        if row["predicted_at"].date().isoformat() == day:
            rows.append(row)
        else:
            unreadable += 1
    try:
        tables.append(pa.Table.from_pylist(rows, PREDICTION.schema))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        # One record of another type costs the others nothing.
        for row in rows:
            try:
                tables.append(pa.Table.from_pylist([row], PREDICTION.schema))
            except (pa.ArrowInvalid, pa.ArrowTypeError):
                unreadable += 1
    return pa.concat_tables(tables), unreadable


def logged_day(predictions: Sequence[pa.Table], feedback: Iterable[Feedback], before: pa.Table | None) -> LoggedDay:
    """A day out of what was known of it and what came since; the same, in whichever parts and order it comes.

    Args:
        predictions: tables of ``PREDICTION``; a prediction may occur in several.
        feedback: feedback for predictions of the day.
        before: the day as it stood, or None.
    """
    parts = [PREDICTION.schema.empty_table(), *predictions]
    newest: dict[str, Feedback] = {}
    if before is not None:
        parts.append(before.select(PREDICTION.schema.names).cast(PREDICTION.schema))
    for told in (*_told(before), *feedback):
        newest[told.prediction_id] = max(told, newest.get(told.prediction_id, told))
    every = pa.concat_tables(parts)
    order = pc.sort_indices(every["prediction_id"])
    ids = every["prediction_id"].take(order)
    first = [True] * min(1, len(ids)) + pc.not_equal(ids[1:], ids[:-1]).to_pylist()
    # One chunk a column: how a file is laid out must not tell in how many parts its rows came.
    rows = every.take(order.filter(pa.array(first, pa.bool_()))).combine_chunks()
    found = [newest.get(name) for name in rows["prediction_id"].to_pylist()]
    schema = PREDICTION_LOG.schema
    columns = {
        "feedback_genres": [told and told.genres for told in found],
        "feedback_at": [told and told.received_at for told in found],
    }
    for name, values in columns.items():
        rows = rows.append_column(schema.field(name), pa.array(values, schema.field(name).type))
    return LoggedDay(rows, len(ids) - len(rows), len(newest) - sum(told is not None for told in found))


def _told(before: pa.Table | None) -> list[Feedback]:
    """The feedback that a day's rows hold."""
    if before is None:
        return []
    given = before.filter(pc.is_valid(before["feedback_at"])).select(
        ["prediction_id", "feedback_at", "feedback_genres"]
    )
    return [Feedback(at, tuple(genres), name) for name, at, genres in zip(*given.to_pydict().values(), strict=True)]
