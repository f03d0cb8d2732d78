"""Thresholds: the cut of each genre that gives the best F1 to expect of rows the model had not seen."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LEAST_THRESHOLD = 0.05
MOST_THRESHOLD = 0.95


def best_threshold(truth: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64]) -> float | None:
    """The cut between two neighbouring probabilities that gives the highest F1.

    Args:
        truth: shape (n,): 1, 0, how probable 1 is, or NaN where unknown, which counts for nothing.
        probabilities: shape (n,).

    Returns:
        The cut, the highest one of several that are equally good; None where nothing but 0 is known.
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
    probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.float64], genres: Sequence[str]
) -> dict[str, float]:
    """A threshold for each genre, from calibrated out-of-fold probabilities: the cut with the highest expected F1.

    What is expected of a cut follows from the probabilities alone, and labels count through the calibration: the cut
    that is best on the labels themselves is chance where a genre is rare (Lipton, Elkan and Naryanaswamy, "Optimal
    thresholding of classifiers to maximize F1 measure", 2014). Thresholds stay between 0.05 and 0.95.

    Args:
        probabilities: shape (n, k), of rows the model had not seen.
        labels: shape (n, k): 1, 0, or NaN where unknown, which counts for nothing.
        genres: the k slugs; one of which no label is known takes the cut that is best for all together.

    Raises:
        ValueError: no positive is known, so that there is nothing to tune on.
    """
    expected = np.where(np.isnan(labels), np.nan, probabilities)
    shared = best_threshold(expected.ravel(), probabilities.ravel())
    if shared is None or not (labels == 1).any():
        raise ValueError("no known positive label among the out-of-fold rows: thresholds cannot be tuned")
    own = [best_threshold(expected[:, i], probabilities[:, i]) for i in range(len(genres))]
    cuts = [shared if cut is None else cut for cut in own]
    return dict(zip(genres, np.clip(cuts, LEAST_THRESHOLD, MOST_THRESHOLD).tolist(), strict=True))
