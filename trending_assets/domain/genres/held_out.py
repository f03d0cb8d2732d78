"""What a model says of the titles that are held out: asked once, kept with the model, and judged from then on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.genres.datasets import TEST, VALIDATION, features_of, masked, rows_of
from trending_assets.domain.genres.metrics import Evaluation
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.training import evaluate

HELD_SPLITS = (VALIDATION, TEST)
# Texts as they are, and without the names of genres.
TEXTS = AS_WRITTEN, MASKED = "as written", "masked"
_FILE = "held_out.npz"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A model's probabilities for the validation and test titles of one training set.

    Attributes:
        title_ids: split → its n title ids.
        probabilities: split and text → shape (n, k), for the k genres of the model.
    """

    title_ids: Mapping[str, tuple[str, ...]]
    probabilities: Mapping[tuple[str, str], Floats]

    @classmethod
    def of(cls, predictor: GenrePredictor, frame: pd.DataFrame) -> "HeldOut":
        """Asks a model.

        Args:
            predictor: the model.
            frame: a training set with its splits.
        """
        rows = {split: rows_of(frame, split) for split in HELD_SPLITS}
        return cls(
            {split: tuple(held["title_id"]) for split, held in rows.items()},
            {
                (split, text): predictor.probabilities(features_of(_as(rows[split], text)))
                for split, text in product(HELD_SPLITS, TEXTS)
            },
        )

    def combined(
        self,
        other: "HeldOut",
        mix: Callable[[npt.NDArray[np.float64], npt.NDArray[np.float64]], npt.NDArray[np.float64]],
    ) -> "HeldOut":
        """What a model of two models says.

        Args:
            other: of the second, asked about the same titles.
            mix: the probabilities of the first and of the second → those of both together, all of one shape.
        """
        mixed = {key: mix(mine, other.probabilities[key]) for key, mine in self.probabilities.items()}
        return HeldOut(self.title_ids, mixed)

    def save(self, folder: Path) -> None:
        """Writes ``held_out.npz``."""
        arrays: dict[str, Any] = {"/".join(key): value for key, value in self.probabilities.items()}
        for split, found in self.title_ids.items():
            arrays[f"{split}/title_ids"] = np.array(found, dtype=np.str_)
        np.savez(folder / _FILE, **arrays)

    @classmethod
    def stored(cls, folder: Path) -> "HeldOut":
        """What :meth:`save` wrote into a folder."""
        with np.load(folder / _FILE, allow_pickle=False) as arrays:
            return cls(
                {split: tuple(arrays[f"{split}/title_ids"].tolist()) for split in HELD_SPLITS},
                {key: arrays["/".join(key)] for key in product(HELD_SPLITS, TEXTS)},
            )

    def evaluate(
        self, predictor: GenrePredictor, frame: pd.DataFrame, split: str, text: str = AS_WRITTEN
    ) -> Evaluation:
        """How the model does on one split.

        Args:
            predictor: the model that was asked.
            frame: the training set that it was asked about.
            split: ``validation`` or ``test``.
            text: one of :data:`TEXTS`.

        Raises:
            ValueError: the split holds other titles than the model was asked about.
        """
        rows = rows_of(frame, split)
        if tuple(rows["title_id"]) != self.title_ids[split]:
            raise ValueError(f"{predictor.name} was asked about other {split} titles than the training set holds")
        return evaluate(predictor, _as(rows, text), self.probabilities[split, text])


def _as(rows: pd.DataFrame, text: str) -> pd.DataFrame:
    return masked(rows) if text == MASKED else rows
