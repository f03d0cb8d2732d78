"""A blend is made where two models know different things, and not where they say the same."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from trending_assets.domain.genres.blend import LEAST_GAIN, BlendModel, blended
from trending_assets.domain.genres.calibration import Calibration, logit, sigmoid
from trending_assets.domain.genres.datasets import features_of, label_matrix, rows_of
from trending_assets.domain.genres.keyword import KeywordModel
from trending_assets.domain.genres.models import GenreModel
from trending_assets.domain.genres.training import TrainedModel
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus

_FRAME = rows_of(corpus(900), "train")
_LABELS = label_matrix(_FRAME, LEARNED)
_MODEL = KeywordModel.fit(_FRAME, _LABELS, LEARNED, 7)


def _noisy(seed: int, scale: float = 1.2) -> npt.NDArray[np.float64]:
    """Probabilities that are right more often than not, with errors of their own."""
    noise = np.random.default_rng(seed).normal(scale=scale, size=_LABELS.shape)
    return sigmoid(2 * (_LABELS - 0.5) + noise)


def _trained(probabilities: npt.NDArray[np.float64], model: GenreModel = _MODEL) -> TrainedModel:
    ids = tuple(_FRAME["title_id"])
    return TrainedModel(model, {}, ids, probabilities, np.zeros(len(ids), dtype=np.int64), 7)


def test_two_models_that_err_in_different_places_are_blended() -> None:
    trained, gain = blended(_trained(_noisy(1)), _trained(_noisy(2)), _FRAME)
    assert trained is not None
    assert gain.rows == len(_FRAME)
    assert gain.macro_f1 is not None
    assert gain.macro_f1 > LEAST_GAIN
    assert gain.why_not is None
    assert gain.share == pytest.approx(0.5, abs=0.2)
    assert isinstance(trained.model, BlendModel)
    assert trained.model.share == gain.share
    assert set(trained.thresholds) == set(LEARNED)
    mixed = (1 - gain.share) * logit(_noisy(1)) + gain.share * logit(_noisy(2))
    assert np.corrcoef(logit(trained.out_of_fold)[:, 0], mixed[:, 0])[0, 1] == pytest.approx(1)


def test_the_model_that_errs_less_has_the_larger_share() -> None:
    shares = [blended(_trained(_noisy(1)), _trained(_noisy(2, scale)), _FRAME)[1].share for scale in (0.8, 1.2, 2.4)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] >= 0.6
    assert shares[-1] <= 0.4


def test_a_model_is_not_blended_with_itself() -> None:
    trained, gain = blended(_trained(_noisy(1)), _trained(_noisy(1)), _FRAME)
    assert trained is None
    assert gain.macro_f1 == 0


def test_a_model_that_knows_nothing_adds_nothing() -> None:
    guesses = np.random.default_rng(5).uniform(0.2, 0.8, size=_LABELS.shape)
    trained, gain = blended(_trained(_noisy(1)), _trained(guesses), _FRAME)
    assert trained is None
    assert gain.macro_f1 is not None
    assert gain.macro_f1 < LEAST_GAIN
    assert gain.why_not == f"it gains {gain.macro_f1:+.4f} of macro-F1, less than 0.005"


def test_rows_that_one_of_them_has_seen_count_for_nothing() -> None:
    seen = _noisy(2)
    seen[200:] = np.nan
    _, gain = blended(_trained(_noisy(1)), _trained(seen), _FRAME)
    assert gain.rows == 200


def test_rows_that_are_not_in_the_training_set_any_more_count_for_nothing() -> None:
    _, gain = blended(_trained(_noisy(1)), _trained(_noisy(2)), _FRAME.iloc[50:])
    assert gain.rows == len(_FRAME) - 50


def test_on_a_few_rows_nothing_is_claimed() -> None:
    trained, gain = blended(_trained(_noisy(1)), _trained(_noisy(2)), _FRAME.iloc[:99])
    assert trained is None
    assert (gain.macro_f1, gain.micro_f1) == (None, None)
    assert gain.why_not is not None
    assert "titles are unseen by both members" in gain.why_not


def test_models_of_different_genres_are_not_blended() -> None:
    other = KeywordModel.fit(_FRAME, _LABELS[:, :3], LEARNED[:3], 7)
    trained, gain = blended(_trained(_noisy(1)), _trained(_noisy(2)[:, :3], other), _FRAME)
    assert trained is None
    assert gain.macro_f1 is None


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_its_log_odds_are_the_weighted_mean_of_theirs(share: float) -> None:
    flat = _MODEL.with_calibration(Calibration(np.full(4, 0.2), np.full(4, -1.0)))
    features = features_of(pd.DataFrame(_FRAME.iloc[:5]))
    blend = BlendModel((_MODEL, flat), share, Calibration.identity(4))
    mine, theirs = (logit(model.predict_proba(features)) for model in (_MODEL, flat))
    np.testing.assert_allclose(logit(blend.predict_proba(features)), (1 - share) * mine + share * theirs, atol=1e-9)
