"""What a model says of a title is made of the parts that its explanation names."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.genres.bert import BertModel
from trending_assets.domain.genres.blend import MEMBERS, BlendModel
from trending_assets.domain.genres.calibration import Calibration, logit, sigmoid
from trending_assets.domain.genres.datasets import features_of, label_matrix, rows_of
from trending_assets.domain.genres.explanations import Explanation, Term, summed
from trending_assets.domain.genres.keyword import KeywordModel
from trending_assets.domain.genres.logreg import LogisticRegressionModel
from trending_assets.domain.genres.models import MODEL_NAMES, GenreModel, MissingEmbeddingError, model_class
from trending_assets.domain.genres.reduced_tfidf import ReducedTfIdf
from trending_assets.domain.genres.tfidf import terms_of, told_by, words_of
from trending_assets.domain.genres.xgb import XGBoostModel
from trending_assets.domain.text.features import TitleFeatures, title_features
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus

_FRAME = rows_of(corpus(), "train")
_LABELS = label_matrix(_FRAME, LEARNED)
_CALIBRATION = Calibration(np.array([0.7, 1.3, 1.0, 0.9]), np.array([-0.2, 0.1, 0.0, 0.4]))
_TITLES = [replace(title, countries=("FR", "US"), certificate="R") for title in features_of(_FRAME)[:6]]
ADDING = ("genre_majority", "genre_keyword", "genre_logreg", "genre_xgboost")


@pytest.fixture(scope="module")
def models() -> dict[str, GenreModel]:
    fitted = {name: model_class(name).fit(_FRAME, _LABELS, LEARNED, 7) for name in MODEL_NAMES}
    # Learned on a hundred texts of made-up words, an encoder would say nothing of a single one.
    fitted["genre_bert"] = BertModel.fit(_FRAME, _LABELS, LEARNED, 7, passes=0.0)
    # Unfitted, its reduced TF-IDF would say nothing.
    reduction = ReducedTfIdf.fit(_FRAME["text"].tolist())
    fitted["genre_xgboost"] = XGBoostModel.fit(_FRAME, _LABELS, LEARNED, 7, reduction=reduction)
    first, second = (fitted[name].with_calibration(_CALIBRATION) for name in MEMBERS)
    fitted["genre_blend"] = BlendModel((first, second), 0.3, Calibration.identity(len(LEARNED)))
    return {name: model.with_calibration(_CALIBRATION) for name, model in fitted.items()}


@pytest.mark.parametrize("name", MODEL_NAMES)
def test_it_explains_the_answer_that_the_model_gives(models: dict[str, GenreModel], name: str) -> None:
    for title in _TITLES:
        told = models[name].explain(title)
        assert told.contributions.shape == (len(told.terms), len(LEARNED))
        assert told.probabilities == pytest.approx(models[name].predict_proba([title])[0], abs=1e-6)
        assert len(set(told.terms)) == len(told.terms)


@pytest.mark.parametrize("name", ADDING)
def test_base_and_parts_add_up_to_the_log_odds_before_calibration(models: dict[str, GenreModel], name: str) -> None:
    for title in _TITLES:
        told = models[name].explain(title)
        assert told.base is not None
        assert told.base + told.contributions.sum(axis=0) == pytest.approx(told.log_odds, abs=1e-5)


@settings(deadline=None, max_examples=40)
@given(text=st.text(max_size=80), kind=st.sampled_from(["movie", "show"]), year=st.none() | st.integers(1800, 2200))
def test_a_linear_model_adds_up_for_any_text(text: str, kind: str, year: int | None) -> None:
    title = title_features("", text, kind, year)  # type: ignore[arg-type]
    told = _LINEAR.explain(title)
    assert told.base is not None
    assert told.base + told.contributions.sum(axis=0) == pytest.approx(told.log_odds, abs=1e-6)


_LINEAR = LogisticRegressionModel.fit(_FRAME, _LABELS, LEARNED, 7)


def _part(told: Explanation, name: str) -> dict[str, float]:
    (row,) = [row for row, term in enumerate(told.terms) if term.name == name and term.member in (None, "genre_logreg")]
    return dict(zip(LEARNED, told.contributions[row].tolist(), strict=True))


@pytest.mark.parametrize("name", ["genre_keyword", "genre_logreg", "genre_bert", "genre_blend"])
def test_a_word_that_tells_a_genre_speaks_for_it_most(models: dict[str, GenreModel], name: str) -> None:
    title = title_features("", "plain1 plain2 haunted plain3 plain4 ghost plain5 plain6", "movie", 1990)
    told = models[name].explain(title)
    # The floor knows the word by how it begins.
    word = next(term.name for term in told.terms if term.name.startswith("ghost"))
    parts = _part(told, word)
    assert max(parts, key=lambda genre: parts[genre]) == "horror"
    assert parts["horror"] > 0


def test_a_word_has_the_part_of_its_letters_and_a_shared_4_gram_is_divided() -> None:
    words = words_of("Ghosts ghosts and ghostly")
    shares = told_by(words)
    assert set(shares) == set(terms_of(words))
    assert shares["~ghos"] == {"ghosts": pytest.approx(2 / 3), "ghostly": pytest.approx(1 / 3)}
    assert shares["~stly"] == {"ghostly": 1.0}
    assert shares["ghosts and"] == {"ghosts and": 1.0}
    assert all(sum(owners.values()) == pytest.approx(1) for owners in shares.values())


def test_trees_name_facts_and_vectors_as_wholes(models: dict[str, GenreModel]) -> None:
    title = replace(_TITLES[0], year=None, runtime_minutes=None, certificate=None, countries=(), platforms=())
    told = models["genre_xgboost"].explain(title)
    names = [term.name for term in told.terms if term.kind != "keywords"]
    assert names == [
        f"kind: {title.kind}",
        "year: unknown",
        f"words in the text: {title.word_count}",
        "running time: unknown",
        "certificate: unknown",
        "countries: unknown",
        "platforms: unknown",
        "meaning of the text",
        "words of the text",
    ]
    parts = _part(told, "meaning of the text")
    # The corpus's embeddings tell its genres.
    assert max(abs(part) for part in parts.values()) > 0.1


def test_a_tree_model_without_an_embedding_explains_nothing(models: dict[str, GenreModel]) -> None:
    with pytest.raises(MissingEmbeddingError):
        models["genre_xgboost"].explain(replace(_TITLES[0], embedding=None))


def test_bert_tells_what_is_lost_without_each_word_and_fact(models: dict[str, GenreModel]) -> None:
    model = models["genre_bert"]
    assert isinstance(model, BertModel)
    title = title_features("Ghosts", "Haunted ghosts, haunted inn.", "movie", 1990, ["FR"])
    told = model.explain(title)
    assert told.base is None
    assert [term.name for term in told.terms] == ["ghosts", "haunted", "inn", "year: 1990", "countries: FR"]
    shorter = {
        "haunted": title_features("Ghosts", "ghosts, inn.", "movie", 1990, ["FR"]),
        "year: 1990": replace(title, year=None),
    }
    for name, without in shorter.items():
        row = [term.name for term in told.terms].index(name)
        lost = told.log_odds - _before_calibration(model, without)
        assert told.contributions[row] == pytest.approx(lost, abs=1e-4)


def _before_calibration(model: GenreModel, title: TitleFeatures) -> object:
    return logit(_CALIBRATION.inverse(model.predict_proba([title])))[0]


def test_bert_looks_at_no_more_words_than_it_reads(models: dict[str, GenreModel]) -> None:
    title = title_features("", " ".join(f"word{number}" for number in range(300)), "movie", None)
    words = [term.name for term in models["genre_bert"].explain(title).terms]
    assert words == [f"word{number}" for number in range(len(words))]
    assert 30 < len(words) < 128
    end = title.text.index(f"word{len(words)}")
    short, shorter = (replace(title, text=title.text[: end - cut]) for cut in (0, 8))
    bert = models["genre_bert"]
    assert bert.predict_proba([short]) == pytest.approx(bert.predict_proba([title]))
    assert bert.predict_proba([shorter]) != pytest.approx(bert.predict_proba([title]))


def test_a_blend_weighs_its_members_parts_by_share_and_slope(models: dict[str, GenreModel]) -> None:
    blend, title = models["genre_blend"], _TITLES[0]
    assert isinstance(blend, BlendModel)
    told = blend.explain(title)
    assert told.base is None
    assert [term.member for term in told.terms] == sorted((term.member for term in told.terms), reverse=True)
    for member, share in zip(blend.members, (0.7, 0.3), strict=True):
        own = member.explain(title)
        rows = [row for row, term in enumerate(told.terms) if term.member == member.name]
        assert [replace(told.terms[row], member=None) for row in rows] == list(own.terms)
        assert told.contributions[rows] == pytest.approx(own.contributions * share * _CALIBRATION.slope)


def test_a_blend_of_two_that_add_up_adds_up() -> None:
    members = (_LINEAR.with_calibration(_CALIBRATION), KeywordModel.fit(_FRAME, _LABELS, LEARNED, 7))
    told = BlendModel(members, 0.25, _CALIBRATION).explain(_TITLES[1])
    assert told.base is not None
    assert told.base + told.contributions.sum(axis=0) == pytest.approx(told.log_odds, abs=1e-6)


def test_the_largest_parts_come_first_and_silent_ones_not_at_all() -> None:
    terms = tuple(Term("word", name) for name in "abc")
    parts = np.array([[0.5, 0.0], [-2.0, 1.0], [0.5, 0.0]])
    told = Explanation("linear", terms, parts, parts.sum(axis=0), np.zeros(2), Calibration.identity(2))
    assert [(term.name, part) for term, part in told.largest(0, 2)] == [("b", -2.0), ("a", 0.5)]
    assert [term.name for term, _ in told.largest(1, 3)] == ["b"]
    assert told.probabilities == pytest.approx(sigmoid(np.array([-1.0, 1.0])))


def test_a_term_that_comes_twice_is_summed() -> None:
    a, b = Term("word", "a"), Term("fact", "a")
    terms, totals = summed([a, b, a], np.array([[1.0], [2.0], [4.0]]))
    assert (terms, totals.tolist()) == ((a, b), [[5.0], [2.0]])
