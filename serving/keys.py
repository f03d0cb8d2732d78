"""Who may call: API keys, what each may ask for, and how often."""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase
from limits import RateLimitItem
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.types import ASGIApp, Receive, Scope, Send

from serving.observability import Metrics, log, note_key
from serving.problems import (
    ProblemError,
    key_not_known,
    key_required,
    problem_response,
    scope_missing,
    too_many_requests,
)
from serving.swagger import PATHS as SWAGGER_PATHS
from trending_assets.storage.api_keys import ApiKey, ApiKeys, KeyFileError, KeyRing

# Whoever watches over the process has no key, and the document says how to get one.
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/openapi.json", *SWAGGER_PATHS})
_KEY_IN_SCOPE = "trending.api_key"
_LOOK_SECONDS = 1.0


class CurrentKeys:
    """The keys of a home, at most a second old.

    Read where a request needs them, and not by the thread that loads models, since that may be at one for seconds
    while a key is revoked.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Watches a file of keys; nothing is read until :meth:`find`.

        Args:
            path: the file.
            clock: seconds that only grow.
        """
        self._keys, self._clock = ApiKeys(path), clock
        self._ring = KeyRing({})
        self._signature: tuple[int, int, int] | None = None
        self._looked_at = -math.inf

    def find(self, text: str) -> ApiKey | None:
        """The key that this is the text of; one that was just made is found at once."""
        now = self._clock()
        if now - self._looked_at >= _LOOK_SECONDS:
            self._looked_at = now
            self._look()
        found = self._ring.find(text)
        return found or (self._ring.find(text) if self._look() else None)

    def _look(self) -> bool:
        """Reads the file where it has changed, and says whether it had."""
        try:
            stat = self._keys.path.stat()
        except OSError:
            # No file, or a folder that cannot be looked into: nobody is let in by keys that nobody can revoke.
            self._ring, self._signature = KeyRing({}), None
            return False
        signature = stat.st_ino, stat.st_size, stat.st_mtime_ns
        if signature == self._signature:
            return False
        self._signature = signature
        try:
            self._ring = self._keys.ring()
        except KeyFileError as error:
            # Written in one step, so this is no half of a file; those who had keys go on.
            log.error("keys_not_read", error=type(error).__name__)
        return True


class NeedsScope(SecurityBase):
    """A dependency of routes: the request's key has the scopes that the route is declared with."""

    model: ClassVar[HTTPBearer] = HTTPBearer(description="A key that `trending keys add` made: `tn_…`.")  # type: ignore[misc]
    scheme_name: ClassVar[str] = "API key"  # type: ignore[misc]

    def __init__(self, metrics: Metrics) -> None:
        self._refused = metrics.refused_keys.labels("scope")

    async def __call__(self, request: Request, needed: SecurityScopes) -> None:
        """Lets a request pass.

        Raises:
            ProblemError: the key has not got the scope (403), or there is no key, since nothing asked for one (401).
        """
        key: ApiKey | None = request.scope.get(_KEY_IN_SCOPE)
        if key is None:
            raise key_required()
        for scope in needed.scopes:
            if scope not in key.scopes:
                self._refused.inc()
                raise scope_missing(scope)


class KeyMiddleware:
    """ASGI middleware that lets in who has a key, as often as a key may come, before anything of a body is read."""

    def __init__(
        self, app: ASGIApp, keys: CurrentKeys, metrics: Metrics, *, rate: RateLimitItem, wrong: RateLimitItem
    ) -> None:
        """Wraps an app.

        Args:
            app: what answers the requests.
            keys: the keys.
            metrics: where refused requests are counted.
            rate: how many requests a key may send to this process.
            wrong: how many with a wrong key an address may send. Nobody guesses 256 bits; it keeps those who try, and
                programs with an old key, from filling the log.
        """
        self._app = app
        self._keys = keys
        self._rate, self._wrong = rate, wrong
        self._metrics = metrics
        # Windows that are fixed: then Retry-After is the truth.
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            problem = await self._problem(scope)
            if problem is not None:
                await problem_response(scope["path"], problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _problem(self, scope: Scope) -> ProblemError | None:
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        if not sent:
            self._metrics.refused_keys.labels("missing").inc()
            return key_required()
        key = self._keys.find(_bearer(sent[0])) if len(sent) == 1 else None
        if key is None:
            self._metrics.refused_keys.labels("wrong").inc()
            # Only those who are wrong are counted by address: a key that is known is let in from anywhere, whatever
            # else comes from behind the same proxy.
            client = scope["client"][0] if scope.get("client") else ""
            if not await self._limiter.hit(self._wrong, "wrong", client):
                return too_many_requests(await self._wait(self._wrong, "wrong", client))
            return key_not_known()
        scope[_KEY_IN_SCOPE] = key
        note_key(key.key_id)
        if not await self._limiter.hit(self._rate, "key", key.key_id):
            self._metrics.rate_limited.labels(key.key_id).inc()
            return too_many_requests(await self._wait(self._rate, "key", key.key_id))
        return None

    async def _wait(self, rate: RateLimitItem, *counted: str) -> int:
        window = await self._limiter.get_window_stats(rate, *counted)
        return max(1, math.ceil(window.reset_time - time.time()))


def _bearer(value: bytes) -> str:
    scheme, _, text = value.decode("latin-1").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""
