"""The product as its user has it: the demo's home on the whole sample, made once, and its API."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from trending_assets_tests.integration.homes import made_once

ROOT = Path(__file__).parents[2]


def demo(home: Path) -> subprocess.CompletedProcess[str]:
    """Runs the demo's job on a home."""
    environment = os.environ | {"TRENDING_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "trending_assets", "demo", "--no-serve"]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)


def _build(home: Path) -> None:
    done = demo(home)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def sample_home(shared_folder: Path) -> Path:
    """A home after the demo's job; only to be read."""
    return made_once(shared_folder / "sample", _build)


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="session")
def api(sample_home: Path) -> Iterator[httpx.Client]:
    """A client of the real server over that home."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"TRENDING_HOME": str(sample_home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "trending_assets", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while not _ready(port):
            assert process.poll() is None, f"the server ended with {process.returncode}"
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(0.2)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        process.terminate()
        process.wait(30)
