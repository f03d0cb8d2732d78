import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.genres.calibration import Calibration, fit_calibration, logit, sigmoid
from trending_assets.domain.genres.metrics import brier_score


@given(st.floats(-13, 13))
def test_sigmoid_and_logit_undo_each_other(score: float) -> None:
    assert logit(sigmoid(np.array([score])))[0] == pytest.approx(score, abs=1e-6)


def test_sigmoid_does_not_overflow() -> None:
    assert sigmoid(np.array([-1e4, 0.0, 1e4])).tolist() == [0.0, 0.5, 1.0]


@given(st.floats(0.01, 0.99))
def test_a_calibration_can_be_undone(chance: float) -> None:
    calibration = Calibration(np.array([0.7, 2.0]), np.array([-1.0, 0.5]))
    assert calibration.inverse(calibration.apply(np.array([[chance, chance]]))) == pytest.approx(chance)


def _overconfident(seed: int, rows: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true_logits = rng.normal(-1.0, 1.0, size=(rows, 2))
    labels = (rng.random((rows, 2)) < sigmoid(true_logits)).astype(float)
    return sigmoid(3 * true_logits + 1), labels


def test_overconfident_probabilities_are_put_right() -> None:
    scores, labels = _overconfident(0)
    calibration = fit_calibration(scores, labels)
    assert calibration.slope == pytest.approx([1 / 3, 1 / 3], abs=0.06)
    fresh, truth = _overconfident(1)
    before, after = brier_score(truth, fresh), brier_score(truth, calibration.apply(fresh))
    assert before is not None
    assert after is not None
    assert after < before - 0.02
    assert calibration.apply(fresh).mean() == pytest.approx(truth.mean(), abs=0.02)


@given(st.integers(0, 2**32 - 1), st.integers(1, 40))
def test_the_order_of_titles_stays(seed: int, positives: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.uniform(0.01, 0.99, size=(60, 1))
    labels = np.zeros((60, 1))
    labels[rng.permutation(60)[:positives]] = 1
    after = fit_calibration(scores, labels).apply(scores)
    assert np.argsort(after[:, 0]).tolist() == np.argsort(scores[:, 0]).tolist()
    assert ((after > 0) & (after < 1)).all()


def test_unknown_labels_change_nothing() -> None:
    scores, labels = _overconfident(2, 300)
    more = fit_calibration(np.vstack([scores, [[0.99, 0.01]] * 50]), np.vstack([labels, np.full((50, 2), np.nan)]))
    alone = fit_calibration(scores, labels)
    assert more.slope.tolist() == alone.slope.tolist()
    assert more.intercept.tolist() == alone.intercept.tolist()


def test_few_examples_move_the_intercept_only() -> None:
    scores, labels = np.full((50, 1), 0.5), np.zeros((50, 1))
    labels[:3] = 1
    calibration = fit_calibration(scores, labels)
    assert calibration.slope.tolist() == [1.0]
    assert calibration.intercept[0] < -1


@pytest.mark.parametrize("value", [0.0, 1.0, np.nan])
def test_one_kind_of_label_teaches_nothing(value: float) -> None:
    calibration = fit_calibration(np.full((20, 1), 0.3), np.full((20, 1), value))
    unchanged = Calibration.identity(1)
    assert (calibration.slope.tolist(), calibration.intercept.tolist()) == (
        unchanged.slope.tolist(),
        unchanged.intercept.tolist(),
    )
