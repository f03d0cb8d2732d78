import io

import matplotlib.image
import numpy as np

from trending_assets.domain.genres.plots import precision_recall_plot, reliability_plot, slices_plot

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


def test_a_reliability_plot_shows_what_was_measured_and_passes_over_the_unknown() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.random((400, 3))
    labels = (rng.random((400, 3)) < probabilities).astype(float)
    with_unknown = np.column_stack([labels, np.full(400, np.nan)]), np.column_stack([probabilities, np.full(400, 0.5)])
    plot = reliability_plot(labels, probabilities, "honest")
    assert plot == reliability_plot(*with_unknown, "honest")
    assert plot != reliability_plot(labels, probabilities**3, "honest")
    assert plot != reliability_plot(1 - labels, probabilities, "honest")


def test_a_reliability_plot_of_nothing_is_still_a_plot() -> None:
    assert _pixels(reliability_plot(np.empty((0, 2)), np.empty((0, 2)), "nothing")).size


def test_slices_are_shown_by_their_score_and_small_ones_are_left_out() -> None:
    slices = {"kind=movie": {"rows": 300.0, "macro_f1": 0.8}, "kind=show": {"rows": 40.0, "macro_f1": 0.4}}
    small = {"decade=1910s": {"rows": 19.0, "macro_f1": 1.0}, "decade=1920s": {"rows": 90.0}}
    assert slices_plot(slices, "slices") == slices_plot(slices | small, "slices")
    worse = {name: {**found, "macro_f1": found["macro_f1"] / 4} for name, found in slices.items()}
    assert _blue(slices_plot(slices, "slices")) > 3 * _blue(slices_plot(worse, "slices"))
