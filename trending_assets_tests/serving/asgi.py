"""One request to an ASGI app, without a server in between: for what a test client cannot hold back."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message


@dataclass
class Answer:
    """What an app answered."""

    status: int
    headers: Headers
    body: bytes


async def ask(
    app: ASGIApp,
    parts: Sequence[bytes] | None = (b"",),
    *,
    path: str = "/",
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends one request.

    Args:
        app: the app.
        parts: of its body; where it is None, none ever comes.
        path: of the request.
        method: of the request.
        headers: of the request.
    """
    coming = list(parts or ())
    sent: list[Message] = []

    async def receive() -> Message:
        if parts is None or not coming:
            await asyncio.Event().wait()
        part = coming.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(coming)}

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "method": method, "path": path, "headers": raw, "query_string": b""}
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], Headers(raw=list(sent[0]["headers"])), body)
