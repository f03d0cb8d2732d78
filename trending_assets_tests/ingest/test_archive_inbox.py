"""The inbox gives any day of what was ingested, however often and in whatever pieces it was ingested."""

import os
import signal
import sys
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.ingest.archive_files import ArchiveError
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.archive_mappings import read_mapping, shipped
from trending_assets.ingest.archive_parser import parse
from trending_assets.ingest.archive_reader import read_archive
from trending_assets.ingest.documents import Document
from trending_assets_tests.ingest.archive_samples import DAY, LINKS, MAPPING, MINIATURES, file, film, written

MINE = read_mapping(MAPPING, "mine.toml")
_LATER = DAY + timedelta(days=30)


def _films(folder: Path, *days: str, name: str = "films.csv") -> Path:
    rows = [film(id=f"f{number}", added=day) for number, day in enumerate(days)]
    return file(folder, name, written(rows, "csv"))


def _all(inbox: ArchiveInbox) -> dict[str, list[Document]]:
    return {day: inbox.documents(day) for day in inbox.days()}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_day_gives_its_rows_in_the_order_of_the_file(tmp_path: Path) -> None:
    inbox = ArchiveInbox(tmp_path / "inbox")
    assert inbox.days() == {}
    taken = inbox.add(_films(tmp_path, "2020-01-02", "", "2020-01-01", "2020-01-02"), MINE, DAY)
    assert taken.days == inbox.days() == {"2020-01-01": 1, "2020-01-02": 2, "2024-05-06": 1}
    assert (taken.file_name, taken.mapping, taken.kind, taken.added, taken.rows) == (
        *("films.csv", "mine", "titles", True, 4),
    )
    assert [document.source_id for document in inbox.documents("2020-01-02")] == ["f0", "f3"]
    assert inbox.documents("2020-01-03") == []
    assert [parse(document).titles[0]["title"] for document in inbox.documents("2024-05-06")] == ["One"]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=120), st.integers(1, 40))
def test_whatever_is_sorted_at_a_time_the_days_hold_what_was_read(days: list[int], rows: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = _films(folder, *((date(2020, 1, 1) + timedelta(days=day)).isoformat() for day in days))
        expected = defaultdict(list)
        for document in read_archive(path, MINE, ingest_day=DAY):
            expected[document.fetched_at.date().isoformat()].append(document)
        inbox = ArchiveInbox(folder / "inbox", rows_in_memory=rows)
        taken = inbox.add(path, MINE, DAY)
        assert _all(inbox) == expected
        assert list(taken.days) == sorted(expected)
        assert [path.name for path in (folder / "inbox" / ".staging").iterdir()] == []


def test_a_day_may_begin_and_end_anywhere_in_a_large_file(tmp_path: Path) -> None:
    # More rows than any row group holds, of days that end within one, on its edge, and span several.
    sizes = {"2020-01-01": 999, "2020-01-02": 1, "2020-01-03": 2_500, "2020-01-04": 1, "2020-01-05": 1_499}
    inbox = ArchiveInbox(tmp_path / "inbox")
    inbox.add(_films(tmp_path, *(day for day, rows in sizes.items() for _ in range(rows))), MINE, DAY)
    start = 0
    for day, rows in sizes.items():
        assert [d.source_id for d in inbox.documents(day)] == [f"f{number}" for number in range(start, start + rows)]
        start += rows


def test_the_same_file_again_changes_nothing(tmp_path: Path) -> None:
    inbox = ArchiveInbox(tmp_path / "inbox")
    first = inbox.add(_films(tmp_path, "2020-01-01", ""), MINE, DAY)
    before = _files(tmp_path / "inbox")
    again = inbox.add(_films(tmp_path, "2020-01-01", "", name="renamed.csv"), MINE, _LATER)
    assert not again.added
    assert again.days == first.days
    assert _files(tmp_path / "inbox") == before


def test_ingested_anew_elsewhere_it_is_byte_for_byte_the_same(tmp_path: Path) -> None:
    for name in ("one", "two"):
        ArchiveInbox(tmp_path / name).add(_films(tmp_path, "2020-01-01", "", "2019-01-01"), MINE, DAY)
    assert _files(tmp_path / "one") == _files(tmp_path / "two")


def test_a_changed_mapping_reads_the_file_anew_and_replaces_what_it_gave(tmp_path: Path) -> None:
    inbox, path = ArchiveInbox(tmp_path / "inbox"), _films(tmp_path, "2020-01-01", "2020-01-02")
    inbox.add(path, MINE, DAY)
    version = inbox.version("2020-01-01")
    undated = read_mapping(MAPPING.replace('[arrival]\ncolumn = "added"', '[arrival]\ncolumn = "about"'), "mine.toml")
    taken = inbox.add(path, undated, _LATER)
    assert taken.added
    assert taken.days == {"2020-01-01": 0, "2020-01-02": 0, _LATER.isoformat(): 2}
    assert inbox.days() == {_LATER.isoformat(): 2}
    assert inbox.version("2020-01-01") != version


def test_a_version_follows_what_the_day_holds_and_no_other_day(tmp_path: Path) -> None:
    inbox = ArchiveInbox(tmp_path / "inbox")
    empty = inbox.version("2020-01-01")
    inbox.add(_films(tmp_path, "2020-01-01"), MINE, DAY)
    one = inbox.version("2020-01-01")
    inbox.add(_films(tmp_path, "2020-01-02", name="other.csv"), MINE, DAY)
    assert inbox.version("2020-01-01") == one != empty
    inbox.add(_films(tmp_path, "2020-01-01", "2020-01-01", name="third.csv"), MINE, DAY)
    assert inbox.version("2020-01-01") != one
    assert ArchiveInbox(tmp_path / "inbox").version("2020-01-01") == inbox.version("2020-01-01")


def test_one_file_may_be_taken_by_kind(tmp_path: Path) -> None:
    inbox, path = ArchiveInbox(tmp_path / "inbox"), file(tmp_path, *MINIATURES["justwatch"])
    assert inbox.add(path, shipped()["justwatch"], DAY).kind == "titles"
    assert inbox.add(path, shipped()["justwatch"], DAY, "signals").added
    assert [d.document_type for d in inbox.documents(DAY.isoformat())] == ["signals", "signals", "titles", "titles"]


def test_films_are_read_anew_when_their_links_come(tmp_path: Path) -> None:
    inbox, path = ArchiveInbox(tmp_path / "inbox"), file(tmp_path, *MINIATURES["movielens"])
    inbox.add(path, shipped()["movielens"], DAY)
    file(tmp_path, *LINKS)
    assert inbox.add(path, shipped()["movielens"], DAY).added
    documents = inbox.documents(DAY.isoformat())
    assert [parse(document).titles[0]["imdb_id"] for document in documents] == ["tt0000013", "tt0000014"]


def test_a_file_that_cannot_be_read_to_its_end_leaves_the_inbox_as_it_was(tmp_path: Path) -> None:
    inbox = ArchiveInbox(tmp_path / "inbox")
    inbox.add(_films(tmp_path, "2020-01-01"), MINE, DAY)
    before = _files(tmp_path / "inbox")
    cut = written([film(id=f"f{n}", name=f"{n}" * 9) for n in range(5_000)], "csv.gz")[:-20]
    with pytest.raises(ArchiveError, match=r"cut\.csv\.gz is a damaged gzip file"):
        inbox.add(file(tmp_path, "cut.csv.gz", cut), MINE, DAY)
    assert _files(tmp_path / "inbox") == before


def test_what_is_erased_is_gone_from_every_byte_and_stays_away(tmp_path: Path) -> None:
    inbox, path = ArchiveInbox(tmp_path / "inbox"), file(tmp_path, *MINIATURES["rt_reviews"])
    inbox.add(path, shipped()["rt_reviews"], DAY)
    inbox.add(_films(tmp_path, "2017-11-16"), MINE, DAY)
    version = inbox.version("2017-11-16")
    assert inbox.erase(lambda document: b"Ann Example" in document.payload) == {"2017-11-16": 1}
    assert [document.source for document in inbox.documents("2017-11-16")] == ["my_films"]
    assert inbox.days() == {"2017-11-16": 1, DAY.isoformat(): 1}
    assert inbox.version("2017-11-16") != version
    assert not inbox.add(path, shipped()["rt_reviews"], _LATER).added
    assert inbox.erase(lambda document: b"Ann Example" in document.payload) == {}


_CODE = ("trending_assets.ingest.archive_inbox", "trending_assets.storage.atomic")


def _killed_at(line: int, work: Any) -> bool:
    """Whether the work, done in a child that is killed before a line of the inbox's code, was killed."""
    child = os.fork()
    if child == 0:
        passed = 0

        def trace(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal passed
            if frame.f_globals.get("__name__") not in _CODE:
                return None
            if event == "line":
                passed += 1
                if passed == line:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        work()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_killed_at_any_point_it_holds_the_old_or_the_new(tmp_path: Path) -> None:
    path = _films(tmp_path, "2020-01-01", "2020-01-02")
    changed = read_mapping(MAPPING.replace('plot = "about"', 'plot = "name"'), "mine.toml")
    states = []
    for mappings in ([], [MINE], [MINE, changed]):
        inbox = ArchiveInbox(tmp_path / f"clean{len(mappings)}")
        for mapping in mappings:
            inbox.add(path, mapping, DAY)
        states.append(_all(inbox))
    for before, mapping in ((0, MINE), (1, changed)):
        killed, seen = 0, set()
        while True:
            folder = tmp_path / f"killed{before}-{killed}"
            inbox = ArchiveInbox(folder)
            if before:
                inbox.add(path, MINE, DAY)
            # A prime step visits other lines in each of the two rounds.
            if not _killed_at(1 + killed * 5 + before * 3, lambda: inbox.add(path, mapping, DAY)):  # noqa: B023
                break
            found = _all(inbox)
            assert found in (states[before], states[before + 1])
            seen.add(found == states[before + 1])
            inbox.add(path, mapping, DAY)
            assert _all(inbox) == states[before + 1]
            killed += 1
        assert killed > 20
        assert seen == {False, True}
