import io

import matplotlib.image
import numpy as np

from trending_assets.domain.genres.plots import precision_recall_plot

_FIGURES = {
    "comedy": {"precision": 0.8, "recall": 0.6, "support": 40.0},
    "drama": {"precision": 0.5, "recall": 0.9, "support": 70.0},
}


def _pixels(png: bytes) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(png), format="png")


def _blue(png: bytes) -> int:
    """Pixels in the colour of the precision bars."""
    colour = np.array([0x4C, 0x72, 0xB0]) / 255
    return int((np.abs(_pixels(png)[..., :3] - colour).max(axis=-1) < 0.01).sum())


def test_the_plot_is_a_png_that_shows_the_figures() -> None:
    low = {genre: {**figures, "precision": 0.1} for genre, figures in _FIGURES.items()}
    assert _blue(precision_recall_plot(_FIGURES, "genres")) > 3 * _blue(precision_recall_plot(low, "genres"))


def test_an_unknown_figure_has_no_bar() -> None:
    unknown = {**_FIGURES, "drama": {"precision": None, "recall": None, "support": 0.0}}
    zero = {**_FIGURES, "drama": {"precision": 0.0, "recall": 0.0, "support": 0.0}}
    assert _blue(precision_recall_plot(unknown, "genres")) < _blue(precision_recall_plot(_FIGURES, "genres"))
    assert precision_recall_plot(unknown, "genres") != precision_recall_plot(zero, "genres")


def test_the_plot_grows_with_the_genres_and_repeats_to_the_byte() -> None:
    many = {f"genre{i}": _FIGURES["drama"] for i in range(20)}
    assert _pixels(precision_recall_plot(many, "x")).shape[0] > _pixels(precision_recall_plot(_FIGURES, "x")).shape[0]
    assert precision_recall_plot(_FIGURES, "x") == precision_recall_plot(_FIGURES, "x")
