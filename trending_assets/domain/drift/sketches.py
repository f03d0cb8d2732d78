"""Sketches: the distribution of a column as counts, small enough to be kept with a model for good.

Counts of the same bins add up and can be drawn from, so whoever has the sketch of a column needs none of its values
to say how far others are from it and how far they would be by chance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 20
MOST_VALUES = 50

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class NumericSketch:
    """A numeric column as counts between its quantiles.

    Attributes:
        edges: shape (k,), ascending. The first lies just below the least value and the last is the greatest, so that
            values beyond both have bins of their own.
        counts: shape (k + 2,): values in each bin, the last one of those that are missing.
        quantiles: shape (5,): minimum, quartiles and maximum, for people; NaN where there is no value.
    """

    edges: Floats
    counts: Ints
    quantiles: Floats

    @classmethod
    def of(cls, values: npt.ArrayLike, bins: int = BINS) -> "NumericSketch":
        """The sketch of values.

        Args:
            values: shape (n,); what is not finite is missing.
            bins: bins of about as many values each; fewer where many values are the same.
        """
        found = np.asarray(values, dtype=np.float64)
        known = found[np.isfinite(found)]
        if not known.size:
            edges, quantiles = np.empty(0), np.full(5, np.nan)
        else:
            inner = np.quantile(known, np.linspace(0, 1, bins + 1)[1:], method="inverted_cdf")
            edges = np.unique(np.concatenate([[np.nextafter(known.min(), -np.inf)], inner]))
            quantiles = np.quantile(known, (0, 0.25, 0.5, 0.75, 1))
        return cls(edges, _counted(edges, found), quantiles)

    def count(self, values: npt.ArrayLike) -> Ints:
        """Other values in the bins of this sketch, shape (k + 2,)."""
        return _counted(self.edges, np.asarray(values, dtype=np.float64))

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        # NaN is no JSON.
        quantiles = [] if np.isnan(self.quantiles).any() else self.quantiles.tolist()
        return {"edges": self.edges.tolist(), "counts": self.counts.tolist(), "quantiles": quantiles}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "NumericSketch":
        """The sketch that :meth:`as_json` gave."""
        edges = np.asarray(content["edges"], dtype=np.float64)
        quantiles = np.asarray(content["quantiles"] or [np.nan] * 5, dtype=np.float64)
        return cls(edges, np.asarray(content["counts"], dtype=np.int64), quantiles)


def _counted(edges: Floats, values: Floats) -> Ints:
    known = values[np.isfinite(values)]
    # A bin holds its upper edge.
    bins = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1)
    return np.append(bins, len(values) - len(known)).astype(np.int64)


@dataclass(frozen=True, eq=False)
class CategoricalSketch:
    """A categorical column as counts of its most frequent values.

    Attributes:
        values: the k values, most frequent first.
        counts: shape (k + 2,): each value, all others together, and those that are missing.
    """

    values: tuple[str, ...]
    counts: Ints

    @classmethod
    def of(cls, values: Iterable[str | None], most: int = MOST_VALUES) -> "CategoricalSketch":
        """The sketch of values.

        Args:
            values: None is missing.
            most: how many values are told apart.
        """
        found = list(values)
        names, counts = np.unique([value for value in found if value is not None], return_counts=True)
        order = sorted(zip((-counts).tolist(), names.tolist(), strict=True))
        kept = tuple(str(name) for _, name in order[:most])
        return cls(kept, cls(kept, np.empty(0, dtype=np.int64)).count(found))

    def count(self, values: Iterable[str | None]) -> Ints:
        """Other values in the cells of this sketch, shape (k + 2,)."""
        cells = {value: i for i, value in enumerate(self.values)}
        other, missing = len(cells), len(cells) + 1
        found = [missing if value is None else cells.get(value, other) for value in values]
        return np.bincount(np.asarray(found, dtype=np.int64), minlength=len(cells) + 2).astype(np.int64)

    def as_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads."""
        return {"values": list(self.values), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "CategoricalSketch":
        """The sketch that :meth:`as_json` gave."""
        return cls(tuple(content["values"]), np.asarray(content["counts"], dtype=np.int64))


Sketch = NumericSketch | CategoricalSketch
