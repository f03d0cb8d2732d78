from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from trending_assets.domain.genres.calibration import Calibration
from trending_assets.domain.genres.models import model_class
from trending_assets.domain.genres.predictor import GenrePredictor, MissingThresholdError, abstained
from trending_assets.domain.text.features import TitleFeatures, title_features


class FixedModel:
    """A model that gives the probabilities it was made with."""

    name: ClassVar[str] = "genre_fixed"
    feature_service: ClassVar[str] = "genre_text_v4"
    calibrates: ClassVar[bool] = False

    def __init__(self, probabilities: dict[str, float]) -> None:
        self.genres = tuple(probabilities)
        self._row = np.array(list(probabilities.values()))

    @classmethod
    def fit(cls, frame: pd.DataFrame, labels: npt.NDArray[np.float64], genres: Sequence[str], seed: int) -> Self:
        raise NotImplementedError

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        return np.tile(self._row, (len(features), 1))

    def with_calibration(self, calibration: Calibration) -> Self:
        return self

    def own_thresholds(self) -> None:
        return

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> Self:
        raise NotImplementedError


_TITLE = title_features("The Fog", "A ghost story", "movie", 1980)
_MODEL = FixedModel({"comedy": 0.2, "drama": 0.7, "horror": 0.5, "war": 0.2})


def test_every_genre_is_answered_most_probable_first() -> None:
    cuts = {"comedy": 0.1, "drama": 0.71, "horror": 0.5, "war": 0.3}
    (scores,) = GenrePredictor(_MODEL, cuts).predict([_TITLE])
    assert [(s.genre, s.probability, s.threshold, s.selected) for s in scores] == [
        ("drama", 0.7, 0.71, False),
        ("horror", 0.5, 0.5, True),
        ("comedy", 0.2, 0.1, True),
        ("war", 0.2, 0.3, False),
    ]
    assert not abstained(scores)


def test_nothing_reaching_its_threshold_is_an_abstention() -> None:
    (scores,) = GenrePredictor(_MODEL, dict.fromkeys(_MODEL.genres, 0.9)).predict([_TITLE])
    assert abstained(scores)
    assert len(scores) == 4


def test_no_titles_give_no_predictions() -> None:
    assert GenrePredictor(_MODEL, dict.fromkeys(_MODEL.genres, 0.5)).predict([]) == []


def test_each_genre_needs_a_threshold() -> None:
    with pytest.raises(MissingThresholdError, match="horror, war"):
        GenrePredictor(_MODEL, {"comedy": 0.5, "drama": 0.5})


def test_thresholds_of_other_genres_are_left_out() -> None:
    predictor = GenrePredictor(_MODEL, {**dict.fromkeys(_MODEL.genres, 0.5), "western": 0.5})
    assert tuple(predictor.thresholds) == predictor.genres == _MODEL.genres
    assert predictor.name == "genre_fixed"


@pytest.mark.parametrize(
    ("name", "needed"),
    [("genre_majority", False), ("genre_keyword", False), ("genre_logreg", False), ("genre_xgboost", True)],
)
def test_which_models_need_an_embedding(name: str, needed: bool) -> None:
    model = FixedModel({"drama": 0.5})
    model.feature_service = model_class(name).feature_service  # type: ignore[misc]
    assert GenrePredictor(model, {"drama": 0.5}).needs_embedding is needed
