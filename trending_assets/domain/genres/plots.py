"""Plots of models for people who would rather look than read."""

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from trending_assets.domain.genres.metrics import BINS, Evaluation, Labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_METRICS = (("precision", "#4c72b0"), ("recall", "#dd8452"))


def evaluation_plots(evaluation: Evaluation, title: str) -> dict[str, bytes]:
    """File name → PNG of what an evaluation found: by genre, by slice, and how honest the probabilities are."""
    return {
        "precision_recall.png": precision_recall_plot(evaluation.per_genre, title),
        "reliability.png": reliability_plot(evaluation.labels, evaluation.probabilities, title),
        "slices.png": slices_plot(evaluation.slices, title),
    }


def precision_recall_plot(per_genre: Mapping[str, Mapping[str, float | None]], title: str) -> bytes:
    """A PNG with two bars a genre, precision and recall, and its support beside its name.

    A genre whose figure is unknown has no bar and is marked so. The same figures give the same bytes.

    Args:
        per_genre: slug → precision, recall and support, as in an evaluation or a manifest.
        title: heading of the plot.
    """
    figure, axes = _figure(8, 1.2 + 0.36 * len(per_genre))
    for offset, (metric, colour) in zip((-0.2, 0.2), _METRICS, strict=True):
        for position, figures in enumerate(per_genre.values()):
            value = figures.get(metric)
            if value is None:
                axes.text(0.005, position + offset, f"{metric} unknown", va="center", fontsize=6, color=colour)
            else:
                axes.barh(position + offset, value, height=0.38, color=colour)
        axes.barh([0], [0], color=colour, label=metric)
    names = [f"{genre} ({figures.get('support') or 0:.0f})" for genre, figures in per_genre.items()]
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_title(title)
    axes.legend(loc="lower right")
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
    axes.plot([x for x, _ in points], [y for _, y in points], marker="o", color=_METRICS[0][1], label="measured")
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
    axes.barh(range(len(shown)), [found["macro_f1"] for found in shown.values()], color=_METRICS[0][1])
    names = [f"{name} ({found['rows']:.0f})" for name, found in shown.items()]
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("macro-F1")
    axes.set_title(title)
    return _png(figure)


def _figure(width: float, height: float) -> "tuple[Figure, Axes]":
    # The object interface: pyplot keeps every figure of a long-lived process alive and is not thread-safe.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _png(figure: "Figure") -> bytes:
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
