"""Distances between two columns that were counted in the same bins."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from trending_assets.domain.drift.sketches import Floats

Counts = npt.NDArray[np.int64] | Floats
Distance = Callable[[Counts, Counts], Floats]


def psi(reference: Counts, current: Counts) -> Floats:
    """The population stability index of two rows of counts; 0 where their shares are equal, and symmetric.

    Σ (p - q) · ln(p / q) over the bins. The logarithm of an empty bin has no value: to each side one row is added,
    spread as both together are, which leaves equal shares equal.

    Args:
        reference: shape (…, k), with a count above 0 in each row.
        current: the same shape, or one that broadcasts to it.

    Returns:
        Shape (…).
    """
    pooled = reference + current
    shares = pooled / pooled.sum(axis=-1, keepdims=True)
    p = (reference + shares) / (reference.sum(axis=-1, keepdims=True) + 1)
    q = (current + shares) / (current.sum(axis=-1, keepdims=True) + 1)
    # A bin that is empty on both sides says nothing.
    ratio = np.log(np.where(pooled > 0, p, 1.0) / np.where(pooled > 0, q, 1.0))
    return np.asarray(((p - q) * ratio).sum(axis=-1))


def rank_wasserstein(reference: Counts, current: Counts) -> Floats:
    """The Wasserstein distance between two columns after each value was replaced by its rank among both, 0 to 1.

    The area between the two cumulative distributions over the bins, each as wide as its share of both together: no
    unit of the column decides it, and half a standard deviation of a normal column is 0.14. Symmetric; 0 where the
    shares are equal.

    Args:
        reference: shape (…, k) in the order of the values, with a count above 0 in each row.
        current: the same shape, or one that broadcasts to it.

    Returns:
        Shape (…).
    """
    pooled = reference + current
    shares = pooled / pooled.sum(axis=-1, keepdims=True)
    widths = (shares[..., :-1] + shares[..., 1:]) / 2
    below = np.cumsum(reference, axis=-1)[..., :-1] / reference.sum(axis=-1, keepdims=True)
    below_now = np.cumsum(current, axis=-1)[..., :-1] / current.sum(axis=-1, keepdims=True)
    return np.asarray((widths * np.abs(below - below_now)).sum(axis=-1))
