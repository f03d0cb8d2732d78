"""A write that fails or is killed leaves the old content or the new, and nothing that a reader could take for data."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trending_assets.storage.atomic import creating_folder, replacing, swap_in, write_bytes
from trending_assets_tests.storage.killing import NEW, OLD, fill, killed_at_every_line


class _Interrupted(Exception):  # noqa: N818 - stands for whatever goes wrong inside the block
    pass


def _files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_a_write_replaces_the_file_and_leaves_nothing_in_staging(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "er" / "file.bin"
    for content in (OLD, NEW):
        write_bytes(target, content, tmp_path / ".staging")
        assert target.read_bytes() == content
    assert _files(tmp_path) == {"deep/er/file.bin"}


@pytest.mark.parametrize("written", [b"", b"half"])
def test_a_failure_inside_the_block_leaves_the_old_content_and_no_stray(tmp_path: Path, written: bytes) -> None:
    target = tmp_path / "file.bin"
    write_bytes(target, OLD, tmp_path / ".staging")

    def fail() -> None:
        with replacing(target, tmp_path / ".staging") as staged:
            staged.write_bytes(written)
            raise _Interrupted

    with pytest.raises(_Interrupted):
        fail()
    assert target.read_bytes() == OLD
    assert _files(tmp_path) == {"file.bin"}


def test_a_block_that_writes_nothing_fails_and_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    write_bytes(target, OLD, tmp_path / ".staging")
    with pytest.raises(FileNotFoundError), replacing(target, tmp_path / ".staging"):
        pass
    assert target.read_bytes() == OLD


def test_the_new_content_is_not_seen_before_the_block_ends(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    write_bytes(target, OLD, tmp_path / ".staging")
    with replacing(target, tmp_path / ".staging") as staged:
        staged.write_bytes(NEW)
        assert target.read_bytes() == OLD
        assert staged.suffix == target.suffix
        assert staged.parent == tmp_path / ".staging"
    assert target.read_bytes() == NEW


def test_two_writers_of_one_file_do_not_share_a_staged_file(tmp_path: Path) -> None:
    target, staging = tmp_path / "file.bin", tmp_path / ".staging"
    with replacing(target, staging) as first, replacing(target, staging) as second:
        first.write_bytes(OLD)
        second.write_bytes(NEW)
    # The inner block ended first, so the outer one wrote last.
    assert target.read_bytes() == OLD
    assert _files(tmp_path) == {"file.bin"}


def test_a_file_that_is_read_while_it_is_replaced_stays_whole(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    write_bytes(target, OLD, tmp_path / ".staging")
    with target.open("rb") as reader:
        start = reader.read(3)
        write_bytes(target, NEW, tmp_path / ".staging")
        assert start + reader.read() == OLD


def test_swapping_in_a_file_that_is_not_there_keeps_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(OLD)
    with pytest.raises(FileNotFoundError):
        swap_in(tmp_path / "missing", target)
    assert target.read_bytes() == OLD


def test_a_write_killed_at_any_line_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    folders = killed_at_every_line("overwrite", tmp_path)
    left = [(folder / "data" / "file.bin").read_bytes() for folder in folders]
    assert set(left) == {OLD, NEW}
    assert left == sorted(left, key=[OLD, NEW].index)
    assert {frozenset(_files(folder / "data")) for folder in folders} == {frozenset({"file.bin"})}


def test_a_folder_whose_creation_is_killed_at_any_line_is_whole_or_not_there(tmp_path: Path) -> None:
    found = [_files(folder / "data") for folder in killed_at_every_line("fill", tmp_path)]
    whole = {"version/a", "version/sub/b"}
    assert (found[0], found[-1]) == (set(), whole)
    assert [files for files in found if files not in (set(), whole)] == []


def test_a_folder_is_never_written_twice(tmp_path: Path) -> None:
    fill(tmp_path)
    with pytest.raises(FileExistsError, match="never changed once written"):
        fill(tmp_path)
    assert _files(tmp_path) == {"data/version/a", "data/version/sub/b"}


def test_a_failure_while_a_folder_is_filled_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with creating_folder(tmp_path / "data" / "version", tmp_path / ".staging") as staged:
            (staged / "a").write_bytes(NEW)
            raise _Interrupted

    with pytest.raises(_Interrupted):
        fail()
    assert _files(tmp_path) == set()
    assert not (tmp_path / "data" / "version").exists()


_WRITER = """
import itertools, sys
from pathlib import Path
from trending_assets.storage.atomic import write_bytes
folder = Path(sys.argv[1])
for number in itertools.count():
    write_bytes(folder / "data" / "file.bin", number.to_bytes(4, "big") * (1 << 20), folder / ".staging")
    print(number, flush=True)
"""


@pytest.mark.parametrize("writes", [1, 2, 3, 5, 8])
def test_a_writer_that_is_killed_from_outside_leaves_a_whole_file(tmp_path: Path, writes: int) -> None:
    with subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        done = -1
        for _ in range(writes):
            done = int(writer.stdout.readline())
        writer.kill()
    assert writer.returncode == -signal.SIGKILL
    content = (tmp_path / "data" / "file.bin").read_bytes()
    assert int.from_bytes(content[:4], "big") >= done
    assert content == content[:4] * (1 << 20)
    assert _files(tmp_path / "data") == {"file.bin"}
