"""What browsers may do with answers: headers that forbid what an API has no use for, and CORS for named origins."""

from collections.abc import Sequence
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.observability import REQUEST_ID_HEADER
from serving.swagger import PAGE as SWAGGER_PAGE

_POLICY = "default-src 'none'; frame-ancestors 'none'"
# The page starts Swagger UI by a script in it, and that styles what it shows.
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
_PLAIN = (*_HEADERS, (b"content-security-policy", _POLICY.encode()))
_DOCS = (*_HEADERS, (b"content-security-policy", _DOCS_POLICY.encode()))
_NO_STORE = (b"cache-control", b"no-store")


class SecurityHeaders:
    """ASGI middleware: every answer carries the headers, and is kept by nobody unless its route says otherwise."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        added = _DOCS if scope["path"] == SWAGGER_PAGE else _PLAIN

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NO_STORE)
                message["headers"] = [*headers, *added]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def cors_options(origins: Sequence[str]) -> dict[str, Any]:
    """The arguments of Starlette's CORSMiddleware that open the API to the pages of some origins."""
    return {
        "allow_origins": list(origins),
        "allow_methods": ["GET", "POST"],
        "allow_headers": ["Authorization", "Content-Type", "If-None-Match", REQUEST_ID_HEADER],
        "expose_headers": ["ETag", "Retry-After", REQUEST_ID_HEADER],
        "max_age": 600,
    }
