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
    ],
)
def test_what_is_left(text: str, masked: str) -> None:
    assert mask_genre_words(text) == masked.strip()


@pytest.mark.parametrize(
    "text", ["A warden forwards a letter", "Westerner, dramatist", "post-war Berlin", "", " two  spaces"]
)
def test_other_words_stay(text: str) -> None:
    assert not names_a_genre(text)
    assert mask_genre_words(text) == text


@given(st.text())
def test_masked_text_names_nothing(text: str) -> None:
    assert not names_a_genre(mask_genre_words(text))
