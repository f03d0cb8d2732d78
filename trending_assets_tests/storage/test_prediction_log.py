"""Segments become days of the table: nothing is doubled, nothing is lost, and no segment goes too early."""

import datetime as dt
import os
import signal
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from trending_assets.domain.predictions.records import PREDICTION_LOG, day_of
from trending_assets.storage import prediction_log, prediction_segments
from trending_assets.storage.lake import Lake
from trending_assets.storage.prediction_log import (
    TABLE,
    compact,
    find_prediction,
    pending_days,
    predictions_of_titles,
)
from trending_assets.storage.prediction_segments import FEEDBACK, SegmentedLog, encode_record, predictions_of
from trending_assets_tests.domain.predictions.logged import DAY, NOON, feedback, prediction

HOUR = dt.timedelta(hours=1)
MIDNIGHT = NOON + 12 * HOUR
NEXT_DAY = "2026-03-15"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "prediction_log"


def write(folder: Path, predictions: Iterable[dict[str, Any]] = (), told: Iterable[dict[str, Any]] = ()) -> None:
    """Leaves closed segments with these records."""
    with SegmentedLog(folder) as log:
        for record in predictions:
            log.append(predictions_of(day_of(record["prediction_id"])), [encode_record(record)])
        for record in told:
            log.append(FEEDBACK, [encode_record(record)])


def rows(lake: Lake, day: str = DAY) -> list[dict[str, Any]]:
    return lake.read(TABLE, day).to_pylist()


MADE = [prediction(NOON + dt.timedelta(seconds=number), number) for number in range(4)]
IDS = [record["prediction_id"] for record in MADE]


def test_a_day_is_written_once_whatever_is_done_again(lake: Lake, folder: Path) -> None:
    write(folder, [MADE[2], MADE[0]])
    write(folder, [MADE[1], MADE[0]])
    found = compact(lake, folder, [DAY], NOON)[DAY]
    assert found.write is not None
    assert (found.write.rows, found.logged.duplicates, found.write.skipped) == (3, 1, False)
    assert lake.read(TABLE, DAY).schema.equals(PREDICTION_LOG.schema)
    written = lake.path(TABLE, DAY).read_bytes()
    again = compact(lake, folder, [DAY], NOON)[DAY]
    assert again.write is not None
    assert (again.write.skipped, again.write.sha256) == (True, found.write.sha256)
    # The day is over now: its segments go, and what was made of them stays.
    assert len(prediction_segments.segments(folder)) == 2
    compact(lake, folder, [DAY], MIDNIGHT + HOUR)
    assert prediction_segments.segments(folder) == []
    compact(lake, folder, [DAY], MIDNIGHT + HOUR)
    assert lake.path(TABLE, DAY).read_bytes() == written
    # Written anew from the same records in other segments, it has the same bytes.
    lake.remove(TABLE, DAY)
    write(folder, MADE[:3])
    compact(lake, folder, [DAY], NOON)
    assert lake.path(TABLE, DAY).read_bytes() == written


def test_a_day_without_predictions_has_no_file(lake: Lake, folder: Path) -> None:
    assert compact(lake, folder, [DAY], NOON)[DAY].write is None
    write(folder, told=[feedback(MADE[0], NOON, ["war"])])
    found = compact(lake, folder, [DAY], NOON)[DAY]
    assert (found.write, found.logged.unmatched) == (None, 1)
    assert not lake.exists(TABLE, DAY)
    assert pending_days(lake, folder) == []


def test_segments_are_kept_until_their_day_has_been_over_for_an_hour(lake: Lake, folder: Path) -> None:
    late = prediction(MIDNIGHT, 5)
    write(folder, [*MADE, late])
    for now in (MIDNIGHT, MIDNIGHT + HOUR - dt.timedelta(seconds=1)):
        compact(lake, folder, [DAY, NEXT_DAY], now)
        assert pending_days(lake, folder) == [DAY, NEXT_DAY]
    # Another day's compaction removes nothing of this one.
    compact(lake, folder, [NEXT_DAY], MIDNIGHT + HOUR)
    assert pending_days(lake, folder) == [DAY, NEXT_DAY]
    compact(lake, folder, [DAY], MIDNIGHT + HOUR)
    assert pending_days(lake, folder) == [NEXT_DAY]
    assert [row["prediction_id"] for row in rows(lake, NEXT_DAY)] == [late["prediction_id"]]


def test_what_a_process_is_writing_is_read_and_left_to_it(lake: Lake, folder: Path) -> None:
    with SegmentedLog(folder) as log:
        log.append(predictions_of(DAY), [encode_record(MADE[0])])
        compact(lake, folder, [DAY], MIDNIGHT + HOUR)
        assert [row["prediction_id"] for row in rows(lake)] == IDS[:1]
        log.append(predictions_of(DAY), [encode_record(MADE[1])])
    compact(lake, folder, [DAY], MIDNIGHT + HOUR)
    assert [row["prediction_id"] for row in rows(lake)] == IDS[:2]
    assert prediction_segments.segments(folder) == []


def test_torn_records_are_counted_and_unreadable_ones_kept(lake: Lake, folder: Path) -> None:
    write(folder, MADE)
    (segment,) = folder.iterdir()
    segment.rename(left := segment.with_suffix(".jsonl.open"))
    left.write_bytes(left.read_bytes()[:-5])
    found = compact(lake, folder, [DAY], NOON)[DAY]
    assert (found.torn, found.unreadable) == (1, 0)
    assert [row["prediction_id"] for row in rows(lake)] == IDS[:3]
    write(folder, [MADE[3] | {"genres": "none"}])
    found = compact(lake, folder, [DAY], MIDNIGHT + HOUR)[DAY]
    assert (found.torn, found.unreadable) == (1, 1)
    assert len(rows(lake)) == 3
    # Only what could not be read is still there.
    assert len(prediction_segments.segments(folder)) == 1


def test_late_feedback_lands_with_its_prediction_and_the_newest_counts(lake: Lake, folder: Path) -> None:
    write(folder, MADE, [feedback(MADE[0], NOON + HOUR, ["war"])])
    compact(lake, folder, [DAY], NOON + 2 * HOUR)
    assert [row["feedback_genres"] for row in rows(lake)] == [["war"], None, None, None]
    compact(lake, folder, [DAY], MIDNIGHT + HOUR)
    assert pending_days(lake, folder) == []
    later = NOON + dt.timedelta(days=3)
    write(folder, told=[feedback(MADE[0], later, ["drama", "war"]), feedback(MADE[1], later, ["comedy"])])
    write(folder, told=[feedback(MADE[1], NOON, ["drama"])])
    assert pending_days(lake, folder) == [DAY]
    # A run for another day leaves it waiting.
    compact(lake, folder, ["2026-03-17"], later)
    assert pending_days(lake, folder) == [DAY]
    compact(lake, folder, [DAY], later)
    assert [row["feedback_genres"] for row in rows(lake)] == [["drama", "war"], ["comedy"], None, None]
    assert [row["feedback_at"] for row in rows(lake)][:2] == [later, later]
    assert prediction_segments.segments(folder) == []


def test_feedback_waits_for_a_prediction_that_is_not_compacted_yet(lake: Lake, folder: Path) -> None:
    write(folder, [MADE[0]])
    write(folder, told=[feedback(MADE[0], NOON + dt.timedelta(days=2), ["war"])])
    compact(lake, folder, ["2026-03-16"], NOON + dt.timedelta(days=4))
    assert pending_days(lake, folder) == [DAY]
    compact(lake, folder, [DAY], NOON + dt.timedelta(days=4))
    assert [row["feedback_genres"] for row in rows(lake)] == [["war"]]
    assert prediction_segments.segments(folder) == []


def test_feedback_for_no_prediction_is_dropped_once_its_day_is_over(lake: Lake, folder: Path) -> None:
    write(folder, told=[feedback(MADE[0], NOON, ["war"])])
    compact(lake, folder, [NEXT_DAY], MIDNIGHT)
    assert len(prediction_segments.segments(folder)) == 1
    compact(lake, folder, [NEXT_DAY], MIDNIGHT + HOUR)
    assert prediction_segments.segments(folder) == []


@pytest.mark.parametrize("moment", ["before the write", "before the removal", "between two removals"])
def test_a_kill_at_any_moment_leaves_each_row_once(lake: Lake, folder: Path, moment: str) -> None:
    write(folder, MADE[:2], [feedback(MADE[0], NOON, ["war"])])
    write(folder, MADE[1:])
    child = os.fork()
    if child == 0:
        _compact_and_die(lake, folder, moment)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = {"before the write": 3, "before the removal": 3, "between two removals": 2}
    assert len(prediction_segments.segments(folder)) == left[moment]
    assert lake.exists(TABLE, DAY) == (moment != "before the write")
    compact(lake, folder, pending_days(lake, folder), MIDNIGHT + HOUR)
    assert [(row["prediction_id"], row["feedback_genres"]) for row in rows(lake)] == [
        (name, ["war"] if name == IDS[0] else None) for name in IDS
    ]
    compact(lake, folder, [DAY], MIDNIGHT + HOUR)
    assert prediction_segments.segments(folder) == []


def _compact_and_die(lake: Lake, folder: Path, moment: str) -> None:
    removals = []

    def remove_or_die(content: prediction_segments.SegmentContent) -> bool:
        if len(removals) == (moment == "between two removals"):
            os.kill(os.getpid(), signal.SIGKILL)
        removals.append(content)
        return prediction_segments.remove_segment(content)

    class DyingLake(Lake):
        def write(self, *arguments: Any, **options: Any) -> Any:
            if moment == "before the write":
                os.kill(os.getpid(), signal.SIGKILL)
            return super().write(*arguments, **options)

    prediction_log.remove_segment = remove_or_die
    compact(DyingLake(lake.root), folder, [DAY], MIDNIGHT + HOUR)


def test_a_prediction_is_found_in_segments_that_are_written_and_in_the_table(lake: Lake, folder: Path) -> None:
    with SegmentedLog(folder) as log:
        log.append(predictions_of(DAY), [encode_record(MADE[0]), encode_record(MADE[1])])
        found = find_prediction(lake, folder, IDS[1])
        assert found is not None
        assert (found["prediction_id"], found["title_id"]) == (IDS[1], "tt0000001")
        assert find_prediction(lake, folder, IDS[2]) is None
    compact(lake, folder, [DAY], MIDNIGHT + HOUR)
    assert prediction_segments.segments(folder) == []
    assert find_prediction(lake, folder, IDS[1]) == found
    assert find_prediction(lake, folder, IDS[2]) is None
    assert find_prediction(lake, folder, "no id at all") is None


def test_a_record_that_names_an_id_elsewhere_is_not_that_prediction(lake: Lake, folder: Path) -> None:
    write(folder, [{**MADE[0], "request_id": IDS[1]}])
    assert find_prediction(lake, folder, IDS[1]) is None


def test_a_line_that_was_cut_short_is_no_prediction(lake: Lake, folder: Path) -> None:
    write(folder, MADE[:2])
    (segment,) = prediction_segments.segments(folder)
    segment.path.write_bytes(segment.path.read_bytes()[:-1])
    assert find_prediction(lake, folder, IDS[0]) is not None
    assert find_prediction(lake, folder, IDS[1]) is None


def test_predictions_of_titles_come_once_each_wherever_they_are(lake: Lake, folder: Path) -> None:
    write(folder, [*MADE, prediction(MIDNIGHT, 1)])
    compact(lake, folder, [DAY], NOON)
    late = prediction(NOON + HOUR, 1)
    write(folder, [late, {**prediction(NOON + HOUR, 3), "kind": None}])
    found = list(predictions_of_titles(lake, folder, {"tt0000001", "tt0000003"}, DAY))
    ids = [IDS[1], IDS[3], late["prediction_id"], prediction(MIDNIGHT, 1)["prediction_id"]]
    assert [row["prediction_id"] for row in found] == ids
    assert list(predictions_of_titles(lake, folder, {"tt0000001"}, NEXT_DAY)) == found[3:]
