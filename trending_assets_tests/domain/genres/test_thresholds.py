import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.genres.thresholds import (
    LEAST_THRESHOLD,
    MOST_THRESHOLD,
    best_threshold,
    tune_thresholds,
)

_CASES = st.lists(st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.floats(0.0, 1.0)), min_size=1, max_size=25).filter(
    lambda rows: any(label == 1 for label, _ in rows)
)


def _f1(truth: np.ndarray, chosen: np.ndarray) -> float:
    hits = float((truth[chosen] == 1).sum())
    return 2 * hits / (chosen[~np.isnan(truth)].sum() + (truth == 1).sum())


@given(_CASES)
def test_no_cut_gives_a_better_f1(rows: list[tuple[float, float]]) -> None:
    truth, scores = (np.array(column) for column in zip(*rows, strict=True))
    cut = best_threshold(truth, scores)
    assert cut is not None
    best = max(_f1(truth, scores >= other) for other in scores)
    assert _f1(truth, scores >= cut) == pytest.approx(best)


@given(_CASES, st.floats(0.0, 1.0))
def test_rows_whose_label_is_unknown_move_no_cut(rows: list[tuple[float, float]], score: float) -> None:
    truth, scores = (np.array(column) for column in zip(*rows, strict=True))
    assert best_threshold(truth, scores) == best_threshold(np.append(truth, np.nan), np.append(scores, score))


@pytest.mark.parametrize("truth", [[0.0, 0.0], [np.nan, np.nan], []])
def test_without_a_positive_there_is_no_cut(truth: list[float]) -> None:
    assert best_threshold(np.array(truth), np.full(len(truth), 0.5)) is None


def test_a_cut_lies_between_what_it_parts() -> None:
    assert best_threshold(np.array([1.0, 1.0, 0.0]), np.array([0.9, 0.6, 0.2])) == pytest.approx(0.4)


def test_a_cut_is_half_of_the_f1_that_it_gives() -> None:
    # Lipton et al., theorem 1: of calibrated chances, those are selected that are at least half of the best F1.
    chances = np.random.default_rng(2).beta(0.4, 2.0, size=(20_000, 1))
    cut = tune_thresholds(chances, np.ones_like(chances), ["drama"])["drama"]
    selected = chances >= cut
    expected_f1 = 2 * chances[selected].sum() / (selected.sum() + chances.sum())
    assert cut == pytest.approx(expected_f1 / 2, abs=0.002)


def test_labels_decide_nothing_but_which_rows_count() -> None:
    rng = np.random.default_rng(3)
    chances = rng.random((300, 2))
    one, other = ((rng.random((300, 2)) < chances).astype(float) for _ in range(2))
    genres = ["drama", "war"]
    tuned = tune_thresholds(chances, one, genres)
    assert tune_thresholds(chances, other, genres) == tuned
    one[chances < 0.5] = np.nan
    assert tune_thresholds(chances, one, genres) != tuned


def test_cuts_for_a_rare_genre_vary_less_than_those_that_are_best_on_its_labels() -> None:
    expected, best = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        chances = rng.beta(0.3, 6.0, size=(300, 1))
        labels = (rng.random(chances.shape) < chances).astype(float)
        expected.append(tune_thresholds(chances, labels, ["war"])["war"])
        best.append(best_threshold(labels[:, 0], chances[:, 0]))
    assert np.std(expected) < 0.5 * np.std(best)


def test_a_genre_without_a_known_label_takes_the_cut_of_all_together() -> None:
    rng = np.random.default_rng(4)
    chances = rng.random((300, 2)) ** 2
    labels = np.column_stack([rng.random(300) < chances[:, 0], np.full(300, np.nan)])
    tuned = tune_thresholds(chances, labels, ["drama", "war"])
    assert tuned["war"] == tuned["drama"]


@given(st.integers(0, 2**32 - 1))
def test_thresholds_stay_in_bounds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((40, 3)) < 0.5).astype(float)
    labels[0] = 1
    scores = rng.random((40, 3)) ** rng.integers(1, 30)
    tuned = tune_thresholds(scores, labels, ["a", "b", "c"])
    assert list(tuned) == ["a", "b", "c"]
    assert all(LEAST_THRESHOLD <= cut <= MOST_THRESHOLD for cut in tuned.values())


def test_nothing_to_tune_on_is_a_fault() -> None:
    with pytest.raises(ValueError, match="no known positive"):
        tune_thresholds(np.full((3, 2), 0.5), np.array([[0, np.nan]] * 3), ["a", "b"])
