"""What a model said of held-out titles is what it would say again, and of those titles alone."""

from pathlib import Path

import numpy as np
import pytest

from trending_assets.domain.genres.datasets import TEST, VALIDATION, masked, rows_of
from trending_assets.domain.genres.held_out import AS_WRITTEN, HELD_SPLITS, MASKED, TEXTS, HeldOut
from trending_assets.domain.genres.models import model_class
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.training import evaluate, train
from trending_assets_tests.domain.genres.corpus import corpus

_FRAME = corpus(160).assign(masked_text=lambda frame: "Nothing. " + frame["kind"])


@pytest.fixture(scope="module")
def predictor() -> GenrePredictor:
    return train(model_class("genre_logreg"), _FRAME, seed=1, folds=2).predictor


def test_what_was_said_is_judged_as_if_it_were_asked_again(predictor: GenrePredictor, tmp_path: Path) -> None:
    HeldOut.of(predictor, _FRAME).save(tmp_path)
    stored = HeldOut.stored(tmp_path)
    for split in HELD_SPLITS:
        rows = rows_of(_FRAME, split)
        assert stored.evaluate(predictor, _FRAME, split).metrics() == evaluate(predictor, rows).metrics()
        without = stored.evaluate(predictor, _FRAME, split, MASKED)
        assert without.metrics() == evaluate(predictor, masked(rows)).metrics()
        assert without.metrics() != stored.evaluate(predictor, _FRAME, split, AS_WRITTEN).metrics()


def test_other_titles_are_not_judged_by_it(predictor: GenrePredictor) -> None:
    held_out = HeldOut.of(predictor, _FRAME)
    fewer = _FRAME.drop(_FRAME.index[_FRAME["split"] == TEST][0])
    with pytest.raises(ValueError, match="genre_logreg was asked about other test titles"):
        held_out.evaluate(predictor, fewer, TEST)
    assert held_out.evaluate(predictor, fewer, VALIDATION).title_ids


def test_no_held_out_titles_are_no_fault(predictor: GenrePredictor) -> None:
    only_train = _FRAME[_FRAME["split"] == "train"]
    evaluation = HeldOut.of(predictor, only_train).evaluate(predictor, only_train, TEST)
    assert (evaluation.title_ids, evaluation.macro_f1) == ((), None)


def test_two_models_are_mixed_title_by_title(predictor: GenrePredictor) -> None:
    mine = HeldOut.of(predictor, _FRAME)
    other = HeldOut(mine.title_ids, {key: 1 - value for key, value in mine.probabilities.items()})
    both = mine.combined(other, lambda first, second: 0.25 * first + 0.75 * second)
    assert both.title_ids == mine.title_ids
    for key in ((split, text) for split in HELD_SPLITS for text in TEXTS):
        assert np.allclose(both.probabilities[key], 0.75 - 0.5 * mine.probabilities[key])
