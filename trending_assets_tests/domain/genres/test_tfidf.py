import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from trending_assets.domain.genres.tfidf import TfIdf, terms_of, words_of

_TEXTS = st.lists(st.text(alphabet="ab cé-'.1_\n", max_size=40), min_size=1, max_size=6)


def _terms(text: str) -> list[str]:
    return terms_of(words_of(text))


def test_words_pairs_and_characters() -> None:
    assert words_of("A Wild-West tale, été 1883!") == ["wild", "west", "tale", "été", "1883"]
    of_words = ["wild", "west", "wild west"]
    of_characters = ["~<wil", "~wild", "~ild>", "~<wes", "~west", "~est>"]
    assert terms_of(["wild", "west"]) == [*of_words, *of_characters]
    assert terms_of(["tv"]) == ["tv", "~<tv>"]
    assert terms_of([]) == []


@given(_TEXTS, _TEXTS)
def test_weights_are_those_of_scikit_learn(train: list[str], others: list[str]) -> None:
    found = [_terms(text) for text in train]
    if not any(found):
        return
    peer = TfidfVectorizer(tokenizer=_terms, token_pattern=None, lowercase=False, sublinear_tf=True).fit(train)
    ours = TfIdf.fit(found, minimum=1, largest=10_000)
    assert list(ours.vocabulary) == peer.get_feature_names_out().tolist()
    expected = peer.transform(others).toarray()
    assert ours.matrix([_terms(text) for text in others]).toarray() == pytest.approx(expected)


def test_the_vocabulary_keeps_the_most_frequent_terms() -> None:
    texts = [["war", "horse"], ["war", "horse"], ["war", "ape"], ["once"]]
    assert TfIdf.fit(texts, minimum=2, largest=10).vocabulary == ("horse", "war")
    assert TfIdf.fit(texts, minimum=1, largest=3).vocabulary == ("ape", "horse", "war")
    assert TfIdf.fit(texts, minimum=1, largest=1).vocabulary == ("war",)


def test_a_text_without_a_known_word_is_empty() -> None:
    columns, values = TfIdf(["war"], np.ones(1)).row(["peace"])
    assert (columns.tolist(), values.tolist()) == ([], [])


def test_a_weight_a_term() -> None:
    with pytest.raises(ValueError, match="2 terms"):
        TfIdf(["a", "b"], np.ones(3))
