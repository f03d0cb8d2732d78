"""The API as its own process over a small home, and somebody who asks it without pause."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
_START_SECONDS = 60
BODY = {"instances": [{"title": "The Matrix", "plot": "A hacker learns of a simulation.", "kind": "movie"}]}


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.005)


class Server:
    """A running API.

    Attributes:
        process: the process, or the one that watches over its workers.
        url: where it listens.
    """

    def __init__(self, home: Path, workers: int = 1) -> None:
        """Starts it; it may take seconds until it answers."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "trending_assets", "serve", "--port", str(port), "--workers", str(workers)]
        self.process = subprocess.Popen(
            command,
            env=os.environ | {"TRENDING_HOME": str(home), "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Its workers can be ended with it.
            start_new_session=True,
        )

    def predict(self, client: httpx.Client) -> str:
        """Asks for one prediction and returns its id."""
        answer = client.post(f"{self.url}/v1/genres/predict", json=BODY)
        answer.raise_for_status()
        return str(answer.json()["predictions"][0]["prediction_id"])

    def wait(self) -> None:
        """Waits until it predicts."""
        deadline = time.monotonic() + _START_SECONDS
        with httpx.Client(timeout=10) as client:
            while time.monotonic() < deadline:
                assert self.process.poll() is None, f"the server ended with {self.process.returncode}"
                with contextlib.suppress(httpx.HTTPError):
                    self.predict(client)
                    return
                time.sleep(0.1)
        raise AssertionError("the server does not predict")

    def metric(self, name: str) -> float:
        """A metric of the prediction log."""
        lines = httpx.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        (line,) = [line for line in lines if line.startswith(f"trending_prediction_log_{name} ")]
        return float(line.split()[1])

    def kill(self, number: signal.Signals) -> None:
        """Sends a signal, to all its processes where it is SIGKILL, and waits for the end."""
        if number == signal.SIGKILL:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        self.process.wait(30)


@contextlib.contextmanager
def serving(home: Path, workers: int = 1) -> Iterator[Server]:
    """A server that predicts, and is gone after the block."""
    server = Server(home, workers)
    try:
        server.wait()
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait(30)


class Asker:
    """Threads that ask for predictions without pause until the server is gone.

    Attributes:
        acknowledged: id → when its answer had come, in seconds that only grow.
    """

    def __init__(self, server: Server, threads: int = 2) -> None:
        """Starts asking."""
        self.acknowledged: dict[str, float] = {}
        self._server, self._stopping = server, threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        # A connection a request: with several workers each gets its share.
        while not self._stopping.is_set():
            try:
                with httpx.Client(timeout=10) as client:
                    prediction_id = self._server.predict(client)
            except httpx.HTTPError:
                return
            self.acknowledged[prediction_id] = time.monotonic()

    def stop(self) -> None:
        """Waits for the threads."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(30)
