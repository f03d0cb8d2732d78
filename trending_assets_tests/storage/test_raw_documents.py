"""Raw documents come back exactly as they were written, wherever they are kept, until they are erased or expire.

The suite is the same for the lake in a folder, the lake in a bucket of a real S3 server, and MongoDB.
"""

import hashlib
import itertools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import mongomock
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.records import DOCUMENT
from trending_assets.storage.lake import Lake, MissingPartitionError
from trending_assets.storage.raw_documents import InvalidDocumentsError, LakeRawStore, RawStore, open_raw_store
from trending_assets.storage.raw_mongo import ConcurrentWriteError, DocumentTooLargeError, MongoRawStore
from trending_assets_tests.storage.servers import S3Server

_DAY, _NEXT, _LATER = "2025-06-02", "2025-06-03", "2025-07-01"
_MOMENT = datetime(2025, 6, 2, 1, 2, 3, 456789, tzinfo=UTC)


def _row(payload: bytes, source_id: str = "1", **other: object) -> dict[str, Any]:
    return {
        "source": "tvmaze",
        "document_type": "show",
        "source_id": source_id,
        "url": f"https://api.tvmaze.com/shows/{source_id}",
        "fetched_at": _MOMENT,
        "status": 200,
        "headers": '{"etag": "x"}',
        "payload": payload,
        "sha256": hashlib.sha256(payload).hexdigest(),
        **other,
    }


def _documents(*payloads: bytes, **other: object) -> pa.Table:
    rows = [_row(payload, str(number), **other) for number, payload in enumerate(payloads)]
    return pa.Table.from_pylist(rows, schema=DOCUMENT.schema)


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()


@pytest.fixture
def collection() -> Any:
    return mongomock.MongoClient()["trending"]["raw"]


@pytest.fixture(params=["folder", "s3", "mongo"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RawStore:
    if request.param == "mongo":
        return MongoRawStore(request.getfixturevalue("collection"))
    if request.param == "folder":
        return LakeRawStore(Lake(tmp_path / "lake"))
    server: S3Server = request.getfixturevalue("s3")
    return LakeRawStore(Lake(server.new_root()))


_ROWS = st.builds(
    _row,
    payload=st.binary(max_size=40),
    source_id=st.text(max_size=5),
    document_type=st.sampled_from(["show", "episode"]),
    fetched_at=st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    status=st.integers(-(2**15), 2**15 - 1),
    headers=st.text(max_size=5),
)


# Each example writes the same day anew, so the store need not be empty.
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROWS, max_size=8), erased=st.sets(st.integers(0, 7)))
def test_documents_come_back_as_they_were_and_without_those_that_were_erased(
    store: RawStore, rows: list[dict[str, Any]], erased: set[int]
) -> None:
    documents = pa.Table.from_pylist(rows, schema=DOCUMENT.schema)
    store.write("tvmaze", _DAY, _documents(b"before"))
    write = store.write("tvmaze", _DAY, documents)
    back = store.read("tvmaze", _DAY)
    assert back.schema == DOCUMENT.schema
    assert back.to_pylist() == rows
    assert (write.table, write.day, write.rows, write.skipped) == ("raw/tvmaze", _DAY, len(rows), False)
    assert write.sha256 == store.sha256("tvmaze", _DAY)

    chosen = {rows[number]["sha256"] for number in erased if number < len(rows)}
    kept = [row for row in rows if row["sha256"] not in chosen]
    assert store.erase("tvmaze", _DAY, chosen) == len(rows) - len(kept)
    assert store.read("tvmaze", _DAY).to_pylist() == kept
    assert (store.sha256("tvmaze", _DAY) == write.sha256) is (kept == rows)
    assert [store.find(sha256) for sha256 in chosen] == [[] for _ in chosen]
    assert {day for row in kept for day in store.find(row["sha256"])} <= {("tvmaze", _DAY)}


def test_where_documents_came_from_is_told_without_what_is_in_them(store: RawStore) -> None:
    store.write("tvmaze", _DAY, _documents(b"one", b"two", b"three"))
    found = store.origins("tvmaze", _DAY, [_sha256(b"three"), _sha256(b"one"), _sha256(b"four")])
    named = {"source": "tvmaze", "fetched_at": _MOMENT}
    assert found == [
        {**named, "source_id": place, "url": f"https://api.tvmaze.com/shows/{place}", "sha256": _sha256(payload)}
        for place, payload in (("0", b"one"), ("2", b"three"))
    ]
    with pytest.raises(MissingPartitionError):
        store.origins("tvmaze", _NEXT, [_sha256(b"one")])


def test_documents_of_many_pieces_come_back_in_their_order(store: RawStore) -> None:
    payloads = [str(number).encode() for number in range(501)]
    pieces = [_documents(), _documents(*payloads[:1]), _documents(), _documents(*payloads[1:])]
    store.write("tvmaze", _DAY, pa.concat_tables(pieces))
    assert store.read("tvmaze", _DAY)["payload"].to_pylist() == payloads


def test_the_same_documents_are_written_once_and_others_replace_them(store: RawStore) -> None:
    first = store.write("tvmaze", _DAY, _documents(b"a", b"b"))
    again = store.write("tvmaze", _DAY, _documents(b"a", b"b"))
    assert (again.skipped, again.sha256, again.rows) == (True, first.sha256, 2)
    swapped = store.write("tvmaze", _DAY, _documents(b"b", b"a"))
    assert not swapped.skipped
    assert swapped.sha256 != first.sha256
    assert store.read("tvmaze", _DAY)["payload"].to_pylist() == [b"b", b"a"]
    assert store.find(_sha256(b"a")) == [("tvmaze", _DAY)]


def test_a_day_says_what_it_was_taken_from_and_keeps_what_was_erased_erased(store: RawStore) -> None:
    assert store.origin("tvmaze", _DAY) is None
    store.write("tvmaze", _DAY, _documents(b"a", b"b"), "first")
    assert store.origin("tvmaze", _DAY) == "first"
    store.erase("tvmaze", _DAY, {_sha256(b"a")})
    assert store.origin("tvmaze", _DAY) == "first"
    again = store.write("tvmaze", _DAY, _documents(b"a", b"b"), "second")
    assert (again.rows, again.skipped) == (1, False)
    assert store.origin("tvmaze", _DAY) == "second"
    assert store.read("tvmaze", _DAY)["payload"].to_pylist() == [b"b"]
    assert store.write("tvmaze", _DAY, _documents(b"a", b"b"), "second").skipped
    store.expire("tvmaze", date.fromisoformat(_LATER))
    assert store.origin("tvmaze", _DAY) is None


def test_an_archive_lands_documents_of_several_catalogues(store: RawStore) -> None:
    documents = pa.concat_tables([_documents(b"a", source="justwatch"), _documents(b"b", source="movielens")])
    store.write("archive", _DAY, documents)
    store.write("justwatch", _DAY, _documents(b"a", source="justwatch"))
    assert store.read("archive", _DAY)["source"].to_pylist() == ["justwatch", "movielens"]
    assert store.erase("archive", _DAY, {_sha256(b"a")}) == 1
    assert store.find(_sha256(b"a")) == [("justwatch", _DAY)]
    assert store.expire("archive", date.fromisoformat(_LATER)) == [_DAY]
    assert store.read("justwatch", _DAY).num_rows == 1


@pytest.mark.parametrize(
    "other",
    [
        {"url": "u"},
        {"headers": "{}"},
        {"status": 404},
        {"document_type": "episode"},
        {"fetched_at": _MOMENT.replace(microsecond=0)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_documents_that_differ_in_anything_are_others(store: RawStore, other: dict[str, object]) -> None:
    first = store.write("tvmaze", _DAY, _documents(b"a"))
    assert store.write("tvmaze", _DAY, _documents(b"a", **other)).sha256 != first.sha256


def test_days_and_sources_are_apart_and_in_order(store: RawStore) -> None:
    for day in (_NEXT, _DAY):
        store.write("tvmaze", day, _documents(day.encode(), b"both"))
    store.write("sample", _DAY, _documents(b"both", source="sample"))
    store.write("empty", _DAY, _documents())
    assert store.sources() == ["empty", "sample", "tvmaze"]
    assert store.days("tvmaze") == [_DAY, _NEXT]
    assert store.days("none") == []
    assert store.find(_sha256(b"both")) == [("sample", _DAY), ("tvmaze", _DAY), ("tvmaze", _NEXT)]
    assert store.find(_sha256(_NEXT.encode())) == [("tvmaze", _NEXT)]
    assert store.find(_sha256(b"never")) == []
    assert store.erase("tvmaze", _DAY, {_sha256(b"both")}) == 1
    assert store.find(_sha256(b"both")) == [("sample", _DAY), ("tvmaze", _NEXT)]


def test_what_was_erased_stays_erased_when_the_same_documents_are_written_again(store: RawStore) -> None:
    store.write("tvmaze", _DAY, _documents(b"a", b"b", b"a"))
    assert store.erase("tvmaze", _DAY, {_sha256(b"a"), _sha256(b"never")}) == 2
    held = store.sha256("tvmaze", _DAY)
    again = store.write("tvmaze", _DAY, _documents(b"a", b"b", b"a"))
    assert (again.skipped, again.rows, again.sha256) == (True, 1, held)
    assert store.read("tvmaze", _DAY)["payload"].to_pylist() == [b"b"]
    assert store.erase("tvmaze", _DAY, {_sha256(b"a")}) == 0
    assert store.sha256("tvmaze", _DAY) == held


def test_a_day_whose_documents_are_all_erased_is_still_held(store: RawStore) -> None:
    store.write("tvmaze", _DAY, _documents(b"a"))
    assert store.erase("tvmaze", _DAY, [_sha256(b"a")]) == 1
    assert store.days("tvmaze") == [_DAY]
    assert store.read("tvmaze", _DAY).equals(_documents())


def test_days_before_a_day_expire_and_no_other(store: RawStore) -> None:
    for day in (_LATER, _DAY, _NEXT):
        store.write("tvmaze", day, _documents(b"a"))
    store.write("sample", _DAY, _documents(source="sample"))
    assert store.expire("tvmaze", date.fromisoformat(_DAY)) == []
    assert store.expire("tvmaze", date.fromisoformat(_LATER)) == [_DAY, _NEXT]
    assert store.days("tvmaze") == [_LATER]
    assert store.find(_sha256(b"a")) == [("tvmaze", _LATER)]
    assert store.sources() == ["sample", "tvmaze"]
    with pytest.raises(MissingPartitionError, match=f"raw/tvmaze of {_DAY} has not landed"):
        store.read("tvmaze", _DAY)
    assert store.expire("tvmaze", date.fromisoformat(_LATER)) == []
    assert store.expire("sample", date.fromisoformat(_NEXT)) == [_DAY]
    assert store.sources() == ["tvmaze"]
    assert not store.write("tvmaze", _DAY, _documents(b"a")).skipped
    assert store.days("tvmaze") == [_DAY, _LATER]


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.read("tvmaze", _NEXT),
        lambda store: store.sha256("tvmaze", _NEXT),
        lambda store: store.erase("tvmaze", _NEXT, [_sha256(b"a")]),
    ],
    ids=["read", "sha256", "erase"],
)
def test_a_day_that_has_not_landed_is_named(store: RawStore, ask: Callable[[RawStore], object]) -> None:
    store.write("tvmaze", _DAY, _documents(b"a"))
    with pytest.raises(MissingPartitionError, match=f"raw/tvmaze of {_NEXT} has not landed"):
        ask(store)


@pytest.mark.parametrize(
    ("source", "day", "documents", "named"),
    [
        ("tvmaze", _DAY, _documents(b"a", sha256=_sha256(b"b")), f"row 0, 0: .*not have sha256 {_sha256(b'b')}"),
        ("tvmaze", _DAY, _documents(b"a", sha256=_sha256(b"a").upper()), "not have sha256"),
        ("tvmaze", _DAY, _documents(b"a", url=None), "no value may be missing, as in url"),
        ("tvmaze", _DAY, _documents(b"a").drop_columns(["url"]), "columns are not those of a document"),
        ("tvmaze", _DAY, _documents(b"a").append_column("more", [["x"]]), "columns are not those of a document"),
        ("tvmaze", "20250602", _documents(), "YYYY-MM-DD"),
        ("tvmaze", "2025-06-31", _documents(), "YYYY-MM-DD"),
        ("../tvmaze", _DAY, _documents(b"a", source="../tvmaze"), "a source's name"),
    ],
    ids=["hash", "case", "null", "less", "more", "form of day", "no day", "path"],
)
def test_what_is_no_document_of_the_source_is_refused_and_the_day_stays(
    store: RawStore, source: str, day: str, documents: pa.Table, named: str
) -> None:
    store.write("tvmaze", _DAY, _documents(b"old"))
    with pytest.raises(InvalidDocumentsError, match=f"raw/{source} of {day}.*{named}"):
        store.write(source, day, documents)
    assert store.read("tvmaze", _DAY).equals(_documents(b"old"))
    assert store.sources() == ["tvmaze"]


class _Interrupted(BaseException):
    pass


@contextmanager
def _interrupted_at(number: int, module: str) -> Iterator[None]:
    """Breaks off whatever is done when it comes to the next line after ``number`` different ones."""
    lines: set[tuple[str, int]] = set()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        if not frame.f_globals.get("__name__", "").startswith(module):
            return None
        if event == "line":
            if len(lines) == number and (frame.f_code.co_filename, frame.f_lineno) not in lines:
                raise _Interrupted
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def _days() -> Iterator[str]:
    return (date.fromordinal(number).isoformat() for number in itertools.count(date(2020, 1, 1).toordinal()))


def _broken_off(store: RawStore, work: Callable[[], object]) -> Iterator[int]:
    """Does work again and again, broken off one line later each time, until it comes to its end."""
    # What lies above the objects does the same in a folder.
    bucket = isinstance(store, LakeRawStore) and store._lake.uri("").startswith("s3:")
    module = "trending_assets.storage.s3_objects" if bucket else "trending_assets.storage."
    for number in itertools.count():
        try:
            with _interrupted_at(number, module):
                work()
        except _Interrupted:
            yield number
        else:
            return


def test_a_write_broken_off_at_any_line_leaves_the_old_day_or_the_new_and_can_be_run_again(store: RawStore) -> None:
    old, new = _documents(b"old", b"both"), _documents(b"both", b"new", b"new!")
    store.write("tvmaze", _DAY, old)
    found = []
    for _ in _broken_off(store, lambda: store.write("tvmaze", _DAY, new)):
        left = store.read("tvmaze", _DAY)
        assert left.equals(old) or left.equals(new)
        assert store.find(_sha256(b"both")) == [("tvmaze", _DAY)]
        assert store.find(_sha256(b"new")) == ([("tvmaze", _DAY)] if left.equals(new) else [])
        found.append(left.equals(new))
        store.write("tvmaze", _DAY, new)
        assert store.read("tvmaze", _DAY).equals(new)
        store.write("tvmaze", _DAY, old)
    assert len(found) > 5
    assert found == sorted(found)
    assert store.read("tvmaze", _DAY).equals(new)


# In a bucket the lake does nothing else for this than in a folder.
@pytest.mark.parametrize("store", ["folder", "mongo"], indirect=True)
def test_a_first_write_broken_off_at_any_line_leaves_no_day_or_the_whole(store: RawStore) -> None:
    days = _days()
    documents, landed = _documents(b"a", b"b"), []

    def work() -> None:
        landed.append(next(days))
        store.write("tvmaze", landed[-1], documents)

    for _ in _broken_off(store, work):
        if landed[-1] in store.days("tvmaze"):
            assert store.read("tvmaze", landed[-1]).equals(documents)
        else:
            landed.pop()
    assert store.days("tvmaze") == landed
    assert store.find(_sha256(b"a")) == [("tvmaze", day) for day in landed]


# In a bucket the lake does nothing else for this than in a folder.
@pytest.mark.parametrize("store", ["folder", "mongo"], indirect=True)
def test_an_erasure_broken_off_at_any_line_can_be_run_again(store: RawStore) -> None:
    days = _days()
    day = next(days)

    def work() -> None:
        store.erase("tvmaze", day, [_sha256(b"a")])

    store.write("tvmaze", day, _documents(b"a", b"b", b"a"))
    for _ in _broken_off(store, work):
        assert store.read("tvmaze", day)["payload"].to_pylist() in ([b"a", b"b", b"a"], [b"b"])
        work()
        assert store.read("tvmaze", day)["payload"].to_pylist() == [b"b"]
        day = next(days)
        store.write("tvmaze", day, _documents(b"a", b"b", b"a"))
    assert store.read("tvmaze", day)["payload"].to_pylist() == [b"b"]


# In a bucket the lake does nothing else for this than in a folder.
@pytest.mark.parametrize("store", ["folder", "mongo"], indirect=True)
def test_an_expiry_broken_off_at_any_line_can_be_run_again(store: RawStore) -> None:
    def work() -> None:
        store.expire("tvmaze", date.fromisoformat(_LATER))

    def fill() -> None:
        for day in (_DAY, _NEXT):
            store.write("tvmaze", day, _documents(b"a"))

    fill()
    for _ in _broken_off(store, work):
        for day in store.days("tvmaze"):
            assert store.read("tvmaze", day).equals(_documents(b"a"))
        work()
        assert store.days("tvmaze") == []
        assert store.find(_sha256(b"a")) == []
        fill()
    assert store.days("tvmaze") == []


class _Beside:
    """A collection on which other things happen before some of its operations."""

    def __init__(self, collection: Any, **before: Callable[[], object]) -> None:
        self._collection = collection
        self._before = before

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._collection, name)

        def run(*arguments: Any, **options: Any) -> Any:
            self._before.pop(name, lambda: None)()
            return operation(*arguments, **options)

        return run if name in self._before else operation

    def __getitem__(self, name: str) -> Any:
        return self._collection[name]


def _payloads(collection: Any) -> list[bytes]:
    return sorted(document["payload"] for document in collection.find())


def test_a_day_of_mongo_that_is_replaced_while_it_is_read_is_read_anew(collection: Any) -> None:
    beside = MongoRawStore(collection)
    beside.write("tvmaze", _DAY, _documents(b"a", b"b"))
    reader = MongoRawStore(_Beside(collection, find=lambda: beside.write("tvmaze", _DAY, _documents(b"new"))))  # type: ignore[arg-type]
    assert reader.read("tvmaze", _DAY)["payload"].to_pylist() == [b"new"]


@pytest.mark.parametrize("landed", [True, False], ids=["written before", "first write"])
def test_of_two_writers_of_a_day_of_mongo_the_first_to_end_wins_and_the_other_says_so(
    collection: Any, landed: bool
) -> None:
    beside = MongoRawStore(collection)
    if landed:
        beside.write("tvmaze", _DAY, _documents(b"old"))
    writer = MongoRawStore(
        _Beside(collection, insert_many=lambda: beside.write("tvmaze", _DAY, _documents(b"first")))  # type: ignore[arg-type]
    )
    with pytest.raises(ConcurrentWriteError, match=f"tvmaze/{_DAY} was written by another process"):
        writer.write("tvmaze", _DAY, _documents(b"second", b"third"))
    assert beside.read("tvmaze", _DAY)["payload"].to_pylist() == [b"first"]
    assert beside.find(_sha256(b"second")) == []
    writer.write("tvmaze", _DAY, _documents(b"second"))
    assert beside.read("tvmaze", _DAY)["payload"].to_pylist() == [b"second"]
    assert _payloads(collection) == [b"second"]


def test_a_writer_of_a_day_of_mongo_that_expires_meanwhile_says_so(collection: Any) -> None:
    beside = MongoRawStore(collection)
    beside.write("tvmaze", _DAY, _documents(b"old"))
    writer = MongoRawStore(
        _Beside(collection, insert_many=lambda: beside.expire("tvmaze", date.fromisoformat(_NEXT)))  # type: ignore[arg-type]
    )
    with pytest.raises(ConcurrentWriteError):
        writer.write("tvmaze", _DAY, _documents(b"second"))
    assert beside.days("tvmaze") == []
    beside.expire("tvmaze", date.fromisoformat(_NEXT))
    assert _payloads(collection) == []


def test_what_a_failed_write_left_in_mongo_is_no_document_and_goes_with_the_next_write_or_the_erasure(
    collection: Any,
) -> None:
    def fail() -> None:
        raise ConnectionError

    beside = MongoRawStore(collection)
    beside.write("tvmaze", _DAY, _documents(b"old"))

    def write_half() -> None:
        broken = _Beside(collection["days"], replace_one=fail)
        failing = MongoRawStore(collection)
        failing._heads = broken  # type: ignore[assignment]
        with pytest.raises(ConnectionError):
            failing.write("tvmaze", _DAY, _documents(b"half"))
        assert _payloads(collection) == [b"half", b"old"]

    write_half()
    assert beside.read("tvmaze", _DAY).equals(_documents(b"old"))
    assert beside.find(_sha256(b"half")) == []
    assert beside.erase("tvmaze", _DAY, [_sha256(b"half")]) == 0
    assert _payloads(collection) == [b"old"]
    write_half()
    beside.write("tvmaze", _DAY, _documents(b"new"))
    assert _payloads(collection) == [b"new"]


def test_a_document_too_large_for_mongo_is_refused_before_anything_is_written(collection: Any) -> None:
    store = MongoRawStore(collection)
    fits = _documents(b"small", bytes(16 * 1024 * 1024 - 2048))
    store.write("tvmaze", _DAY, fits)
    with pytest.raises(DocumentTooLargeError, match=r"tvmaze: 1 has 167\d+ bytes; MongoDB takes 16776192"):
        store.write("tvmaze", _DAY, _documents(b"small", bytes(16 * 1024 * 1024 - 1024)))
    assert store.read("tvmaze", _DAY).equals(fits)
    assert collection.count_documents({}) == 2


def test_the_largest_document_is_within_the_limit_of_mongo(collection: Any) -> None:
    from bson import encode

    MongoRawStore(collection).write("tvmaze", _DAY, _documents(bytes(16_776_000)))
    assert 16_776_000 < len(encode(collection.find_one())) <= 16 * 1024 * 1024


def test_the_setting_says_where_raw_documents_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path / "lake")
    monkeypatch.setattr("pymongo.MongoClient", mongomock.MongoClient)
    assert isinstance(open_raw_store(lake, None), LakeRawStore)
    store = open_raw_store(lake, "mongodb://127.0.0.1/films")
    assert isinstance(store, MongoRawStore)
    store.write("tvmaze", _DAY, _documents(b"a"))
    assert store.sources() == ["tvmaze"]
    assert not (tmp_path / "lake").exists()
    with pytest.raises(ValueError, match="TRENDING_RAW_STORE"):
        open_raw_store(lake, "postgresql://127.0.0.1/films")


def test_mongo_has_an_index_for_every_question_and_keeps_a_place_in_a_day_unique(collection: Any) -> None:
    MongoRawStore(collection).write("tvmaze", _DAY, _documents(b"a"))
    assert [index["key"] for index in collection.list_indexes()][1:] == [
        {"write": 1, "position": 1},
        {"landed_by": 1, "day": 1, "generation": 1},
        {"sha256": 1},
    ]
    stored = collection.find_one({}, {"_id": 0})
    from pymongo.errors import DuplicateKeyError

    with pytest.raises(DuplicateKeyError):
        collection.insert_one(stored)
