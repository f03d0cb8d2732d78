"""From features to genres: a model with its thresholds, the same object offline, in the CLI and in serving."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trending_assets.domain.genres.models import TEXT_EMBEDDING_SERVICE, GenreModel
from trending_assets.domain.text.features import TitleFeatures


class MissingThresholdError(KeyError):
    """A genre that the model knows has no threshold."""


@dataclass(frozen=True)
class GenreScore:
    """One genre of one prediction.

    Attributes:
        genre: the slug.
        probability: between 0 and 1.
        threshold: the cut of this genre.
        selected: whether the probability reaches the cut.
    """

    genre: str
    probability: float
    threshold: float
    selected: bool


def abstained(scores: Sequence[GenreScore]) -> bool:
    """Whether no genre was selected."""
    return not any(score.selected for score in scores)


class GenrePredictor:
    """A genre model and the thresholds that turn its probabilities into genres.

    Attributes:
        model: the model.
        thresholds: slug → cut, for each slug the model knows.
    """

    def __init__(self, model: GenreModel, thresholds: Mapping[str, float]) -> None:
        """Joins a model with its thresholds.

        Raises:
            MissingThresholdError: a genre the model knows has none.
        """
        missing = [genre for genre in model.genres if genre not in thresholds]
        if missing:
            raise MissingThresholdError(f"{model.name}: no threshold for {', '.join(missing)}")
        self.model = model
        self.thresholds = {genre: float(thresholds[genre]) for genre in model.genres}
        self._cuts = np.array([self.thresholds[genre] for genre in model.genres], dtype=np.float64)

    @property
    def name(self) -> str:
        """The model's name."""
        return self.model.name

    @property
    def genres(self) -> tuple[str, ...]:
        """The slugs it knows, in the taxonomy's order."""
        return self.model.genres

    @property
    def feature_service(self) -> str:
        """The feature service whose features it reads."""
        return self.model.feature_service

    @property
    def needs_embedding(self) -> bool:
        """Whether the features must carry an embedding."""
        return self.feature_service == TEXT_EMBEDDING_SERVICE

    def probabilities(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """Probabilities, shape (len(features), number of genres), columns in the order of :attr:`genres`."""
        return self.model.predict_proba(features)

    def select(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which genres reach their threshold, the same shape as ``probabilities``."""
        return probabilities >= self._cuts

    def predict(self, features: Sequence[TitleFeatures]) -> list[list[GenreScore]]:
        """One list a title, in order, of every genre the model knows, most probable first.

        Raises:
            MissingEmbeddingError: the model reads embeddings and a title has none.
        """
        if not features:
            return []
        probabilities = self.probabilities(features)
        return [self._scores(row) for row in probabilities]

    def _scores(self, row: npt.NDArray[np.float64]) -> list[GenreScore]:
        # A stable sort keeps the taxonomy's order among equals, so that an answer does not depend on chance.
        order = np.argsort(-row, kind="stable")
        selected = self.select(row)
        return [
            GenreScore(self.genres[i], float(row[i]), float(self._cuts[i]), bool(selected[i])) for i in order.tolist()
        ]
