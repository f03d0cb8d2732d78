"""An object is one whole version for every reader, whatever becomes of its writer, in a folder and in a bucket."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trending_assets.storage.objects import (
    FolderObjects,
    InvalidUrlError,
    Objects,
    ReplacedWhileReadError,
)
from trending_assets.storage.s3_objects import S3Objects
from trending_assets_tests.storage.servers import Relay, S3Server

_KEY = "raw/sample/day=2025-06-02/part.parquet"
_OLD, _NEW = b"old", b"new!" * 10
# More than the 10 MB that one part of an upload holds.
_LARGE = b"new!" * 3_000_000


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> Objects:
    if request.param == "folder":
        return FolderObjects(tmp_path / "objects")
    server: S3Server = request.getfixturevalue("s3")
    return S3Objects(server.new_root())


def _write(objects: Objects, key: str, content: bytes) -> None:
    with objects.replacing(key) as staged:
        staged.write_bytes(content)


def _read(objects: Objects, key: str) -> bytes:
    with objects.open(key) as file:
        content: bytes = file.read()
        return content


@pytest.mark.parametrize("content", [_NEW, _LARGE], ids=["one part", "two parts"])
def test_an_object_is_replaced_when_the_block_ends_and_not_before(objects: Objects, content: bytes) -> None:
    _write(objects, _KEY, _OLD)
    with objects.replacing(_KEY) as staged:
        staged.write_bytes(content)
        assert _read(objects, _KEY) == _OLD
    assert _read(objects, _KEY) == content
    assert not staged.exists()


def test_a_block_that_fails_leaves_the_old_object_and_nothing_else(objects: Objects) -> None:
    def fail(key: str) -> None:
        with objects.replacing(key) as staged:
            staged.write_bytes(_NEW[:5])
            raise ZeroDivisionError

    _write(objects, _KEY, _OLD)
    for key in (_KEY, "raw/sample/day=2025-06-03/part.parquet"):
        with pytest.raises(ZeroDivisionError):
            fail(key)
    assert objects.matching("raw/*/*/*") == [_KEY]
    assert _read(objects, _KEY) == _OLD


def test_a_block_that_writes_nothing_fails_and_leaves_the_old_object(objects: Objects) -> None:
    _write(objects, _KEY, _OLD)
    with pytest.raises(FileNotFoundError), objects.replacing(_KEY):
        pass
    assert _read(objects, _KEY) == _OLD


def test_an_open_object_stays_what_it_was(objects: Objects) -> None:
    _write(objects, _KEY, _OLD)
    with objects.open(_KEY) as file:
        start = file.read(1)
        _write(objects, _KEY, _NEW)
        assert start + file.read() == _OLD
    with objects.open(_KEY) as file:
        objects.delete(_KEY)
        assert file.read() == _NEW


def test_a_finished_file_is_moved_to_its_place(objects: Objects, tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    staged.write_bytes(_NEW)
    objects.put(staged, _KEY)
    assert _read(objects, _KEY) == _NEW
    assert not staged.exists()


def test_what_is_not_there_is_not_found(objects: Objects) -> None:
    _write(objects, _KEY, _OLD)
    assert objects.exists(_KEY)
    objects.delete(_KEY)
    for key in (_KEY, "raw", "raw/sample"):
        assert not objects.exists(key)
    for ask in (objects.open, objects.delete):
        with pytest.raises(FileNotFoundError):
            ask(_KEY)
    assert objects.matching("raw/*/*/*") == []


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a/day=*/part", ["a/day=1/part", "a/day=2/part"]),
        ("*/day=*/part", ["a/day=1/part", "a/day=2/part", "b/day=1/part"]),
        ("a/*/part", ["a/day=1/part", "a/day=2/part", "a/x/part"]),
        ("a/*/*/part", ["a/b/day=1/part"]),
        ("a/day=*/other", []),
        ("none/*", []),
    ],
)
def test_a_star_stands_for_anything_within_one_part_of_a_key(objects: Objects, pattern: str, found: list[str]) -> None:
    for key in ("b/day=1/part", "a/day=2/part", "a/day=1/part", "a/x/part", "a/b/day=1/part", "part", "a/part"):
        _write(objects, key, _OLD)
    assert objects.matching(pattern) == found


# The environment of the S3 server is the same for all examples.
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text("abcü=%+ &'()!-_.~😀", min_size=1, max_size=8).filter(lambda name: name.strip(". ")))
def test_a_key_may_hold_what_urls_escape(objects: Objects, name: str) -> None:
    key = f"names/{name}/part"
    _write(objects, key, name.encode())
    assert _read(objects, key) == name.encode()
    assert objects.matching("names/*/part") == [key]
    objects.delete(key)


def test_where_an_object_is_can_be_shown(tmp_path: Path) -> None:
    assert FolderObjects(tmp_path).uri("a/b") == str(tmp_path / "a" / "b")
    assert S3Objects("s3://bucket/some/prefix/").uri("a/b") == "s3://bucket/some/prefix/a/b"
    assert S3Objects("s3://bucket").uri("a/b") == "s3://bucket/a/b"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3://",
        "s3:///prefix",
        "s3://Bucket/prefix",
        "s3://bucket//prefix",
        "s3://bucket/pre?endpoint_override=hidden",
        "s3://bucket/pre#hidden",
        "s3://name:hidden@bucket/prefix",
        "https://bucket/hidden",
        "/hidden",
    ],
)
def test_a_url_is_a_bucket_and_a_prefix_alone_and_is_not_repeated_where_it_is_not(url: str) -> None:
    with pytest.raises(InvalidUrlError, match="s3://bucket/prefix") as caught:
        S3Objects(url)
    assert "hidden" not in str(caught.value)


@contextmanager
def _on_the_way(server: S3Server, patch: pytest.MonkeyPatch, marker: bytes, act: Callable[[], bool]) -> Iterator[None]:
    with Relay(server.port, marker, act) as relay, patch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.port}")
        yield
        assert relay.met


@pytest.mark.parametrize(
    "marker",
    [b"POST ", b"partNumber=2&", b"<CompleteMultipartUpload", b"x-amz-copy-source"],
    ids=["start", "second part", "completion", "copy"],
)
def test_an_upload_that_is_cut_off_leaves_the_old_object_and_can_be_run_again(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, marker: bytes
) -> None:
    root = s3.new_root()
    _write(S3Objects(root), _KEY, _OLD)
    with _on_the_way(s3, monkeypatch, marker, lambda: False), pytest.raises(OSError, match="NETWORK_CONNECTION"):
        _write(S3Objects(root), _KEY, _LARGE)
    objects = S3Objects(root)
    assert _read(objects, _KEY) == _OLD
    assert objects.matching("*/*/*/*") == [_KEY]
    _write(objects, _KEY, _LARGE)
    assert _read(objects, _KEY) == _LARGE


@pytest.mark.parametrize("versions", [[_NEW], [_OLD[:1]], [_LARGE, _OLD, _NEW]], ids=["longer", "shorter", "often"])
def test_an_object_that_is_replaced_while_it_is_read_is_read_anew(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, versions: list[bytes]
) -> None:
    root = s3.new_root()
    beside, coming = S3Objects(root), list(versions)
    _write(beside, _KEY, _OLD)

    def replace() -> bool:
        if coming:
            _write(beside, _KEY, coming.pop(0))
        return True

    with _on_the_way(s3, monkeypatch, b"GET /", replace):
        assert _read(S3Objects(root), _KEY) == versions[-1]


def test_an_object_that_is_replaced_at_every_attempt_is_not_read_for_ever(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = s3.new_root()
    beside = S3Objects(root)
    _write(beside, _KEY, _OLD)
    written = 1

    def replace() -> bool:
        nonlocal written
        written += 1
        _write(beside, _KEY, _OLD * written)
        return True

    with (
        _on_the_way(s3, monkeypatch, b"GET /", replace),
        pytest.raises(ReplacedWhileReadError, match=rf"{root}/{_KEY} was replaced"),
    ):
        _read(S3Objects(root), _KEY)


_WRITER = """
import itertools, sys
from trending_assets.storage.s3_objects import S3Objects
objects = S3Objects(sys.argv[1])
for number in itertools.count():
    with objects.replacing(sys.argv[2]) as staged:
        staged.write_bytes(number.to_bytes(4, "big") * 3_000_000)
    print(number, flush=True)
"""


@pytest.mark.parametrize("writes", [2])
def test_a_writer_that_is_killed_leaves_a_whole_object_and_no_stray(s3: S3Server, writes: int) -> None:
    root = s3.new_root()
    with subprocess.Popen([sys.executable, "-c", _WRITER, root, _KEY], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        done = -1
        for _ in range(writes):
            done = int(writer.stdout.readline())
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    objects = S3Objects(root)
    content = _read(objects, _KEY)
    assert int.from_bytes(content[:4], "big") >= done
    assert content == content[:4] * 3_000_000
    assert objects.matching("*/*/*/*") == [_KEY]
