"""A full disk, a lake that is not there, and an S3 server that answers with errors, slowly or not at all.

docs/operations.md states what happens in each case.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pytest

from trending_assets.storage.lake import Lake, LakeWriteError, MissingPartitionError
from trending_assets_tests.storage.servers import Relay, S3Server

_TABLE, _DAY = "titles", "2025-06-02"
_OLD = pa.table({"n": [1, 2, 3]})
# Random numbers, which no compression makes small: about 4 MB.
_LARGE = pa.table({"n": [os.urandom(1 << 12) for _ in range(1 << 10)]})
_ERROR = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

_FILLING = """
import resource, signal, sys
from pathlib import Path
from trending_assets.storage.lake import Lake, LakeWriteError
from trending_assets_tests.storage.test_faults import _DAY, _LARGE, _TABLE
# What exceeds the limit is refused with an error, as by a disk that is full, instead of a signal.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    Lake(Path(sys.argv[1])).write(_TABLE, _LARGE, day=_DAY)
except LakeWriteError as error:
    print(error)
"""


def _mounted(folder: Path) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_disk_that_is_full_leaves_the_old_day_and_no_stray_and_says_which_day_it_was(tmp_path: Path) -> None:
    root = tmp_path / "lake"
    root.mkdir()
    if not _mounted(root):
        pytest.skip("a disk of one megabyte can only be mounted by root")
    try:
        lake = Lake(root)
        lake.write(_TABLE, _OLD, day=_DAY)
        with pytest.raises(LakeWriteError, match=rf"{_TABLE} of {_DAY} could not be written: .*No space left"):
            lake.write(_TABLE, _LARGE, day=_DAY)
        _untouched(lake)
        # Nothing that was begun takes the place of what comes next.
        assert lake.write(_TABLE, pa.table({"n": range(10_000)}), day=_DAY).rows == 10_000
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_a_file_that_may_not_grow_leaves_the_old_day_and_no_stray(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.write(_TABLE, _OLD, day=_DAY)
    done = subprocess.run([sys.executable, "-c", _FILLING, str(lake.root)], capture_output=True, text=True, check=True)
    assert f"{_TABLE} of {_DAY} could not be written: {lake.path(_TABLE, _DAY)}: " in done.stdout
    assert "File too large" in done.stdout
    _untouched(lake)


def _untouched(lake: Lake) -> None:
    assert lake.read(_TABLE, _DAY).equals(_OLD)
    assert [path for path in lake.root.rglob("*") if path.is_file()] == [lake.path(_TABLE, _DAY)]


def test_a_lake_that_is_gone_has_nothing_and_what_is_read_is_named(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    lake.write(_TABLE, _OLD, day=_DAY)
    shutil.rmtree(lake.root)
    assert lake.days(_TABLE) == []
    with pytest.raises(MissingPartitionError, match=f"{_TABLE} of {_DAY} has not landed: {lake.root}"):
        lake.read(_TABLE, _DAY)


def test_a_lake_that_cannot_be_written_to_says_which_day_it_was(tmp_path: Path) -> None:
    (tmp_path / "lake").write_text("a file where the folder should be")
    with pytest.raises(LakeWriteError, match=f"{_TABLE} of {_DAY} could not be written: {tmp_path}/lake/{_TABLE}"):
        Lake(tmp_path / "lake").write(_TABLE, _OLD, day=_DAY)


@pytest.fixture
def root(s3: S3Server) -> str:
    """A lake in a bucket that holds one day."""
    root = s3.new_root()
    Lake(root).write(_TABLE, _OLD, day=_DAY)
    return root


@contextmanager
def _between(server: S3Server, patch: pytest.MonkeyPatch, act: Callable[[], bool], answer: bytes) -> Iterator[Relay]:
    """Every request to the server passes here."""
    with Relay(server.port, b" HTTP/1.1\r\n", act, answer) as relay, patch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{relay.port}")
        yield relay
        assert relay.met


_WORKS: dict[str, Callable[[Lake], object]] = {
    "read": lambda lake: lake.read(_TABLE, _DAY).equals(_OLD),
    "list": lambda lake: lake.days(_TABLE) == [_DAY],
    "write": lambda lake: lake.write(_TABLE, _LARGE, day=_DAY).rows == _LARGE.num_rows,
}


@pytest.mark.parametrize("work", _WORKS.values(), ids=_WORKS.keys())
def test_errors_of_the_server_that_pass_are_not_noticed(
    work: Callable[[Lake], object], s3: S3Server, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter([False, False])
    with _between(s3, monkeypatch, lambda: next(left, True), _ERROR):
        assert work(Lake(root))
    assert Lake(root).days(_TABLE) == [_DAY]


@pytest.mark.parametrize("work", _WORKS.values(), ids=_WORKS.keys())
def test_slow_answers_are_waited_for(
    work: Callable[[Lake], object], s3: S3Server, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly() -> bool:
        time.sleep(0.3)
        return True

    with _between(s3, monkeypatch, slowly, b""):
        assert work(Lake(root))


@pytest.mark.parametrize("work", _WORKS.values(), ids=_WORKS.keys())
def test_errors_that_do_not_pass_are_one_error_and_leave_the_old_day(
    work: Callable[[Lake], object], s3: S3Server, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _between(s3, monkeypatch, lambda: False, _ERROR), pytest.raises(OSError, match=r"500|INTERNAL_FAILURE"):
        work(Lake(root))
    assert Lake(root).read(_TABLE, _DAY).equals(_OLD)
    assert Lake(root).days(_TABLE) == [_DAY]


@pytest.mark.parametrize("work", _WORKS.values(), ids=_WORKS.keys())
def test_a_server_that_is_down_is_one_error(
    work: Callable[[Lake], object], s3: S3Server, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing listens there.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(OSError, match=r"NETWORK_CONNECTION|[Cc]onnect"):
        work(Lake(root))
