"""A partition is written whole or not at all, the same rows give the same bytes, and unchanged work is skipped.

The suite is the same for a lake in a folder and for one in a bucket of a real S3 server.
"""

import hashlib
import multiprocessing
import os
import random
from collections import Counter
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trending_assets.storage.lake import Lake, MissingPartitionError, NotAFolderError, fingerprint, write_parquet
from trending_assets.storage.objects import InvalidUrlError
from trending_assets_tests.storage.killing import DAY, killed_at_every_line, update
from trending_assets_tests.storage.servers import S3Server

_DAY, _NEXT = DAY, "2025-06-03"
_CONTEXT = multiprocessing.get_context("forkserver")
_SCHEMA = pa.schema([("title_id", pa.string()), ("n", pa.int64()), ("tags", pa.list_(pa.string()))])
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "title_id": st.none() | st.text(max_size=5),
            "n": st.none() | st.integers(-(2**63), 2**63 - 1),
            "tags": st.none() | st.lists(st.text(max_size=3), max_size=3),
        }
    ),
    max_size=20,
)


def _table(*numbers: int) -> pa.Table:
    return pa.table({"n": pa.array(numbers, pa.int64())})


@pytest.fixture(params=["folder", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    if request.param == "folder":
        return tmp_path / "lake"
    server: S3Server = request.getfixturevalue("s3")
    return server.new_root()


@pytest.fixture
def lake(root: Path | str) -> Lake:
    return Lake(root)


@pytest.fixture
def folder(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


# The environment of the S3 server is the same for all examples.
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=_ROWS)
def test_the_same_rows_give_the_same_bytes_everywhere_and_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, s3: S3Server, rows: list[dict[str, object]]
) -> None:
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    one, two = (Lake(tmp_path_factory.mktemp("lake")) for _ in range(2))
    bucket = Lake(s3.new_root())
    first, second, third = (lake.write("titles", table, day=_DAY, computed_from="f") for lake in (one, two, bucket))
    assert first == second == third
    content = one.path("titles", _DAY).read_bytes()
    assert content == two.path("titles", _DAY).read_bytes()
    with s3.client().open_input_file(bucket.uri("titles", _DAY).removeprefix("s3://")) as file:
        assert content == file.read()
    assert (first.rows, first.skipped) == (len(rows), False)
    for lake in (one, bucket):
        back = lake.read("titles", _DAY)
        assert back.to_pylist() == rows
        assert back.schema.remove_metadata() == _SCHEMA


def test_pandas_metadata_does_not_change_bytes(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2]})
    write_parquet(pa.Table.from_pandas(frame), tmp_path / "frame.parquet")
    write_parquet(_table(1, 2), tmp_path / "table.parquet")
    assert (tmp_path / "frame.parquet").read_bytes() == (tmp_path / "table.parquet").read_bytes()


def test_writing_again_replaces_the_day_and_no_other(lake: Lake) -> None:
    for day, table in ((_DAY, _table(1)), (_NEXT, _table(2)), (_DAY, _table(3, 4))):
        lake.write("titles", table, day=day)
    assert lake.read("titles", _DAY)["n"].to_pylist() == [3, 4]
    assert lake.read("titles", _NEXT)["n"].to_pylist() == [2]


def test_a_table_without_days_is_one_file(lake: Lake) -> None:
    assert not lake.exists("training/set")
    lake.write("training/set", _table(1))
    assert lake.exists("training/set")
    assert lake.uri("training/set").endswith("/lake/training/set/part.parquet")
    assert lake.days("training/set") == []


class _Counting:
    """Rows that count how often they were computed."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> pa.Table:
        self.calls += 1
        return _table(self.calls)


@pytest.mark.parametrize(
    ("version", "inputs", "computed"),
    [
        ("1", {"a": "x", "b": "y"}, False),
        ("1", {"b": "y", "a": "x"}, False),
        ("2", {"a": "x", "b": "y"}, True),
        ("1", {"a": "x", "b": "z"}, True),
        ("1", {"a": "y", "b": "x"}, True),
        ("1", {"a": "x"}, True),
        ("1", {"a": "x", "b": "y", "c": ""}, True),
    ],
    ids=["same", "other order", "version", "input", "swapped", "one less", "one more"],
)
def test_work_is_skipped_only_where_version_and_inputs_are_the_same(
    lake: Lake, version: str, inputs: dict[str, str], computed: bool
) -> None:
    build = _Counting()
    first = lake.update("titles", build, version="1", inputs={"a": "x", "b": "y"}, day=_DAY)
    second = lake.update("titles", build, version=version, inputs=inputs, day=_DAY)
    assert build.calls == (2 if computed else 1)
    assert (first.skipped, second.skipped) == (False, not computed)
    assert (first.sha256 == second.sha256) is not computed
    assert second.rows == 1
    assert second.sha256 == lake.sha256("titles", _DAY)


def test_a_day_that_was_removed_is_computed_again(lake: Lake) -> None:
    build = _Counting()
    for _ in range(2):
        lake.update("titles", build, version="1", inputs={}, day=_DAY)
        lake.remove("titles", _DAY)
        assert lake.days("titles") == []
    assert build.calls == 2


def test_a_file_that_states_no_fingerprint_is_not_taken_for_unchanged(lake: Lake) -> None:
    lake.write("titles", _table(9), day=_DAY)
    assert lake.fingerprint("titles", _DAY) is None
    assert not lake.update("titles", _Counting(), version="1", inputs={}, day=_DAY).skipped


def test_a_build_that_fails_leaves_the_day_as_it_was(lake: Lake) -> None:
    def fail() -> pa.Table:
        raise ZeroDivisionError

    before = lake.update("titles", lambda: _table(1), version="1", inputs={}, day=_DAY)
    with pytest.raises(ZeroDivisionError):
        lake.update("titles", fail, version="2", inputs={}, day=_DAY)
    assert lake.sha256("titles", _DAY) == before.sha256


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=5), st.text(max_size=5))
def test_a_fingerprint_tells_version_from_inputs(inputs: dict[str, str], version: str) -> None:
    assert fingerprint(version, dict(reversed(inputs.items()))) == fingerprint(version, inputs)
    assert fingerprint(version + "'", inputs) != fingerprint(version, inputs)
    assert fingerprint(version, inputs | {"more": version}) != fingerprint(version, inputs) or "more" in inputs


def test_what_lies_in_staging_is_no_table_and_no_day(folder: Lake) -> None:
    lake = folder
    lake.write("titles", _table(1), day=_DAY)
    stray = lake.staging / "titles" / f"day={_NEXT}"
    stray.mkdir(parents=True)
    (stray / "part.parquet").write_bytes(b"half a file")
    (lake.staging / "abc.parquet").write_bytes(b"half a file")
    assert lake.days("titles") == [_DAY]
    assert [str(path) for path in Path("/").glob(lake.glob("titles").lstrip("/"))] == [str(lake.path("titles", _DAY))]


def test_a_folder_of_a_day_without_a_file_has_not_landed(folder: Lake) -> None:
    (folder.root / "titles" / f"day={_DAY}").mkdir(parents=True)
    assert folder.days("titles") == []
    assert not folder.exists("titles", _DAY)


def test_a_folder_has_paths_and_globs(folder: Lake) -> None:
    assert folder.path("training/set") == folder.root / "training" / "set" / "part.parquet"
    assert folder.uri("titles", _DAY) == str(folder.path("titles", _DAY))
    assert folder.glob("titles") == str(folder.root / "titles" / "day=*" / "part.parquet")


@pytest.mark.parametrize(
    "ask",
    [lambda lake: lake.root, lambda lake: lake.staging, lambda lake: lake.path("t"), lambda lake: lake.glob("t")],
    ids=["root", "staging", "path", "glob"],
)
def test_a_bucket_has_no_local_paths_and_says_so_without_being_asked_for(ask: Callable[[Lake], object]) -> None:
    with pytest.raises(NotAFolderError, match=r"s3://bucket/lake/ is no folder.*Lake\.uri"):
        ask(Lake("s3://bucket/lake"))


def test_a_lake_is_not_at_any_string() -> None:
    with pytest.raises(InvalidUrlError, match="s3://bucket/prefix"):
        Lake("some/folder")


def test_days_come_in_order_and_belong_to_one_table(lake: Lake) -> None:
    for table, day in (("titles", _NEXT), ("titles", _DAY), ("titles/more", "2025-06-09"), ("other", "2025-06-08")):
        lake.write(table, _table(1), day=day)
    assert lake.days("titles") == [_DAY, _NEXT]
    assert lake.days("missing") == []


def test_the_tables_of_a_group_are_those_with_a_day(lake: Lake) -> None:
    for table, day in (
        ("raw/tvmaze", _NEXT),
        ("raw/sample", _DAY),
        ("raw/sample", _NEXT),
        ("raw", _DAY),
        ("a/b", _DAY),
    ):
        lake.write(table, _table(1), day=day)
    lake.write("raw/other", _table(1))
    assert lake.tables("raw") == ["raw/sample", "raw/tvmaze"]
    assert lake.tables("cleaned") == []
    lake.remove("raw/tvmaze", _NEXT)
    assert lake.tables("raw") == ["raw/sample"]


@pytest.mark.parametrize(
    ("read", "named"),
    [
        (lambda lake: lake.read("titles", _NEXT), "titles of 2025-06-03 has not landed"),
        (lambda lake: lake.sha256("titles", _NEXT), "titles of 2025-06-03 has not landed"),
        (lambda lake: lake.remove("titles", _NEXT), "titles of 2025-06-03 has not landed"),
        (lambda lake: lake.read("training/set"), "training/set has not landed"),
        (lambda lake: lake.read_days("titles", [_DAY, _NEXT]), "titles of 2025-06-03 has not landed"),
        (lambda lake: lake.read_days("titles", []), "titles: no day has landed"),
        (lambda lake: lake.input_hashes("titles", [_DAY, _NEXT]), "titles of 2025-06-03 has not landed"),
    ],
    ids=["read", "sha256", "remove", "no day", "read_days", "no days", "input_hashes"],
)
def test_what_has_not_landed_is_named_by_table_and_day(lake: Lake, read: Callable[[Lake], object], named: str) -> None:
    lake.write("titles", _table(1), day=_DAY)
    with pytest.raises(MissingPartitionError, match=named):
        read(lake)


def test_several_days_are_read_in_the_order_asked_for_and_only_the_columns_asked_for(lake: Lake) -> None:
    for day, number in ((_DAY, 1), (_NEXT, 2)):
        lake.write("titles", _table(number).append_column("m", pa.array(["x"])), day=day)
    back = lake.read_days("titles", [_NEXT, _DAY], columns=["n"])
    assert back.to_pylist() == [{"n": 2}, {"n": 1}]


def test_a_file_of_another_engine_is_adopted_whole(lake: Lake, tmp_path: Path) -> None:
    staged = tmp_path / "made.parquet"
    pq.write_table(_table(1, 2, 3), staged)
    write = lake.adopt("titles", staged, day=_DAY)
    assert (write.rows, write.sha256) == (3, lake.sha256("titles", _DAY))
    assert not staged.exists()


def test_an_update_killed_at_any_line_leaves_the_old_day_or_the_new_and_can_be_run_again(tmp_path: Path) -> None:
    folders = killed_at_every_line("update", tmp_path)
    lakes = [Lake(folder / "data") for folder in folders]
    left = [lake.read("titles", _DAY)["n"].to_pylist() for lake in lakes]
    assert left == sorted(left)
    assert (left[0], left[-1]) == ([1], [2, 2])
    assert [rows for rows in left if rows not in ([1], [2, 2])] == []
    assert {tuple(lake.days("titles")) for lake in lakes} == {(_DAY,)}
    for folder in folders:
        update(folder)
    assert {lake.sha256("titles", _DAY) for lake in lakes} == {lakes[-1].sha256("titles", _DAY)}
    assert lakes[0].read("titles", _DAY)["n"].to_pylist() == [2, 2]


def _write_again_and_again(
    root: Path | str, environment: dict[str, str], day: str, number: int, together: Barrier, done: Event
) -> None:
    os.environ.update(environment)
    together.wait()
    for _ in range(30 if isinstance(root, Path) else 10):
        Lake(root).write("titles", _table(*[number] * 1000), day=day)
    done.set()


def _aws() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


@pytest.mark.parametrize("days", [(_DAY, _NEXT), (_DAY, _DAY)], ids=["different days", "the same day"])
def test_two_processes_write_at_the_same_time_and_a_reader_sees_whole_days_alone(
    root: Path | str, days: tuple[str, str]
) -> None:
    lake = Lake(root)
    together = _CONTEXT.Barrier(3)
    ends = [_CONTEXT.Event() for _ in days]
    writers = [
        _CONTEXT.Process(target=_write_again_and_again, args=(root, _aws(), day, number, together, done))
        for number, (day, done) in enumerate(zip(days, ends, strict=True))
    ]
    for writer in writers:
        writer.start()
    together.wait()
    seen: dict[str, set[tuple[int, int]]] = {day: set() for day in days}
    while True:
        over = all(done.is_set() for done in ends)
        for day in lake.days("titles"):
            numbers = lake.read("titles", day)["n"].to_pylist()
            seen[day].add((len(numbers), numbers[0]))
            assert len(set(numbers)) == 1
        if over:
            break
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    for day in days:
        assert seen[day]
        assert seen[day] <= {(1000, number) for number, written in enumerate(days) if written == day}
    assert lake.days("titles") == sorted(set(days))
    if isinstance(root, Path):
        assert list(lake.staging.iterdir()) == []


# Much longer and much shorter ones by turns, that cannot be compressed.
_SIZES = [10, 4_000_000, 1_000, 300_000]


def _version(number: int) -> pa.Table:
    content = random.Random(number).randbytes(_SIZES[number % len(_SIZES)])
    return pa.table({"content": [content], "sha256": [hashlib.sha256(content).hexdigest()]})


def _read_again_and_again(
    root: Path | str, environment: dict[str, str], together: Barrier, over: Event, answers: "Queue[Counter[str]]"
) -> None:
    os.environ.update(environment)
    lake = Lake(root)
    seen: Counter[str] = Counter()
    together.wait()
    while not over.is_set():
        (row,) = lake.read("titles", _DAY).to_pylist()
        seen["whole" if hashlib.sha256(row["content"]).hexdigest() == row["sha256"] else "torn"] += 1
        seen["listed" if lake.days("titles") == [_DAY] else "lost"] += 1
    answers.put(seen)


def test_readers_of_a_day_that_is_replaced_many_times_see_whole_versions_alone(root: Path | str) -> None:
    lake = Lake(root)
    lake.write("titles", _version(0), day=_DAY)
    together, over, answers = _CONTEXT.Barrier(3), _CONTEXT.Event(), _CONTEXT.Queue()
    readers = [
        _CONTEXT.Process(target=_read_again_and_again, args=(root, _aws(), together, over, answers)) for _ in range(2)
    ]
    for reader in readers:
        reader.start()
    together.wait()
    for number in range(1, 17):
        lake.write("titles", _version(number), day=_DAY)
    over.set()
    seen = [answers.get(timeout=60) for _ in readers]
    for reader in readers:
        reader.join()
    assert [set(counts) for counts in seen] == [{"whole", "listed"}] * 2
    assert min(counts["whole"] for counts in seen) >= 5
