from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from trending_assets.domain.genres.datasets import features_of, rows_of
from trending_assets.domain.genres.latency import Latency, measure_latency
from trending_assets.domain.genres.models import model_class
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.training import train
from trending_assets_tests.domain.genres.corpus import corpus

_FRAME = corpus(160)


class Machine:
    """An encoder that takes two milliseconds a text, and the clock that shows it."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.encoded = 0

    def clock(self) -> float:
        """Seconds since the beginning."""
        return self.seconds

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """A vector a text."""
        self.seconds += 0.002 * len(texts)
        self.encoded += len(texts)
        return np.ones((len(texts), 384), dtype=np.float32)


def _predictor(name: str) -> GenrePredictor:
    return train(model_class(name), _FRAME, seed=3, folds=2).predictor


@pytest.mark.parametrize(("name", "milliseconds"), [("genre_xgboost", 2.0), ("genre_keyword", 0.0)])
def test_encoding_counts_for_models_that_read_an_embedding(name: str, milliseconds: float) -> None:
    machine = Machine()
    titles = features_of(rows_of(_FRAME, "test"))
    found = measure_latency(_predictor(name), titles, machine.encode, machine.clock)
    assert found is not None
    assert (found.p50, found.p99) == pytest.approx((milliseconds, milliseconds))
    assert bool(machine.encoded) == (milliseconds > 0)


def test_a_real_clock_shows_some_time() -> None:
    found = measure_latency(_predictor("genre_keyword"), features_of(rows_of(_FRAME, "test")), Machine().encode)
    assert isinstance(found, Latency)
    assert 0 < found.p50 <= found.p99


def test_without_titles_nothing_is_known() -> None:
    assert measure_latency(_predictor("genre_keyword"), [], Machine().encode) is None
