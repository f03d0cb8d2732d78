import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.masking import GENRE_WORDS, mask_genre_words, names_a_genre


def test_every_genre_has_its_words() -> None:
    assert tuple(GENRE_WORDS) == GENRES


@pytest.mark.parametrize("genre", GENRES)
def test_a_text_that_names_a_genre_does_so_no_longer(genre: str) -> None:
    named = GENRE_WORDS[genre].split()[0].removesuffix("*")
    text = f"Alien is a 1979 {named} film"
    assert names_a_genre(text)
    assert mask_genre_words(text) == "Alien is a 1979 film"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("A 2015 American Science-Fiction horror film.", "A 2015 American film."),
        ("An action-packed, romantic comedy", "An, "),
        ("It is a war film, and a drama.", "It is a film, and a."),
        ("A stand-up comedy special", "A special"),
        ("Two families at war", "Two at"),
        ("DRAMA", ""),
        ("A science horror fiction film", "A film"),
        ("A 1987 comedy-drama film", "A 1987 film"),
        ("A crime\u2013thriller, a documentary-style film", "A, a film"),
        ("A sci fi rom com", "A"),
        ("A horror- and a war-film", "A - and a"),
        ("A science fiction-action-horror film", "A film"),
        ("A computer-animated, Western-themed and semi-musical spy-comedy", "A, and"),
        ("The sports-war film of a comedienne", "The film of a"),
        ("A docu-special on true-crime and reality-TV", "A on and"),
    ],
)
def test_what_is_left(text: str, masked: str) -> None:
    assert mask_genre_words(text) == masked.strip()


@pytest.mark.parametrize(
    "text",
    [
        "A warden forwards a letter",
        "Westerner, dramatist",
        "post-war Berlin",
        "A war-torn village",
        "a live-action and crime-ridden, anti-war non-fiction",
        "",
        " two  spaces",
    ],
)
def test_other_words_stay(text: str) -> None:
    assert not names_a_genre(text)
    assert mask_genre_words(text) == text


@given(st.text())
def test_masked_text_names_nothing(text: str) -> None:
    assert not names_a_genre(mask_genre_words(text))


# Written without a look at the words that are masked: what a reader would name a kind of film by.
_KINDS = ["adventure", "animated", "animation", "comedies", "comedy", "documentaries", "documentary", "drama", "dramas"]
_KINDS += ["dramedy", "fantasy", "horror", "melodrama", "mockumentary", "mystery", "romance", "romantic", "romcom"]
_KINDS += ["sitcom", "thriller", "thrillers", "western", "westerns"]
_SUBJECTS = ["action", "crime", "family", "historical", "music", "musical", "reality", "sports", "war"]


@given(st.data())
def test_no_word_of_a_compound_of_genres_is_left(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(_KINDS + _SUBJECTS), min_size=1, max_size=4))
    joints = st.sampled_from([" ", "-", "\u2013", "/", ", ", " and ", "- and "])
    written = "".join(name + data.draw(joints) for name in names[:-1]) + names[-1]
    written = data.draw(st.sampled_from(["{}", "{}-style", "{}-themed", "semi-{}", "A {} film.", "({})"])).format(
        written
    )
    if data.draw(st.booleans()):
        written = written.title()
    left = re.findall(r"[a-z]+", mask_genre_words(f"The Fog is a 1980 {written} of its time").casefold())
    assert not set(left) & set(_KINDS + _SUBJECTS)


@given(st.sampled_from(_KINDS), st.sampled_from(["spy", "murder", "computer", "noir", "b", "neo"]))
def test_a_kind_of_story_is_named_whatever_stands_beside_it(kind: str, beside: str) -> None:
    for compound in (f"{beside}-{kind}", f"{kind}-{beside}", f"{beside}-{kind}-{beside}"):
        assert mask_genre_words(f"A {compound} film") == "A film"
