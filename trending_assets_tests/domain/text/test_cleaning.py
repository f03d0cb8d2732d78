"""Cleaning text twice is cleaning it once, and cleaned text has nothing in it that cannot be seen."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trending_assets.domain.text.cleaning import clean_text

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\x00\x07\x1f\x7f\x9f"
# Letters that compose, and what may stand between them: here a normal form is easily lost.
_TRICKY = st.text(
    st.sampled_from("e\u0301\u0327\u1100\u1161\u11a8ς\u212b\u0344 \t\r\n\x0b\x0c\x85\xa0\u2003" + _INVISIBLE)
)
_ANY = st.text(st.characters()) | _TRICKY


@given(_ANY)
@settings(deadline=None, max_examples=400)
@example("e\u200b\u0301")
@example("\u1100\ufeff\u1161")
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = clean_text(text)
    assert clean_text(once) == once


@given(_ANY)
@settings(deadline=None, max_examples=400)
@example("e\u200b\u0301")
def test_cleaned_text_is_nfc_on_one_line_without_invisible_characters(text: str) -> None:
    cleaned = clean_text(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == cleaned.strip()
    assert not set(cleaned) & set(_INVISIBLE)
    assert not [c for c in cleaned if c.isspace() and c != " "]
    assert "  " not in cleaned


@settings(deadline=None)
@given(
    st.lists(st.text("abcé!?.日本", min_size=1), max_size=6), st.sampled_from([" ", "\n", "\t \r\n", "\u3000", "\xa0"])
)
def test_words_stay_as_they_are_however_they_were_separated(words: list[str], gap: str) -> None:
    assert clean_text(gap + gap.join(words) + gap) == " ".join(words)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Cafe\u0301", "Café"),
        ("\ufeffOne\u200b two", "One two"),
        ("a\x00b", "ab"),
        ("a\x85b", "a b"),
        (" \n\t ", ""),
        ("", ""),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
    ],
)
def test_what_cleaning_does(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned
