"""Descriptors say what a text is like, and nothing of a text that has nothing to measure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.drift.descriptors import Vocabulary, text_descriptors, words_of


def _of(text: str) -> dict[str, float]:
    words = [words_of(text)]
    found = text_descriptors([text], words, Vocabulary.of([["the", "cat"]]), np.zeros(1, dtype=np.bool_))
    return {name: float(values[0]) for name, values in found.items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat", {"word_length": 3.0, "unknown_words": 0.0, "capitals": 1 / 6, "punctuation": 0.0}),
        ("the dog!", {"unknown_words": 0.5, "punctuation": 1 / 8}),
        ("кот", {"non_latin": 1.0, "unknown_words": 1.0}),
        ("Amélie ﬀ ẽ", {"non_latin": 1 / 8}),
        ("R2D2 in 1999", {"digits": 6 / 12}),
    ],
)
def test_a_text_is_measured(text: str, expected: dict[str, float]) -> None:
    found = _of(text)
    assert {name: found[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "123 456"])
def test_of_a_text_without_a_word_its_words_are_unknown(text: str) -> None:
    found = _of(text)
    assert np.isnan([found["word_length"], found["unknown_words"], found["non_latin"]]).all()


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=8))
def test_a_text_of_the_vocabulary_knows_what_another_of_its_texts_has(texts: list[list[str]]) -> None:
    vocabulary = Vocabulary.of(texts)
    own = vocabulary.unknown_shares(texts, np.ones(len(texts), dtype=np.bool_))
    others = vocabulary.unknown_shares(texts, np.zeros(len(texts), dtype=np.bool_))
    for i, text in enumerate(texts):
        known = {word for j, other in enumerate(texts) if j != i for word in other}
        expected = np.mean([word not in known for word in text]) if text else np.nan
        assert own[i] == pytest.approx(expected, nan_ok=True)
        assert others[i] == pytest.approx(0.0 if text else np.nan, nan_ok=True)


def test_only_the_words_of_most_texts_are_kept() -> None:
    vocabulary = Vocabulary.of([["a", "b"], ["a"], ["a", "b", "c"]], most=2)
    shares = vocabulary.unknown_shares([["a"], ["b"], ["c"]], np.zeros(3, dtype=np.bool_))
    assert shares.tolist() == [0, 0, 1]
