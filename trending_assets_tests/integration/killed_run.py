"""Runs a job on a home and kills its own process, as ``kill -9`` does, at a stated moment.

``python -m trending_assets_tests.integration.killed_run HOME JOB MOMENT``. A moment is ``EVENT NEEDLE``: the first
event of Python's audit log of that name whose arguments hold the needle, such as ``os.rename /titles/day=``; or
``file GLOB``: a file of the home that appears.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import HISTORY


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_when_it_appears(folder: Path, pattern: str) -> None:
    def watch() -> None:
        while not any(folder.glob(pattern)):
            time.sleep(0.002)
        _die()

    threading.Thread(target=watch, daemon=True).start()


def main(folder: Path, job: str, moment: str) -> None:
    """Runs the job over the four days, or as far as it gets."""
    event, _, needle = moment.partition(" ")
    if event == "file":
        _die_when_it_appears(folder, needle)
    else:

        def hook(name: str, arguments: tuple[object, ...]) -> None:
            if name == event and needle in " ".join(map(str, arguments)):
                _die()

        sys.addaudithook(hook)
    SmallHome(folder).run(job, () if job == "retrain" else HISTORY)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
