"""Plots of models for people who would rather look than read."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.metrics import BINS, Evaluation, Labels, Selected, precision_recall_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CURVE, _CHOSEN = "#4c72b0", "#dd8452"
_PANELS_A_ROW = 5


def evaluation_plots(evaluation: Evaluation, title: str) -> dict[str, bytes]:
    """File name → PNG of what an evaluation found: by genre, by slice, and how honest the probabilities are."""
    return {
        "precision_recall.png": precision_recall_plot(
            evaluation.labels, evaluation.probabilities, evaluation.selected, title
        ),
        "reliability.png": reliability_plot(evaluation.labels, evaluation.probabilities, title),
        "slices.png": slices_plot(evaluation.slices, title),
    }


def precision_recall_plot(labels: Labels, probabilities: Labels, selected: Selected, title: str) -> bytes:
    """A PNG with a panel a genre: precision and recall at every cut, and at the one that was chosen.

    A genre without a known positive has no curve, and one of which nothing is selected no point; the panel says so. The
    same figures give the same bytes.

    Args:
        labels: shape (n, 20), a column a slug of the taxonomy: 1, 0 or NaN.
        probabilities: the same shape; NaN for a slug that the model does not know, which has no panel.
        selected: the same shape: what was chosen at the thresholds.
        title: heading of the plot.
    """
    known = [i for i in range(len(GENRES)) if not np.isnan(probabilities[:, i]).all()]
    rows = max(1, -(-len(known) // _PANELS_A_ROW))
    figure = _canvas(2.4 * _PANELS_A_ROW, 0.5 + 2.2 * rows)
    figure.suptitle(title)
    for place, i in enumerate(known, start=1):
        axes = figure.add_subplot(rows, _PANELS_A_ROW, place)
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.tick_params(labelsize=6)
        axes.set_title(f"{GENRES[i]} ({(labels[:, i] == 1).sum()})", fontsize=8)
        if place > len(known) - _PANELS_A_ROW:
            axes.set_xlabel("recall", fontsize=7)
        if place % _PANELS_A_ROW == 1:
            axes.set_ylabel("precision", fontsize=7)
        curve = precision_recall_curve(labels[:, i], probabilities[:, i])
        if curve is None:
            axes.text(0.5, 0.5, "no title has it", ha="center", fontsize=7)
            continue
        axes.step(curve.recall, curve.precision, where="pre", color=_CURVE, linewidth=1)
        hits, chosen = ((labels[:, i] == value) & selected[:, i] for value in (1, 0))
        if hits.any() or chosen.any():
            point = hits.sum() / (labels[:, i] == 1).sum(), hits.sum() / (hits.sum() + chosen.sum())
            axes.plot(*point, marker="o", markersize=5, color=_CHOSEN)
        else:
            axes.text(0.5, 0.5, "nothing is selected", ha="center", fontsize=7)
    return _png(figure)


def reliability_plot(labels: Labels, probabilities: Labels, title: str, bins: int = BINS) -> bytes:
    """A PNG of how often a genre is there, by how probable the model holds it to be: all known cells, in equal bins.

    Args:
        labels: shape (n, k): 1, 0 or NaN.
        probabilities: the same shape; NaN for what the model does not know.
        title: heading of the plot.
        bins: how many; each holds equally many cells.
    """
    known = ~np.isnan(labels) & ~np.isnan(probabilities)
    order = np.argsort(probabilities[known], kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    figure, axes = _figure(5, 5)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, label="honest")
    points = [(probabilities[known][part].mean(), labels[known][part].mean()) for part in parts]
    axes.plot([x for x, _ in points], [y for _, y in points], marker="o", color=_CURVE, label="measured")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("probability")
    axes.set_ylabel("share that have the genre")
    axes.set_title(title)
    axes.legend(loc="upper left")
    return _png(figure)


def slices_plot(slices: Mapping[str, Mapping[str, float]], title: str, least_rows: int = 20) -> bytes:
    """A PNG with the macro-F1 of each slice of at least ``least_rows`` rows, and their number beside its name.

    Args:
        slices: slice → rows and macro_f1, as in an evaluation or a manifest.
        title: heading of the plot.
        least_rows: slices of fewer say little.
    """
    shown = {name: found for name, found in slices.items() if found["rows"] >= least_rows and "macro_f1" in found}
    figure, axes = _figure(8, 1.2 + 0.24 * len(shown))
    axes.barh(range(len(shown)), [found["macro_f1"] for found in shown.values()], color=_CURVE)
    names = [f"{name} ({found['rows']:.0f})" for name, found in shown.items()]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("macro-F1")
    axes.set_title(title)
    return _png(figure)


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    figure = _canvas(width, height)
    return figure, figure.add_subplot()


def _canvas(width: float, height: float) -> "Figure":
    # The object interface: pyplot keeps every figure of a long-lived process alive and is not thread-safe.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _png(figure: "Figure") -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
