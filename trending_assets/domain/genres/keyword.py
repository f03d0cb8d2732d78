"""``genre_keyword``: the floor that scores hand-written keywords and knows how telling each score is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.calibration import Calibration, logit
from trending_assets.domain.genres.datasets import judging_labels
from trending_assets.domain.genres.explanations import Explanation, Term
from trending_assets.domain.genres.lexicon import keyword_genres, keywords_in, text_keyword_scores
from trending_assets.domain.genres.majority import prevalence
from trending_assets.domain.genres.models import TEXT_SERVICE, ModelFileError
from trending_assets.domain.genres.parameters import DEFAULTS, Parameter, with_defaults
from trending_assets.domain.genres.tfidf import words_of
from trending_assets.domain.text.features import TitleFeatures

STEPS: tuple[float, ...] = (0.3, 0.6, 1.0, 1.5, 2.0, 3.0)
_FILE = "model.json"
_PRIOR_ROWS = 5.0


def _rising(values: list[float], weights: list[float]) -> list[float]:
    """The nearest sequence that never falls (pool adjacent violators; Barlow and others, 1972)."""
    blocks: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        block = (value, weight, 1)
        while blocks and blocks[-1][0] > block[0]:
            last = blocks.pop()
            total = last[1] + block[1]
            block = ((last[0] * last[1] + block[0] * block[1]) / total, total, last[2] + block[2])
        blocks.append(block)
    return [value for value, _, length in blocks for _ in range(length)]


@dataclass(frozen=True, eq=False)
class KeywordModel:
    """The share of a genre's titles at each step of its keyword score.

    The words know no labels; only these shares do. Each is drawn towards the genre's prevalence by as much as
    five titles would, and a higher score never lowers it.

    Attributes:
        genres: the k slugs.
        table: shape (7, k), the probability below each of :data:`STEPS` and from the last one on.
    """

    name: ClassVar[str] = "genre_keyword"
    feature_service: ClassVar[str] = TEXT_SERVICE
    calibrates: ClassVar[bool] = False
    held_folds: ClassVar[int | None] = None
    search_space: ClassVar[Mapping[str, Parameter]] = {}

    genres: tuple[str, ...]
    table: npt.NDArray[np.float64]

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        labels: npt.NDArray[np.float64],
        genres: Sequence[str],
        seed: int,
        parameters: Mapping[str, float] = DEFAULTS,
    ) -> Self:
        """Counts titles by score; see :class:`~trending_assets.domain.genres.models.GenreModel`."""
        del seed
        with_defaults(cls.search_space, parameters)
        labels = judging_labels(frame, labels)
        steps = _steps(frame["text"].tolist(), genres)
        shares = prevalence(labels)
        table = np.empty((len(STEPS) + 1, len(genres)))
        for column, share in enumerate(shares.tolist()):
            truth, values, weights = labels[:, column], [], []
            for step in range(len(STEPS) + 1):
                rows = truth[(steps[:, column] == step) & ~np.isnan(truth)]
                weights.append(len(rows) + _PRIOR_ROWS)
                values.append((float(rows.sum()) + _PRIOR_ROWS * share) / weights[-1])
            table[:, column] = _rising(values, weights)
        return cls(tuple(genres), table)

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """The table's probabilities, shape (len(features), k)."""
        steps = _steps([title.text for title in features], self.genres)
        return self.table[steps, np.arange(len(self.genres))]

    def explain(self, title: TitleFeatures) -> Explanation:
        """What the step that a genre's score has reached adds to none, in equal shares of the genre's keywords."""
        found = sorted(keywords_in(words_of(title.text)))
        places = {GENRES.index(genre): column for column, genre in enumerate(self.genres)}
        spoken = np.zeros((len(found), len(self.genres)))
        for row, keyword in enumerate(found):
            for place in keyword_genres(keyword):
                if place in places:
                    spoken[row, places[place]] = 1.0
        base, log_odds = logit(self.table[0]), logit(self.predict_proba([title])[0])
        contributions = spoken / np.maximum(spoken.sum(axis=0), 1) * (log_odds - base)
        terms = tuple(Term("words" if " " in keyword else "word", keyword) for keyword in found)
        return Explanation(
            "keyword_table", terms, contributions, log_odds, base, Calibration.identity(len(self.genres))
        )

    def with_calibration(self, calibration: Calibration) -> Self:
        """The model itself: shares of titles need no calibration."""
        del calibration
        return self

    def own_thresholds(self) -> None:
        """None: thresholds are tuned."""
        return

    def save(self, folder: Path) -> None:
        """Writes ``model.json``."""
        content = {"genres": self.genres, "table": self.table.tolist()}
        (folder / _FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads ``model.json``.

        Raises:
            ModelFileError: the table does not have a column a genre.
        """
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        table = np.array(content["table"], dtype=np.float64)
        if table.shape != (len(STEPS) + 1, len(content["genres"])):
            raise ModelFileError(f"{folder / _FILE}: a table of shape {table.shape}")
        return cls(tuple(content["genres"]), table)


def _steps(texts: Sequence[str], genres: Sequence[str]) -> npt.NDArray[np.int64]:
    """The step that each text's score has reached, shape (n, k)."""
    columns = [GENRES.index(genre) for genre in genres]
    scores = np.array([text_keyword_scores(text)[columns] for text in texts], dtype=np.float64)
    return np.digitize(scores.reshape(len(texts), len(columns)), STEPS).astype(np.int64)
