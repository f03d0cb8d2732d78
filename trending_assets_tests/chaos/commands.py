"""Running ``trending`` in processes of its own, each of which may be killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

ROOT = Path(__file__).parents[2]
_DEADLINE = 600
_DYING = [sys.executable, "-m", "trending_assets_tests.chaos.dying"]


class CommandFailedError(RuntimeError):
    """A command failed.

    Attributes:
        said: what it printed.
    """

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        killed: whether SIGKILL ended it; otherwise it succeeded.
        seconds: how long it ran.
        counted: what it did, where it came to its end; see ``dying``.
        group: its process group, which may hold what it left running.
    """

    killed: bool
    seconds: float
    counted: dict[str, Any] = field(default_factory=dict)
    group: int = 0

    def end_orphans(self) -> None:
        """Kills what the command left running, such as dbt."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)


class Commands(Protocol):
    """What runs commands on a home."""

    def run(self, arguments: Sequence[str], moment: str = "never") -> Ended:
        """Runs ``trending`` with the arguments; it is killed at the moment, or has to succeed."""


def environment(home: Path) -> dict[str, str]:
    """The environment of commands on a home that is filled from an archive."""
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "TRENDING_HOME": str(home),
        "TRENDING_SOURCES": "archive",
        "TRENDING_BERT_MINUTES": "0",
        "TRENDING_TRACKING": "off",
        "OMP_NUM_THREADS": "1",
    }


class FreshCommands:
    """Each command is a Python of its own; a moment may also be ``delay SECONDS``."""

    def __init__(self, home: Path, scratch: Path) -> None:
        """Commands on ``home``; records are written into ``scratch``."""
        self._home, self._record, self._said = home, scratch / "record.json", scratch / "said"

    def run(self, arguments: Sequence[str], moment: str = "never") -> Ended:
        """Runs one."""
        self._record.unlink(missing_ok=True)
        kind, _, number = moment.partition(" ")
        inside = "never" if kind == "delay" else moment
        began = time.monotonic()
        # Not a pipe: orphans would hold it open.
        with self._said.open("wb") as said:
            process = subprocess.Popen(
                [*_DYING, inside, str(self._record), *arguments],
                cwd=ROOT,
                env=environment(self._home),
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(float(number) if kind == "delay" else _DEADLINE)
            finally:
                process.kill()
        status, seconds = process.wait(), time.monotonic() - began
        said_by_it = self._said.read_text(errors="replace")
        return _ended(status, process.pid, seconds, self._record, arguments, said_by_it)


class ForkedCommands:
    """Each command is a child of one Python that has loaded everything."""

    def __init__(self, server: "subprocess.Popen[str]", scratch: Path) -> None:
        """Commands by a server that :func:`forked_commands` started."""
        self._server, self._record = server, scratch / "record.json"

    def run(self, arguments: Sequence[str], moment: str = "never") -> Ended:
        """Runs one."""
        self._record.unlink(missing_ok=True)
        asked = {"moment": moment, "record": str(self._record), "arguments": list(arguments)}
        began = time.monotonic()
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(asked) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        seconds = time.monotonic() - began
        return _ended(answer["status"], answer["pid"], seconds, self._record, arguments, answer["said"])


def _ended(status: int, pid: int, seconds: float, record: Path, arguments: Sequence[str], said: str) -> Ended:
    if status == -signal.SIGKILL:
        return Ended(killed=True, seconds=seconds, group=pid)
    if status != 0:
        raise CommandFailedError(f"trending {' '.join(arguments)} ended with {status}: {said[-3000:]}", said)
    return Ended(killed=False, seconds=seconds, counted=json.loads(record.read_text()), group=pid)


@contextlib.contextmanager
def forked_commands(home: Path, scratch: Path) -> Iterator[ForkedCommands]:
    """Commands on a home while the block runs."""
    with subprocess.Popen(
        [*_DYING, "serve"],
        cwd=ROOT,
        env=environment(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            if server.stdout.readline() != "ready\n":
                raise RuntimeError("the server of forked commands did not start")
            yield ForkedCommands(server, scratch)
        finally:
            server.kill()
