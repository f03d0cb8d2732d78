"""A file of the lake is traced to the run that wrote it, and to no other where that is not sure."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pytest

from trending_assets.storage.lake import Lake, write_parquet
from trending_assets.storage.partition_origins import PartitionOrigins
from trending_assets.storage.write_journal import WriteJournal

DAY = "2025-06-02"
FIRST, SECOND = (pa.table({"n": pa.array([number], pa.int64())}) for number in (1, 2))


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Written:
    """A lake and its journal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origins = PartitionOrigins(Lake(folder / "lake"), WriteJournal(folder / "writes"))

    def by(self, run: str | None) -> Lake:
        """The lake as a run sees it."""
        return Lake(self.folder / "lake", WriteJournal(self.folder / "writes", run))


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


@pytest.mark.parametrize("day", [DAY, None])
def test_each_file_names_the_run_that_wrote_it(written: Written, day: str | None) -> None:
    write = written.by("run-1").write("titles", FIRST, day=day)
    found = written.origins.at("titles", day, now())
    assert (found.run_id, found.sha256, found.current, found.unknown) == ("run-1", write.sha256, True, None)
    assert found.written_at is not None
    assert str(found.day) == str(day)


def test_a_file_of_another_engine_names_its_run_too(written: Written) -> None:
    lake = written.by("run-1")
    lake.staging.mkdir(parents=True)
    write_parquet(FIRST, lake.staging / "part")
    lake.adopt("titles", lake.staging / "part", day=DAY)
    assert written.origins.at("titles", DAY, now()).run_id == "run-1"


def test_a_run_that_had_nothing_to_do_wrote_nothing(written: Written) -> None:
    for run in ("run-1", "run-2"):
        written.by(run).update("titles", lambda: FIRST, version="1", inputs={}, day=DAY)
    assert written.origins.at("titles", DAY, now()).run_id == "run-1"


def test_what_was_there_at_a_moment_is_told_after_it_was_written_again(written: Written) -> None:
    before = written.by("run-1").write("titles", FIRST, day=DAY)
    moment = now()
    written.by("run-2").write("titles", SECOND, day=DAY)
    found = written.origins.at("titles", DAY, moment)
    assert (found.run_id, found.sha256, found.current) == ("run-1", before.sha256, False)
    found = written.origins.at("titles", DAY, now())
    assert (found.run_id, found.current) == ("run-2", True)


def test_a_run_that_was_killed_before_its_file_was_there_did_not_write_what_is_there(written: Written) -> None:
    before = written.by("run-1").write("titles", FIRST, day=DAY)
    WriteJournal(written.folder / "writes", "run-2").note("titles", DAY, "f" * 64)
    found = written.origins.at("titles", DAY, now())
    assert (found.run_id, found.sha256, found.current) == ("run-1", before.sha256, True)


def test_a_write_that_no_run_noted_is_unknown(written: Written) -> None:
    written.by("run-1").write("titles", FIRST, day=DAY)
    other = written.by(None).write("titles", SECOND, day=DAY)
    found = written.origins.at("titles", DAY, now())
    assert (found.run_id, found.written_at, found.sha256, found.current) == (None, None, other.sha256, None)
    assert found.unknown == "Which run wrote it was not noted."


def test_what_was_there_before_the_first_note_is_unknown(written: Written) -> None:
    moment = now()
    written.by("run-1").write("titles", FIRST, day=DAY)
    found = written.origins.at("titles", DAY, moment)
    assert (found.run_id, found.sha256, found.current) == (None, None, None)
    assert found.unknown == "It has been written again since, and what was there before was not noted."


def test_a_file_that_is_gone_or_unreadable_says_so(written: Written) -> None:
    assert written.origins.at("titles", DAY, now()).unknown == "Its file cannot be read: it is not there any more."
    lake = written.by("run-1")
    lake.write("titles", FIRST, day=DAY)
    lake.remove("titles", DAY)
    found = written.origins.at("titles", DAY, now())
    assert (found.run_id, found.current) == ("run-1", None)
    assert found.unknown == "Its file cannot be read: it is not there any more."


def test_a_line_that_was_cut_short_costs_no_other(written: Written) -> None:
    lake = written.by("run-1")
    lake.write("titles", FIRST, day=DAY)
    path = written.folder / "writes" / "titles" / f"day={DAY}.jsonl"
    path.write_text(path.read_text() + '{"run_id": "ru\n[1]\n{"run_id": 1}\n')
    assert written.origins.at("titles", DAY, now()).run_id == "run-1"


def test_a_training_set_is_found_by_its_hash(written: Written) -> None:
    first = written.by("run-1").write("genre_training_set", FIRST)
    second = written.by("run-2").write("genre_training_set", SECOND)
    found = [written.origins.with_hash("genre_training_set", each.sha256) for each in (first, second)]
    assert [(each.run_id, each.current) for each in found] == [("run-1", False), ("run-2", True)]
    unknown = written.origins.with_hash("genre_training_set", "0" * 64)
    assert (unknown.run_id, unknown.current, unknown.unknown) == (None, False, "Which run wrote it was not noted.")
