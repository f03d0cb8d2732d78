"""``genre_xgboost``: one multi-label gradient-boosted model on embedding, reduced TF-IDF, keyword scores and facts.

The embedding is first turned onto its main axes among the train titles: trees cut along axes, and 48 of
those say more than 384 that each say little. The reduced TF-IDF is a feature that was fitted before; the model carries
what it was fitted to, so that it knows a text that no feature store has seen.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.certificates import CERTIFICATES
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.calibration import Calibration, logit, sigmoid
from trending_assets.domain.genres.datasets import features_of, judging_labels, some_masked
from trending_assets.domain.genres.explanations import Explanation, Term, summed
from trending_assets.domain.genres.facts import (
    certificate_flags,
    common_countries,
    common_platforms,
    country_flags,
    platform_flags,
)
from trending_assets.domain.genres.lexicon import text_keyword_scores
from trending_assets.domain.genres.majority import prevalence
from trending_assets.domain.genres.models import TEXT_EMBEDDING_SERVICE, MissingEmbeddingError, ModelFileError
from trending_assets.domain.genres.parameters import DEFAULTS, Parameter, with_defaults
from trending_assets.domain.genres.reduced_tfidf import SIZE, ReducedTfIdf
from trending_assets.domain.text.encoder import EMBEDDING_SIZE
from trending_assets.domain.text.features import TitleFeatures

if TYPE_CHECKING:
    import xgboost

AXES = 48
_PARAMETERS: dict[str, Any] = {
    "tree_method": "hist",
    "multi_strategy": "one_output_per_tree",
    "max_bin": 32,
    "subsample": 0.8,
    "base_score": 0.0,
    "disable_default_eval_metric": True,
    # More threads sum in another order, and a request waits for the slowest of them.
    "nthread": 1,
}
_PLAIN_FEATURES = 4 + len(GENRES) + len(CERTIFICATES) + SIZE
_BOOSTER_FILE, _ARRAYS_FILE, _GENRES_FILE = "model.ubj", "model.npz", "model.json"

Objective = Callable[[npt.NDArray[np.float32], "xgboost.DMatrix"], tuple[npt.NDArray[Any], npt.NDArray[Any]]]


def masked_logistic(labels: npt.NDArray[np.float64], intercept: npt.NDArray[np.float64]) -> Objective:
    """The logistic objective in which an unknown label has no gradient and no weight.

    Args:
        labels: shape (n, k): 1, 0, or NaN where unknown.
        intercept: shape (k,) or (n, k), log odds that are added to the margins.
    """
    known, truth = ~np.isnan(labels), np.nan_to_num(labels)

    def objective(margins: npt.NDArray[np.float32], _: "xgboost.DMatrix") -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        chance = sigmoid(margins.reshape(labels.shape).astype(np.float64) + intercept)
        gradient = np.where(known, chance - truth, 0.0)
        hessian = np.where(known, np.maximum(chance * (1.0 - chance), 1e-6), 0.0)
        return gradient.astype(np.float32), hessian.astype(np.float32)

    return objective


def main_axes(embeddings: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean, shape (384,), and the first principal axes, shape (at most 48, 384), each with a fixed sign."""
    mean = embeddings.mean(axis=0)
    centred = embeddings - mean
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = vectors.T[::-1][: min(AXES, len(embeddings))]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return mean, axes * np.sign(largest)[:, None]


def _embedding(title: TitleFeatures) -> npt.NDArray[np.float64]:
    embedding = title.embedding
    if embedding is None or embedding.shape != (EMBEDDING_SIZE,) or not np.isfinite(embedding).all():
        raise MissingEmbeddingError(
            f"genre_xgboost needs an embedding of {EMBEDDING_SIZE} finite values: {title.text[:60]!r}"
        )
    return embedding.astype(np.float64)


def _tfidf(title: TitleFeatures, reduction: ReducedTfIdf) -> npt.NDArray[np.float32]:
    """The title's reduced TF-IDF; computed where it is missing or was made by another transformation."""
    if title.tfidf is None or title.tfidf_version != reduction.version:
        return reduction.transform(title.text)
    return title.tfidf


def _design(
    titles: Sequence[TitleFeatures],
    countries: Sequence[str],
    platforms: Sequence[str],
    mean: npt.NDArray[np.float64],
    axes: npt.NDArray[np.float64],
    reduction: ReducedTfIdf,
) -> npt.NDArray[np.float32]:
    """What the trees read, shape (n, 67 + countries + platforms + axes).

    Is-show, year, word count, running time, keyword scores, certificates, countries, platforms, axes of the embedding,
    reduced TF-IDF.
    """
    rows = []
    for title in titles:
        year, runtime = (np.nan if v is None else float(v) for v in (title.year, title.runtime_minutes))
        plain = [float(title.kind == "show"), year, float(title.word_count), runtime]
        # Row by row: a product over a whole batch rounds differently, and a tree's cut would show it.
        place = axes @ (_embedding(title) - mean)
        keywords = text_keyword_scores(title.text)
        tfidf = _tfidf(title, reduction)
        flags = (certificate_flags(title), country_flags(title, countries), platform_flags(title, platforms))
        rows.append(np.concatenate([plain, keywords, *flags, place, tfidf]))
    return np.array(rows, dtype=np.float32)


def _terms(title: TitleFeatures, countries: int, platforms: int, axes: int) -> list[Term]:
    """What each column of the design says of a title; what says nothing by itself has one name together."""
    known = {
        "kind": title.kind,
        "year": title.year,
        "words in the text": title.word_count,
        "running time": title.runtime_minutes and f"{title.runtime_minutes} minutes",
    }
    facts = [Term("fact", f"{name}: {value or 'unknown'}") for name, value in known.items()]
    certificate = Term("fact", f"certificate: {title.certificate or 'unknown'}")
    made_in = Term("fact", f"countries: {', '.join(title.countries) or 'unknown'}")
    shown_on = Term("fact", f"platforms: {', '.join(title.platforms) or 'unknown'}")
    facts += [Term("keywords", genre) for genre in GENRES]
    facts += [certificate] * len(CERTIFICATES) + [made_in] * countries + [shown_on] * platforms
    return facts + [Term("embedding", "meaning of the text")] * axes + [Term("tfidf", "words of the text")] * SIZE


@dataclass(frozen=True, eq=False)
class XGBoostModel:
    """One booster for all genres; margins start from each genre's prevalence.

    Attributes:
        genres: the k slugs.
        booster: the trees.
        countries: the countries that it knows.
        platforms: the platforms that it knows.
        mean: shape (384,).
        axes: shape (at most 48, 384).
        reduction: makes a text's reduced TF-IDF.
        intercept: shape (k,).
        calibration: what the probabilities go through.
    """

    name: ClassVar[str] = "genre_xgboost"
    feature_service: ClassVar[str] = TEXT_EMBEDDING_SERVICE
    calibrates: ClassVar[bool] = True
    held_folds: ClassVar[int | None] = None
    search_space: ClassVar[Mapping[str, Parameter]] = {
        "rounds": Parameter(100, 40, 400, log=True, whole=True),
        "eta": Parameter(0.08, 0.02, 0.3, log=True),
        "max_depth": Parameter(3, 2, 6, whole=True),
        "colsample_bytree": Parameter(0.3, 0.1, 1.0),
        "reg_lambda": Parameter(2.0, 0.3, 20.0, log=True),
        "min_child_weight": Parameter(2.0, 0.5, 20.0, log=True),
        "masked_share": Parameter(0.3, 0.0, 1.0),
    }

    genres: tuple[str, ...]
    booster: "xgboost.Booster"
    countries: tuple[str, ...]
    platforms: tuple[str, ...]
    mean: npt.NDArray[np.float64]
    axes: npt.NDArray[np.float64]
    reduction: ReducedTfIdf
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
        *,
        reduction: ReducedTfIdf | None = None,
    ) -> Self:
        """Fits axes and trees; see :class:`~trending_assets.domain.genres.models.GenreModel`.

        Args:
            frame: n rows of the training set.
            labels: shape (n, k): 1, 0, or NaN where unknown.
            genres: the k slugs.
            seed: seed of the trees.
            parameters: values for some of the ``search_space``.
            reduction: what made the rows' reduced TF-IDF; without it the model learns nothing from it.

        Raises:
            MissingEmbeddingError: a title has no embedding.
        """
        import xgboost

        settled, reduction = with_defaults(cls.search_space, parameters), reduction or ReducedTfIdf.unfitted()
        titles = features_of(some_masked(frame, settled.pop("masked_share"), seed))
        countries, platforms = common_countries(titles), common_platforms(titles)
        mean, axes = main_axes(np.array([_embedding(title) for title in titles]))
        judging = judging_labels(frame, labels)
        intercept = logit(prevalence(judging))
        # Rows whose labels are not complete start from their own prevalence, so that the trees need not explain it.
        left_out = np.isnan(judging) & ~np.isnan(labels)
        starts = np.where(left_out, logit(prevalence(np.where(left_out, labels, np.nan))), intercept)
        data = xgboost.QuantileDMatrix(
            _design(titles, countries, platforms, mean, axes, reduction),
            label=np.nan_to_num(labels),
            max_bin=_PARAMETERS["max_bin"],
            nthread=1,
        )
        rounds, depth = int(settled.pop("rounds")), int(settled.pop("max_depth"))
        booster = xgboost.train(
            {**_PARAMETERS, **settled, "max_depth": depth, "seed": seed},
            data,
            rounds,
            obj=masked_logistic(labels, starts),
        )
        identity = Calibration.identity(len(genres))
        return cls(tuple(genres), booster, countries, platforms, mean, axes, reduction, intercept, identity)

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, shape (len(features), k).

        Raises:
            MissingEmbeddingError: a title has no embedding.
        """
        if not features:
            return np.empty((0, len(self.genres)))
        margins = self.booster.inplace_predict(
            _design(features, self.countries, self.platforms, self.mean, self.axes, self.reduction),
            predict_type="margin",
        )
        scores = np.asarray(margins, dtype=np.float64).reshape(len(features), len(self.genres)) + self.intercept
        return self.calibration.apply(sigmoid(scores))

    def explain(self, title: TitleFeatures) -> Explanation:
        """Shapley values of the trees; those of a vector's axes, and of a fact's flags, are added up.

        Raises:
            MissingEmbeddingError: the title has no embedding.
        """
        import xgboost

        design = _design([title], self.countries, self.platforms, self.mean, self.axes, self.reduction)
        found = self.booster.predict(xgboost.DMatrix(design, nthread=1), pred_contribs=True)
        parts = np.asarray(found, dtype=np.float64).reshape(len(self.genres), -1).T
        terms, contributions = summed(
            _terms(title, len(self.countries), len(self.platforms), len(self.axes)), parts[:-1]
        )
        base = parts[-1] + self.intercept
        margins = np.asarray(self.booster.inplace_predict(design, predict_type="margin"), dtype=np.float64)
        log_odds = margins.reshape(-1) + self.intercept
        return Explanation("tree_shap", terms, contributions, log_odds, base, self.calibration)

    def with_calibration(self, calibration: Calibration) -> Self:
        """The same model whose probabilities go through ``calibration``."""
        return replace(self, calibration=calibration)

    def own_thresholds(self) -> None:
        """None: thresholds are tuned."""
        return

    def save(self, folder: Path) -> None:
        """Writes ``model.ubj`` (trees), ``model.npz`` (arrays), ``model.json`` (lists) and ``tfidf.*``."""
        self.booster.save_model(folder / _BOOSTER_FILE)
        np.savez(
            folder / _ARRAYS_FILE,
            mean=self.mean,
            axes=self.axes,
            intercept=self.intercept,
            slope=self.calibration.slope,
            shift=self.calibration.intercept,
        )
        self.reduction.save(folder)
        content = {"genres": self.genres, "countries": self.countries, "platforms": self.platforms}
        (folder / _GENRES_FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads the files.

        Raises:
            ModelFileError: they do not fit together.
        """
        import xgboost

        content = json.loads((folder / _GENRES_FILE).read_text(encoding="utf-8"))
        genres, countries, platforms = (tuple(content[name]) for name in ("genres", "countries", "platforms"))
        booster = xgboost.Booster({"nthread": 1}, model_file=folder / _BOOSTER_FILE)
        with np.load(folder / _ARRAYS_FILE, allow_pickle=False) as arrays:
            names = ("mean", "axes", "intercept", "slope", "shift")
            mean, axes, intercept, slope, shift = (arrays[name] for name in names)
        if {len(intercept), len(slope), len(shift)} != {len(genres)} or axes.shape[1:] != mean.shape:
            raise ModelFileError(f"{folder}: arrays do not fit {len(genres)} genres")
        if booster.num_features() != _PLAIN_FEATURES + len(countries) + len(platforms) + len(axes):
            raise ModelFileError(f"{folder}: trees on {booster.num_features()} features do not fit {len(axes)} axes")
        try:
            reduction = ReducedTfIdf.load(folder)
        except (FileNotFoundError, ValueError) as error:
            raise ModelFileError(f"{folder}: no reduced TF-IDF: {error}") from error
        calibration = Calibration(slope, shift)
        return cls(genres, booster, countries, platforms, mean, axes, reduction, intercept, calibration)
