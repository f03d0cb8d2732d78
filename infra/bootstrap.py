"""Set-up: a virtual environment in the checkout with the pinned requirements. Needs nothing but Python 3.11.

Plain pip does the work, so every setting of pip's holds (indexes, proxies, find-links). Nothing is resolved:
the requirement files are the whole closure and are installed with ``--no-deps``; only torch, which trains
genre_bert, brings what its wheel for this machine asks for.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOG = VENV / "set-up.log"
TORCH = "torch==2.13.0"


def main() -> int:
    """Sets up what is not set up yet; ``--dev`` adds what the tests need."""
    if sys.version_info[:2] != (3, 11):
        return _fail(f"Python 3.11 is needed, this is {sys.version.split()[0]}: run `make PYTHON=python3.11 …`")
    dev = "--dev" in sys.argv
    requirements = ROOT / ("requirements-dev.txt" if dev else "requirements.txt")
    stamp = VENV / f"set-up-{'dev' if dev else 'core'}"
    wanted = hashlib.sha256(requirements.read_bytes() + (ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == wanted and PYTHON.is_file():
        return 0
    if not PYTHON.is_file():
        print(f"making a virtual environment in {VENV}", flush=True)
        try:
            venv.create(VENV, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            return _fail(f"no virtual environment could be made in {VENV}: {error} (Debian: install python3-venv)")
    LOG.write_text("")
    steps = [
        (f"the packages in {requirements.name}", ["--no-deps", "-r", str(requirements)]),
        (TORCH, [TORCH, "-c", str(requirements)]),
        ("this project", ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]),
    ]
    for what, arguments in steps:
        if _pip(what, arguments) != 0:
            return _fail(
                f"pip could not install {what}: {_reason()}. Check the network and pip's settings (PIP_INDEX_URL, "
                f"PIP_FIND_LINKS, PIP_PROXY), then run the same command again; what was fetched is kept. Log: {LOG}"
            )
    stamp.write_text(wanted)
    return 0


def _pip(what: str, arguments: list[str]) -> int:
    """Runs pip, with its output in the log and the number of packages it has reached on the terminal."""
    print(f"installing {what}", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]
    reached = 0
    environment = os.environ | {"PIP_PROGRESS_BAR": "off", "PIP_RETRIES": os.environ.get("PIP_RETRIES", "2")}
    with (
        LOG.open("a") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
        ) as process,
    ):
        for line in process.stdout or ():
            log.write(line)
            reached += line.startswith("Collecting ")
            if line.startswith("Collecting ") and reached % 25 == 0:
                print(f"  {reached} packages fetched", flush=True)
            if line.startswith("Installing collected"):
                print("  unpacking", flush=True)
    return process.returncode


def _reason() -> str:
    said = [line.strip() for line in LOG.read_text().splitlines() if line.startswith("ERROR")]
    return said[0].removeprefix("ERROR: ") if said else "it gave no reason"


def _fail(message: str) -> int:
    print(f"set-up stopped: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
