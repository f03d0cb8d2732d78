"""Metrics of multi-label predictions where some labels are unknown.

A cell of the label matrix is 1, 0 or NaN; an unknown cell counts for nothing. What cannot be measured is
None: a genre without a known positive has no recall, and 0 would be a claim about the model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.float64]
Selected = npt.NDArray[np.bool_]
Figures = dict[str, float | None]

BINS = 10
RESAMPLES = 1000
BOOTSTRAP_SEED = 20250601
# A slice with fewer rows says little.
TELLING_ROWS = 30
_CHUNK = 500
_SHORT_WORDS, _LONG_WORDS = 50, 200


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How a predictor did on some rows.

    Attributes:
        model: the predictor's name.
        title_ids: the n rows.
        genres: the slugs the model knows; the means are over these.
        labels: shape (n, 20), a column a slug of the taxonomy: 1, 0 or NaN.
        selected: shape (n, 20); a slug the model does not know is never selected.
        micro_f1: F1 of all known cells together.
        macro_f1: mean F1 of the genres that have a known positive.
        samples_f1: mean F1 of the rows that have a known positive.
        brier: mean squared error of the probabilities over the known cells.
        abstention_rate: share of rows for which nothing was selected.
        ece: mean calibration error of the genres that have a known positive.
        excess_ece: how much of that is beyond chance, see :func:`chance_calibration_error`.
        per_genre: slug → precision, recall, f1, average_precision, ece, excess_ece, support.
        slices: slice → rows and whatever of micro_f1 and macro_f1 could be measured.
        memberships: the slices of each of the n rows.
        probabilities: shape (n, 20); NaN for a slug that the model does not know.
        intervals: ``micro_f1`` and ``macro_f1`` → ends of the 95 % interval, see :func:`bootstrap_intervals`.
    """

    model: str
    title_ids: tuple[str, ...]
    genres: tuple[str, ...]
    labels: Labels
    selected: Selected
    micro_f1: float | None
    macro_f1: float | None
    samples_f1: float | None
    brier: float | None
    abstention_rate: float | None
    ece: float | None
    excess_ece: float | None
    per_genre: dict[str, Figures]
    slices: dict[str, dict[str, float]]
    memberships: tuple[tuple[str, ...], ...]
    probabilities: Labels
    intervals: dict[str, tuple[float, float]]

    def metrics(self) -> dict[str, float]:
        """Metric → value, without those that are unknown."""
        found = {
            "macro_f1": self.macro_f1,
            "micro_f1": self.micro_f1,
            "samples_f1": self.samples_f1,
            "brier": self.brier,
            "abstention_rate": self.abstention_rate,
            "ece": self.ece,
            "excess_ece": self.excess_ece,
            "rows": float(len(self.title_ids)),
        }
        for name, (low, high) in self.intervals.items():
            found |= {f"{name}_low": low, f"{name}_high": high}
        return {name: value for name, value in found.items() if value is not None}


def resampled_rows(rows: int, resamples: int, seed: int) -> Iterator[Labels]:
    """How often each row is drawn in each bootstrap resample: blocks of shape (at most 500, rows)."""
    rng, shares = np.random.default_rng(seed), np.full(rows, 1 / max(rows, 1))
    for start in range(0, resamples, _CHUNK):
        yield rng.multinomial(rows, shares, size=min(_CHUNK, resamples - start)).astype(np.float64)


def bootstrap_intervals(
    labels: Labels, selected: Selected, seed: int = BOOTSTRAP_SEED, resamples: int = RESAMPLES
) -> dict[str, tuple[float, float]]:
    """95 % intervals of ``micro_f1`` and ``macro_f1``, by a percentile bootstrap over rows; empty where none is known.

    Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13. A column without a known positive in a
    resample is left out of that resample's mean.

    Args:
        labels: shape (n, k).
        selected: shape (n, k).
        seed: seed of the resampling.
        resamples: how many.
    """
    if not (labels == 1).any():
        return {}
    micro, macro = [], []
    for counts in resampled_rows(len(labels), resamples, seed):
        hits, wrong, missed = (counts @ cells for cells in confusion(labels, selected))
        macro.append(mean_f1(hits, wrong, missed))
        micro.append(mean_f1(*(cells.sum(axis=1, keepdims=True) for cells in (hits, wrong, missed))))
    found = {"micro_f1": np.concatenate(micro), "macro_f1": np.concatenate(macro)}
    ends = {name: np.nanquantile(values, [0.025, 0.975]).tolist() for name, values in found.items()}
    return {name: (low, high) for name, (low, high) in ends.items()}


def mean_f1(hits: Labels, wrong: Labels, missed: Labels) -> Labels:
    """Mean F1 of the columns with a positive, of each row of counts; NaN where a row has none in any column."""
    measured = hits + missed > 0
    f1 = np.where(measured, 2 * hits / np.where(measured, 2 * hits + wrong + missed, 1.0), 0.0)
    columns = measured.sum(axis=1)
    return np.where(columns > 0, f1.sum(axis=1) / np.maximum(columns, 1), np.nan)


def taken_for(labels: Labels, selected: Selected, genres: Sequence[str]) -> dict[tuple[str, str], int]:
    """(genre, other) → rows that have the genre and not the other, and were given the other and not the genre.

    Pairs that were never mistaken are left out.

    Args:
        labels: shape (n, k).
        selected: shape (n, k).
        genres: the k slugs.
    """
    _, wrong, missed = confusion(labels, selected)
    counts = missed.T @ wrong
    return {(genres[i], genres[j]): int(counts[i, j]) for i, j in zip(*np.nonzero(counts), strict=True)}


def confusion(labels: Labels, selected: Selected) -> tuple[npt.NDArray[np.int64], ...]:
    """Known true positives, false positives and false negatives, cell by cell, each of the shape of ``labels``."""
    positive, negative = labels == 1, labels == 0
    return (
        (positive & selected).astype(np.int64),
        (negative & selected).astype(np.int64),
        (positive & ~selected).astype(np.int64),
    )


def _f1(hits: int, wrong: int, missed: int) -> float | None:
    return 2 * hits / (2 * hits + wrong + missed) if hits + missed else None


def micro_f1(labels: Labels, selected: Selected) -> float | None:
    """F1 of all known cells together; None where no positive is known."""
    hits, wrong, missed = (int(cells.sum()) for cells in confusion(labels, selected))
    return _f1(hits, wrong, missed)


def genre_f1(labels: Labels, selected: Selected) -> list[float | None]:
    """F1 of each column; None where no positive is known."""
    sums = [cells.sum(axis=0).tolist() for cells in confusion(labels, selected)]
    return [_f1(*counts) for counts in zip(*sums, strict=True)]


def macro_f1(labels: Labels, selected: Selected) -> float | None:
    """Mean F1 of the columns that have a known positive; None where there is none."""
    return _mean(genre_f1(labels, selected))


def samples_f1(labels: Labels, selected: Selected) -> float | None:
    """Mean F1 of the rows that have a known positive; None where there is none."""
    return _mean(genre_f1(labels.T, selected.T))


def brier_score(labels: Labels, probabilities: npt.NDArray[np.float64]) -> float | None:
    """Mean squared error of the probabilities over the known cells; None where there is none."""
    known = ~np.isnan(labels)
    return float(np.mean((labels[known] - probabilities[known]) ** 2)) if known.any() else None


@dataclass(frozen=True, eq=False)
class PrecisionRecallCurve:
    """Precision and recall of one genre at each cut, from the highest on; rows of equal score are one cut.

    Attributes:
        precision: shape (cuts,).
        recall: shape (cuts,), never falling.
    """

    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]


def precision_recall_curve(
    truth: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]
) -> PrecisionRecallCurve | None:
    """The curve of one genre; None where no positive is known.

    Args:
        truth: shape (n,): 1, 0 or NaN.
        scores: shape (n,).
    """
    known = ~np.isnan(truth)
    order = np.argsort(-scores[known], kind="stable")
    relevant, ranked = truth[known][order], scores[known][order]
    if not relevant.sum():
        return None
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits = np.cumsum(relevant)[last_of_tie]
    seen = np.arange(1, len(relevant) + 1)[last_of_tie]
    return PrecisionRecallCurve(hits / seen, hits / relevant.sum())


def average_precision(truth: npt.NDArray[np.float64], scores: npt.NDArray[np.float64]) -> float | None:
    """Average precision of one genre: the sum of precision at each cut times the recall gained there.

    Rows of equal score count as one cut. None where no positive is known.

    Args:
        truth: shape (n,): 1, 0 or NaN.
        scores: shape (n,).
    """
    curve = precision_recall_curve(truth, scores)
    return None if curve is None else float(np.sum(np.diff(curve.recall, prepend=0.0) * curve.precision))


def expected_calibration_error(
    truth: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64], bins: int = BINS
) -> float | None:
    """How far probabilities are from frequencies: the mean over rows of |mean probability - frequency| of their bin.

    Bins hold equally many rows of neighbouring probabilities, since those of a rare genre nearly all lie close to
    0 (Nixon et al., "Measuring calibration in deep learning", 2019, adaptive calibration error). None where no cell
    is known.

    Args:
        truth: shape (n,): 1, 0 or NaN.
        probabilities: shape (n,).
        bins: how many; no more than there are known cells.
    """
    known = ~np.isnan(truth)
    if not known.any():
        return None
    order = np.argsort(probabilities[known], kind="stable")
    relevant, ranked = truth[known][order], probabilities[known][order]
    parts = np.array_split(np.arange(len(ranked)), min(bins, len(ranked)))
    return float(sum(abs(ranked[part].sum() - relevant[part].sum()) for part in parts) / len(ranked))


def chance_calibration_error(
    truth: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64], bins: int = BINS
) -> float | None:
    """The calibration error that perfectly honest probabilities would be expected to have on these rows.

    The sum of a bin's labels varies with the variance Σ p(1 - p), and the mean size of a normal deviation is
    sqrt(2/π) of its standard deviation. None where no cell is known.

    Args:
        truth: shape (n,): 1, 0 or NaN.
        probabilities: shape (n,).
        bins: as for :func:`expected_calibration_error`.
    """
    known = ~np.isnan(truth)
    if not known.any():
        return None
    ranked = np.sort(probabilities[known])
    spreads = [np.sqrt(np.sum(part * (1 - part))) for part in np.array_split(ranked, min(bins, len(ranked)))]
    return float(np.sqrt(2 / np.pi) * sum(spreads) / len(ranked))


def calibration(
    labels: Labels, probabilities: npt.NDArray[np.float64], bins: int = BINS
) -> tuple[float | None, float | None]:
    """Mean calibration error of the columns that have a known positive, and how much of it is beyond chance."""
    errors, chances = [], []
    for truth, column in zip(labels.T, probabilities.T, strict=True):
        found = _errors(truth, column, bins)
        if found is not None and (truth == 1).any():
            errors.append(found[0])
            chances.append(found[1])
    return (_mean(errors), max(0.0, float(np.mean(errors) - np.mean(chances))) if errors else None)


def _errors(
    truth: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64], bins: int = BINS
) -> tuple[float, float] | None:
    """Calibration error, and what of it chance alone makes; None where nothing is known."""
    error, chance = (of(truth, probabilities, bins) for of in (expected_calibration_error, chance_calibration_error))
    return None if error is None or chance is None else (error, chance)


def per_genre(
    labels: Labels, selected: Selected, probabilities: npt.NDArray[np.float64], genres: Sequence[str]
) -> dict[str, Figures]:
    """Precision, recall, F1, average precision, calibration error (``ece``) and support of each genre.

    ``excess_ece`` is how much of the calibration error is beyond chance. Without a known positive all but the support
    (0) and the calibration errors are None; without a selected row precision is.

    Args:
        labels: shape (n, k).
        selected: shape (n, k).
        probabilities: shape (n, k).
        genres: the k slugs.
    """
    sums = [cells.sum(axis=0).tolist() for cells in confusion(labels, selected)]
    figures: dict[str, Figures] = {}
    for i, (genre, hits, wrong, missed) in enumerate(zip(genres, *sums, strict=True)):
        support = hits + missed
        errors = _errors(labels[:, i], probabilities[:, i])
        figures[genre] = {
            "precision": hits / (hits + wrong) if support and hits + wrong else None,
            "recall": hits / support if support else None,
            "f1": _f1(hits, wrong, missed),
            "average_precision": average_precision(labels[:, i], probabilities[:, i]),
            "ece": errors[0] if errors else None,
            "excess_ece": max(0.0, errors[0] - errors[1]) if errors else None,
            "support": float(support),
        }
    return figures


def slice_names(
    kind: str,
    year: int | None,
    word_count: int,
    language: str | None,
    countries: Sequence[str],
    sources: Sequence[str],
) -> tuple[str, ...]:
    """The slices that a row belongs to: its kind, decade, language, countries and sources, and the length of its text.

    A text is ``short`` below 50 words and ``long`` from 200 on. A row of several countries is in the slice of each.
    """
    decade = "unknown" if year is None else f"{year // 10 * 10}s"
    length = "short" if word_count < _SHORT_WORDS else "medium" if word_count < _LONG_WORDS else "long"
    named = [f"kind={kind}", f"decade={decade}", f"text_length={length}", f"language={language or 'unknown'}"]
    named += [f"country={country}" for country in (countries if len(countries) else ["unknown"])]
    return (*named, *(f"source={source}" for source in sources))


def sliced(labels: Labels, selected: Selected, memberships: Sequence[Sequence[str]]) -> dict[str, dict[str, float]]:
    """Slice → number of rows and micro and macro F1 where they can be measured.

    Args:
        labels: shape (n, k).
        selected: shape (n, k).
        memberships: the slices of each of the n rows.
    """
    slices: dict[str, dict[str, float]] = {}
    for name in sorted({name for names in memberships for name in names}):
        rows = np.array([name in names for names in memberships], dtype=bool)
        figures = {
            "micro_f1": micro_f1(labels[rows], selected[rows]),
            "macro_f1": macro_f1(labels[rows], selected[rows]),
        }
        measured = {metric: value for metric, value in figures.items() if value is not None}
        slices[name] = {"rows": float(rows.sum()), **measured}
    return slices


@dataclass(frozen=True)
class Gap:
    """How far the slices of a kind lie apart in micro-F1.

    Attributes:
        best: the value whose slice has the highest, such as ``FR``.
        worst: the value whose slice has the lowest.
        width: the difference.
    """

    best: str
    worst: str
    width: float


def widest_gap(slices: Mapping[str, Mapping[str, float]], kind: str) -> Gap | None:
    """The gap between the slices of a kind; None where fewer than two of them hold 30 rows.

    Rows of which nobody knows where they belong are no group of their own.

    Args:
        slices: as in an evaluation or a manifest.
        kind: such as ``country``.
    """
    found = {
        value: figures["micro_f1"]
        for (name, _, value), figures in ((slice_.partition("="), figures) for slice_, figures in slices.items())
        if name == kind and value != "unknown" and figures.get("rows", 0) >= TELLING_ROWS and "micro_f1" in figures
    }
    if len(found) < 2:
        return None
    best, worst = (pick(sorted(found), key=found.__getitem__) for pick in (max, min))
    return Gap(best, worst, found[best] - found[worst])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
