"""Genres predicted by the champion: of a known title from its online features, of any other from its text."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query, Request, Response

from serving.deps import CurrentChampion, State, found_title, serving_state
from serving.explanations import MAX_EXPLAINED, ExplainedPrediction, ExplainedResponse, explained
from serving.features import OnlineStoreError, UnknownFeatureServiceError
from serving.observability import note_variant
from serving.prediction_log import prediction_line
from serving.predictors import (
    VARIANT,
    Answer,
    Champion,
    answer_title,
    instance_features,
    online_features,
    predict_features,
)
from serving.problems import InvalidField, invalid_request, not_ready, problem_responses
from serving.schemas import Instance, Prediction, PredictRequest, PredictResponse
from serving.state import ServingState

router = APIRouter(tags=["genres"])

_JSON = "application/json"
Explain = Annotated[bool, Query(description="Add what spoke for each selected genre; it takes longer.")]


@router.get(
    "/v1/titles/{title_id}/genres",
    response_model=ExplainedPrediction | Prediction,
    responses=problem_responses(404, 422, 503),
)
async def title_genres(title_id: str, request: Request, explain: Explain = False) -> Response:
    """The genres of a title of the catalogue, by its id or an alias, from its features in the online store."""
    started = time.perf_counter()
    # Not as dependencies, each of which FastAPI resolves anew: this is the busiest path.
    state = serving_state(request)
    catalog = state.need_catalog()
    title, champion = found_title(catalog, title_id), state.need_champion()
    service, at = champion.manifest.feature_service, catalog.end()
    try:
        reading = await state.known.read(state.need_features(), service, title.title_id)
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
    outcome = await state.scores.of(champion, title.title_id, reading.features)
    answer = answer_title(champion, title.title_id, reading, outcome, at)
    _count_online(state, answer, started, at.timestamp())
    features = online_features(reading.features) if explain else None
    if features is None:
        return Response(answer.json(), media_type=_JSON)
    told = await anyio.to_thread.run_sync(explained, answer, features, limiter=state.scores.threads)
    return Response(told.model_dump_json(), media_type=_JSON)


@router.post(
    "/v1/genres/predict",
    response_model=ExplainedResponse | PredictResponse,
    responses=problem_responses(400, 413, 422, 503),
)
async def predict_genres(
    body: PredictRequest, champion: CurrentChampion, state: State, explain: Explain = False
) -> Response:
    """The genres of 1 to 128 titles from what is sent, by the code that computes the features of known titles.

    With `explain` it takes at most 8 titles.
    """
    if explain and len(body.instances) > MAX_EXPLAINED:
        message = f"`explain` takes at most {MAX_EXPLAINED} instances"
        raise invalid_request([InvalidField(location="body.instances", message=message)])
    # In a thread, and few at a time: a batch takes a model up to a second.
    content = await anyio.to_thread.run_sync(
        partial(_predict, state, champion, body.instances, time.perf_counter(), explain=explain),
        limiter=state.scores.threads,
    )
    return Response(content, media_type=_JSON)


def _predict(
    state: ServingState, champion: Champion, instances: Sequence[Instance], started: float, *, explain: bool
) -> bytes:
    features = instance_features(instances)
    answers = predict_features(champion, features)
    latency_ms = (time.perf_counter() - started) * 1000
    for answer in answers:
        _keep(state, answer, "text", latency_ms)
    if explain:
        told = [explained(answer, each) for answer, each in zip(answers, features, strict=True)]
        return ExplainedResponse(predictions=told).model_dump_json().encode()
    return b'{"predictions":[' + b",".join(answer.json() for answer in answers) + b"]}"


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
    ref = answer.champion.ref
    note_variant(VARIANT)
    counted_as = "last_known" if answer.last_known else source
    state.metrics.count_prediction(ref.model, ref.version, counted_as, degraded=answer.degraded)
    state.log.add(*prediction_line(answer, source, latency_ms))
