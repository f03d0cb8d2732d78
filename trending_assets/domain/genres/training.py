"""Training and evaluation of genre models: what is fitted is fitted on train rows only.

Each model is fitted once a fold to predict the rows it has not seen, or for one fold alone where a fit is dear;
calibration and thresholds come from those predictions, and the model itself is then fitted on all train rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres import metrics
from trending_assets.domain.genres.calibration import fit_calibration
from trending_assets.domain.genres.datasets import (
    TRAIN,
    features_of,
    judging_labels,
    known_genres,
    label_matrix,
    masked,
    rows_of,
)
from trending_assets.domain.genres.facts import some_without_facts
from trending_assets.domain.genres.metrics import Evaluation
from trending_assets.domain.genres.models import GenreModel
from trending_assets.domain.genres.parameters import DEFAULTS
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.thresholds import tune_thresholds

FOLDS = 5
_OUT_OF_FOLD_FILE = "out_of_fold.npz"


class NothingToLearnError(ValueError):
    """The training set has too few labelled titles for any genre to be learned."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A fitted model with what was found on the way.

    Attributes:
        model: fitted on all n train rows.
        thresholds: slug → cut.
        title_ids: the n train rows, in order.
        out_of_fold: shape (n, k), calibrated probabilities by models that had not seen the row; NaN for a row that was
            never held out.
        folds: shape (n,), the fold in which each row was held out.
        seed: the seed it was trained with.
        parameters: whatever else it was trained with.
    """

    model: GenreModel
    thresholds: dict[str, float]
    title_ids: tuple[str, ...]
    out_of_fold: npt.NDArray[np.float64]
    folds: npt.NDArray[np.int64]
    seed: int
    parameters: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def predictor(self) -> GenrePredictor:
        """The model with its thresholds."""
        return GenrePredictor(self.model, self.thresholds)

    def save_out_of_fold(self, folder: Path) -> None:
        """Writes what :meth:`stored` needs beside the model."""
        ids = np.array(self.title_ids, dtype=np.str_)
        np.savez(folder / _OUT_OF_FOLD_FILE, title_ids=ids, probabilities=self.out_of_fold, folds=self.folds)

    @classmethod
    def stored(cls, folder: Path, predictor: GenrePredictor, seed: int) -> "TrainedModel":
        """The trained model whose :meth:`save_out_of_fold` wrote into a folder."""
        with np.load(folder / _OUT_OF_FOLD_FILE, allow_pickle=False) as arrays:
            ids, probabilities, folds = (arrays[name] for name in ("title_ids", "probabilities", "folds"))
        return cls(predictor.model, predictor.thresholds, tuple(ids.tolist()), probabilities, folds, seed)


def assign_folds(labels: npt.NDArray[np.float64], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """The fold of each row, so that each genre's positives are spread evenly.

    Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data",
    2011), with the genres taken in one pass from the rarest to the most common.

    Args:
        labels: shape (n, k).
        folds: number of folds.
        seed: order in which rows are dealt out.

    Returns:
        Shape (n,), numbers from 0 to ``folds`` - 1.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    positive = labels == 1
    assigned = np.full(len(labels), -1, dtype=np.int64)
    sizes = np.zeros(folds, dtype=np.int64)
    for genre in [*np.argsort(positive.sum(axis=0), kind="stable").tolist(), None]:
        chosen = positive[:, genre] if genre is not None else np.ones(len(labels), dtype=bool)
        held = np.bincount(assigned[chosen & (assigned >= 0)], minlength=folds)
        for row in order[chosen[order] & (assigned[order] < 0)].tolist():
            fold = int(np.lexsort((sizes, held))[0])
            assigned[row] = fold
            held[fold] += 1
            sizes[fold] += 1
    return assigned


class _Fits:
    """The fits of a model on the train rows: one a fold that is held out, and one of all rows."""

    def __init__(
        self,
        model_cls: type[GenreModel],
        frame: pd.DataFrame,
        seed: int,
        genres: Sequence[str] | None,
        folds: int,
        fit: Callable[..., GenreModel],
    ) -> None:
        self.rows = rows_of(frame, TRAIN)
        self.slugs = tuple(genres) if genres is not None else known_genres(frame)
        if not self.slugs:
            raise NothingToLearnError(
                f"{model_cls.name}: no genre has enough examples among {len(self.rows)} train titles"
            )
        self.labels = label_matrix(self.rows, self.slugs)
        self.assigned = assign_folds(self.labels, folds, seed)
        self._held_folds = range(model_cls.held_folds or folds)
        self._shown = some_without_facts(self.rows, seed)
        self._fit, self._seed = fit, seed

    def held_out(self, parameters: Mapping[str, float]) -> Iterator[tuple[npt.NDArray[np.bool_], GenreModel]]:
        """Fold by fold, which rows are held out and a model that has not seen them."""
        for fold in self._held_folds:
            held = self.assigned == fold
            if held.any():
                shown = self._shown[~held].reset_index(drop=True)
                yield held, self._fit(shown, self.labels[~held], self.slugs, self._seed, parameters)

    def whole(self, parameters: Mapping[str, float]) -> GenreModel:
        """A model of all rows."""
        return self._fit(self._shown, self.labels, self.slugs, self._seed, parameters)

    def known(self, out_of_fold: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The labels to judge by: of rows that were held out and whose labels are complete."""
        return np.where(np.isnan(out_of_fold), np.nan, judging_labels(self.rows, self.labels))


def train(
    model_cls: type[GenreModel],
    frame: pd.DataFrame,
    seed: int,
    genres: Sequence[str] | None = None,
    folds: int = FOLDS,
    fit: Callable[..., GenreModel] | None = None,
    parameters: Mapping[str, float] = DEFAULTS,
) -> TrainedModel:
    """Fits a model on the train rows, with its calibration and thresholds.

    Args:
        model_cls: the model's class.
        frame: a training set with its splits.
        seed: seed of the folds and of the model.
        genres: the slugs to learn; those with enough examples where None.
        folds: number of folds, at least 2; how many of them are held out is the model's to say.
        fit: fits one model, as ``model_cls.fit`` does, which is taken where None.
        parameters: values for some of the model's ``search_space``.

    Raises:
        NothingToLearnError: no genre has enough examples.
        UnknownParameterError: the model has no such parameter.
    """
    fits = _Fits(model_cls, frame, seed, genres, folds, fit or model_cls.fit)
    out_of_fold = np.full(fits.labels.shape, np.nan)
    with _one_thread():
        for held, fitted in fits.held_out(parameters):
            out_of_fold[held] = fitted.predict_proba(features_of(fits.rows[held]))
        model = fits.whole(parameters)
    known = fits.known(out_of_fold)
    if model_cls.calibrates:
        calibration = fit_calibration(out_of_fold, known)
        model, out_of_fold = model.with_calibration(calibration), calibration.apply(out_of_fold)
    thresholds = model.own_thresholds() or tune_thresholds(out_of_fold, known, fits.slugs)
    title_ids = tuple(fits.rows["title_id"])
    return TrainedModel(model, thresholds, title_ids, out_of_fold, fits.assigned, seed, dict(parameters))


def cross_validation_scores(
    model_cls: type[GenreModel],
    frame: pd.DataFrame,
    seed: int,
    parameters: Mapping[str, float],
    fit: Callable[..., GenreModel] | None = None,
) -> Iterator[float]:
    """After each fold, macro-F1 on the train rows held out so far, on texts without the names of genres.

    A genre's name in a text tells its label instead of being understood, so that a search by this score does not
    choose what reads names best.

    Args:
        model_cls: the model's class.
        frame: a training set with its splits.
        seed: seed of the folds and of the model.
        parameters: values for some of the model's ``search_space``.
        fit: as for :func:`train`.

    Raises:
        NothingToLearnError: no genre has enough examples, or there are no labels to judge by.
        UnknownParameterError: the model has no such parameter.
    """
    fits = _Fits(model_cls, frame, seed, None, FOLDS, fit or model_cls.fit)
    without_genres = masked(fits.rows)
    out_of_fold = np.full(fits.labels.shape, np.nan)
    with _one_thread():
        for held, fitted in fits.held_out(parameters):
            out_of_fold[held] = fitted.predict_proba(features_of(without_genres[held]))
            known = fits.known(out_of_fold)
            chances = fit_calibration(out_of_fold, known).apply(out_of_fold)
            cuts = tune_thresholds(chances, known, fits.slugs)
            score = metrics.macro_f1(known, chances >= [cuts[slug] for slug in fits.slugs])
            if score is None:
                raise NothingToLearnError(f"{model_cls.name}: no train title has complete labels to judge by")
            yield score


def _one_thread() -> AbstractContextManager[object]:
    """One BLAS thread, so that the order of sums, and with it each byte, does not depend on the machine's cores."""
    from threadpoolctl import threadpool_limits

    return cast("AbstractContextManager[object]", threadpool_limits(1, user_api="blas"))


def evaluate(
    predictor: GenrePredictor, frame_rows: pd.DataFrame, probabilities: npt.NDArray[np.float64] | None = None
) -> Evaluation:
    """How a predictor does on labelled rows; what cannot be measured on them is None.

    Args:
        predictor: the model with its thresholds.
        frame_rows: n rows of a training set, of whichever split; may be empty.
        probabilities: what the predictor says of them, shape (n, k); it is asked where None.
    """
    rows = frame_rows.reset_index(drop=True)
    features = features_of(rows)
    genres = predictor.genres
    columns = [GENRES.index(genre) for genre in genres]
    if probabilities is None:
        probabilities = predictor.probabilities(features)
    all_labels = label_matrix(rows, GENRES)
    labels, selected = all_labels[:, columns], predictor.select(probabilities)
    all_selected = np.zeros(all_labels.shape, dtype=bool)
    all_selected[:, columns] = selected
    told = zip(features, rows["language"], rows["countries"], rows["sources"], strict=True)
    memberships = tuple(metrics.slice_names(t.kind, t.year, t.word_count, *more) for t, *more in told)
    all_probabilities = np.full(all_labels.shape, np.nan)
    all_probabilities[:, columns] = probabilities
    ece, excess_ece = metrics.calibration(labels, probabilities)
    return Evaluation(
        model=predictor.name,
        title_ids=tuple(rows["title_id"]),
        genres=genres,
        labels=all_labels,
        selected=all_selected,
        micro_f1=metrics.micro_f1(labels, selected),
        macro_f1=metrics.macro_f1(labels, selected),
        samples_f1=metrics.samples_f1(labels, selected),
        brier=metrics.brier_score(labels, probabilities),
        abstention_rate=float(np.mean(~selected.any(axis=1))) if len(rows) else None,
        ece=ece,
        excess_ece=excess_ece,
        per_genre=metrics.per_genre(labels, selected, probabilities, genres),
        slices=metrics.sliced(labels, selected, memberships),
        memberships=memberships,
        probabilities=all_probabilities,
        intervals=metrics.bootstrap_intervals(labels, selected),
    )
