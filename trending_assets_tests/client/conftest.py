"""The API behind a real socket, and a server that answers as a test says."""

import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fastapi import FastAPI

from serving.app import create_app
from serving.settings import ServingSettings
from trending_assets.client.api import TrendingClient
from trending_assets.client.retries import Retries
from trending_assets_tests.client.listening import listening
from trending_assets_tests.serving.world import FakeEncoder, FakeFeatures, World


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """An app with a catalogue, a champion and online features."""
    features = FakeFeatures()
    world = World(tmp_path_factory.mktemp("client") / "home")
    app = create_app(ServingSettings(home=world.folder), features=lambda _: features, encoder=FakeEncoder)
    world.land_catalog()
    world.land_activity()
    world.promote()
    world.register("20250627-bbbbbbbb")
    world.apply_features()
    features.fill(world.titles)
    app.state.serving.refresh()
    return app


@pytest.fixture(scope="module")
def url(app: FastAPI) -> Iterator[str]:
    """Where it answers."""
    with listening(app) as url:
        yield url


@pytest.fixture
def client(url: str) -> Iterator[TrendingClient]:
    """A client of it."""
    with TrendingClient(url) as client:
        yield client


class Script:
    """A server that answers as it is told, one answer a request.

    Attributes:
        url: where it listens.
        answers: status, headers and body of the answers to come; None closes the connection instead.
        requests: method, path, headers and body of what came.
        waits: seconds that a client of it waited.
    """

    def __init__(self) -> None:
        self.answers: deque[tuple[int, dict[str, str], str] | None] = deque()
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.waits: list[float] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def client(self, api_key: str | None = None, **changed: float) -> TrendingClient:
        """A client that notes how long it would wait."""
        retries = Retries(sleep=self.waits.append, draw=lambda: 1.0, **changed)  # type: ignore[arg-type]
        return TrendingClient(self.url, api_key, retries=retries)

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        script = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.requests.append((self.command, self.path, dict(self.headers), body))
                answer = script.answers.popleft()
                if answer is None:
                    self.close_connection = True
                    return
                status, headers, text = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text.encode())), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_POST = do_GET  # noqa: N815 - the name that the base class looks for

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def script() -> Iterator[Script]:
    """A server that has nothing to say yet."""
    made = Script()
    yield made
    made.close()
