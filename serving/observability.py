"""What is seen of the API from outside: JSON log lines, request ids and Prometheus metrics.

Neither a log line nor a metric ever holds a text that a caller sent.
"""

import logging
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
import structlog
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.breaker import STATES
from trending_assets.domain.ids import uuid7

REQUEST_ID_HEADER = "X-Request-ID"
# An API key has the letters of one, and is never logged.
_REQUEST_ID = re.compile(r"(?!.*tn_[0-9a-f]{8}_)[A-Za-z0-9._-]{1,64}")
_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_HANDLER = "trending-json"

log: structlog.stdlib.BoundLogger = structlog.get_logger("serving")


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to what is standard error at the time of writing, not to what it was when logging was set up."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


def configure_logging() -> None:
    """Sends every log line of the process, uvicorn's included, to standard error as JSON; safe to call again."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    root = logging.getLogger()
    if not any(handler.name == _HANDLER for handler in root.handlers):
        handler = _StandardError()
        handler.name = _HANDLER
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(),
                ],
            )
        )
        root.addHandler(handler)
    logging.getLogger("serving").setLevel(logging.INFO)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    # Uvicorn's access line holds the query string and no request id; ours takes its place.
    logging.getLogger("uvicorn.access").handlers.clear()
    logging.getLogger("uvicorn.access").propagate = False


def current_request_id() -> str | None:
    """The id of the request that is being answered; None outside one."""
    request_id = structlog.contextvars.get_contextvars().get("request_id")
    return request_id if isinstance(request_id, str) else None


def accepted_request_id(incoming: str | None) -> str:
    """The caller's request id where it is short and harmless, else a new one."""
    return incoming if incoming is not None and _REQUEST_ID.fullmatch(incoming) else uuid7()


# What a route tells of its request, for the line that is written when it is answered. A route may run in a thread,
# which gets a copy of the context: so what is in it is one object that is added to.
_facts: ContextVar[dict[str, str] | None] = ContextVar("facts", default=None)


def note_variant(variant: str) -> None:
    """Has the line and the time of the request that is being answered name the variant that predicted."""
    _note("variant", variant)


def note_key(key_id: str) -> None:
    """Has the line of the request that is being answered, and what it predicts, name the key that it came with."""
    _note("key_id", key_id)


def current_key_id() -> str | None:
    """The id of the key that the request came with; None where no key is asked for, and outside a request."""
    return (_facts.get() or {}).get("key_id")


def _note(name: str, value: str) -> None:
    facts = _facts.get()
    if facts is not None:
        facts[name] = value


class LoadedModels(Collector):
    """A metric of the model versions that are loaded when it is asked for; one that was let go of has no series.

    Attributes:
        told: model, version and variant of each.
    """

    def __init__(self) -> None:
        self.told: Callable[[], Iterable[tuple[str, str, str]]] = lambda: ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The metric."""
        family = GaugeMetricFamily(
            "trending_model_info",
            "1 for each model version that is loaded, by the part in which it answers.",
            labels=["model", "version", "variant"],
        )
        for labels in self.told():
            family.add_metric(labels, 1)
        yield family


class Metrics:
    """The Prometheus metrics of one app, in a registry of its own, so that two apps in a process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.loaded_models = LoadedModels()
        self.registry.register(self.loaded_models)
        self.requests = Counter(
            "trending_http_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "trending_http_request_seconds",
            "Time from a request to the end of its answer; variant is empty where nothing was predicted.",
            ["method", "route", "variant"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self.registry,
        )
        self.predictions = Counter(
            "trending_predictions",
            "Titles predicted, by model and by where the features came from: online, last_known or text.",
            ["model", "version", "features"],
            registry=self.registry,
        )
        self.degraded = Counter(
            "trending_degraded_predictions",
            "Predictions made with a feature missing or stale, or from features last known.",
            ["model", "version"],
            registry=self.registry,
        )
        self.degraded_reasons = Counter(
            "trending_degraded_reasons",
            "Why predictions were degraded: missing, stale or last_known; one may have several reasons.",
            ["reason"],
            registry=self.registry,
        )
        self.feature_reads = Counter(
            "trending_feature_reads",
            "Titles whose features were asked for, by who answered: store, last_known or unavailable.",
            ["outcome"],
            registry=self.registry,
        )
        self.feature_age = Histogram(
            "trending_feature_age_seconds",
            "How old a row of features was at the end of the newest partition when it was served, by view.",
            ["view"],
            buckets=[day * 86400 for day in (0.25, 1, 2, 3, 7, 14, 30, 90, 365)],
            registry=self.registry,
        )
        self.breaker = Enum(
            "trending_online_store_breaker",
            "Whether the online store is asked (closed), not asked (open) or tried (half_open).",
            states=list(STATES),
            registry=self.registry,
        )
        self.known_titles = Gauge(
            "trending_known_titles",
            "Titles whose features are kept to be answered from while the online store does not answer.",
            registry=self.registry,
        )
        self.scores = Counter(
            "trending_title_scores",
            "Titles of the catalogue that were scored, by whether the model was run: computed or remembered.",
            ["how"],
            registry=self.registry,
        )
        self.loads = Counter(
            "trending_loads",
            "Catalogues, feature stores, champions and experiments that were loaded.",
            ["part"],
            registry=self.registry,
        )
        self.refusals = Counter(
            "trending_refused_loads",
            "Catalogues, feature stores, champions and experiments that were found and could not be loaded.",
            ["part"],
            registry=self.registry,
        )
        self.log_queue = Gauge(
            "trending_prediction_log_queue",
            "Records of the prediction log that wait to be written.",
            registry=self.registry,
        )
        self.log_written = Counter(
            "trending_prediction_log_written",
            "Records of the prediction log that were written.",
            registry=self.registry,
        )
        self.log_dropped = Counter(
            "trending_prediction_log_dropped",
            "Records of the prediction log that were dropped, since the disk was full or too slow.",
            registry=self.registry,
        )
        self.challenger_failures = Counter(
            "trending_challenger_failures",
            "Answers that the challenger failed to give, and that the champion gave in its place.",
            registry=self.registry,
        )
        self.shadow_queue = Gauge(
            "trending_shadow_queue",
            "Titles that wait for the challenger to predict them unseen.",
            registry=self.registry,
        )
        self.shadow = Counter(
            "trending_shadow_predictions",
            "Titles that the challenger was to predict unseen, by outcome: made, failed, or dropped since too many "
            "waited.",
            ["outcome"],
            registry=self.registry,
        )
        self.in_flight = Gauge("trending_requests_in_flight", "Requests that are worked on.", registry=self.registry)
        self.queued = Gauge(
            "trending_requests_queued", "Requests that wait until one is worked on.", registry=self.registry
        )
        self.shed = Counter(
            "trending_requests_shed",
            "Requests that were refused with 503 since there were too many, by what there was no room for.",
            ["reason"],
            registry=self.registry,
        )
        self.timed_out = Counter(
            "trending_requests_timed_out",
            "Requests that were answered with 503 since they took too long.",
            registry=self.registry,
        )
        self.rate_limited = Counter(
            "trending_requests_rate_limited",
            "Requests that were refused with 429, by the id of their key.",
            ["key"],
            registry=self.registry,
        )
        self.refused_keys = Counter(
            "trending_keys_refused",
            "Requests without a key, with one that is not known or was revoked, or with one that lacks the scope.",
            ["reason"],
            registry=self.registry,
        )

    def count_prediction(self, model: str, version: str, features: str, *, degraded: bool) -> None:
        """Counts one prediction.

        Args:
            model: the model's name.
            version: its version.
            features: ``online``, ``last_known`` or ``text``.
            degraded: whether a feature was missing, stale or last known.
        """
        self.predictions.labels(model, version, features).inc()
        if degraded:
            self.degraded.labels(model, version).inc()


def frames_of(error: BaseException) -> list[str]:
    """Where an exception was raised, innermost last, without its message: that may quote what a caller sent."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]


class RequestMiddleware:
    """ASGI middleware: gives each request its id, its log line and its metrics, and answers where a route fails."""

    def __init__(
        self,
        app: ASGIApp,
        metrics: Metrics,
        answer_failure: Callable[[str], ASGIApp],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Wraps an app.

        Args:
            app: what answers the requests.
            metrics: where they are counted.
            answer_failure: the 500 response for a path.
            clock: seconds that only grow.
        """
        self._app = app
        self._metrics = metrics
        self._answer_failure = answer_failure
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = accepted_request_id(Headers(scope=scope).get(REQUEST_ID_HEADER))
        status = 0
        facts: dict[str, str] = {}
        token = _facts.set(facts)
        started = self._clock()

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID_HEADER] = request_id
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception as error:  # noqa: BLE001 - whatever a route raises, the caller gets a problem document
                log.error("request_failed", error=type(error).__name__, frames=frames_of(error))  # noqa: TRY400
                if status == 0:
                    await self._answer_failure(scope["path"])(scope, receive, send_with_id)
            finally:
                self._record(scope, status, self._clock() - started, facts)
                _facts.reset(token)

    def _record(self, scope: Scope, status: int, seconds: float, facts: Mapping[str, str]) -> None:
        # The route's template, never the path: one time series an id would be one too many.
        route: Any = scope.get("route")
        template = getattr(route, "path", None) or "unmatched"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, template, str(status)).inc()
        self._metrics.seconds.labels(method, template, facts.get("variant", "")).observe(seconds)
        _log_request(method, template, status, seconds, facts)


def _log_request(method: str, route: str, status: int, seconds: float, facts: Mapping[str, str]) -> None:
    # Written at once: structlog and logging would do much for a line that is the same for every request.
    line = {
        **structlog.contextvars.get_contextvars(),
        "method": method,
        "route": route,
        "status": status,
        "key_id": facts.get("key_id"),
        "variant": facts.get("variant"),
        "milliseconds": round(seconds * 1000, 2),
        "event": "request",
        "level": "info",
        "logger": "serving",
        "timestamp": datetime.now(UTC),
    }
    sys.stderr.write(orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z).decode() + "\n")
