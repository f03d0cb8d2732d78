"""What every genre model is: the interface, and how a stored one is found by its name.

A model's module is imported only when that model is asked for, since some need libraries that take seconds
to load.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Protocol, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.genres.calibration import Calibration
from trending_assets.domain.genres.explanations import Explanation
from trending_assets.domain.genres.parameters import DEFAULTS, Parameter
from trending_assets.domain.text.features import TitleFeatures

TEXT_SERVICE = "genre_text_v4"
TEXT_EMBEDDING_SERVICE = "genre_text_embedding_v5"

_CLASSES = {
    "genre_majority": ("majority", "MajorityModel"),
    "genre_keyword": ("keyword", "KeywordModel"),
    "genre_logreg": ("logreg", "LogisticRegressionModel"),
    "genre_xgboost": ("xgb", "XGBoostModel"),
    "genre_bert": ("bert", "BertModel"),
    "genre_blend": ("blend", "BlendModel"),
}
MODEL_NAMES: tuple[str, ...] = tuple(_CLASSES)
# What every champion must beat, beside always giving the same answer.
FLOOR = "genre_keyword"


class UnknownModelNameError(KeyError):
    """No genre model has this name."""


class ModelFileError(ValueError):
    """A model's stored files do not fit together."""


class MissingEmbeddingError(ValueError):
    """A model that reads embeddings was given features without one."""


class GenreModel(Protocol):
    """A multi-label genre model.

    Attributes:
        name: the model's name in the registry.
        feature_service: the feature service whose features it reads.
        calibrates: whether its raw probabilities are to be calibrated on out-of-fold predictions.
        held_folds: how many of the folds are held out, each for a fit of its own; None is all of them.
        search_space: the parameters that its fit depends on, by name.
        genres: the slugs it knows, k of them, in the taxonomy's order.
    """

    name: ClassVar[str]
    feature_service: ClassVar[str]
    calibrates: ClassVar[bool]
    held_folds: ClassVar[int | None]
    search_space: ClassVar[Mapping[str, Parameter]]

    @property
    def genres(self) -> tuple[str, ...]:
        """The slugs it knows, in the taxonomy's order."""
        ...

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        labels: npt.NDArray[np.float64],
        genres: Sequence[str],
        seed: int,
        parameters: Mapping[str, float] = DEFAULTS,
    ) -> Self:
        """Fits the model; the same input and seed give the same model.

        Args:
            frame: n rows of the training set.
            labels: shape (n, k): 1, 0, or NaN where unknown.
            genres: the k slugs of the columns of ``labels``.
            seed: seed of whatever is random.
            parameters: values for some of the ``search_space``; the others have their defaults.
        """
        ...

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """Probability of each genre, shape (len(features), k); a row depends on its own features only."""
        ...

    def explain(self, title: TitleFeatures) -> Explanation:
        """What its answer for one title is made of."""
        ...

    def with_calibration(self, calibration: Calibration) -> Self:
        """The same model whose probabilities go through ``calibration``."""
        ...

    def own_thresholds(self) -> dict[str, float] | None:
        """Thresholds that are part of the model, or None where they are to be tuned."""
        ...

    def save(self, folder: Path) -> None:
        """Writes the model's files into an existing folder; the same model gives the same bytes."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The model that :meth:`save` wrote into ``folder``."""
        ...


def known_name(name: str) -> str:
    """The name of a model, given whole or without its ``genre_``.

    Raises:
        UnknownModelNameError: there is none of this name.
    """
    for whole in (name, f"genre_{name}"):
        if whole in _CLASSES:
            return whole
    raise UnknownModelNameError(f"no genre model is named {name!r}; there are {', '.join(MODEL_NAMES)}")


def model_class(name: str) -> type[GenreModel]:
    """The class of the model with this name.

    Raises:
        UnknownModelNameError: there is none.
    """
    module, attribute = _CLASSES[known_name(name)]
    return cast("type[GenreModel]", getattr(import_module(f"{__package__}.{module}"), attribute))


def load_model(name: str, folder: Path) -> GenreModel:
    """The stored model of this name.

    Args:
        name: the model's name.
        folder: the folder of its files, already verified.

    Raises:
        UnknownModelNameError: no model has this name.
        ModelFileError: the files do not fit together.
    """
    try:
        return model_class(name).load(folder)
    except KeyError as error:
        raise ModelFileError(f"{folder}: {error} is missing; other code wrote it") from error
