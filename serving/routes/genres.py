"""Genres predicted by whoever serves: of a known title from its online features, of any other from its text."""

import datetime as dt
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from serving.catalog import CatalogTitle
from serving.deps import CurrentChampion, State, found_title, serving_state
from serving.experiments import RunningExperiment
from serving.explanations import MAX_EXPLAINED, ExplainedPrediction, ExplainedResponse, explained
from serving.features import OnlineStoreError, UnknownFeatureServiceError
from serving.known_titles import Reading
from serving.model_threads import CallerGoneError
from serving.observability import current_key_id, frames_of, log, note_variant
from serving.prediction_log import prediction_line
from serving.predictors import (
    Answer,
    ServedModel,
    answer_title,
    has_text,
    instance_features,
    online_features,
    predict_features,
    with_catalog,
)
from serving.problems import InvalidField, invalid_request, not_ready, problem_responses
from serving.schemas import Instance, Prediction, PredictRequest, PredictResponse
from serving.state import ServingState
from trending_assets.domain.text.features import TitleFeatures

router = APIRouter(tags=["genres"])

_JSON = "application/json"
# What nginx logs such a request as; nobody reads it.
_CALLER_GONE = 499
_TITLE_GENRES = "/v1/titles/{title_id}/genres"
Explain = Annotated[bool, Query(description="Add what spoke for each selected genre; it takes longer.")]


@router.get(
    _TITLE_GENRES,
    response_model=ExplainedPrediction | Prediction,
    responses=problem_responses(404, 422, 503),
)
async def title_genres(title_id: str, request: Request, explain: Explain = False) -> Response:
    """The genres of a title of the catalogue, by its id or an alias, from its features in the online store."""
    started = time.perf_counter()
    # Not as dependencies, each of which FastAPI resolves anew; see `TitleGenresRoute`.
    state = serving_state(request)
    catalog = state.need_catalog()
    title, champion = found_title(catalog, title_id), state.need_champion()
    at, running = catalog.end(), state.experiment.value
    try:
        if running is None:
            answer, reading = await _of_title(state, champion, title, at)
        else:
            answer, reading = await _in_experiment(state, running, champion, title, at)
    except UnknownFeatureServiceError:
        raise not_ready(
            "features-not-ready", "The feature service that the champion reads has not been applied yet."
        ) from None
    except OnlineStoreError:
        raise not_ready(
            "features-unavailable",
            "The online store does not answer at the moment, and the features of this title are not known from before. "
            "Ask again in a moment; POST /v1/genres/predict takes the title's text.",
        ) from None
    _count_online(state, answer, started, at.timestamp())
    features = online_features(reading.features) if explain else None
    if features is None:
        return Response(answer.json(), media_type=_JSON)
    told = await state.scores.threads.run(explained, answer, features)
    return Response(told.model_dump_json(), media_type=_JSON)


class TitleGenresRoute(Route):
    """The route of :func:`title_genres` for requests without a query: nothing in them is left to be checked.

    It is the busiest path, and FastAPI takes longer to find and to prepare a route than the answer takes. Where there
    is a query, the route that the document describes answers.
    """

    def __init__(self, permit: Callable[[Request], Awaitable[None]] | None) -> None:
        """A route to be put before all others.

        Args:
            permit: raises what a caller without the key's scope is told; None where no keys are asked for.
        """

        async def answer(request: Request) -> Response:
            if permit is not None:
                await permit(request)
            return await title_genres(request.path_params["title_id"], request)

        super().__init__(_TITLE_GENRES, answer, include_in_schema=False)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether it answers a request."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
            return Match.NONE, {}
        match, found = super().matches(scope)
        return match, {**found, "route": self}


async def _of_title(
    state: ServingState, model: ServedModel, title: CatalogTitle, at: dt.datetime, *, hurries: bool = False
) -> tuple[Answer, Reading]:
    service, title_id = model.manifest.feature_service, title.title_id
    reading = await state.known.read(state.need_features(), service, title_id, hurries=hurries)
    if not has_text(reading.features):
        reading = replace(reading, features=with_catalog(reading.features, title))
    outcome = await state.scores.of(model, title_id, reading.features)
    return answer_title(model, title_id, reading, outcome, at), reading


async def _in_experiment(
    state: ServingState, running: RunningExperiment, champion: ServedModel, title: CatalogTitle, at: dt.datetime
) -> tuple[Answer, Reading]:
    """The answer of whoever the title or the key was given; the champion's where the challenger fails."""
    model = running.model_for(champion, current_key_id(), title.title_id)
    if model is not champion:
        # What the champion can be answered with is not to be waited for.
        hurries = state.known.knows(champion.manifest.feature_service, title.title_id)
        try:
            return await _of_title(state, model, title, at, hurries=hurries)
        except OnlineStoreError:
            # No fault of the challenger's; the title may be known under the champion's features.
            pass
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the challenger, the caller gets an answer
            _tell_failure(state, model, error)
    answer, reading = await _of_title(state, champion, title, at)
    state.shadow.offer_title(running, answer, reading, at)
    return answer, reading


def _tell_failure(state: ServingState, model: ServedModel, error: Exception) -> None:
    state.metrics.challenger_failures.inc()
    log.error("challenger_failed", model=str(model), error=type(error).__name__, frames=frames_of(error))


@router.post(
    "/v1/genres/predict",
    response_model=ExplainedResponse | PredictResponse,
    responses=problem_responses(400, 413, 422, 503),
)
async def predict_genres(
    body: PredictRequest, request: Request, champion: CurrentChampion, state: State, explain: Explain = False
) -> Response:
    """The genres of 1 to 128 titles from what is sent, by the code that computes the features of known titles.

    With `explain` it takes at most 8 titles.
    """
    if explain and len(body.instances) > MAX_EXPLAINED:
        message = f"`explain` takes at most {MAX_EXPLAINED} instances"
        raise invalid_request([InvalidField(location="body.instances", message=message)])
    running = state.experiment.value
    model = champion if running is None else running.model_for(champion, current_key_id(), None)
    # In a thread, and few at a time: a batch takes a model up to a second.
    try:
        content, made = await state.scores.threads.run_for(
            request, _predict, state, (champion, model), body.instances, time.perf_counter(), explain=explain
        )
    except CallerGoneError:
        return Response(status_code=_CALLER_GONE)
    if running is not None:
        for answer, features in made:
            state.shadow.offer_text(running, answer, features)
    return Response(content, media_type=_JSON)


def _predict(
    state: ServingState,
    models: tuple[ServedModel, ServedModel],
    instances: Sequence[Instance],
    started: float,
    *,
    explain: bool,
) -> tuple[bytes, list[tuple[Answer, TitleFeatures]]]:
    """The body of the answer, and what it was made of; of two models the first steps in where the second fails."""
    champion, model = models
    features = instance_features(instances)
    try:
        answers = predict_features(model, features)
    except Exception as error:
        if model is champion:
            raise
        _tell_failure(state, model, error)
        answers = predict_features(champion, features)
    made = list(zip(answers, features, strict=True))
    latency_ms = (time.perf_counter() - started) * 1000
    for answer in answers:
        _keep(state, answer, "text", latency_ms)
    if explain:
        told = [explained(answer, each) for answer, each in made]
        return ExplainedResponse(predictions=told).model_dump_json().encode(), made
    return b'{"predictions":[' + b",".join(answer.json() for answer in answers) + b"]}", made


def _count_online(state: ServingState, answer: Answer, started: float, at: float) -> None:
    for view, moment in answer.feature_times.items():
        state.metrics.feature_age.labels(view).observe(at - moment.timestamp())
    reasons = {"missing": answer.outcome.missing, "stale": answer.stale, "last_known": answer.last_known}
    for reason, holds in reasons.items():
        if holds:
            state.metrics.degraded_reasons.labels(reason).inc()
    _keep(state, answer, "online", (time.perf_counter() - started) * 1000)


def _keep(state: ServingState, answer: Answer, source: str, latency_ms: float) -> None:
    """Counts a prediction and leaves it to the log."""
    ref = answer.model.ref
    note_variant(answer.model.variant)
    counted_as = "last_known" if answer.last_known else source
    state.metrics.count_prediction(ref.model, ref.version, counted_as, degraded=answer.degraded)
    state.log.add(*prediction_line(answer, source, latency_ms))
