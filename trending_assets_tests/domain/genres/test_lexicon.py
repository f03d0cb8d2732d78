import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.lexicon import KEYWORDS, keyword_hits, keyword_scores, text_keyword_scores
from trending_assets.domain.genres.tfidf import words_of


def _hits(text: str) -> dict[str, int]:
    return {genre: n for genre, n in zip(GENRES, keyword_hits(words_of(text)).tolist(), strict=True) if n}


def test_every_genre_has_keywords() -> None:
    assert set(KEYWORDS) == set(GENRES)


@pytest.mark.parametrize(
    ("text", "genre", "hits"),
    [
        ("A cowboy and two more cowboys", "western", 1),
        ("The sheriff hunts an outlaw", "western", 2),
        ("He moves to the old west", "western", 1),
        ("An old house in the west", "western", 0),
        ("Stand up, they said", "comedy", 1),
        ("Astronauts stranded in outer space", "science-fiction", 3),
        ("", "drama", 0),
    ],
)
def test_keywords_in_a_text(text: str, genre: str, hits: int) -> None:
    assert _hits(text).get(genre, 0) == hits


def test_a_keyword_counts_once_however_often_and_in_whatever_form() -> None:
    assert _hits("ghost") == _hits("ghost ghost") == _hits("ghost ghosts ghostly")


@given(st.lists(st.sampled_from(["ghost", "cowboy", "saloon", "tree", "love", "in", "war", "world"])))
def test_more_words_never_take_a_hit_away(words: list[str]) -> None:
    assert (keyword_hits([*words, "haunted"]) >= keyword_hits(words)).all()


def test_a_long_text_needs_more_keywords_for_the_same_score() -> None:
    words = ["cowboy", *(f"plain{i}" for i in range(29))]
    western = GENRES.index("western")
    assert keyword_scores(words)[western] == 1.0
    assert keyword_scores(words + [f"more{i}" for i in range(90)])[western] == 0.5
    assert keyword_scores(words + words)[western] == 1.0


def test_a_text_that_is_remembered_cannot_be_changed() -> None:
    text = "A haunted saloon."
    assert text_keyword_scores(text).tolist() == keyword_scores(words_of(text)).tolist()
    with pytest.raises(ValueError, match="read-only"):
        text_keyword_scores(text)[0] = 5.0
    assert text_keyword_scores(text).tolist() == keyword_scores(words_of(text)).tolist()
