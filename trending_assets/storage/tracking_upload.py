"""The upload of runs that were tracked offline, or that a server did not get whole. wandb itself does it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from trending_assets.storage.tracking import ENDED, KEY, LOCK, UPLOADED, quiet_environment

# wandb would try for an hour; what is not uploaded stays where it is.
_RETRIES = 3


class UploadError(RuntimeError):
    """Runs that could not be uploaded; they are kept, and the message says why."""


@dataclass(frozen=True)
class Uploads:
    """What came of an upload.

    Attributes:
        uploaded: how many runs are on the server now.
        being_written: how many were left alone, since a process is writing to them.
        cut_off: how many were left alone, since their process was killed before they were whole.
    """

    uploaded: int
    being_written: int
    cut_off: int


def waiting_runs(home: Path) -> list[Path]:
    """The files of runs that ended and are not on the server, oldest first."""
    files = [file for ended in (home / "wandb").glob(f"*run-*/{ENDED}") for file in ended.parent.glob("run-*.wandb")]
    return sorted(file for file in files if not _marker(file).exists())


def upload_runs(home: Path, environment: Mapping[str, str]) -> Uploads:
    """Uploads the runs that wait for it.

    Args:
        home: the home.
        environment: the environment variables; ``WANDB_API_KEY`` has to be among them.

    Raises:
        UploadError: there is no key, wandb is not installed, or a run could not be uploaded.
    """
    if not environment.get(KEY):
        raise UploadError(f"{KEY} is not set: a key of your account is at https://wandb.ai/authorize")
    if find_spec("wandb") is None:
        raise UploadError("wandb is not installed: run `make setup`")
    waiting = waiting_runs(home)
    told = _upload(home, waiting, environment) if waiting else ""
    if left := waiting_runs(home):
        raise UploadError(f"{len(left)} of {len(waiting)} runs could not be uploaded and are kept: {told}")
    begun = [lock for lock in (home / "wandb").glob(f"*run-*/{LOCK}") if not lock.with_name(ENDED).exists()]
    being_written = sum(map(_is_held, begun))
    return Uploads(len(waiting), being_written, len(begun) - being_written)


def _upload(home: Path, files: list[Path], environment: Mapping[str, str]) -> str:
    """What wandb says last of a fault; whether there was one is seen by the runs' markers, not by how it exits."""
    retries = {f"WANDB__{what}_RETRY_MAX": str(_RETRIES) for what in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER")}
    # A service of another process would end with it.
    inherited = {name: value for name, value in environment.items() if name != "WANDB_SERVICE"}
    own = {"WANDB_MODE": "online", "WANDB_DIR": str(home), "WANDB_HOST": "", "WANDB_PROGRAM": "trending"}
    done = subprocess.run(  # noqa: S603 - our own interpreter and files that we found
        [sys.executable, "-m", "wandb", "sync", "--yes", "--include-online", *map(str, files)],
        env=quiet_environment(home) | retries | inherited | own,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    faults = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line or "Error" in line]
    return faults[0].removeprefix("wandb: ERROR ") if faults else "wandb gave no reason"


def _marker(file: Path) -> Path:
    return file.with_name(file.name + UPLOADED)


def _is_held(lock: Path) -> bool:
    descriptor = os.open(lock, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
