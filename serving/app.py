"""The app: ``uvicorn serving.app:create_app --factory``."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from serving.features import OnlineFeatures
from serving.limits import BodyLimit
from serving.observability import Metrics, RequestMiddleware, configure_logging
from serving.predictors import TextEncoder
from serving.problems import Problem, install_problem_handlers, internal_error, problem_response
from serving.routes import feedback, genres, health, lineage, models, titles, trending
from serving.settings import ServingSettings
from serving.state import Poller, ServingState
from trending_assets.domain.text.encoder import Encoder

# 128 instances of the longest title and plot as UTF-8, with room for JSON's escapes of ordinary text.
_MAX_BODY_BYTES = 8 * 1024 * 1024
_POLL_SECONDS = 1.0
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
    metrics = Metrics()
    state = ServingState(settings, metrics, features=features, encoder=encoder)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        poller = Poller(state, poll_seconds)
        poller.start()
        state.log.start()
        try:
            yield
        finally:
            # The log first: the poller may be loading something for seconds.
            await anyio.to_thread.run_sync(state.log.stop)
            await anyio.to_thread.run_sync(poller.stop)

    app = FastAPI(
        title="Trending Now",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        redoc_url=None,
    )
    app.state.serving = state
    for module in (health, titles, genres, feedback, trending, models, lineage):
        app.include_router(module.router)
    install_problem_handlers(app)
    app.add_middleware(BodyLimit, max_bytes=_MAX_BODY_BYTES)
    app.add_middleware(
        RequestMiddleware, metrics=metrics, answer_failure=lambda path: problem_response(path, internal_error())
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        schema = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        components = schema.setdefault("components", {}).setdefault("schemas", {})
        components.update(problem.pop("$defs", {}))
        components["Problem"] = problem
        _drop_default_validation_errors(schema)
        app.openapi_schema = schema
    return app.openapi_schema


def _drop_default_validation_errors(schema: dict[str, Any]) -> None:
    """Takes out FastAPI's own 422, which it adds to each route with a parameter that does not declare one.

    Those routes take nothing but an id, and any string is one.
    """
    for item in schema["paths"].values():
        for operation in item.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)
