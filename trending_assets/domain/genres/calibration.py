"""Calibration: a slope and an intercept a genre that turn a model's scores into honest probabilities.

Platt scaling (J. Platt, "Probabilistic outputs for support vector machines", 1999), with his smoothed
targets, fitted on out-of-fold probabilities by Newton's method with halved steps.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_LEAST = 1e-6
_RIDGE = 1.0
_STEPS = 50
_SMALLEST_STEP = 1e-9
_LEAST_SLOPE = 0.05
_MINIMUM_POSITIVES = 10


@dataclass(frozen=True)
class Calibration:
    """``logit(p') = slope * logit(p) + intercept``, one pair a genre.

    Attributes:
        slope: shape (k,), positive, so the order of titles within a genre stays.
        intercept: shape (k,).
    """

    slope: npt.NDArray[np.float64]
    intercept: npt.NDArray[np.float64]

    @classmethod
    def identity(cls, genres: int) -> "Calibration":
        """The calibration that changes nothing, for k genres."""
        return cls(np.ones(genres), np.zeros(genres))

    def apply(self, probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Calibrated probabilities, the same shape (n, k)."""
        return sigmoid(logit(probabilities) * self.slope + self.intercept)

    def inverse(self, calibrated: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """What :meth:`apply` makes the calibrated probabilities of, the same shape."""
        return sigmoid((logit(calibrated) - self.intercept) / self.slope)


def sigmoid(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The logistic function, without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * scores)), dtype=np.float64)


def logit(probabilities: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Log odds, of probabilities kept at least 1e-6 away from 0 and 1."""
    kept = np.clip(probabilities, _LEAST, 1.0 - _LEAST)
    return np.asarray(np.log(kept / (1.0 - kept)), dtype=np.float64)


def fit_calibration(probabilities: npt.NDArray[np.float64], labels: npt.NDArray[np.float64]) -> Calibration:
    """The calibration of a model from its out-of-fold probabilities.

    A genre with fewer than 10 known positives or negatives keeps its slope of 1 and moves by its intercept
    only; one with none of either is left as it is.

    Args:
        probabilities: shape (n, k), of rows the model had not seen.
        labels: shape (n, k): 1, 0, or NaN where unknown.
    """
    genres = labels.shape[1]
    calibration = Calibration.identity(genres)
    for column in range(genres):
        known = ~np.isnan(labels[:, column])
        truth = labels[known, column]
        positives, negatives = int(truth.sum()), int((1 - truth).sum())
        if positives and negatives:
            slope, intercept = _platt(
                logit(probabilities[known, column]), truth, slope_too=min(positives, negatives) >= _MINIMUM_POSITIVES
            )
            calibration.slope[column], calibration.intercept[column] = slope, intercept
    return calibration


def _platt(scores: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], *, slope_too: bool) -> tuple[float, float]:
    positives, negatives = truth.sum(), (1 - truth).sum()
    target = np.where(truth == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.column_stack([scores, np.ones_like(scores)])
    # The ridge pulls the slope towards 1, which is what little data should give.
    ridge, centre = np.diag([_RIDGE, 1e-6]), np.array([1.0, 0.0])
    free = np.array([slope_too, True])

    def loss(weights: npt.NDArray[np.float64]) -> float:
        margins, pull = design @ weights, weights - centre
        return float(np.sum(np.logaddexp(0.0, margins) - target * margins) + pull @ ridge @ pull / 2)

    weights = centre.copy()
    for _ in range(_STEPS):
        chance = sigmoid(design @ weights)
        gradient = design.T @ (chance - target) + ridge @ (weights - centre)
        hessian = (design * (chance * (1 - chance))[:, None]).T @ design + ridge
        step = np.zeros(2)
        step[free] = np.linalg.solve(hessian[np.ix_(free, free)], gradient[free])
        # The loss is convex, so a whole step that overshoots is only too long.
        while loss(weights - step) > loss(weights) and np.abs(step).max() > _SMALLEST_STEP:
            step /= 2
        if np.abs(step).max() <= _SMALLEST_STEP:
            break
        weights -= step
    return max(float(weights[0]), _LEAST_SLOPE), float(weights[1])
