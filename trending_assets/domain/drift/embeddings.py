"""Drift of embeddings: whether a classifier can tell today's from those of the reference.

The classifier is linear and fitted by ridge regression on which side a vector is from, which orders vectors as a
linear discriminant does. It is fitted in closed form, so that the labels can be shuffled and all of it fitted again
hundreds of times for one factorisation, which a logistic regression is too slow for.
"""

import math

import numpy as np
import numpy.typing as npt

from trending_assets.domain.drift.significance import Significance

MOST_VECTORS = 2000
FOLDS = 5
SHUFFLES = 200

Vectors = npt.NDArray[np.float32]


def domain_auc(reference: Vectors, current: Vectors, random: np.random.Generator) -> Significance:
    """How well today's vectors can be told from the reference: the area under the ROC curve, cross-validated.

    About 0.5 where they cannot be told apart, 1 where they always can. The p-value is that of the normal distribution
    with the mean and standard deviation of the same area with the labels shuffled.

    Args:
        reference: shape (m, d); a sample of 2,000 where there are more.
        current: shape (n, d); a sample of 2,000 where there are more.
        random: decides samples, folds and shuffles.
    """
    sides = [_sample(np.asarray(side, dtype=np.float32), random) for side in (reference, current)]
    vectors = np.concatenate(sides)
    vectors = vectors - vectors.mean(axis=0)
    rows = len(vectors)
    labels = np.zeros((rows, SHUFFLES + 1), dtype=np.float32)
    labels[len(sides[0]) :, 0] = 1
    labels[:, 1:] = random.permuted(np.repeat(labels[:, :1], SHUFFLES, axis=1), axis=0)
    areas = _areas(_held_out_scores(vectors, labels, random.permutation(rows) % FOLDS), labels)
    score, shuffled = float(areas[0]), areas[1:]
    deviation = float(shuffled.std(ddof=1))
    z = (score - float(shuffled.mean())) / deviation if deviation > 0 else 0.0
    return Significance(score, float(shuffled.mean()), max(0.5 * math.erfc(z / math.sqrt(2)), 1e-12))


def _sample(vectors: Vectors, random: np.random.Generator) -> Vectors:
    if len(vectors) <= MOST_VECTORS:
        return vectors
    return vectors[np.sort(random.choice(len(vectors), MOST_VECTORS, replace=False))]


def _held_out_scores(vectors: Vectors, labels: Vectors, folds: npt.NDArray[np.int64]) -> Vectors:
    """Scores of each vector by a classifier that was fitted without its fold, shape of ``labels``."""
    scores = np.empty_like(labels)
    # As much as a direction of middling variance says.
    penalty = float((vectors**2).sum()) / vectors.shape[1]
    for fold in range(FOLDS):
        held = folds == fold
        fitted = vectors[~held]
        gram = fitted.T @ fitted + penalty * np.eye(vectors.shape[1], dtype=np.float32)
        weights = np.linalg.solve(gram, fitted.T @ (labels[~held] - labels[~held].mean(axis=0)))
        scores[held] = vectors[held] @ weights
    return scores


def _areas(scores: Vectors, labels: Vectors) -> npt.NDArray[np.float64]:
    """The area under the ROC curve of each column; what is equal is ordered by chance."""
    ranks = np.empty(scores.shape, dtype=np.float64)
    np.put_along_axis(ranks, scores.argsort(axis=0), np.arange(1.0, len(scores) + 1)[:, None], axis=0)
    positives = labels.sum(axis=0, dtype=np.float64)
    negatives = len(labels) - positives
    above = (ranks * labels).sum(axis=0) - positives * (positives + 1) / 2
    return np.asarray(above / (positives * negatives))
