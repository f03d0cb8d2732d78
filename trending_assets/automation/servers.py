"""Servers: the Dagster UI with its daemon, and the API, as processes that end with this one."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from trending_assets.automation.event_log import BATCHES

_START_SECONDS = 120
_STOP_SECONDS = 20


class ServerFailedError(RuntimeError):
    """A server ended, or did not answer in time; the message names its log."""


def free_port(host: str, wanted: int) -> int:
    """The wanted port where it is free, else one that is."""
    for port in (wanted, 0):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise ServerFailedError(f"no free port on {host}")


def dagster_command(workspace: Path, host: str, port: int) -> list[str]:
    """The command that serves the Dagster UI and runs its daemon."""
    return [sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "-h", host, "-p", str(port)]


def api_command(host: str, port: int, workers: int) -> list[str]:
    """The command that serves the API."""
    where = ["--host", host, "--port", str(port), "--workers", str(workers)]
    return [sys.executable, "-m", "trending_assets", "serve", *where]


@contextlib.contextmanager
def server(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server that runs while the block does; it gets a signal of its own to end, and a while to do so."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = subprocess.Popen(  # noqa: S603 - the commands above
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **BATCHES, **environment},
            # A group of its own: a Ctrl-C in the terminal reaches this process alone, which ends the server in order.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a server and whatever it started."""
    for number in (signal.SIGINT, signal.SIGKILL):
        if process.poll() is None or number == signal.SIGKILL:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


def wait_until_answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a server answers with 200.

    Raises:
        ServerFailedError: it ended, or did not answer in two minutes.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailedError(f"the server ended with {process.returncode} before it answered: see {log}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own loopback address
            if answer.status == 200:
                return
        time.sleep(0.3)
    raise ServerFailedError(f"{url} did not answer within {_START_SECONDS} s: see {log}")
