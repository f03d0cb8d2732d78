"""The contract of an online store: stock Feast reads what is written, and a row never goes back in time."""

import datetime as dt
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.storage.feature_store import FeastUrls
from trending_assets.storage.online_codec import entity_keys
from trending_assets.storage.online_rows import newest_rows
from trending_assets.storage.online_sqlite import ViewNotAppliedError
from trending_assets.storage.online_store import (
    OnlineStoreUnavailableError,
    OnlineWriter,
    UnknownOnlineStoreError,
    Written,
    open_writer,
    write_days,
)
from trending_assets_tests.storage.databases import Server, valkey_server
from trending_assets_tests.storage.online_world import (
    EVERY_TYPE,
    SIMPLE,
    TYPES,
    OnlineWorld,
    Row,
    batch_of,
    column_of,
    simple_table,
)

KINDS = ["sqlite", "valkey"]
_SECOND = 1_000_000
_NOON = 1_748_865_600 * _SECOND  # 2025-06-02 12:00 UTC
_NEW_TITLE = count()


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    with valkey_server() as server:
        yield server


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> OnlineWorld:
    """One online store for tests that each use titles of their own."""
    urls = FeastUrls()
    if request.param == "valkey":
        urls = FeastUrls(online_store=request.getfixturevalue("valkey").url.replace("/0", "/1"))
    return OnlineWorld(tmp_path_factory.mktemp("home"), urls).applied()


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> OnlineWorld:
    """An online store of its own."""
    urls = FeastUrls()
    if request.param == "valkey":
        import redis

        urls = FeastUrls(online_store=request.getfixturevalue("valkey").url.replace("/0", "/2"))
        with redis.Redis.from_url(urls.online_store) as client:
            client.flushdb()
    return OnlineWorld(tmp_path, urls).applied()


def _title() -> str:
    return f"tt{next(_NEW_TITLE)}é"


def _every_type(day: str) -> pa.Table:
    """Rows with ordinary values, with the emptiest, and with nulls."""
    noon = dt.datetime.fromisoformat(f"{day}T12:00:00.123456+00:00")
    values = {
        "string": ["A film", "", None],
        "int32": [-7, 0, 2**31 - 1],
        "int64": [2**40, 0, None],
        "float32": [0.1, 0.0, None],
        "float64": [0.1, float("inf"), None],
        "bool": [True, False, None],
        "bytes": [b"\x00\xff", b"", None],
        "unixtimestamp": [noon, noon, noon],
        "array_string": [["US", "é"], [], None],
        "array_float32": [np.linspace(-1, 1, 384).tolist(), [], None],
        "array_float64": [[0.1, -0.0], [], None],
        "array_int64": [[1, -1], [], None],
        "array_bool": [[True, False], [], None],
    }
    features = {column_of(each): pa.array(values[column_of(each)], kind) for each, kind in EVERY_TYPE.items()}
    times = [noon, noon + dt.timedelta(microseconds=1), noon + dt.timedelta(hours=1)]
    return pa.table(
        {
            "title_id": pa.array([f"tt{i}" for i in range(3)]),
            "event_timestamp": pa.array(times, TIMESTAMP),
            "created": pa.array([*times[:2], times[0]], TIMESTAMP),
            **features,
        }
    )


def test_what_is_stored_is_what_stock_feast_stores(empty: OnlineWorld, tmp_path: Path) -> None:
    table = _every_type("2025-06-02")
    empty.lake.write(TYPES, table, day="2025-06-02")
    assert empty.materialised(TYPES, ["2025-06-02"]) == Written(3, 3)
    ours = empty.stored(TYPES)

    other = FeastUrls(online_store=empty.urls.online_store.replace("/2", "/3"))
    stock = OnlineWorld(tmp_path / "stock", other).applied()
    stock.lake.write(TYPES, table, day="2025-06-02")
    stock.store.materialize(dt.datetime(2025, 6, 2, tzinfo=dt.UTC), dt.datetime(2025, 6, 3, tzinfo=dt.UTC), [TYPES])
    assert ours == stock.stored(TYPES)
    assert len(ours) == 3


def test_stock_feast_reads_every_type(empty: OnlineWorld) -> None:
    table = _every_type("2025-06-02")
    empty.lake.write(TYPES, table, day="2025-06-02")
    empty.materialised(TYPES, ["2025-06-02"])
    names = [column_of(each) for each in EVERY_TYPE]
    entities = [{"title_id": title} for title in (*table["title_id"].to_pylist(), "unknown")]
    answer = empty.store.get_online_features([f"{TYPES}:{name}" for name in names], entities).to_dict()
    for name in names:
        expected = table[name].to_pylist()
        if name == "unixtimestamp":
            expected = [time.replace(microsecond=0) for time in expected]
        if name == "float32":
            expected = [None if value is None else float(np.float32(value)) for value in expected]
        assert answer[name] == [*expected, None], name


_ROWS = st.lists(
    st.tuples(
        # Within a second, at the same moment, seconds apart, and before 1970.
        st.sampled_from([_NOON, _NOON + 1, _NOON + 999_999, _NOON + _SECOND, _NOON + 5 * _SECOND, -_SECOND - 1]),
        st.none() | st.sampled_from([_NOON, _NOON + 1, _NOON + _SECOND]),
    ),
    min_size=1,
    max_size=7,
)


@settings(max_examples=60, deadline=None)
@given(times=_ROWS)
def test_the_newest_stays_in_any_order_and_of_two_alike_the_later(
    world: OnlineWorld, times: list[tuple[int, int | None]]
) -> None:
    title = _title()
    best: tuple[tuple[int, float], str] | None = None
    for i, (event, created) in enumerate(times):
        text = "x" * (i + 1)
        stamp = (event, float("-inf") if created is None else created)
        newer = best is None or stamp >= best[0]
        assert world.write(Row(title, text, event, created)) == newer
        if newer:
            best = stamp, text
        assert best is not None
        assert world.read(title) == [(best[1], len(best[1]))]


def test_an_older_row_in_a_batch_keeps_no_other_out(world: OnlineWorld) -> None:
    one, two = _title(), _title()
    assert world.write(Row(one, "new", _NOON + 1, _NOON)) == 1
    assert world.write(Row(one, "older", _NOON, _NOON), Row(two, "first", _NOON, None)) == 1
    assert world.read(one, two) == [("new", 3), ("first", 5)]


@pytest.mark.parametrize("later", [_SECOND, -_SECOND])
def test_what_stock_feast_wrote_counts(world: OnlineWorld, later: int) -> None:
    ours_first, stock_first = _title(), _title()
    world.write(Row(ours_first, "ours", _NOON, _NOON))
    world.write_stock(Row(stock_first, "stock", _NOON, _NOON))
    if later > 0:
        world.write_stock(Row(ours_first, "newer", _NOON + later, _NOON + later))
    assert world.write(Row(stock_first, "newer", _NOON + later, _NOON + later)) == (later > 0)
    # Of a row that stock Feast put in the place of ours, nothing of ours counts any more.
    assert world.write(Row(ours_first, "between", _NOON + later // 2, _NOON + 9 * _SECOND)) == 0
    expected = ["newer", "newer"] if later > 0 else ["ours", "stock"]
    assert [text for text, _ in world.read(ours_first, stock_first)] == expected


def test_rows_that_stock_feast_wrote_with_the_same_times_are_overwritten(world: OnlineWorld) -> None:
    title = _title()
    world.write_stock(Row(title, "stock", _NOON, _NOON))
    assert world.write(Row(title, "computed anew", _NOON, _NOON)) == 1
    assert world.read(title) == [("computed anew", 13)]


def test_two_writers_at_once_leave_the_newest_of_every_title(world: OnlineWorld) -> None:
    titles = [_title() for _ in range(40)]
    start = threading.Barrier(4)

    def write(writer: int) -> None:
        start.wait()
        with open_writer(world.store.config) as store:
            for turn in range(8):
                event = _NOON + 8 * (turn if writer % 2 else 7 - turn) + writer
                store.write(batch_of([Row(title, f"{event - _NOON:02}" * writer, event, event) for title in titles]))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # The last second of the fourth writer: 7 * 8 + 4.
    assert world.read(*titles) == [("60606060", 8)] * 40


def test_days_are_written_in_any_order_and_only_their_newest_rows(empty: OnlineWorld) -> None:
    days = {
        "2025-06-01": [Row("tt1", "first", _NOON, _NOON), Row("tt2", "only", _NOON, _NOON)],
        "2025-06-02": [Row("tt1", "second", _NOON + 1, _NOON), Row("tt3", "late", _NOON, _NOON + 1)],
        # A source that is asked about a past day answers later.
        "2025-05-30": [Row("tt1", "third", _NOON + 2, _NOON), Row("tt3", "early", _NOON, _NOON)],
    }
    for day, rows in days.items():
        empty.lake.write(SIMPLE, simple_table(rows), day=day)
    assert empty.materialised(SIMPLE, ["2025-05-30"]) == Written(2, 2)
    assert empty.materialised(SIMPLE, ["2025-06-02", "2025-06-01"]) == Written(3, 2)
    assert empty.read("tt1", "tt2", "tt3") == [("third", 5), ("only", 4), ("late", 4)]
    assert empty.materialised(SIMPLE, list(days)) == Written(3, 3)
    assert empty.read("tt1", "tt2", "tt3") == [("third", 5), ("only", 4), ("late", 4)]


def test_batches_hold_each_title_once_and_no_more_rows_than_asked_for(tmp_path: Path) -> None:
    world = OnlineWorld(tmp_path, FeastUrls()).applied()
    days = [f"2025-{1 + i // 28:02}-{1 + i % 28:02}" for i in range(150)]
    for i, day in enumerate(days):
        rows = [Row(f"tt{j}", f"{i}", _NOON + i // 2, _NOON) for j in range(i % 10, 20)]
        world.lake.write(SIMPLE, simple_table(rows), day=day)
    batches = list(newest_rows(world.lake, world.layout(SIMPLE), days, 7))
    assert max(map(len, batches)) == 7
    # Two windows of days, the newest first, each with the newest row of every title; of rows alike the later one.
    found = [(key, text) for batch in batches for key, text in zip(batch.keys, batch.texts("text"), strict=True)]
    for window, rows in ((range(50, 150), found[:20]), (range(50), found[20:])):
        newest = {f"tt{j}": str(max(i for i in window if i % 10 <= j)) for j in range(20)}
        assert dict(rows) == {
            key: newest[title] for title, key in zip(newest, entity_keys("title_id", newest), strict=True)
        }


class _FailsAfter:
    """A writer under which the store fails after some batches of two rows."""

    batch_rows = 2

    def __init__(self, writer: OnlineWriter, batches: int, fail: threading.Event) -> None:
        self._writer, self._left, self.fail = writer, batches, fail

    def write(self, rows):  # type: ignore[no-untyped-def]
        if not self._left:
            self.fail.set()
        self._left -= 1
        return self._writer.write(rows)


class _Kills(threading.Event):
    """Kills a server when it is set."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server

    def set(self) -> None:
        self._server.kill()


def test_a_server_that_dies_halfway_fails_the_run_and_the_next_one_completes_it(tmp_path: Path) -> None:
    rows = [Row(f"tt{i:02}", "a" * i, _NOON + i, _NOON) for i in range(20)]
    (tmp_path / "valkey").mkdir()
    with valkey_server(tmp_path / "valkey") as server:
        world = OnlineWorld(tmp_path, FeastUrls(online_store=server.url)).applied()
        world.lake.write(SIMPLE, simple_table(rows), day="2025-06-02")
        with open_writer(world.store.config) as writer:
            failing = _FailsAfter(writer, 4, _Kills(server))
            with pytest.raises(OnlineStoreUnavailableError, match="failed after 8 rows of simple__v1") as caught:
                write_days(failing, world.lake, world.layout(SIMPLE), ["2025-06-02"])
        assert server.password not in str(caught.value)
    with valkey_server(tmp_path / "valkey", server.port, server.password):
        titles = [row.title for row in rows]
        assert world.read(*titles) == [(row.text, len(row.text)) for row in rows[:8]] + [(None, None)] * 12
        assert world.materialised(SIMPLE, ["2025-06-02"]) == Written(20, 20)
        assert world.read(*titles) == [(row.text, len(row.text)) for row in rows]


def test_a_disk_that_is_full_halfway_fails_the_run_and_leaves_no_part_of_a_batch(tmp_path: Path) -> None:
    rows = [Row(f"tt{i:02}", "a" * 9000, _NOON + i, _NOON) for i in range(20)]
    world = OnlineWorld(tmp_path, FeastUrls()).applied()
    world.lake.write(SIMPLE, simple_table(rows), day="2025-06-02")

    class Full(threading.Event):
        def set(self) -> None:
            pages = writer._connection.execute("PRAGMA page_count").fetchone()[0]  # type: ignore[attr-defined]
            writer._connection.execute(f"PRAGMA max_page_count = {pages + 3}")  # type: ignore[attr-defined]

    with open_writer(world.store.config) as writer:
        failing = _FailsAfter(writer, 4, Full())
        with pytest.raises(OnlineStoreUnavailableError, match=r"failed after 8 rows .* full"):
            write_days(failing, world.lake, world.layout(SIMPLE), ["2025-06-02"])
    titles = [row.title for row in rows]
    assert world.read(*titles) == [(row.text, 9000) for row in rows[:8]] + [(None, None)] * 12
    assert world.materialised(SIMPLE, ["2025-06-02"]) == Written(20, 20)
    assert world.read(*titles) == [(row.text, 9000) for row in rows]


def test_a_view_that_was_not_applied_is_named(tmp_path: Path) -> None:
    world = OnlineWorld(tmp_path, FeastUrls())
    with open_writer(world.store.config) as writer, pytest.raises(ViewNotAppliedError, match=SIMPLE):
        writer.write(batch_of([Row("tt1", "a", _NOON, None)]))


def test_another_kind_of_store_is_refused() -> None:
    config = SimpleNamespace(project="p", online_store=SimpleNamespace(type="dynamodb"))
    with pytest.raises(UnknownOnlineStoreError, match="dynamodb"):
        open_writer(config)
