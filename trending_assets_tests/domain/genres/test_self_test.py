from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from trending_assets.domain.genres.keyword import STEPS, KeywordModel
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.models import TEXT_EMBEDDING_SERVICE, ModelFileError
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.self_test import EXAMPLES, FILE, SelfTest, SelfTestFailedError

GENRES = ("comedy", "drama")


def saying(*probabilities: float, genres: tuple[str, ...] = GENRES) -> GenrePredictor:
    return GenrePredictor(MajorityModel(genres, np.array(probabilities), ()), dict.fromkeys(genres, 0.5))


def no_encoder(_: object) -> npt.NDArray[np.float32]:
    raise AssertionError("nothing needs it")


@pytest.fixture
def test_of_it() -> SelfTest:
    return SelfTest.of(saying(0.4, 0.6), no_encoder)


def test_what_was_stored_is_read_again(test_of_it: SelfTest, tmp_path: Path) -> None:
    test_of_it.save(tmp_path)
    content = (tmp_path / FILE).read_bytes()
    read = SelfTest.stored(tmp_path)
    assert (read.genres, read.titles, read.probabilities.tolist()) == (GENRES, EXAMPLES, [[0.4, 0.6]] * len(EXAMPLES))
    read.save(tmp_path)
    assert (tmp_path / FILE).read_bytes() == content


def test_the_same_model_passes_and_one_that_is_off_by_little_too(test_of_it: SelfTest) -> None:
    test_of_it.check(saying(0.4, 0.6), no_encoder)
    test_of_it.check(saying(0.41, 0.59), no_encoder)


@pytest.mark.parametrize("found", [(0.4, 0.63), (0.4, float("nan"))])
def test_another_probability_fails(test_of_it: SelfTest, found: tuple[float, float]) -> None:
    with pytest.raises(SelfTestFailedError, match="drama of title 1"):
        test_of_it.check(saying(*found), no_encoder)


def test_other_genres_fail(test_of_it: SelfTest) -> None:
    with pytest.raises(SelfTestFailedError, match="other genres"):
        test_of_it.check(saying(0.4, 0.6, genres=("comedy", "war")), no_encoder)


@pytest.mark.parametrize("content", ["{}", "no JSON", '{"genres": ["drama"], "titles": [], "probabilities": [[0.5]]}'])
def test_a_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    with pytest.raises(ModelFileError, match=FILE):
        SelfTest.stored(tmp_path)


class _Embedding(MajorityModel):
    feature_service = TEXT_EMBEDDING_SERVICE

    def predict_proba(self, features) -> npt.NDArray[np.float64]:
        return np.array([[float(each.embedding[0])] for each in features])


def test_another_encoder_fails() -> None:
    predictor = GenrePredictor(_Embedding(("drama",), np.array([0.5]), ()), {"drama": 0.5})
    made = SelfTest.of(predictor, lambda texts: np.array([[len(text) / 1000] for text in texts], np.float32))
    made.check(predictor, lambda texts: np.array([[len(text) / 1000] for text in texts], np.float32))
    with pytest.raises(SelfTestFailedError):
        made.check(predictor, lambda texts: np.array([[len(text) / 500] for text in texts], np.float32))


def test_examples_tell_apart_what_a_model_says() -> None:
    """They would find little if a model said the same of each of them."""
    genres = ("crime", "romance", "science-fiction")
    rising = np.linspace(0.1, 0.9, len(STEPS) + 1)
    model = KeywordModel(genres, np.repeat(rising[:, None], len(genres), axis=1))
    assert len(np.unique(model.predict_proba(EXAMPLES), axis=0)) == 4
