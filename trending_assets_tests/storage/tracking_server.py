"""As much of W&B's server as runs with an artifact need."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "k" * 40
_PROJECT = {"id": "UHJvamVjdA==", "entity": {"id": "RW50aXR5", "name": "somebody"}}
_VIEWER = {"id": "VXNlcg==", "entity": "somebody", "username": "somebody", "email": None, "flags": "{}"}


@dataclass
class TrackingServer:
    """A server that keeps what it was sent.

    Attributes:
        refuses: names of the GraphQL operations that it does not carry out.
        runs: name of a run → its display name.
        artifacts: what was said of each artifact.
        files: name → content of each uploaded file.
        history: the points of all runs.
        asked: the GraphQL operations, in order.
    """

    refuses: set[str] = field(default_factory=set)
    runs: dict[str, str] = field(default_factory=dict)
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, query: dict[str, Any]) -> dict[str, Any]:
        """The answer to one GraphQL request."""
        name, given = query.get("operationName") or "", query.get("variables") or {}
        self.asked.append(name or query["query"].split("(")[0].strip())
        if name in self.refuses:
            return {"errors": [{"message": f"{name} is refused"}]}
        return {"data": getattr(self, f"_{name}", lambda _: {"project": None})(given)}

    def _Viewer(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - as the operation is named
        return {"viewer": _VIEWER | {"teams": {"edges": []}}}

    def _UpsertBucket(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.runs.setdefault(given["name"], given["displayName"])
        bucket = {"id": "UnVu", "name": given["name"], "displayName": given["displayName"], "config": "{}"}
        more = {"description": None, "sweepName": None, "historyLineCount": 0}
        project = _PROJECT | {"name": given["project"]}
        return {"upsertBucket": {"bucket": bucket | more | {"project": project}, "inserted": True}}

    def _CreateArtifact(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        self.artifacts.append(given["input"])
        sequence = {"id": "U2VxdWVuY2U=", "latestArtifact": None}
        return {"createArtifact": {"artifact": {"id": "QXJ0", "state": "COMMITTED", "artifactSequence": sequence}}}

    def _CreateRunFiles(self, given: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        files = [{"name": name, "uploadUrl": f"{self.url}/storage/{name}"} for name in given["files"]]
        return {"createRunFiles": {"runID": "UnVu", "uploadHeaders": [], "files": files}}

    def received(self, path: str, body: bytes) -> dict[str, Any]:
        """The answer to whatever else was sent."""
        if path.endswith("/file_stream"):
            lines = json.loads(body).get("files", {}).get("wandb-history.jsonl", {}).get("content", [])
            self.history += [json.loads(line) for line in lines]
        elif path.startswith("/storage/"):
            self.files[path.removeprefix("/storage/")] = body
        return {"exitcode": None, "limits": {}}


@contextmanager
def tracking_server() -> Iterator[TrackingServer]:
    """A server on a free port."""
    state = TrackingServer()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            graphql = self.path == "/graphql"
            answer = state.answer(json.loads(body)) if graphql else state.received(self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - as the base class calls them

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class names it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield state
        finally:
            server.shutdown()
