"""Decisions: which columns of a day are unlike the reference, by more than chance and by more than a trifle."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.distances import Counts, Distance, psi, rank_wasserstein
from trending_assets.domain.drift.embeddings import Vectors, domain_auc
from trending_assets.domain.drift.reference import CATEGORICAL, NUMERIC, PredictionReference, Reference, label_counts
from trending_assets.domain.drift.significance import Significance, holm, permutation_test, seeded
from trending_assets.domain.drift.sketches import Floats
from trending_assets.domain.drift.windows import MINIMUM_ROWS, comparable

WASSERSTEIN, PSI, AUC = "rank Wasserstein", "PSI", "domain classifier AUC"
# How likely it may be that any column of a family is called drifted on a day where nothing has changed.
LEVEL = 0.05
# Beyond what chance alone gives on as many rows. Less is real where there are enough rows, and no reason to act.
LEAST_EFFECT: Mapping[str, float] = {WASSERSTEIN: 0.02, PSI: 0.02, AUC: 0.03}
FEATURES, PREDICTIONS, LABELS = "features", "predictions", "labels"
EMBEDDING = "embedding"


@dataclass(frozen=True)
class Finding:
    """What is said of a column on a day.

    Attributes:
        family: the columns that are judged together.
        column: its name.
        status: ``measured`` or ``unknown``.
        current_rows: the day's rows.
        reference_rows: the rows of the reference.
        why: why it is unknown; empty otherwise.
        method: the distance; None where unknown, as all that follows.
        score: the distance to the reference.
        expected: the mean of the distance on as many rows where nothing has changed.
        p_value: how often it is as large where nothing has changed.
        p_adjusted: the same, adjusted for the number of columns in the family.
        drifted: whether ``p_adjusted`` is at most 0.05, and the distance above what is expected by enough.
    """

    family: str
    column: str
    status: str
    current_rows: int
    reference_rows: int
    why: str = ""
    method: str | None = None
    score: float | None = None
    expected: float | None = None
    p_value: float | None = None
    p_adjusted: float | None = None
    drifted: bool | None = None


@dataclass(frozen=True)
class _Comparison:
    """Two sides of a column, and what measures how far they are apart."""

    column: str
    method: str
    current_rows: int
    reference_rows: int
    measure: Callable[[np.random.Generator], Significance]


def _counts(column: str, method: str, reference: Counts, current: Counts) -> _Comparison:
    distance: Distance = rank_wasserstein if method == WASSERSTEIN else psi

    def measure(random: np.random.Generator) -> Significance:
        return permutation_test(reference, current, distance, random)

    return _Comparison(column, method, int(current.sum()), int(reference.sum()), measure)


def unknown(family: str, columns: Iterable[str], why: str, current_rows: int, reference_rows: int) -> list[Finding]:
    """What is said of columns of which nothing can be."""
    return [Finding(family, column, "unknown", current_rows, reference_rows, why) for column in columns]


def feature_drift(reference: Reference, frame: pd.DataFrame, embeddings: Vectors, seed: str) -> list[Finding]:
    """How far the features of a day's titles are from the reference.

    Args:
        reference: what they are compared with.
        frame: the day's n titles, with :data:`~trending_assets.domain.drift.reference.READ`.
        embeddings: theirs, shape (n, d).
        seed: decides what is left to chance.
    """
    described = reference.describe(frame)
    comparisons = [
        _counts(name, method, reference.columns[name].counts, reference.columns[name].count(described[name]))
        for method, names in ((WASSERSTEIN, NUMERIC), (PSI, CATEGORICAL))
        for name in names
    ]
    vectors = reference.embeddings
    tell_apart = _Comparison(
        EMBEDDING, AUC, len(embeddings), len(vectors), lambda random: domain_auc(vectors, embeddings, random)
    )
    return _judged(FEATURES, [*comparisons, tell_apart], seed)


def feature_columns() -> tuple[str, ...]:
    """The columns that :func:`feature_drift` judges."""
    return (*NUMERIC, *CATEGORICAL, EMBEDDING)


def prediction_columns(reference: PredictionReference) -> tuple[str, ...]:
    """The columns that :func:`prediction_drift` judges."""
    return tuple(f"{what} {genre}" for genre in reference.probabilities for what in ("probability", "selected"))


def label_columns() -> tuple[str, ...]:
    """The columns that :func:`label_drift` judges."""
    return tuple(f"label {genre}" for genre in GENRES)


def prediction_drift(
    reference: PredictionReference, predictions: Mapping[str, tuple[Floats, Floats]], seed: str
) -> list[Finding]:
    """How far what a version says on a day is from what it said of titles that it had not learned from.

    Args:
        reference: what it said.
        predictions: slug → its n probabilities of the day, and 1 where it was given, 0 where not.
        seed: decides what is left to chance.
    """
    none = np.empty(0)
    comparisons = []
    for genre, sketch in reference.probabilities.items():
        probabilities, selected = predictions.get(genre, (none, none))
        given = label_counts(selected)
        comparisons.append(_counts(f"probability {genre}", WASSERSTEIN, sketch.counts, sketch.count(probabilities)))
        comparisons.append(_counts(f"selected {genre}", PSI, reference.selected[genre], given))
    return _judged(PREDICTIONS, comparisons, seed)


def label_drift(reference: PredictionReference, labels: Floats, seed: str) -> list[Finding]:
    """How far the genres that sources give are from those of the titles that were learned from.

    Args:
        reference: of the titles that were learned from.
        labels: of a day's n titles, shape (n, 20) in the taxonomy's order: 1, 0, or NaN where the sources cannot say.
        seed: decides what is left to chance.
    """
    comparisons = [
        _counts(f"label {genre}", PSI, reference.labels[genre], label_counts(labels[:, i]))
        for i, genre in enumerate(GENRES)
    ]
    return _judged(LABELS, comparisons, seed)


def _judged(family: str, comparisons: list[_Comparison], seed: str) -> list[Finding]:
    found = [_measured(family, comparison, seed) for comparison in comparisons]
    measured = [finding for finding in found if finding.p_value is not None]
    adjusted = iter(holm([finding.p_value for finding in measured if finding.p_value is not None]))
    return sorted(
        (finding if finding.p_value is None else _decided(finding, next(adjusted)) for finding in found),
        key=lambda finding: finding.column,
    )


def _measured(family: str, comparison: _Comparison, seed: str) -> Finding:
    sizes = comparison.current_rows, comparison.reference_rows
    if not comparable(*sizes):
        why = f"fewer than {MINIMUM_ROWS} rows on the day or in the reference"
        return Finding(family, comparison.column, "unknown", *sizes, why)
    found = comparison.measure(seeded(seed, family, comparison.column))
    return Finding(
        family,
        comparison.column,
        "measured",
        *sizes,
        method=comparison.method,
        score=found.score,
        expected=found.expected,
        p_value=found.p_value,
    )


def _decided(finding: Finding, p_adjusted: float) -> Finding:
    effect = (finding.score or 0.0) - (finding.expected or 0.0)
    drifted = p_adjusted <= LEVEL and effect >= LEAST_EFFECT[finding.method or ""]
    return replace(finding, p_adjusted=p_adjusted, drifted=drifted)
