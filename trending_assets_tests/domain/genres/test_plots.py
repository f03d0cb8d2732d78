import io

import matplotlib.image
import numpy as np

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.plots import precision_recall_plot, reliability_plot, slices_plot


def _pixels(png: bytes) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(png), format="png")


def _blue(png: bytes) -> int:
    """Pixels in the colour of curves and bars."""
    colour = np.array([0x4C, 0x72, 0xB0]) / 255
    return int((np.abs(_pixels(png)[..., :3] - colour).max(axis=-1) < 0.01).sum())


def _told(chances: dict[str, list[float]], cut: float = 0.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and what is selected of ten titles, of which the first five have each genre."""
    labels, probabilities = np.full((10, len(GENRES)), np.nan), np.full((10, len(GENRES)), np.nan)
    for genre, values in chances.items():
        labels[:, GENRES.index(genre)], probabilities[:, GENRES.index(genre)] = [1] * 5 + [0] * 5, values
    return labels, probabilities, np.nan_to_num(probabilities) >= cut


_SURE = [0.9] * 5 + [0.1] * 5
_UNSURE = [0.9, 0.7, 0.5, 0.3, 0.2, 0.8, 0.6, 0.4, 0.1, 0.05]


def _orange(png: bytes) -> np.ndarray:
    """Where the chosen point of a curve is, as rows and columns of the pixels."""
    colour = np.array([0xDD, 0x84, 0x52]) / 255
    return np.argwhere(np.abs(_pixels(png)[..., :3] - colour).max(axis=-1) < 0.01)


def test_the_plot_shows_a_curve_of_each_genre_and_where_its_cut_lies() -> None:
    one = precision_recall_plot(*_told({"drama": _UNSURE}), "genres")
    assert _blue(precision_recall_plot(*_told({"drama": _UNSURE, "war": _UNSURE}), "genres")) > 1.5 * _blue(one) > 0
    assert precision_recall_plot(*_told({"drama": _SURE}), "genres") != one
    low, high = (_orange(precision_recall_plot(*_told({"drama": _UNSURE}, cut), "x")) for cut in (0.15, 0.85))
    # At a higher cut recall, to the right, is less, and precision, which grows upwards, is more.
    assert high[:, 1].mean() < low[:, 1].mean()
    assert high[:, 0].mean() < low[:, 0].mean()


def test_what_is_unknown_has_no_curve_and_no_point() -> None:
    labels, probabilities, selected = _told({"drama": _UNSURE})
    nobody = precision_recall_plot(np.nan_to_num(labels) * 0, probabilities, selected, "x")
    assert (_blue(nobody), len(_orange(nobody))) == (0, 0)
    nothing = precision_recall_plot(labels, probabilities, np.zeros_like(selected), "x")
    assert _blue(nothing) > 0
    assert len(_orange(nothing)) == 0
    assert _pixels(precision_recall_plot(*_told({}), "x")).size


def test_the_plot_grows_with_the_genres_and_repeats_to_the_byte() -> None:
    many, few = (dict.fromkeys(GENRES[:count], _UNSURE) for count in (20, 5))
    assert (
        _pixels(precision_recall_plot(*_told(many), "x")).shape[0]
        > 2 * _pixels(precision_recall_plot(*_told(few), "x")).shape[0]
    )
    assert precision_recall_plot(*_told(few), "x") == precision_recall_plot(*_told(few), "x")


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
