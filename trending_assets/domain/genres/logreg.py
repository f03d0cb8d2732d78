"""``genre_logreg``: one logistic regression a genre on TF-IDF and on what is known beside the text.

Fitted by scikit-learn, kept and run as plain arrays: one text is a few hundred rows of a weight matrix.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.certificates import CERTIFICATES
from trending_assets.domain.catalog.taxonomy import GENRES, KINDS
from trending_assets.domain.genres.calibration import Calibration, logit, sigmoid
from trending_assets.domain.genres.datasets import features_of, incomplete_rows, judging_labels, some_masked
from trending_assets.domain.genres.explanations import Explanation, Term, summed
from trending_assets.domain.genres.facts import (
    RUNTIME_STEPS,
    certificate_flags,
    common_countries,
    common_platforms,
    country_flags,
    platform_flags,
    runtime_step,
    runtime_step_name,
)
from trending_assets.domain.genres.lexicon import text_keyword_scores
from trending_assets.domain.genres.majority import prevalence
from trending_assets.domain.genres.models import TEXT_SERVICE, ModelFileError
from trending_assets.domain.genres.parameters import DEFAULTS, Parameter, with_defaults
from trending_assets.domain.genres.tfidf import TfIdf, terms_of, told_by, words_of
from trending_assets.domain.text.features import TitleFeatures

_MINIMUM_TEXTS = 2
_TOLERANCE = 0.01
# So large that regularisation hardly holds its weight back.
_APART = 3.0

_DECADES = tuple(range(1920, 2030, 10))
# Kind, decade, running time of either kind, certificate, keyword scores; of decade, running time and certificate the
# last says that it is unknown.
_PARTS = (2, len(_DECADES) + 1, 2 * RUNTIME_STEPS + 1, len(CERTIFICATES) + 1, len(GENRES))
_KIND, _DECADE, _RUNTIME, _CERTIFICATE, _KEYWORDS = np.cumsum((0, *_PARTS[:-1])).tolist()
_SIDE = sum(_PARTS)
_VOCABULARY_FILE, _ARRAYS_FILE = "model.json", "model.npz"


def _side_features(title: TitleFeatures, countries: Sequence[str], platforms: Sequence[str]) -> npt.NDArray[np.float64]:
    """Kind, decade, running time and certificate one-hot, log of one plus each keyword score, countries, platforms.

    Of shape (80 + countries + platforms,).
    """
    side = np.zeros(_SIDE)
    show, step = title.kind == "show", runtime_step(title)
    side[_KIND + show] = 1.0
    if title.year is None:
        side[_RUNTIME - 1] = 1.0
    else:
        side[_DECADE + _DECADES.index(min(max(title.year // 10 * 10, _DECADES[0]), _DECADES[-1]))] = 1.0
    side[_CERTIFICATE - 1 if step is None else _RUNTIME + RUNTIME_STEPS * show + step] = 1.0
    flags = certificate_flags(title)
    side[_CERTIFICATE:_KEYWORDS] = (*flags, 1.0 - flags.sum())
    side[_KEYWORDS:] = np.log1p(text_keyword_scores(title.text))
    return np.concatenate([side, country_flags(title, countries), platform_flags(title, platforms)])


def _side_terms(countries: Sequence[str], platforms: Sequence[str]) -> list[Term]:
    """What each of the side features says, in their order."""
    decades = [f"{decade}s" for decade in _DECADES]
    decades[0], decades[-1] = f"{decades[0]} or before", f"{decades[-1]} or later"
    steps = [runtime_step_name(step) for step in range(RUNTIME_STEPS)]
    facts = {
        "kind": KINDS,
        "year": [*decades, "unknown"],
        "running time": [*(f"{step}, {kind}" for kind in KINDS for step in steps), "unknown"],
        "certificate": [*CERTIFICATES, "unknown"],
    }
    said = [Term("fact", f"{name}: {value}") for name, values in facts.items() for value in values]
    said += [Term("keywords", genre) for genre in GENRES]
    said += [Term("fact", f"country: {country}") for country in countries]
    return said + [Term("fact", f"platform: {platform}") for platform in platforms]


@dataclass(frozen=True, eq=False)
class LogisticRegressionModel:
    """One-vs-rest logistic regression, each genre fitted on the titles where it is known.

    Attributes:
        genres: the k slugs.
        tfidf: the vocabulary of m terms.
        countries: the c countries that it knows.
        platforms: the p platforms that it knows.
        weights: shape (m + 80 + c + p, k), float32.
        intercept: shape (k,).
        calibration: what the probabilities go through.
    """

    name: ClassVar[str] = "genre_logreg"
    feature_service: ClassVar[str] = TEXT_SERVICE
    calibrates: ClassVar[bool] = True
    held_folds: ClassVar[int | None] = None
    search_space: ClassVar[Mapping[str, Parameter]] = {
        "inverse_regularisation": Parameter(4.0, 0.3, 100.0, log=True),
        "largest_vocabulary": Parameter(40_000, 5_000, 160_000, log=True, whole=True),
        # What is always there must not outweigh the words, whose values are below 1.
        "side_weight": Parameter(0.3, 0.05, 1.0, log=True),
        # So many texts are learned without the names of genres, which would tell instead of being understood.
        "masked_share": Parameter(0.3, 0.0, 1.0),
    }

    genres: tuple[str, ...]
    tfidf: TfIdf
    countries: tuple[str, ...]
    platforms: tuple[str, ...]
    weights: npt.NDArray[np.float32]
    intercept: npt.NDArray[np.float64]
    calibration: Calibration

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        labels: npt.NDArray[np.float64],
        genres: Sequence[str],
        seed: int,
        parameters: Mapping[str, float] = DEFAULTS,
    ) -> Self:
        """Fits vocabulary and weights; see :class:`~trending_assets.domain.genres.models.GenreModel`.

        A genre whose known labels are all the same gets its prevalence and no weights.
        """
        from scipy.sparse import csr_matrix, hstack
        from sklearn.linear_model import LogisticRegression

        settled = with_defaults(cls.search_space, parameters)
        shown = some_masked(frame, settled["masked_share"], seed)
        titles = features_of(shown.drop(columns=["embedding", "tfidf"], errors="ignore"))
        terms = [terms_of(words_of(title.text)) for title in titles]
        strength, weight = settled["inverse_regularisation"], settled["side_weight"]
        tfidf = TfIdf.fit(terms, _MINIMUM_TEXTS, int(settled["largest_vocabulary"]))
        countries, platforms = common_countries(titles), common_platforms(titles)
        side = np.array([_side_features(title, countries, platforms) for title in titles])
        plain = hstack([tfidf.matrix(terms), csr_matrix(side * weight)]).tocsr()
        # One more column takes up what incomplete labels leave out, and no title that is asked about has it.
        apart = hstack([plain, csr_matrix(incomplete_rows(frame)[:, None] * _APART)]).tocsr()
        judging = judging_labels(frame, labels)
        left_out = np.any(np.isnan(judging) & ~np.isnan(labels), axis=0).tolist()
        weights = np.zeros((plain.shape[1], len(genres)), dtype=np.float32)
        intercept = logit(prevalence(judging))
        for column in range(len(genres)):
            known = ~np.isnan(labels[:, column])
            truth = labels[known, column]
            if 0 < truth.sum() < len(truth):
                # The dual problem has one variable a title, far fewer than there are words.
                fitted = LogisticRegression(
                    C=strength,
                    solver="liblinear",
                    dual=True,
                    tol=_TOLERANCE,
                    random_state=seed,
                )
                fitted.fit((apart if left_out[column] else plain)[known], truth)
                weights[:, column], intercept[column] = fitted.coef_[0][: len(weights)], fitted.intercept_[0]
        weights[len(tfidf.vocabulary) :] *= weight
        return cls(tuple(genres), tfidf, countries, platforms, weights, intercept, Calibration.identity(len(genres)))

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, shape (len(features), k)."""
        scores = np.empty((len(features), len(self.genres)))
        for i, title in enumerate(features):
            scores[i] = self._score(title)
        return self.calibration.apply(sigmoid(scores))

    def _score(self, title: TitleFeatures) -> npt.NDArray[np.float64]:
        columns, values = self.tfidf.row(terms_of(words_of(title.text)))
        side = _side_features(title, self.countries, self.platforms)
        return values @ self.weights[columns] + side @ self.weights[-len(side) :] + self.intercept

    def explain(self, title: TitleFeatures) -> Explanation:
        """Coefficient times value of each term and fact; a character n-gram's is shared by the words that it is in."""
        words = words_of(title.text)
        columns, values = self.tfidf.row(terms_of(words))
        side, seen_in = _side_features(title, self.countries, self.platforms), told_by(words)
        terms, rows = [], []
        for column, value in zip(columns.tolist(), values.tolist(), strict=True):
            for name, share in seen_in[self.tfidf.vocabulary[column]].items():
                terms.append(Term("words" if " " in name else "word", name))
                rows.append(self.weights[column].astype(np.float64) * (value * share))
        known = _side_terms(self.countries, self.platforms)
        for place in np.flatnonzero(side).tolist():
            terms.append(known[place])
            rows.append(self.weights[place - len(side)].astype(np.float64) * side[place])
        found, contributions = summed(terms, np.array(rows))
        return Explanation("linear", found, contributions, self._score(title), self.intercept, self.calibration)

    def with_calibration(self, calibration: Calibration) -> Self:
        """The same model whose probabilities go through ``calibration``."""
        return replace(self, calibration=calibration)

    def own_thresholds(self) -> None:
        """None: thresholds are tuned."""
        return

    def save(self, folder: Path) -> None:
        """Writes ``model.json`` (genres, vocabulary, countries, platforms) and ``model.npz`` (arrays)."""
        content = {
            "genres": self.genres,
            "countries": self.countries,
            "platforms": self.platforms,
            "vocabulary": self.tfidf.vocabulary,
        }
        (folder / _VOCABULARY_FILE).write_text(
            json.dumps(content, indent=0, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        np.savez(
            folder / _ARRAYS_FILE,
            idf=self.tfidf.idf,
            weights=self.weights,
            intercept=self.intercept,
            slope=self.calibration.slope,
            shift=self.calibration.intercept,
        )

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads the two files.

        Raises:
            ModelFileError: their sizes do not fit together.
        """
        content = json.loads((folder / _VOCABULARY_FILE).read_text(encoding="utf-8"))
        genres, countries, platforms = (tuple(content[name]) for name in ("genres", "countries", "platforms"))
        vocabulary = content["vocabulary"]
        with np.load(folder / _ARRAYS_FILE, allow_pickle=False) as arrays:
            expected = {
                "idf": (len(vocabulary),),
                "weights": (len(vocabulary) + _SIDE + len(countries) + len(platforms), len(genres)),
                **dict.fromkeys(("intercept", "slope", "shift"), (len(genres),)),
            }
            if any(arrays[name].shape != shape for name, shape in expected.items()):
                raise ModelFileError(f"{folder}: arrays do not fit {len(genres)} genres and {len(vocabulary)} terms")
            calibration = Calibration(arrays["slope"], arrays["shift"])
            tfidf = TfIdf(vocabulary, arrays["idf"])
            return cls(genres, tfidf, countries, platforms, arrays["weights"], arrays["intercept"], calibration)
