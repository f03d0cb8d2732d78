"""Significance: how often chance alone would put so many rows so far from the reference.

Where nothing has changed, the rows of a day and those of the reference are one population, and which of them came on
the day is chance. So the day's rows are drawn anew from both together, as many as there are, and the distance is
measured again: a permutation test, calibrated to the size of the day. Of counts alone that is a draw from the
multivariate hypergeometric distribution, which needs no row.
"""

import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trending_assets.domain.drift.distances import Counts, Distance

# A column that has not drifted is settled by the first draws; one that has needs a p-value that is small enough to
# stay small when it is multiplied by the number of columns.
FIRST_DRAWS, ALL_DRAWS = 500, 40_000
_SETTLED = 10


@dataclass(frozen=True)
class Significance:
    """A distance beside what chance alone gives.

    Attributes:
        score: the distance.
        expected: its mean where nothing has changed.
        p_value: how often it is as large where nothing has changed; above 0.
    """

    score: float
    expected: float
    p_value: float


def seeded(*names: str) -> np.random.Generator:
    """Randomness that depends on names alone: what is computed again is the same."""
    return np.random.default_rng([zlib.crc32(name.encode()) for name in names])


def permutation_test(
    reference: Counts, current: Counts, distance: Distance, random: np.random.Generator
) -> Significance:
    """How far counts are from the reference, and how often chance alone puts them as far.

    Args:
        reference: shape (k,), with a sum above 0.
        current: shape (k,), with a sum above 0.
        distance: of counts.
        random: decides the draws.
    """
    score = float(distance(reference, current))
    pooled = (reference + current).astype(np.int64)
    rows = int(current.sum())
    reached, drawn, total = 0, 0, 0.0
    for draws in (FIRST_DRAWS, ALL_DRAWS - FIRST_DRAWS):
        now = random.multivariate_hypergeometric(pooled, rows, size=draws, method="marginals")
        found = distance(pooled - now, now)
        # Draws that give the same counts differ in their last digits.
        reached += int((found >= score - 1e-12).sum())
        drawn, total = drawn + draws, total + float(found.sum())
        if reached >= _SETTLED:
            break
    return Significance(score, total / drawn, (reached + 1) / (drawn + 1))


def share_p_value(having: int, rows: int, reference: int, reference_rows: int) -> float:
    """How often chance alone gives so many of the day's rows, or more, a trait; above 0.

    R. A. Fisher's exact test on one side: the share of all draws of the day's rows from day and reference together. No
    number of draws limits how small it may be, so that it may be adjusted for any number of sources.

    Args:
        having: rows of the day that have the trait.
        rows: rows of the day.
        reference: rows of the reference that have it.
        reference_rows: rows of the reference.
    """
    from scipy.stats import hypergeom

    found = hypergeom.sf(having - 1, rows + reference_rows, having + reference, rows)
    return max(float(found), sys.float_info.min)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number by Holm: the chance that any is so small where nothing has changed.

    S. Holm, A simple sequentially rejective multiple test procedure (1979). It holds however the columns depend on
    one another.
    """
    adjusted, worst = [1.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        worst = max(worst, min(1.0, p_values[i] * (len(p_values) - rank)))
        adjusted[i] = worst
    return adjusted
