"""Genres predicted by the champion: of a known title from its online features, of any other from its text."""

import time
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from serving.deps import CurrentChampion, FoundTitle, State
from serving.explanations import MAX_EXPLAINED, ExplainedPrediction, ExplainedResponse, explained
from serving.features import OnlineStoreError, UnknownFeatureServiceError
from serving.observability import frames_of, log
from serving.prediction_log import prediction_line
from serving.predictors import Answer, predict_instances, predict_title
from serving.problems import InvalidField, invalid_request, not_ready, problem_responses
from serving.schemas import Prediction, PredictRequest, PredictResponse
from serving.state import ServingState

router = APIRouter(tags=["genres"])

Explain = Annotated[bool, Query(description="Add what spoke for each selected genre; it takes longer.")]


@router.get("/v1/titles/{title_id}/genres", responses=problem_responses(404, 422, 503))
def title_genres(
    title: FoundTitle, champion: CurrentChampion, state: State, explain: Explain = False
) -> ExplainedPrediction | Prediction:
    """The genres of a title of the catalogue, by its id or an alias, from its features in the online store."""
    started = time.perf_counter()
    try:
        answer = predict_title(champion, state.need_features(), state.need_catalog(), title)
    except UnknownFeatureServiceError:
        raise not_ready(
            "features-not-ready", "The feature service that the champion reads has not been applied yet."
        ) from None
    except OnlineStoreError as error:
        log.error("online_store_failed", error=str(error), frames=frames_of(error))
        raise not_ready("features-not-ready", "The online store cannot be read at the moment.") from None
    _keep(state, [answer], "online", started)
    return explained(champion, answer) if explain else answer.prediction


@router.post("/v1/genres/predict", responses=problem_responses(400, 413, 422, 503))
def predict_genres(
    body: PredictRequest, champion: CurrentChampion, state: State, explain: Explain = False
) -> ExplainedResponse | PredictResponse:
    """The genres of 1 to 128 titles from what is sent, by the code that computes the features of known titles.

    With `explain` it takes at most 8 titles.
    """
    if explain and len(body.instances) > MAX_EXPLAINED:
        message = f"`explain` takes at most {MAX_EXPLAINED} instances"
        raise invalid_request([InvalidField(location="body.instances", message=message)])
    started = time.perf_counter()
    answers = predict_instances(champion, body.instances)
    _keep(state, answers, "text", started)
    if explain:
        return ExplainedResponse(predictions=[explained(champion, answer) for answer in answers])
    return PredictResponse(predictions=[answer.prediction for answer in answers])


def _keep(state: ServingState, answers: Sequence[Answer], source: str, started: float) -> None:
    """Counts predictions and leaves them to the log."""
    latency_ms = (time.perf_counter() - started) * 1000
    for answer in answers:
        made = answer.prediction
        state.metrics.count_prediction(made.model.name, made.model.version, source, degraded=made.degraded)
        state.log.add(*prediction_line(answer, source, latency_ms))
