"""Plots of models for people who would rather look than read."""

import io
from collections.abc import Mapping

_METRICS = (("precision", "#4c72b0"), ("recall", "#dd8452"))


def precision_recall_plot(per_genre: Mapping[str, Mapping[str, float | None]], title: str) -> bytes:
    """A PNG with two bars a genre, precision and recall, and its support beside its name.

    A genre whose figure is unknown has no bar and is marked so. The same figures give the same bytes.

    Args:
        per_genre: slug → precision, recall and support, as in an evaluation or a manifest.
        title: heading of the plot.
    """
    # The object interface: pyplot keeps every figure of a long-lived process alive and is not thread-safe.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.36 * len(per_genre)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
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
    png = io.BytesIO()
    figure.savefig(png, format="png", metadata={"Software": None})
    return png.getvalue()
