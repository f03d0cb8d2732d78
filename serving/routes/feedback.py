"""Feedback: what the genres of a predicted title are, as somebody found out later."""

from datetime import UTC, datetime

from fastapi import APIRouter

from serving.deps import State
from serving.observability import current_request_id
from serving.problems import feedback_not_kept, problem_responses
from serving.schemas import FeedbackAccepted, FeedbackRequest
from trending_assets.domain.predictions.records import feedback_record
from trending_assets.storage.prediction_segments import FEEDBACK, encode_record

router = APIRouter(tags=["feedback"])


@router.post("/v1/feedback", status_code=202, responses=problem_responses(400, 413, 422, 503))
async def give_feedback(body: FeedbackRequest, state: State) -> FeedbackAccepted:
    """Takes the genres of a predicted title as truth for the live metrics; of several, the newest counts.

    Whether there was such a prediction is not looked up: feedback for one that is not known is dropped later.
    """
    received_at = datetime.now(UTC)
    record = feedback_record(body.prediction_id, body.genres, received_at, current_request_id())
    if not state.log.add(FEEDBACK, encode_record(record)):
        raise feedback_not_kept()
    return FeedbackAccepted(status="accepted", prediction_id=body.prediction_id, received_at=received_at)
