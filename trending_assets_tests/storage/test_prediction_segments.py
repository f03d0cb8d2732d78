import errno
import fcntl
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.ids import uuid7
from trending_assets.storage.prediction_segments import (
    FEEDBACK,
    Segment,
    SegmentedLog,
    SegmentFile,
    decode_line,
    encode_record,
    nearest,
    predictions_of,
    read_segment,
    read_segments,
    records_with,
    remove_segment,
    segments,
)

STREAM = predictions_of("2026-01-31")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3),
)
RECORDS = st.lists(st.dictionaries(st.text(max_size=5), _JSON, max_size=3), max_size=8)


def content_of(path: Path):
    content = read_segment(Segment(path, None))
    assert content is not None
    return content


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("segments") / "feedback.jsonl"


@settings(deadline=None)
@given(RECORDS, st.data())
def test_any_prefix_of_a_segment_holds_a_prefix_of_its_records(file: Path, records: list, data: st.DataObject) -> None:
    lines = [encode_record(record) for record in records]
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    file.write_bytes(whole[:cut])
    content = content_of(file)
    ends = [sum(map(len, lines[: count + 1])) for count in range(len(lines))]
    complete = sum(end <= cut for end in ends)
    assert content.records == records[:complete]
    assert content.torn == (cut not in (0, *ends))
    assert content.size == cut


@settings(deadline=None)
@given(RECORDS.filter(bool), st.data())
def test_a_damaged_byte_costs_the_records_it_touches_and_makes_no_other(
    file: Path, records: list, data: st.DataObject
) -> None:
    lines = [encode_record(record) for record in records]
    whole = bytearray(b"".join(lines))
    place, byte = data.draw(st.integers(0, len(whole) - 1)), data.draw(st.integers(1, 255))
    whole[place] ^= byte
    file.write_bytes(whole)
    content = content_of(file)
    (hit,) = [i for i in range(len(lines)) if sum(map(len, lines[:i])) <= place < sum(map(len, lines[: i + 1]))]
    # Where the damage takes a newline away, the next line goes with it.
    lost = {hit, hit + 1} if place == sum(map(len, lines[: hit + 1])) - 1 else {hit}
    assert content.records == [record for i, record in enumerate(records) if i not in lost]
    assert content.torn >= 1


@given(st.binary())
def test_noise_is_no_record(noise: bytes) -> None:
    assert decode_line(noise + b"\n") is None


def test_an_open_segment_can_be_read_and_a_closed_one_is_recognised(tmp_path: Path) -> None:
    with SegmentedLog(tmp_path) as log:
        log.append(STREAM, [encode_record({"n": 1}), encode_record({"n": 2})])
        log.append(FEEDBACK, [encode_record({"n": 3})])
        opened = {content.segment.day: content for content in read_segments(tmp_path)}
        assert [opened["2026-01-31"].records, opened[None].records] == [[{"n": 1}, {"n": 2}], [{"n": 3}]]
        assert not any(content.finished for content in opened.values())
        assert not any(remove_segment(content) for content in opened.values())
    closed = list(read_segments(tmp_path))
    assert [content.records for content in closed] == [[{"n": 3}], [{"n": 1}, {"n": 2}]]
    assert all(content.finished and content.segment.path.suffix == ".jsonl" for content in closed)
    # What was found by the name of an open one is read by that of the closed one.
    again = [read_segment(content.segment) for content in opened.values()]
    assert sorted(content.segment.path for content in again if content) == [c.segment.path for c in closed]
    assert all(remove_segment(content) for content in closed)
    assert segments(tmp_path) == []
    assert [read_segment(content.segment) for content in closed] == [None, None]


def test_half_a_record_at_the_end_is_torn_only_where_nobody_writes_any_more(tmp_path: Path) -> None:
    segment = SegmentFile(tmp_path, STREAM, 0.0)
    line = encode_record({"n": 1})
    segment.append(line + line[:9])
    (writing,) = read_segments(tmp_path)
    assert (len(writing.records), writing.torn, writing.finished) == (1, 0, False)
    os.close(segment._file)
    (left,) = read_segments(tmp_path)
    assert (len(left.records), left.torn, left.finished) == (1, 1, True)


def test_segments_rotate_by_size_and_by_age(tmp_path: Path) -> None:
    now = [0.0]
    log = SegmentedLog(tmp_path, max_bytes=50, max_seconds=60, clock=lambda: now[0])
    for _ in range(4):
        log.append(STREAM, [encode_record({"n": 1, "some": "filling"})])
    assert [path.suffix for path in sorted(tmp_path.iterdir())] == [".jsonl", ".jsonl"]
    log.append(STREAM, [encode_record({"n": 2})])
    now[0] = 59
    log.rotate()
    assert len(list(tmp_path.glob("*.open"))) == 1
    now[0] = 60
    log.rotate()
    assert [content.finished for content in read_segments(tmp_path)] == [True] * 3
    log.close()


@settings(deadline=None)
@given(RECORDS, st.data())
def test_the_records_that_hold_a_text_are_found_by_it(file: Path, records: list, data: st.DataObject) -> None:
    known = [{**record, "id": f"id-{number % 3}"} for number, record in enumerate(records)]
    whole = b"".join(map(encode_record, known))
    file.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    for wanted in ("id-0", "id-2", "id-7"):
        expected = [record for record in content_of(file).records if record["id"] == wanted]
        assert list(records_with(Segment(file, None), f'"id":"{wanted}"')) == expected


def test_what_was_made_at_a_moment_is_looked_for_where_it_most_likely_is(tmp_path: Path) -> None:
    for seconds in (10, 20, 30, 40):
        (tmp_path / f"{STREAM}-{uuid7(seconds * 10**9)}.jsonl").write_bytes(b"")
    order = [each.begun_at.second for each in nearest(segments(tmp_path), EPOCH + timedelta(seconds=35))]
    assert order == [30, 20, 10, 40]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    for name in (
        ".lock",
        "notes.txt",
        "predictions-2026-01-31.jsonl",
        "feedback-.jsonl.open",
        f"feedback-{'0' * 36}.jsonl",
    ):
        (tmp_path / name).write_text("x")
    assert segments(tmp_path) == []
    assert segments(tmp_path / "nowhere") == []


@pytest.mark.parametrize("truncates", [True, False])
def test_what_was_half_written_is_taken_back_or_left_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, truncates: bool
) -> None:
    log, room, write, truncate = SegmentedLog(tmp_path), [60], os.write, os.ftruncate

    def small_disk(descriptor: int, content: memoryview) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(descriptor, content[: room[0]])
        room[0] -= written
        return written

    def truncated(descriptor: int, size: int) -> None:
        if not truncates:
            raise OSError(errno.EIO, "Input/output error")
        truncate(descriptor, size)

    monkeypatch.setattr(os, "write", small_disk)
    monkeypatch.setattr(os, "ftruncate", truncated)
    first, second = (encode_record({"n": n, "some": "filling"}) for n in (1, 2))
    log.append(STREAM, [first])
    with pytest.raises(OSError, match="No space"):
        log.append(STREAM, [second])
    room[0] = 1000
    log.append(STREAM, [second])
    log.close()
    contents = list(read_segments(tmp_path))
    assert [record["n"] for content in contents for record in content.records] == [1, 2]
    assert [content.torn for content in contents] == ([0] if truncates else [1, 0])


def test_a_segment_that_grew_since_it_was_read_stays(tmp_path: Path) -> None:
    segment = SegmentFile(tmp_path, STREAM, 0.0)
    (content,) = read_segments(tmp_path)
    segment.append(encode_record({"n": 1}))
    os.close(segment._file)
    assert not remove_segment(content)
    (again,) = read_segments(tmp_path)
    assert remove_segment(again)


def test_a_new_segment_that_was_taken_for_an_abandoned_one_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, tries = fcntl.flock, []

    def flock(descriptor: int, kind: int) -> None:
        tries.append(descriptor)
        if len(tries) == 1:
            raise BlockingIOError
        if len(tries) == 2:
            # Removed between its making and its locking.
            next(iter(tmp_path.iterdir())).unlink()
        lock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", flock)
    segment = SegmentFile(tmp_path, STREAM, 0.0)
    segment.append(encode_record({"n": 1}))
    segment.close()
    assert len(tries) == 3
    (content,) = read_segments(tmp_path)
    assert (content.records, content.finished) == ([{"n": 1}], True)
    assert len(list(tmp_path.iterdir())) == 1
