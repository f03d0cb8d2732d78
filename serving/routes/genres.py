"""Genres predicted by the champion: of a known title from its online features, of any other from its text."""

from fastapi import APIRouter

from serving.deps import CurrentChampion, FoundTitle, State
from serving.features import OnlineStoreError, UnknownFeatureServiceError
from serving.observability import frames_of, log
from serving.predictors import predict_instances, predict_title
from serving.problems import not_ready, problem_responses
from serving.schemas import Prediction, PredictRequest, PredictResponse
from serving.state import ServingState

router = APIRouter(tags=["genres"])


@router.get("/v1/titles/{title_id}/genres", responses=problem_responses(404, 503))
def title_genres(title: FoundTitle, champion: CurrentChampion, state: State) -> Prediction:
    """The genres of a title of the catalogue, by its id or an alias, from its features in the online store."""
    try:
        prediction = predict_title(champion, state.need_features(), state.need_catalog(), title)
    except UnknownFeatureServiceError:
        raise not_ready(
            "features-not-ready", "The feature service that the champion reads has not been applied yet."
        ) from None
    except OnlineStoreError as error:
        log.error("online_store_failed", error=str(error), frames=frames_of(error))
        raise not_ready("features-not-ready", "The online store cannot be read at the moment.") from None
    _count(state, prediction, "online")
    return prediction


@router.post("/v1/genres/predict", responses=problem_responses(400, 413, 422, 503))
def predict_genres(body: PredictRequest, champion: CurrentChampion, state: State) -> PredictResponse:
    """The genres of 1 to 128 titles from what is sent, by the code that computes the features of known titles."""
    predictions = predict_instances(champion, body.instances)
    for prediction in predictions:
        _count(state, prediction, "text")
    return PredictResponse(predictions=predictions)


def _count(state: ServingState, prediction: Prediction, features: str) -> None:
    state.metrics.count_prediction(
        prediction.model.name, prediction.model.version, features, degraded=prediction.degraded
    )
