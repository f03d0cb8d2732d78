from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, f1_score, precision_score, recall_score

from trending_assets.domain.genres import metrics

_SHAPES = st.tuples(st.integers(2, 12), st.integers(2, 5))


@st.composite
def known_cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Labels, all known and each row with a positive, and selections of the same shape."""
    shape = draw(_SHAPES)
    labels = draw(arrays(bool, shape))
    labels[np.arange(shape[0]), draw(arrays(np.int64, shape[0], elements=st.integers(0, shape[1] - 1)))] = True
    return labels.astype(float), draw(arrays(bool, shape))


@given(known_cases())
def test_fully_known_labels_agree_with_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    labels, selected = case
    assume((labels.sum(axis=0) > 0).all())
    assert metrics.micro_f1(labels, selected) == pytest.approx(
        f1_score(labels, selected, average="micro", zero_division=0)
    )
    assert metrics.macro_f1(labels, selected) == pytest.approx(
        f1_score(labels, selected, average="macro", zero_division=0)
    )
    expected = f1_score(labels, selected, average="samples", zero_division=0)
    assert metrics.samples_f1(labels, selected) == pytest.approx(expected)


@given(known_cases(), st.integers(0, 2**32 - 1))
def test_an_unknown_label_counts_for_nothing(case: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    labels, selected = case
    mask = np.random.default_rng(seed).random(labels.shape) < 0.4
    masked = np.where(mask, np.nan, labels)
    flipped = np.where(mask, ~selected, selected)
    assert metrics.micro_f1(masked, selected) == metrics.micro_f1(masked, flipped)
    assert metrics.genre_f1(masked, selected) == metrics.genre_f1(masked, flipped)
    assert metrics.samples_f1(masked, selected) == metrics.samples_f1(masked, flipped)
    for column in range(labels.shape[1]):
        known = ~mask[:, column]
        truth, chosen = labels[known, column], selected[known, column]
        expected = f1_score(truth, chosen, zero_division=0) if truth.sum() else None
        assert metrics.genre_f1(masked, selected)[column] == (None if expected is None else pytest.approx(expected))


def test_without_a_known_positive_nothing_is_claimed() -> None:
    labels = np.array([[0.0, np.nan], [0.0, np.nan]])
    selected = np.array([[True, True], [False, True]])
    assert metrics.micro_f1(labels, selected) is None
    assert metrics.macro_f1(labels, selected) is None
    assert metrics.samples_f1(labels, selected) is None
    figures = metrics.per_genre(labels, selected, np.full((2, 2), 0.5), ["drama", "war"])
    unknown = {"precision": None, "recall": None, "f1": None, "average_precision": None, "support": 0.0}
    assert figures == {
        "drama": unknown | {"ece": 0.5, "excess_ece": pytest.approx(0.5 - 0.5 * np.sqrt(2 / np.pi))},
        "war": unknown | {"ece": None, "excess_ece": None},
    }


def test_the_mean_leaves_out_what_is_unknown() -> None:
    labels = np.array([[1.0, 0.0], [1.0, np.nan]])
    assert metrics.macro_f1(labels, np.array([[True, False], [True, True]])) == 1.0


def test_no_rows_give_no_metric() -> None:
    labels, selected = np.empty((0, 3)), np.empty((0, 3), dtype=bool)
    assert metrics.micro_f1(labels, selected) is None
    assert metrics.brier_score(labels, np.empty((0, 3))) is None


def test_figures_of_a_genre() -> None:
    labels = np.array([[1.0], [1.0], [1.0], [0.0], [0.0], [np.nan]])
    selected = np.array([[True], [True], [False], [True], [False], [True]])
    scores = np.array([[0.9], [0.7], [0.2], [0.8], [0.1], [0.95]])
    figures = metrics.per_genre(labels, selected, scores, ["drama"])["drama"]
    known = labels[:5, 0], selected[:5, 0]
    assert figures["precision"] == pytest.approx(precision_score(*known))
    assert figures["recall"] == pytest.approx(recall_score(*known))
    assert figures["f1"] == pytest.approx(f1_score(*known))
    assert figures["average_precision"] == pytest.approx(average_precision_score(known[0], scores[:5, 0]))
    assert figures["support"] == 3.0


def test_a_genre_that_is_never_selected_has_no_precision_but_an_f1_of_zero() -> None:
    figures = metrics.per_genre(np.array([[1.0], [0.0]]), np.zeros((2, 1), dtype=bool), np.zeros((2, 1)), ["war"])[
        "war"
    ]
    assert (figures["precision"], figures["recall"], figures["f1"]) == (None, 0.0, 0.0)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=1, max_size=30).filter(
        lambda rows: any(positive for positive, _ in rows)
    )
)
def test_average_precision_agrees_with_scikit_learn(rows: list[tuple[bool, int]]) -> None:
    truth = np.array([float(positive) for positive, _ in rows])
    scores = np.array([score / 6 for _, score in rows])
    assert metrics.average_precision(truth, scores) == pytest.approx(average_precision_score(truth, scores))


def test_brier_score_over_known_cells() -> None:
    labels = np.array([[1.0, np.nan], [0.0, 1.0]])
    assert metrics.brier_score(labels, np.array([[0.8, 0.0], [0.4, 0.5]])) == pytest.approx((0.04 + 0.16 + 0.25) / 3)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            ("movie", 1999, 10, "en", ["GB", "US"], ["a", "b"]),
            "kind=movie decade=1990s text_length=short language=en country=GB country=US source=a source=b",
        ),
        (
            ("show", 2020, 50, "fr", ["FR"], ["a"]),
            "kind=show decade=2020s text_length=medium language=fr country=FR source=a",
        ),
        (
            ("movie", None, 200, None, np.array([]), []),
            "kind=movie decade=unknown text_length=long language=unknown country=unknown",
        ),
    ],
)
def test_slices_of_a_row(row: tuple[Any, ...], expected: str) -> None:
    assert metrics.slice_names(*row) == tuple(expected.split())


def test_slices_have_their_own_figures_and_no_invented_ones() -> None:
    labels = np.array([[1.0], [1.0], [0.0]])
    selected = np.array([[True], [False], [False]])
    slices = metrics.sliced(labels, selected, [("kind=movie",), ("kind=movie",), ("kind=show",)])
    assert slices["kind=movie"] == {"rows": 2.0, "micro_f1": pytest.approx(2 / 3), "macro_f1": pytest.approx(2 / 3)}
    assert slices["kind=show"] == {"rows": 1.0}


def test_probabilities_that_are_frequencies_are_calibrated() -> None:
    truth = np.tile([1.0, 0.0, 0.0, 0.0], 50)
    assert metrics.expected_calibration_error(truth, np.full(200, 0.25)) == pytest.approx(0.0, abs=0.06)
    assert metrics.expected_calibration_error(truth, np.full(200, 0.75), bins=1) == pytest.approx(0.5)


def test_calibration_errors_of_bins_do_not_cancel_out() -> None:
    truth = np.repeat([0.0, 1.0], 50)
    probabilities = np.repeat([0.4, 0.6], 50)
    assert metrics.expected_calibration_error(truth, probabilities, bins=2) == pytest.approx(0.4)
    assert metrics.expected_calibration_error(truth, probabilities, bins=1) == pytest.approx(0.0)


def test_unknown_cells_have_no_calibration() -> None:
    truth = np.array([1.0, np.nan, 0.0, np.nan])
    known = metrics.expected_calibration_error(truth, np.array([0.9, 0.1, 0.2, 0.7]))
    assert known == metrics.expected_calibration_error(np.array([1.0, 0.0]), np.array([0.9, 0.2]))
    assert metrics.expected_calibration_error(np.full(3, np.nan), np.full(3, 0.5)) is None


def test_honest_probabilities_err_as_much_as_chance_says() -> None:
    rng = np.random.default_rng(5)
    probabilities = rng.beta(1, 4, size=(400, 300))
    truth = (rng.random(probabilities.shape) < probabilities).astype(float)
    errors = [metrics.expected_calibration_error(t, p) for t, p in zip(truth.T, probabilities.T, strict=True)]
    chances = [metrics.chance_calibration_error(t, p) for t, p in zip(truth.T, probabilities.T, strict=True)]
    assert np.mean(errors) == pytest.approx(np.mean(chances), rel=0.05)  # type: ignore[arg-type]
    error, excess = metrics.calibration(truth, probabilities)
    assert error == pytest.approx(np.mean(errors))  # type: ignore[arg-type]
    assert excess is not None
    assert excess < 0.002


def test_shifted_probabilities_err_beyond_chance() -> None:
    rng = np.random.default_rng(6)
    honest = rng.beta(2, 4, size=(3000, 4))
    truth = (rng.random(honest.shape) < honest).astype(float)
    _, excess = metrics.calibration(truth, np.clip(honest + 0.1, 0, 1))
    assert excess == pytest.approx(0.1, abs=0.02)


def test_columns_without_a_known_positive_are_left_out_of_the_mean() -> None:
    labels = np.array([[1.0, 0.0], [0.0, np.nan]])
    probabilities = np.array([[0.5, 0.9], [0.5, 0.9]])
    assert metrics.calibration(labels, probabilities) == metrics.calibration(labels[:, :1], probabilities[:, :1])
    assert metrics.calibration(labels[:, 1:], probabilities[:, 1:]) == (None, None)


def test_an_interval_holds_its_figure_and_narrows_with_more_rows() -> None:
    rng = np.random.default_rng(4)
    labels = (rng.random((800, 3)) < 0.3).astype(float)
    selected = (rng.random((800, 3)) < 0.2) | ((labels == 1) & (rng.random((800, 3)) < 0.6))
    widths = []
    for rows in (50, 800):
        ends = metrics.bootstrap_intervals(labels[:rows], selected[:rows])
        for name, measure in (("micro_f1", metrics.micro_f1), ("macro_f1", metrics.macro_f1)):
            low, high = ends[name]
            assert low < measure(labels[:rows], selected[:rows]) < high
        widths.append(ends["macro_f1"][1] - ends["macro_f1"][0])
    # The error of a mean falls with the root of the number of rows.
    assert widths[1] == pytest.approx(widths[0] / 4, rel=0.4)


def test_an_interval_covers_the_truth_nineteen_times_of_twenty() -> None:
    rng = np.random.default_rng(9)
    labels = (rng.random((40_000, 1)) < 0.4).astype(float)
    selected = (rng.random((40_000, 1)) < 0.2) | ((labels == 1) & (rng.random((40_000, 1)) < 0.6))
    truth = metrics.micro_f1(labels, selected)
    ends = [
        metrics.bootstrap_intervals(labels[i : i + 200], selected[i : i + 200], resamples=300)["micro_f1"]
        for i in range(0, 40_000, 200)
    ]
    assert np.mean([low <= truth <= high for low, high in ends]) == pytest.approx(0.95, abs=0.05)


def test_without_a_known_positive_there_is_no_interval() -> None:
    assert metrics.bootstrap_intervals(np.array([[0.0, np.nan]]), np.array([[True, False]])) == {}
    assert metrics.bootstrap_intervals(np.empty((0, 2)), np.empty((0, 2), dtype=bool)) == {}


def test_what_a_genre_is_taken_for() -> None:
    genres = ("comedy", "drama", "horror")
    labels = np.array([[1.0, 0.0, 0.0], [1.0, 0.0, np.nan], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    selected = np.array([[False, True, False], [False, True, True], [False, True, False], [False, False, True]])
    # In the third row drama is right, in the second nobody knows of horror.
    assert metrics.taken_for(labels, selected, genres) == {("comedy", "drama"): 2}


def test_what_is_beyond_chance_of_a_genres_calibration_error() -> None:
    chances = np.full((1000, 2), 0.5)
    labels = np.column_stack([np.arange(1000) % 2, np.arange(1000) % 10 == 0]).astype(float)
    honest, sure = metrics.per_genre(labels, chances > 0.4, chances, ["drama", "war"]).values()
    assert honest["excess_ece"] == 0.0
    assert sure["ece"] == pytest.approx(0.4)
    assert sure["excess_ece"] == pytest.approx(0.4 - np.sqrt(2 / np.pi) * np.sqrt(0.25 / 100))


_SLICES = {
    "country=FR": {"rows": 30.0, "micro_f1": 0.8, "macro_f1": 0.1},
    "country=GB": {"rows": 300.0, "micro_f1": 0.5},
    "country=US": {"rows": 40.0, "micro_f1": 0.6},
    "country=IN": {"rows": 29.0, "micro_f1": 0.1},
    "country=JP": {"rows": 50.0},
    "country=unknown": {"rows": 90.0, "micro_f1": 0.2},
    "language=en": {"rows": 500.0, "micro_f1": 0.6},
    "language=fr": {"rows": 12.0, "micro_f1": 0.1},
}


def test_the_gap_between_the_best_and_the_worst_slice_of_a_kind() -> None:
    gap = metrics.widest_gap(_SLICES, "country")
    assert gap is not None
    assert (gap.best, gap.worst, gap.width) == ("FR", "GB", pytest.approx(0.3))
    assert metrics.widest_gap(_SLICES, "language") is None
    assert metrics.widest_gap(_SLICES, "source") is None
