"""``genre_blend``: the weighted mean of two models' log odds, calibrated.

It is made only where predictions for rows that neither model had seen say that it is worth two models' upkeep.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.genres.calibration import Calibration, fit_calibration, logit, sigmoid
from trending_assets.domain.genres.datasets import TRAIN, label_matrix, rows_of
from trending_assets.domain.genres.explanations import Explanation
from trending_assets.domain.genres.metrics import macro_f1, micro_f1
from trending_assets.domain.genres.models import TEXT_SERVICE, GenreModel, ModelFileError, load_model, model_class
from trending_assets.domain.genres.parameters import DEFAULTS, Parameter, with_defaults
from trending_assets.domain.genres.thresholds import tune_thresholds
from trending_assets.domain.genres.training import TrainedModel, assign_folds
from trending_assets.domain.text.features import TitleFeatures

MEMBERS = ("genre_logreg", "genre_bert")
# Of macro-F1: less is not worth a second model.
LEAST_GAIN = 0.005
# On fewer rows nothing that small can be told.
LEAST_ROWS = 100
_SHARES = tuple(i / 10 for i in range(11))
_FILE, _ARRAYS_FILE = "model.json", "model.npz"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class BlendModel:
    """Two models of the same genres.

    Attributes:
        members: the models of :data:`MEMBERS`, in order.
        share: of the second, between 0 and 1; the first has the rest.
        calibration: what the probabilities go through.
    """

    name: ClassVar[str] = "genre_blend"
    feature_service: ClassVar[str] = TEXT_SERVICE
    calibrates: ClassVar[bool] = True
    held_folds: ClassVar[int | None] = 1
    search_space: ClassVar[Mapping[str, Parameter]] = {}

    members: tuple[GenreModel, GenreModel]
    share: float
    calibration: Calibration

    @property
    def genres(self) -> tuple[str, ...]:
        """The slugs that its members know."""
        return self.members[0].genres

    @classmethod
    def fit(
        cls,
        frame: pd.DataFrame,
        labels: Floats,
        genres: Sequence[str],
        seed: int,
        parameters: Mapping[str, float] = DEFAULTS,
    ) -> Self:
        """Fits both members, with equal shares; :func:`blended` makes one of members that have been fitted."""
        with_defaults(cls.search_space, parameters)
        first, second = (model_class(name).fit(frame, labels, genres, seed) for name in MEMBERS)
        return cls((first, second), 0.5, Calibration.identity(len(genres)))

    def predict_proba(self, features: Sequence[TitleFeatures]) -> Floats:
        """Calibrated probabilities, shape (len(features), k)."""
        first, second = (member.predict_proba(features) for member in self.members)
        return self.mixed(first, second)

    def mixed(self, first: Floats, second: Floats) -> Floats:
        """Calibrated probabilities from those of the members, all of shape (n, k)."""
        return self.calibration.apply(_mixed(first, second, self.share))

    def explain(self, title: TitleFeatures) -> Explanation:
        """The parts of both members, each times the member's share and the slope of its calibration.

        They add up where those of both members do.
        """
        terms, parts, bases, said = [], [], [], []
        for member, share in zip(self.members, (1 - self.share, self.share), strict=True):
            told = member.explain(title)
            weights = share * told.calibration.slope
            terms += [replace(term, member=member.name) for term in told.terms]
            parts.append(told.contributions * weights)
            said.append(told.probabilities[None])
            bases.append(None if told.base is None else told.base * weights + share * told.calibration.intercept)
        first, second = said
        log_odds = logit(_mixed(first, second, self.share))[0]
        known = [base for base in bases if base is not None]
        base = np.sum(known, axis=0) if len(known) == len(bases) else None
        return Explanation("blend", tuple(terms), np.concatenate(parts), log_odds, base, self.calibration)

    def with_calibration(self, calibration: Calibration) -> Self:
        """The same model whose probabilities go through ``calibration``."""
        return replace(self, calibration=calibration)

    def own_thresholds(self) -> None:
        """None: thresholds are tuned."""
        return

    def save(self, folder: Path) -> None:
        """Writes ``model.json``, ``model.npz`` and a folder for each member."""
        for member in self.members:
            (folder / member.name).mkdir()
            member.save(folder / member.name)
        np.savez(folder / _ARRAYS_FILE, slope=self.calibration.slope, shift=self.calibration.intercept)
        content = {"genres": self.genres, "share": self.share}
        (folder / _FILE).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads the files and both members.

        Raises:
            ModelFileError: they do not fit together.
        """
        content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        first, second = (load_model(name, folder / name) for name in MEMBERS)
        with np.load(folder / _ARRAYS_FILE, allow_pickle=False) as arrays:
            calibration = Calibration(arrays["slope"], arrays["shift"])
        if {first.genres, second.genres} != {tuple(content["genres"])}:
            raise ModelFileError(f"{folder}: its members know other genres than it does")
        return cls((first, second), content["share"], calibration)


@dataclass(frozen=True)
class Gain:
    """What a blend would bring, by cross-validation on rows that neither member had seen.

    Attributes:
        rows: the rows it was measured on.
        macro_f1: of the blend minus that of the better member; None where it is unknown.
        micro_f1: the same of micro-F1.
        share: of the second member in the blend that is best on all rows.
    """

    rows: int
    macro_f1: float | None
    micro_f1: float | None
    share: float

    @property
    def why_not(self) -> str | None:
        """Why a blend is not worth its cost; None where it is."""
        if self.rows < LEAST_ROWS:
            return f"{self.rows} titles are unseen by both members and of the genres of both; it takes {LEAST_ROWS}"
        if self.macro_f1 is None or self.micro_f1 is None:
            return "what it gains is unknown"
        if self.macro_f1 < LEAST_GAIN:
            return f"it gains {self.macro_f1:+.4f} of macro-F1, less than {LEAST_GAIN:g}"
        return f"it loses {-self.micro_f1:.4f} of micro-F1" if self.micro_f1 < 0 else None


def blended(first: TrainedModel, second: TrainedModel, frame: pd.DataFrame) -> tuple[TrainedModel | None, Gain]:
    """The blend of two trained models, where it is worth its cost, and what it brings.

    Share, calibration and thresholds come from predictions for rows that neither model had seen. For the gain, each
    half of those rows is judged by what was chosen on the other.

    Args:
        first: the first of :data:`MEMBERS`.
        second: the second.
        frame: the training set; rows that either model had seen count for nothing, nor do those whose labels are not
            complete.
    """
    mine, others = _unseen(first), _unseen(second)
    seen = rows_of(frame[frame["labels_complete"]], TRAIN)["title_id"]
    title_ids = [title_id for title_id in seen if title_id in mine and title_id in others]
    genres = first.model.genres
    if genres != second.model.genres:
        return None, Gain(0, None, None, 0.0)
    rows = frame.set_index("title_id").loc[title_ids].reset_index()
    labels = label_matrix(rows, genres)
    ours, theirs = (np.array([held[t] for t in title_ids]) for held in (mine, others))
    if len(title_ids) < LEAST_ROWS:
        return None, Gain(len(title_ids), None, None, 0.0)
    halves = assign_folds(labels, 2, first.seed)
    # Chosen on one half and judged on the other, twice.
    inner = _SHARES[1:-1]
    mixture, *alone = (_selected(ours, theirs, labels, halves, genres, shares) for shares in (inner, (0.0,), (1.0,)))
    share, _ = _best(ours, theirs, labels, genres, inner)
    macro, micro = (_less(score(labels, mixture), [score(labels, a) for a in alone]) for score in (macro_f1, micro_f1))
    gain = Gain(len(title_ids), macro, micro, share)
    if gain.why_not:
        return None, gain
    mixed = _mixed(ours, theirs, share)
    calibration = fit_calibration(mixed, labels)
    probabilities = calibration.apply(mixed)
    model = BlendModel((first.model, second.model), share, calibration)
    thresholds = tune_thresholds(probabilities, labels, genres)
    return TrainedModel(model, thresholds, tuple(title_ids), probabilities, halves, first.seed), gain


def _unseen(trained: TrainedModel) -> dict[str, Floats]:
    """Title id → probabilities, of the rows that were held out."""
    held = ~np.isnan(trained.out_of_fold).any(axis=1)
    return {trained.title_ids[i]: trained.out_of_fold[i] for i in np.flatnonzero(held).tolist()}


def _mixed(first: Floats, second: Floats, share: float) -> Floats:
    return sigmoid((1 - share) * logit(first) + share * logit(second))


def _best(
    first: Floats, second: Floats, labels: Floats, genres: Sequence[str], shares: Sequence[float]
) -> tuple[float, Floats]:
    """The share with the least cross-entropy once calibrated, and its cuts before calibration.

    Cross-entropy counts every answer, where F1 hangs on the few near a cut, and so tells shares apart on fewer rows.
    """
    found = []
    for share in shares:
        mixed = _mixed(first, second, share)
        calibration = fit_calibration(mixed, labels)
        found.append((_cross_entropy(labels, calibration.apply(mixed)), share, calibration, mixed))
    _, share, calibration, mixed = min(found, key=lambda each: each[0])
    thresholds = tune_thresholds(calibration.apply(mixed), labels, genres)
    return share, calibration.inverse(np.array([thresholds[genre] for genre in genres]))


def _cross_entropy(labels: Floats, chances: Floats) -> float:
    """The mean over the known cells."""
    known = ~np.isnan(labels)
    # Minus the logarithm of the chance that was given to what is so.
    return float(np.mean(np.logaddexp(0.0, np.where(labels == 1, -1.0, 1.0) * logit(chances))[known]))


def _selected(
    first: Floats,
    second: Floats,
    labels: Floats,
    halves: npt.NDArray[np.int64],
    genres: Sequence[str],
    shares: Sequence[float],
) -> npt.NDArray[np.bool_]:
    """What is selected, shape (n, k), in each half by the share and thresholds that are best on the other."""
    selected = np.zeros(labels.shape, dtype=bool)
    for half in (0, 1):
        judged, other = halves == half, halves != half
        share, cuts = _best(first[other], second[other], labels[other], genres, shares)
        selected[judged] = _mixed(first[judged], second[judged], share) >= cuts
    return selected


def _less(mine: float | None, others: Sequence[float | None]) -> float | None:
    known = [value for value in others if value is not None]
    return None if mine is None or len(known) < len(others) else mine - max(known)
