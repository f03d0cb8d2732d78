"""The app: ``uvicorn serving.app:create_app --factory``."""

import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from types import ModuleType

import anyio.to_thread
import limits
from fastapi import APIRouter, Depends, FastAPI, Security, params
from fastapi.security import SecurityScopes
from starlette.middleware.cors import CORSMiddleware

from serving.admission import UNSHED_PATHS, Admission
from serving.bodies import BodyLimit
from serving.browsers import SecurityHeaders, cors_options
from serving.caching import CatalogValidator, ConditionalGet, GzipWhereAccepted
from serving.deps import each_once
from serving.features import OnlineFeatures
from serving.keys import CurrentKeys, KeyMiddleware, NeedsScope
from serving.observability import Metrics, RequestMiddleware, configure_logging
from serving.openapi import document
from serving.predictors import TextEncoder
from serving.problems import install_problem_handlers, internal_error, problem_response
from serving.routes import feedback, genres, health, lineage, models, titles, trending
from serving.settings import ServingSettings
from serving.state import Poller, ServingState
from serving.swagger import swagger_router
from trending_assets.domain.text.encoder import Encoder
from trending_assets.storage.api_keys import Scope
from trending_assets.storage.home import Home

# 128 instances of the longest title and plot as UTF-8, with room for JSON's escapes of ordinary text.
_MAX_BODY_BYTES = 8 * 1024 * 1024
# A batch of the most of everything has some 14,000.
_MAX_BODY_PARTS = 200_000
# Of all requests together; a few megabytes more are made of each while it is read.
_MAX_BODIES_BYTES = 128 * 1024 * 1024
_BODY_SECONDS = 10.0
_QUEUE_SECONDS = 1.0
_REQUEST_SECONDS = 10.0
_MIN_GZIP_BYTES = 1024
# A change takes effect within a second, the loading and testing of a model included.
_POLL_SECONDS = 0.25
# Where a registry's database hangs, say, what else is there is served without it.
_FIRST_LOOK_SECONDS = 10.0
# Of the garbage collector's generations. By Python's own thresholds a batch of texts has it look through all titles
# that are remembered once a second, which holds up every request for 40 ms; almost nothing here is in a cycle.
_COLLECTED_AFTER = (20_000, 10, 10)
# What each part of the API needs a key's scope for, where keys are asked for.
_SCOPES: dict[ModuleType, Scope] = {
    titles: "read",
    trending: "read",
    models: "read",
    genres: "predict",
    feedback: "feedback",
    lineage: "lineage",
}
# Those with filters, and those whose answers are made of the catalogue alone.
_FILTERED, _CACHED = {titles, trending, models}, {titles, trending}
_DESCRIPTION = (
    "Titles, what is trending, and genres predicted from online features or from text. "
    "Every error is an RFC 9457 problem document; every answer carries its request id in `X-Request-ID`."
)


def create_app(
    settings: ServingSettings | None = None,
    *,
    features: Callable[[Path], OnlineFeatures] | None = None,
    encoder: Callable[[], TextEncoder] = Encoder,
    poll_seconds: float = _POLL_SECONDS,
) -> FastAPI:
    """The API over one home; starts with whatever is there, and picks up the rest when it appears.

    Args:
        settings: where the home is; from the environment where None.
        features: opens the online store of a home; the one that the settings name where it is None.
        encoder: makes the text encoder.
        poll_seconds: time between two looks at what has changed.
    """
    settings = settings or ServingSettings()
    configure_logging()
    gc.set_threshold(*_COLLECTED_AFTER)
    metrics = Metrics()
    state = ServingState(settings, metrics, features=features, encoder=encoder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pollers = [Poller(each, poll_seconds) for each in state.refreshes]
        for poller in pollers:
            poller.start()
        state.log.start()
        state.shadow.start()
        try:
            # Other processes may answer by now; this one would turn away who could have been answered by those.
            deadline = time.monotonic() + _FIRST_LOOK_SECONDS
            for poller in pollers:
                await anyio.to_thread.run_sync(poller.wait_for_first, deadline - time.monotonic())
            yield
        finally:
            await state.shadow.stop()
            # The log first: a poller may be loading something for seconds.
            await anyio.to_thread.run_sync(state.log.stop)
            for poller in pollers:
                await anyio.to_thread.run_sync(poller.stop)
            await state.close()

    app = FastAPI(
        title="Trending Now",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        # Ours: theirs come from a public network.
        docs_url=None,
        redoc_url=None,
    )
    app.state.serving = state
    _include_routers(app, settings, metrics)
    install_problem_handlers(app)
    _add_middleware(app, settings, metrics)
    app.openapi = lambda: document(app, keys_required=settings.keys_required)  # type: ignore[method-assign]
    return app


def _include_routers(app: FastAPI, settings: ServingSettings, metrics: Metrics) -> None:
    needs_scope = NeedsScope(metrics)

    def scoped(scope: Scope) -> list[params.Depends]:
        return [Security(needs_scope, scopes=[scope])] if settings.keys_required else []

    filtered, cached = Depends(each_once), Depends(CatalogValidator(shared=not settings.keys_required))
    # Before all others, which FastAPI looks through one by one.
    permit = partial(needs_scope, needed=SecurityScopes([_SCOPES[genres]])) if settings.keys_required else None
    app.router.routes.append(genres.TitleGenresRoute(permit))
    app.include_router(swagger_router(app.title))
    app.include_router(health.router)
    app.include_router(health.metrics_router, dependencies=scoped("metrics"))
    for module, scope in _SCOPES.items():
        router: APIRouter = module.router
        shared = [dependency for dependency, of in ((filtered, _FILTERED), (cached, _CACHED)) if module in of]
        app.include_router(router, dependencies=[*scoped(scope), *shared])


def _add_middleware(app: FastAPI, settings: ServingSettings, metrics: Metrics) -> None:
    """Wraps the app, the innermost first: what a request meets last."""
    app.add_middleware(
        Admission,
        metrics=metrics,
        max_in_flight=settings.max_in_flight,
        max_queued=settings.max_queued,
        queue_seconds=_QUEUE_SECONDS,
        request_seconds=_REQUEST_SECONDS,
        exempt=UNSHED_PATHS,
    )
    app.add_middleware(
        BodyLimit,
        metrics=metrics,
        max_bytes=_MAX_BODY_BYTES,
        max_parts=_MAX_BODY_PARTS,
        max_bytes_together=_MAX_BODIES_BYTES,
        seconds=_BODY_SECONDS,
    )
    if settings.keys_required:
        app.add_middleware(
            KeyMiddleware,
            keys=CurrentKeys(Home(settings.home).api_keys),
            metrics=metrics,
            rate=limits.parse(settings.rate_limit),
            wrong=limits.parse(settings.wrong_key_limit),
        )
    # Nothing is compressed of an answer that the caller has already.
    app.add_middleware(ConditionalGet)
    app.add_middleware(GzipWhereAccepted, minimum_size=_MIN_GZIP_BYTES, compresslevel=5)
    if settings.allowed_origins:
        app.add_middleware(CORSMiddleware, **cors_options(settings.allowed_origins))
    app.add_middleware(
        RequestMiddleware,
        metrics=metrics,
        answer_failure=lambda path: problem_response(path, internal_error()),
    )
    app.add_middleware(SecurityHeaders)
