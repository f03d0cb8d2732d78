"""What a prediction was made from."""

from fastapi import APIRouter

from serving.deps import State
from serving.observability import current_key_id
from serving.problems import prediction_not_found, problem_responses
from trending_assets.domain.predictions.lineage import PredictionLineage
from trending_assets.storage.lineage import UnknownPredictionError

router = APIRouter(tags=["lineage"])


@router.get("/v1/lineage/{prediction_id}", responses=problem_responses(404))
def get_lineage(prediction_id: str, state: State) -> PredictionLineage:
    """A prediction, back to model, features, partitions with the runs that wrote them, and raw documents by hash.

    What cannot be told is null, and `unknown` beside it says why. Where keys are asked for, a key is told of its own
    predictions alone.
    """
    # What this process has answered a moment ago waits to be written.
    state.log.flush()
    try:
        return state.lineage.of_prediction(prediction_id, current_key_id())
    except UnknownPredictionError:
        raise prediction_not_found() from None
