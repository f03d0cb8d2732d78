"""Whole columns of texts, read as :mod:`cleaning` and :mod:`personal` read one.

Most texts need nothing and most of the others need little: Arrow finds both, and what takes care is done row by row.
"""

from collections.abc import Callable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.text.cleaning import (
    BLOCK_TAG,
    BROKEN,
    ENTITIES,
    INLINE_TAG,
    UNSETTLED,
    WINDOWS_PUNCTUATION,
    plain_text,
)
from trending_assets.domain.text.personal import CONTACT, without_contacts

# What row by row reading would change, or may.
_SUSPECT = f"{UNSETTLED}|{CONTACT}"


def read_texts(texts: pa.Array) -> pa.Array:
    """``without_contacts(plain_text(text))`` of each text of a column; null stays null.

    Args:
        texts: an Arrow array of strings.
    """
    return _where(pc.match_substring_regex(texts, _SUSPECT), texts, _read_picked)


def _read_picked(texts: pa.Array) -> pa.Array:
    tidy = pc.replace_substring_regex(texts, BLOCK_TAG, " ")
    tidy = _where(
        pc.match_substring_regex(tidy, "<"), tidy, lambda some: pc.replace_substring_regex(some, INLINE_TAG, "")
    )
    tidy = _where(pc.match_substring_regex(tidy, "&"), tidy, _unescaped)
    tidy = pc.replace_substring_regex(tidy, " {2,}|[ \t\r\n]*[\t\r\n][ \t\r\n]*", " ")
    tidy = pc.utf8_trim(tidy, " ")
    suspect = pc.match_substring_regex(tidy, _SUSPECT)
    # What is still suspect needs care, from its start: another pass may find markup in what the first made plain.
    return pc.replace_with_mask(tidy, suspect, _read_suspects(tidy.filter(suspect), texts.filter(suspect)))


def _read_suspects(tidy: pa.Array, texts: pa.Array) -> pa.Array:
    # Most have the control characters that are punctuation of Windows, or accents that are characters of their own.
    whole = pc.invert(pc.match_substring_regex(tidy, BROKEN))
    tidy = _where(whole, tidy, _mended)
    suspect = pc.match_substring_regex(tidy, _SUSPECT)
    return pc.replace_with_mask(tidy, suspect, _read_carefully(texts.filter(suspect)))


def _mended(texts: pa.Array) -> pa.Array:
    for control, character in WINDOWS_PUNCTUATION.items():
        texts = pc.replace_substring(texts, control, character)
    return pc.utf8_normalize(texts, form="NFC")


def _read_carefully(texts: pa.Array) -> pa.Array:
    plain = _each(plain_text, texts)
    return _where(pc.match_substring_regex(plain, CONTACT), plain, partial(_each, without_contacts))


def _each(change: Callable[[str], str], texts: pa.Array) -> pa.Array:
    return pa.array([change(text) for text in texts.to_pylist()], pa.string())


def _unescaped(texts: pa.Array) -> pa.Array:
    for entity, character in ENTITIES.items():
        texts = pc.replace_substring(texts, entity, character)
    return texts


def _where(mask: pa.Array, texts: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    picked = texts.filter(mask)
    return pc.replace_with_mask(texts, mask, change(picked)) if len(picked) else texts
