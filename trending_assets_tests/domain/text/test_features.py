"""A title's features come out the same when its cleaned text is sent back, so by id equals by text."""

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from serving.schemas import Instance
from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.domain.text.cleaning import clean_text
from trending_assets.domain.text.features import TitleFeatures, model_text, title_features

_TEXT = st.text(st.characters(), max_size=40)


@settings(deadline=None)
@given(_TEXT, _TEXT, st.sampled_from(["movie", "show"]), st.none() | st.integers(1870, 2100))
@example("The Hours", "e\u200b\u0301", "movie", 2002)
def test_cleaned_text_sent_back_gives_the_same_features(title: str, plot: str, kind: Kind, year: int | None) -> None:
    first = title_features(title, plot, kind, year)
    assert title_features(clean_text(title), clean_text(plot), kind, year) == first
    assert first.word_count == len(first.text.split(" ")) if first.text else first.word_count == 0
    assert first.embedding is None


@pytest.mark.parametrize(
    ("title", "plot", "text"),
    [
        ("Heat", "A thief  meets\na detective.", "Heat. A thief meets a detective."),
        ("Heat", "", "Heat"),
        ("Heat", " \n", "Heat"),
        ("", "A thief.", ". A thief."),
        ("", "", ""),
    ],
)
def test_the_text_that_models_read_is_the_title_and_then_the_plot(title: str, plot: str, text: str) -> None:
    assert model_text(title, plot) == text


def test_features_hold_nothing_that_a_caller_cannot_send() -> None:
    names = {field.name for field in dataclasses.fields(TitleFeatures)}
    sent = set(Instance.model_fields) - {"title", "plot"}
    # The others are computed from these.
    assert names == sent | {"text", "word_count", "embedding", "tfidf", "tfidf_version"}


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    unknown = title_features("Heat", "A thief.", "movie", None)
    assert (unknown.year, unknown.countries, unknown.runtime_minutes) == (None, (), None)
    known = title_features("Heat", "A thief.", "movie", 1995, ["US"], 170)
    assert (known.year, known.countries, known.runtime_minutes) == (1995, ("US",), 170)
