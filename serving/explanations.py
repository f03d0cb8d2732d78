"""What spoke for the genres of a prediction, as the API gives it."""

import numpy as np
from pydantic import BaseModel, Field

from serving.predictors import Answer
from serving.schemas import Prediction
from trending_assets.domain.genres.explanations import Explanation, Method, TermKind
from trending_assets.domain.text.features import TitleFeatures

LARGEST = 10
# Of each, some models read the text once a word.
MAX_EXPLAINED = 8


class Contribution(BaseModel):
    """How much a part of a title speaks for a genre."""

    kind: TermKind = Field(
        description="`word`, `words` (two side by side), `fact`, `keywords` (all of the text's that were written by "
        "hand for one genre), or `embedding` or `tfidf`, a vector of the whole text."
    )
    name: str = Field(examples=["spaceship"])
    member: str | None = Field(description="The model that read it so; null where the prediction is one model's.")
    log_odds: float = Field(description="Above 0 it speaks for the genre, below 0 against it.")


class GenreExplanation(BaseModel):
    """What the model's answer for one genre is made of, in log odds before calibration."""

    genre: str
    log_odds: float = Field(description="What the model says before calibration.")
    base: float | None = Field(description="What it says of nothing; null where the parts do not add up.")
    contributions: list[Contribution] = Field(description=f"The {LARGEST} largest parts.")
    rest: float | None = Field(description="All other parts together; base, parts and rest add up to `log_odds`.")


class PredictionExplanation(BaseModel):
    """What spoke for the selected genres, or for the most probable one where none is selected."""

    method: Method = Field(
        description="`linear` (coefficient times value), `tree_shap` (Shapley values of trees), `keyword_table` and "
        "`constant` are exact and add up. `leave_one_out` says how much less the model says without a word or a fact, "
        "and does not add up. `blend` has the parts of its members, weighted by their shares."
    )
    genres: list[GenreExplanation]


class ExplainedPrediction(Prediction):
    """A prediction, and what spoke for its genres."""

    explanation: PredictionExplanation


class ExplainedResponse(BaseModel):
    """Predictions in the order of the instances, each with what spoke for its genres."""

    predictions: list[ExplainedPrediction]


def explained(answer: Answer, features: TitleFeatures) -> ExplainedPrediction:
    """A prediction with its explanation; takes some times as long as the prediction did.

    Args:
        answer: the prediction.
        features: what it was made from.
    """
    model = answer.model
    (complete,) = model.completed([features])
    told = model.predictor.model.explain(complete)
    made = answer.prediction
    chosen = [each.genre for each in made.genres if each.selected] or [made.genres[0].genre]
    explanation = PredictionExplanation(
        method=told.method,
        genres=[_of_genre(told, genre, model.predictor.genres.index(genre)) for genre in chosen],
    )
    return ExplainedPrediction(**dict(made), explanation=explanation)


def _of_genre(told: Explanation, genre: str, column: int) -> GenreExplanation:
    parts = told.largest(column, LARGEST)
    named = sum(part for _, part in parts)
    exact = told.base is not None
    return GenreExplanation(
        genre=genre,
        log_odds=float(told.log_odds[column]),
        base=None if told.base is None else float(told.base[column]),
        contributions=[
            Contribution(kind=term.kind, name=term.name, member=term.member, log_odds=part) for term, part in parts
        ],
        rest=float(np.sum(told.contributions[:, column]) - named) if exact else None,
    )
