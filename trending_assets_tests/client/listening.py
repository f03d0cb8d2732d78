"""An app behind a real socket, in a thread of this process."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn

from serving.server import uvicorn_options
from serving.settings import ServingSettings

_SECONDS = 30


@contextlib.contextmanager
def listening(app: Any) -> Iterator[str]:
    """Where the app answers until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, **uvicorn_options(ServingSettings(port=0)), log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + _SECONDS
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < deadline, "the API does not start"
            time.sleep(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_SECONDS)
