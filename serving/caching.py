"""What callers may keep, for as long as the catalogue is the same, and what is sent of it."""

import hashlib
import json
import re

from fastapi import Response
from pydantic.json_schema import models_json_schema
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.deps import State
from serving.schemas import Title, TitlePage, TrendingPage

_MAX_AGE_SECONDS = 60
_GZIP = re.compile(rb"(?:x-)?gzip(?:\s*;\s*q=(?!0(?:\.0*)?$)[01](?:\.[0-9]*)?)?")


class CatalogValidator:
    """A dependency of routes whose answers are made of the catalogue and the URL alone.

    The catalogue's version is the validator. It is read before the route reads the catalogue, so that one that comes
    between the two is never given the older one's answers.
    """

    def __init__(self, *, shared: bool) -> None:
        """Says who may keep the answers.

        Args:
            shared: caches between the server and its callers too; not where callers need keys.
        """
        self._cache_control = f"{'public' if shared else 'private'}, max-age={_MAX_AGE_SECONDS}"
        # Newer code may give the same catalogue another shape.
        _, shape = models_json_schema([(model, "serialization") for model in (Title, TitlePage, TrendingPage)])
        self._shape = hashlib.sha256(json.dumps(shape, sort_keys=True).encode()).hexdigest()[:8]

    async def __call__(self, response: Response, state: State) -> None:
        """Marks an answer."""
        catalog = state.catalog.value
        if catalog is not None:
            # Weak: it is the same whether the answer is compressed or not.
            response.headers["ETag"] = f'W/"{catalog.version}-{self._shape}"'
            response.headers["Cache-Control"] = self._cache_control
            response.headers["Vary"] = "Accept-Encoding"


class GzipWhereAccepted(GZipMiddleware):
    """Starlette's middleware, which costs those nothing who do not accept gzip: they are most of the busy callers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "http" and not _accepts_gzip(scope):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


class ConditionalGet:
    """ASGI middleware that answers 304 without a body to who has the answer already."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        known = [value for name, value in scope["headers"] if name == b"if-none-match"] if _is_get(scope) else []
        if not known:
            await self._app(scope, receive, send)
            return
        had = _tags(b",".join(known).decode("latin-1"))
        unchanged = False

        async def send_if_changed(message: Message) -> None:
            nonlocal unchanged
            if message["type"] == "http.response.start" and message["status"] == 200:
                headers = MutableHeaders(scope=message)
                tag = headers.get("etag")
                unchanged = tag is not None and (_opaque(tag) in had or "*" in had)
                if unchanged:
                    message["status"] = 304
                    del headers["content-length"], headers["content-type"]
            elif unchanged:
                message["body"] = b""
            await send(message)

        await self._app(scope, receive, send_if_changed)


def _is_get(scope: Scope) -> bool:
    return (scope["type"], scope.get("method")) == ("http", "GET")


def _accepts_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and _names_gzip(value) for name, value in scope["headers"])


def _names_gzip(value: bytes) -> bool:
    """Whether a header names gzip, and not with the weight of what is refused (RFC 9110, section 12.4.2)."""
    return b"gzip" in value and any(_GZIP.fullmatch(each.strip()) for each in value.lower().split(b","))


def _tags(header: str) -> frozenset[str]:
    return frozenset(_opaque(tag) for tag in header.split(","))


def _opaque(tag: str) -> str:
    """A tag for the weak comparison of RFC 9110, section 8.8.3.2."""
    return tag.strip().removeprefix("W/")
