"""``genre_majority``: the floor that answers the same genres for every title, with their prevalence."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.genres.calibration import Calibration, logit
from trending_assets.domain.genres.datasets import judging_labels
from trending_assets.domain.genres.explanations import Explanation
from trending_assets.domain.genres.models import TEXT_SERVICE, ModelFileError
from trending_assets.domain.genres.parameters import DEFAULTS, Parameter, with_defaults
from trending_assets.domain.text.features import TitleFeatures

_FILE = "model.json"


def prevalence(labels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share of positives among the known labels of each column, shape (k,).

    Half a positive and half a negative are added to each (Jeffreys' prior), so that none is 0 or 1.
    """
    return np.asarray(((labels == 1).sum(axis=0) + 0.5) / ((~np.isnan(labels)).sum(axis=0) + 1.0), dtype=np.float64)


def best_constant_set(labels: npt.NDArray[np.float64]) -> list[int]:
    """The columns that, predicted for every row, give the highest micro-F1 on these labels.

    The best set is a head of the columns ordered by their share of positives: adding a column raises an F1 of
    F exactly where its share is above F / 2.

    Args:
        labels: shape (n, k): 1, 0, or NaN where unknown.
    """
    positives, known = (labels == 1).sum(axis=0), (~np.isnan(labels)).sum(axis=0)
    order = np.argsort(-positives / np.maximum(known, 1), kind="stable")
    f1 = 2 * np.cumsum(positives[order]) / np.maximum(np.cumsum(known[order]) + positives.sum(), 1)
    return [int(column) for column in order[: int(np.argmax(f1)) + 1]]


@dataclass(frozen=True, eq=False)
class MajorityModel:
    """Fixed probabilities: each genre's prevalence among the titles it was fitted on.

    Attributes:
        genres: the k slugs.
        probabilities: shape (k,).
        chosen: slugs of the fixed answer.
    """

    name: ClassVar[str] = "genre_majority"
    feature_service: ClassVar[str] = TEXT_SERVICE
    calibrates: ClassVar[bool] = False
    held_folds: ClassVar[int | None] = None
    search_space: ClassVar[Mapping[str, Parameter]] = {}

    genres: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]
    chosen: tuple[str, ...]

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        labels: npt.NDArray[np.float64],
        genres: Sequence[str],
        seed: int,
        parameters: Mapping[str, float] = DEFAULTS,
    ) -> Self:
        """Counts the labels; see :class:`~trending_assets.domain.genres.models.GenreModel`."""
        del seed
        with_defaults(cls.search_space, parameters)
        labels = judging_labels(frame, labels)
        chosen = tuple(genres[i] for i in sorted(best_constant_set(labels)))
        return cls(tuple(genres), prevalence(labels), chosen)

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """The prevalences, once a title."""
        return np.tile(self.probabilities, (len(features), 1))

    def explain(self, title: TitleFeatures) -> Explanation:
        """Nothing of the title counts."""
        del title
        log_odds, genres = logit(self.probabilities), len(self.genres)
        return Explanation("constant", (), np.empty((0, genres)), log_odds, log_odds, Calibration.identity(genres))

    def with_calibration(self, calibration: Calibration) -> Self:
        """The model itself: a prevalence needs no calibration."""
        del calibration
        return self

    def own_thresholds(self) -> dict[str, float]:
        """Cuts that every chosen genre reaches, and no other."""
        return {
            genre: float(probability) if genre in self.chosen else 1.0
            for genre, probability in zip(self.genres, self.probabilities, strict=True)
        }

    def save(self, folder: Path) -> None:
        """Writes ``model.json``."""
        content = {"genres": self.genres, "probabilities": self.probabilities.tolist(), "chosen": self.chosen}
        (folder / _FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads ``model.json``.

        Raises:
            ModelFileError: there is not one probability a genre.
        """
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        if len(content["genres"]) != len(content["probabilities"]):
            raise ModelFileError(f"{folder / _FILE}: not one probability a genre")
        return cls(tuple(content["genres"]), np.array(content["probabilities"]), tuple(content["chosen"]))
