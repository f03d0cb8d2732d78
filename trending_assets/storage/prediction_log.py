"""Compaction of the prediction log: segments become the daily table ``prediction_log``, and are then removed.

A day is made of the rows that the table has and of all segments of the day, those that are being written included, and
holds each prediction once. So a day may be compacted as often as one likes, and a kill between a write and a removal
costs nothing.
"""

import contextlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.ids import moment_of
from trending_assets.domain.predictions.merging import LoggedDay, logged_day, prediction_table
from trending_assets.domain.predictions.records import (
    PREDICTION,
    Feedback,
    UnreadableRecordError,
    day_of,
    prediction_row,
    read_feedback,
)
from trending_assets.storage.atomic import exclusively
from trending_assets.storage.lake import Lake, Write
from trending_assets.storage.prediction_segments import (
    Segment,
    SegmentContent,
    nearest,
    read_segments,
    records_with,
    remove_segment,
    segments,
)

TABLE = "prediction_log"
# What was answered just before midnight is written a moment later.
MARGIN = timedelta(hours=1)
# What tells which model and which features a title's prediction was made from.
OF_A_TITLE = ["prediction_id", "predicted_at", "title_id", "model", "version", "feature_times"]


@dataclass(frozen=True)
class Compacted:
    """What became of a day.

    Attributes:
        write: the write; None where the day has no predictions.
        logged: the day's rows, and what was found in its segments.
        torn: lines of its segments that were no whole record.
        unreadable: records that were no prediction of the day; their segments are kept.
    """

    write: Write | None
    logged: LoggedDay
    torn: int
    unreadable: int


@dataclass(frozen=True)
class _Read:
    """A segment after reading: its predictions as rows, or its feedback."""

    content: SegmentContent
    predictions: pa.Table | None
    feedback: tuple[Feedback, ...]
    unreadable: int


def compact(lake: Lake, folder: Path, days: Sequence[str], now: datetime) -> dict[str, Compacted]:
    """Writes days of the table, and removes the segments that are not needed any more; one process at a time.

    Args:
        lake: the lake.
        folder: where the segments are.
        days: UTC days, ISO dates.
        now: the time, with its zone; segments of a day are kept until it has been over for an hour.
    """
    with exclusively(lake.staging / f"{TABLE}.lock"):
        chosen = set(days)
        # Feedback first: what it is about was answered before, and is then found in the segments that are read later.
        told = [_read(content) for content in read_segments(folder, lambda segment: segment.day is None)]
        made = [_read(content) for content in read_segments(folder, lambda segment: segment.day in chosen)]
        done = {day: _compact_day(lake, day, told, [r for r in made if r.content.segment.day == day]) for day in days}
        _remove_settled(lake, folder, told, made, now)
    return done


def pending_days(lake: Lake, folder: Path) -> list[str]:
    """The UTC days, ISO dates in order, that have segments, or feedback that is newer than what the table has."""
    log = _Log(lake, folder)
    waiting = {segment.day for segment in segments(folder) if segment.day}
    for content in read_segments(folder, lambda segment: segment.day is None):
        waiting |= {told.day for told in _read(content).feedback if log.lacks(told)}
    return sorted(waiting)


def find_prediction(lake: Lake, folder: Path, prediction_id: str) -> dict[str, Any] | None:
    """The row of a prediction, as ``PREDICTION``; None where the log has none of this id.

    Args:
        lake: the lake.
        folder: where the segments are; those that are being written count.
        prediction_id: the id, in lower case.
    """
    try:
        day = day_of(prediction_id)
    except ValueError:
        return None
    # Segments first: what compaction removes of them meanwhile is in the table by then.
    of_day = (segment for segment in segments(folder) if segment.day == day)
    for segment in nearest(of_day, moment_of(prediction_id)):
        for record in records_with(segment, prediction_id):
            with contextlib.suppress(UnreadableRecordError):
                row = prediction_row(record)
                if row["prediction_id"] == prediction_id:
                    return row
    return _row_of(lake, day, prediction_id) if lake.exists(TABLE, day) else None


def _row_of(lake: Lake, day: str, prediction_id: str) -> dict[str, Any] | None:
    with lake.opened(TABLE, day) as file:
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, ["prediction_id"])["prediction_id"]
            place = pc.index(ids, prediction_id).as_py()
            if place >= 0:
                rows = file.read_row_group(group, PREDICTION.schema.names).slice(place, 1)
                found: dict[str, Any] = rows.to_pylist()[0]
                return found
    return None


def predictions_of_titles(lake: Lake, folder: Path, title_ids: Collection[str], first: str) -> Iterator[dict[str, Any]]:
    """The rows of all predictions of some titles, as :data:`OF_A_TITLE`, in the order of their ids.

    Args:
        lake: the lake.
        folder: where the segments are; those that are being written count.
        title_ids: the titles.
        first: the first UTC day to look at, an ISO date.
    """
    wanted, found = pa.array(sorted(title_ids), pa.string()), {}
    for content in read_segments(folder, lambda segment: segment.day is not None and segment.day >= first):
        for record in content.records:
            if record.get("title_id") in title_ids:
                with contextlib.suppress(UnreadableRecordError):
                    row = prediction_row(record)
                    found[row["prediction_id"]] = {name: row[name] for name in OF_A_TITLE}
    for day in lake.days(TABLE):
        if day >= first:
            rows = lake.read(TABLE, day, OF_A_TITLE)
            for row in rows.filter(pc.is_in(rows["title_id"], wanted)).to_pylist():
                found[row["prediction_id"]] = row
    for name in sorted(found):
        yield found[name]


def logged_days(lake: Lake, folder: Path, first: str, last: str) -> Iterator[pa.Table]:
    """Days of the log as rows of ``PREDICTION_LOG``, whether they were compacted or not; nothing is written.

    Args:
        lake: the lake.
        folder: where the segments are; those that are being written count.
        first: the first UTC day, an ISO date.
        last: the last one.
    """
    told = [_read(content) for content in read_segments(folder, lambda segment: segment.day is None)]
    days = {segment.day for segment in segments(folder) if segment.day} | set(lake.days(TABLE))
    for day in sorted(day for day in days if first <= day <= last):
        # Segments before the table: what compaction removes of them meanwhile is in the table by then.
        made = [_read(content) for content in read_segments(folder, partial(_is_of, day))]
        yield _logged(lake, day, told, made)[0].rows


def _is_of(day: str, segment: Segment) -> bool:
    return segment.day == day


def _logged(lake: Lake, day: str, told: Sequence[_Read], made: Sequence[_Read]) -> tuple[LoggedDay, pa.Table | None]:
    """A day with all that is known of it, and its rows as they were compacted before."""
    before = lake.read(TABLE, day) if lake.exists(TABLE, day) else None
    feedback = [each for read in told for each in read.feedback if each.day == day]
    return logged_day([read.predictions for read in made if read.predictions is not None], feedback, before), before


def _compact_day(lake: Lake, day: str, told: Sequence[_Read], made: Sequence[_Read]) -> Compacted:
    logged, before = _logged(lake, day, told, made)
    torn, unreadable = sum(read.content.torn for read in made), sum(read.unreadable for read in made)
    if not len(logged.rows):
        return Compacted(None, logged, torn, unreadable)
    if before is not None and before.equals(logged.rows):
        write = Write(TABLE, day, len(before), lake.sha256(TABLE, day), skipped=True)
    else:
        write = lake.write(TABLE, logged.rows, day=day)
    return Compacted(write, logged, torn, unreadable)


def _read(content: SegmentContent) -> _Read:
    day, bare = content.segment.day, replace(content, records=[])
    if day is not None:
        rows, unreadable = prediction_table(content.records, day)
        return _Read(bare, rows, (), unreadable)
    feedback, unreadable = [], 0
    for record in content.records:
        try:
            feedback.append(read_feedback(record))
        except UnreadableRecordError:
            unreadable += 1
    return _Read(bare, None, tuple(feedback), unreadable)


class _Log:
    """What is known of predictions at the moment: in the table, and in segments."""

    def __init__(self, lake: Lake, folder: Path) -> None:
        self._lake = lake
        self._in_segments = {segment.day for segment in segments(folder)}
        self._feedback_times = cache(self._read_feedback_times)

    def _read_feedback_times(self, day: str) -> dict[str, datetime | None]:
        """Prediction → when the feedback came that the table has for it."""
        if not self._lake.exists(TABLE, day):
            return {}
        columns = self._lake.read(TABLE, day, ["prediction_id", "feedback_at"])
        return dict(zip(*(column.to_pylist() for column in columns.columns), strict=True))

    def lacks(self, told: Feedback) -> bool:
        """Whether the table has the prediction, and not this feedback nor newer."""
        times = self._feedback_times(told.day)
        at = times.get(told.prediction_id)
        return told.prediction_id in times and (at is None or at < told.received_at)

    def may_still_match(self, told: Feedback) -> bool:
        """Whether the feedback may be for a prediction that is in no table yet."""
        return told.prediction_id not in self._feedback_times(told.day) and told.day in self._in_segments


def _remove_settled(lake: Lake, folder: Path, told: Sequence[_Read], made: Sequence[_Read], now: datetime) -> None:
    def removable(read: _Read) -> bool:
        return read.content.finished and not read.unreadable

    for read in made:
        if removable(read) and read.content.segment.day and _over(read.content.segment.day, now):
            remove_segment(read.content)
    log = _Log(lake, folder)
    for read in told:
        settled = (
            _over(each.day, now) and not log.lacks(each) and not log.may_still_match(each) for each in read.feedback
        )
        if removable(read) and all(settled):
            remove_segment(read.content)


def _over(day: str, now: datetime) -> bool:
    end = datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), UTC)
    return now >= end + MARGIN
