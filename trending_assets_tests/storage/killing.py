"""Work on the storage that is killed at each of its lines in turn, as SIGKILL would at every bad moment.

Run as a module it is a process that forks one child a line, so that a hundred kills cost one start of Python.
"""

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pyarrow as pa

from trending_assets.storage.atomic import creating_folder, write_bytes
from trending_assets.storage.lake import Lake

OLD, NEW = b"old" * 1000, b"new!" * 2000
DAY = "2025-06-02"
OLD_ROWS, NEW_ROWS = pa.table({"n": [1]}), pa.table({"n": [2, 2]})
_STORAGE = "trending_assets.storage."


def killed_at_every_line(work: str, root: Path) -> list[Path]:
    """Does one of :data:`WORKS` in folder after folder, killed one line of ``storage`` later each time.

    Returns:
        The folders in that order; in the last one the work came to its end.
    """
    done = subprocess.run(
        [sys.executable, "-m", __name__, work, str(root)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return [root / str(number) for number in range(int(done.stdout))]


def overwrite(folder: Path) -> None:
    """Replaces a file by one write."""
    write_bytes(folder / "data" / "file.bin", NEW, folder / ".staging")


def fill(folder: Path) -> None:
    """Creates a folder with two files."""
    with creating_folder(folder / "data" / "version", folder / ".staging") as staged:
        (staged / "sub").mkdir()
        (staged / "a").write_bytes(NEW)
        (staged / "sub" / "b").write_bytes(NEW)


def update(folder: Path) -> None:
    """Brings a day of the lake up to date."""
    Lake(folder / "data").update("titles", lambda: NEW_ROWS, version="2", inputs={"raw": "x"}, day=DAY)


def _with_an_old_file(folder: Path) -> None:
    write_bytes(folder / "data" / "file.bin", OLD, folder / ".staging")


def _with_an_old_day(folder: Path) -> None:
    Lake(folder / "data").update("titles", lambda: OLD_ROWS, version="1", inputs={"raw": "x"}, day=DAY)


WORKS: dict[str, tuple[Callable[[Path], None], Callable[[Path], None]]] = {
    "overwrite": (_with_an_old_file, overwrite),
    "fill": (lambda folder: (folder / "data").mkdir(), fill),
    "update": (_with_an_old_day, update),
}


def _killed_before_line(number: int, work: Callable[[Path], None], folder: Path) -> None:
    lines = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        if not frame.f_globals.get("__name__", "").startswith(_STORAGE):
            return None
        if event == "line":
            if lines == number:
                os.kill(os.getpid(), signal.SIGKILL)
            lines += 1
        return trace

    sys.settrace(trace)
    work(folder)
    sys.settrace(None)


def _main(name: str, root: Path) -> None:
    prepare, work = WORKS[name]
    for number in itertools.count():
        folder = root / str(number)
        folder.mkdir()
        child = os.fork()
        if child == 0:
            prepare(folder)
            _killed_before_line(number, work, folder)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        ended = os.waitstatus_to_exitcode(status)
        if ended == 0:
            sys.stdout.write(str(number + 1))
            return
        if ended != -signal.SIGKILL:
            raise RuntimeError(f"{name} failed with {ended} before line {number}")


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]))
