"""Thresholds: the cut of each genre that gives the best F1 on predictions for rows the model had not seen."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEAST_THRESHOLD = 0.05
MOST_THRESHOLD = 0.95
MINIMUM_SUPPORT = 10
_SHARED_WEIGHT = 20.0


def best_threshold(truth: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64]) -> float | None:
    """The cut between two neighbouring probabilities that gives the highest F1.

    Args:
        truth: shape (n,): 1, 0, or NaN where unknown, which counts for nothing.
        probabilities: shape (n,).

    Returns:
        The cut, the highest one of several that are equally good; None where no positive is known.
    """
    known = ~np.isnan(truth)
    order = np.argsort(-probabilities[known], kind="stable")
    ranked, relevant = probabilities[known][order], truth[known][order]
    if not relevant.sum():
        return None
    last_of_tie = np.append(ranked[1:] != ranked[:-1], True)
    hits = np.cumsum(relevant)[last_of_tie]
    chosen = np.arange(1, len(ranked) + 1)[last_of_tie]
    cuts = ranked[last_of_tie]
    best = int(np.argmax(2 * hits / (chosen + relevant.sum())))
    if best + 1 == len(cuts):
        return float(cuts[best])
    middle = float((cuts[best] + cuts[best + 1]) / 2)
    # Between two neighbouring floats the middle rounds to the lower one, which would select its rows too.
    return middle if middle > cuts[best + 1] else float(cuts[best])


def tune_thresholds(
    probabilities: npt.NDArray[np.float64],
    labels: npt.NDArray[np.float64],
    genres: Sequence[str],
    minimum_support: int = MINIMUM_SUPPORT,
) -> dict[str, float]:
    """A threshold for each genre, from out-of-fold probabilities.

    A genre's own best cut is drawn towards the one cut that is best for all genres together, the more so the
    fewer positives it has: the best cut on a dozen positives is mostly chance. A genre with fewer than
    ``minimum_support`` takes the shared cut as it is. Thresholds stay between 0.05 and 0.95.

    Args:
        probabilities: shape (n, k), of rows the model had not seen.
        labels: shape (n, k): 1, 0, or NaN where unknown.
        genres: the k slugs.
        minimum_support: known positives from which on a genre's own cut counts.

    Raises:
        ValueError: no positive is known, so that there is nothing to tune on.
    """
    shared = best_threshold(labels.ravel(), probabilities.ravel())
    if shared is None:
        raise ValueError("no known positive label among the out-of-fold rows: thresholds cannot be tuned")
    thresholds: dict[str, float] = {}
    for i, genre in enumerate(genres):
        support = int((labels[:, i] == 1).sum())
        own = best_threshold(labels[:, i], probabilities[:, i]) if support >= minimum_support else None
        cut = shared if own is None else (support * own + _SHARED_WEIGHT * shared) / (support + _SHARED_WEIGHT)
        thresholds[genre] = float(np.clip(cut, LEAST_THRESHOLD, MOST_THRESHOLD))
    return thresholds
