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


def _two_genres(rare: int) -> tuple[np.ndarray, np.ndarray]:
    """A common genre best cut at 0.55 and one with ``rare`` positives best cut at 0.15."""
    labels, scores = np.zeros((400, 2)), np.zeros((400, 2))
    labels[:200, 0], scores[:200, 0], scores[200:, 0] = 1, 0.6, 0.5
    labels[:rare, 1], scores[:rare, 1], scores[rare:, 1] = 1, 0.2, 0.1
    return scores, labels


def test_a_rare_genre_takes_the_shared_cut_and_a_common_one_its_own() -> None:
    scores, labels = _two_genres(rare=5)
    shared = best_threshold(labels.ravel(), scores.ravel())
    assert tune_thresholds(scores, labels, ["drama", "war"])["war"] == shared
    scores, labels = _two_genres(rare=190)
    tuned = tune_thresholds(scores, labels, ["drama", "war"])
    assert abs(tuned["war"] - 0.15) < abs(tuned["war"] - shared)


def test_the_more_positives_the_nearer_to_its_own_cut() -> None:
    cuts = [tune_thresholds(*_two_genres(rare=rare), ["drama", "war"])["war"] for rare in (10, 20, 40)]
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] > cuts[-1]


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
