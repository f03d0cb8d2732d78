import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from trending_assets.domain.genres.reduced_tfidf import SIZE, ReducedTfIdf
from trending_assets.domain.genres.tfidf import TfIdf, words_of
from trending_assets_tests.domain.genres.corpus import corpus

TEXTS = corpus(300)["text"].tolist()
OTHERS = ["A haunted cowboy giggles. plain1 plain2", "plain3 plain3 plain4 prairie", "Nothing of it is known."]


@pytest.fixture(scope="module")
def fitted() -> ReducedTfIdf:
    return ReducedTfIdf.fit(TEXTS)


def _hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_places_are_those_of_scikit_learn(fitted: ReducedTfIdf) -> None:
    """Which way axes point is chance, so angles between texts are compared."""
    peer = TfidfVectorizer(tokenizer=words_of, token_pattern=None, lowercase=False, sublinear_tf=True, min_df=3)
    svd = TruncatedSVD(SIZE, algorithm="arpack", random_state=0).fit(peer.fit_transform(TEXTS))
    expected = normalize(svd.transform(peer.transform([*OTHERS, *TEXTS[:20]])))
    ours = np.array([fitted.transform(text) for text in [*OTHERS, *TEXTS[:20]]], dtype=np.float64)
    assert np.abs(ours @ ours.T - expected @ expected.T).max() < 1e-4


def test_a_vector_has_one_shape_type_and_length(fitted: ReducedTfIdf) -> None:
    for text in OTHERS[:2]:
        vector = fitted.transform(text)
        assert (vector.shape, vector.dtype) == ((SIZE,), np.float32)
        assert np.linalg.norm(vector) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "!!!", "漢字", OTHERS[2]])
def test_a_text_of_which_nothing_is_known_is_zero(fitted: ReducedTfIdf, text: str) -> None:
    assert fitted.transform(text).tolist() == [0.0] * SIZE


def test_texts_that_share_words_lie_closer(fitted: ReducedTfIdf) -> None:
    one, like, other = (
        fitted.transform(text) for text in ("haunted ghost gloom", "a ghost, haunted", "cowboy prairie")
    )
    assert one @ like > one @ other + 0.3


def test_few_texts_leave_the_last_values_zero() -> None:
    few = ReducedTfIdf.fit(["war horse", "war horse ape", "war ape", "horse ape war"])
    vector = few.transform("war ape")
    assert vector.shape == (SIZE,)
    assert vector[:2].any()
    assert not vector[4:].any()


def test_before_it_is_fitted_it_knows_no_word(tmp_path: Path) -> None:
    unfitted = ReducedTfIdf.unfitted()
    assert unfitted.transform("war horse").tolist() == [0.0] * SIZE
    unfitted.save(tmp_path)
    assert ReducedTfIdf.load(tmp_path).version == unfitted.version == ReducedTfIdf.fit([]).version


def test_what_is_loaded_gives_the_same_to_the_last_bit(fitted: ReducedTfIdf, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = ReducedTfIdf.load(tmp_path)
    assert loaded.version == fitted.version
    for text in [*OTHERS, *TEXTS]:
        assert loaded.transform(text).tobytes() == fitted.transform(text).tobytes()


_REFIT = """
import sys
from pathlib import Path
from trending_assets_tests.domain.genres.test_reduced_tfidf import TEXTS, ReducedTfIdf
ReducedTfIdf.fit(TEXTS).save(Path(sys.argv[1]))
"""


def test_the_same_texts_give_the_same_bytes_in_another_process(fitted: ReducedTfIdf, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    fitted.save(ours)
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run(
        [sys.executable, "-c", _REFIT, str(theirs)], check=True, cwd=Path(__file__).parents[3], env=environment
    )
    assert _hashes(theirs) == _hashes(ours)


def test_another_fit_is_another_version(fitted: ReducedTfIdf) -> None:
    other = ReducedTfIdf.fit(TEXTS[:-30])
    turned = ReducedTfIdf(fitted.tfidf, -fitted.axes)
    assert len({fitted.version, other.version, turned.version}) == 3


def test_axes_that_do_not_fit_the_terms_are_refused() -> None:
    with pytest.raises(ValueError, match="2 terms"):
        ReducedTfIdf(TfIdf(["a", "b"], np.ones(2)), np.zeros((3, SIZE), dtype=np.float32))
