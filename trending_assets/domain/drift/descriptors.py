"""Text descriptors: numbers that say what a text is like, without a model and without a download."""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

MOST_WORDS = 200_000

_WORD = re.compile(r"[^\W\d_]+")
_PUNCTUATION = re.compile(r"[^\w\s]")
_DIGIT = re.compile(r"\d")
_CAPITAL = re.compile(r"[A-Z\u00c0-\u00de]")
# Letters beyond Latin, its extensions and its phonetic letters.
_NON_LATIN = re.compile(r"(?![\u1e00-\u1eff])[^\W\d_\u0041-\u02af]")

Shares = npt.NDArray[np.float64]


def words_of(text: str) -> list[str]:
    """The words of a text in lower case, digits left out."""
    return _WORD.findall(text.lower())


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The words that some texts are made of, as hashes.

    Attributes:
        hashes: CRC-32 of each word, ascending; two words share one once in tens of thousands.
        repeated: whether a word is in more than one of the texts, in the same order.
    """

    hashes: npt.NDArray[np.uint32]
    repeated: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], most: int = MOST_WORDS) -> "Vocabulary":
        """The vocabulary of texts.

        Args:
            texts: the words of each.
            most: how many words are kept, those of most texts first.
        """
        hashed, lengths = _hashed(texts)
        hashes, words = np.unique(hashed, return_inverse=True)
        text_of = np.repeat(np.arange(len(lengths)), lengths)
        # A word counts once a text.
        pairs = np.unique(text_of * max(len(hashes), 1) + words)
        held = np.bincount(pairs % max(len(hashes), 1), minlength=len(hashes))
        kept = np.sort(np.lexsort((hashes, -held))[:most])
        return cls(hashes[kept], held[kept] > 1)

    def unknown_shares(self, texts: Sequence[Sequence[str]], own: npt.NDArray[np.bool_]) -> Shares:
        """The share of words of each text that no text of the vocabulary has, shape (n,); NaN where it has no word.

        Args:
            texts: the words of each.
            own: shape (n,), whether a text is one of the vocabulary's: its words are known where another has them too.
        """
        hashed, lengths = _hashed(texts)
        text_of = np.repeat(np.arange(len(lengths)), lengths)
        known = np.where(own[text_of], np.isin(hashed, self.hashes[self.repeated]), np.isin(hashed, self.hashes))
        found = np.bincount(text_of, weights=~known, minlength=len(lengths))
        return found / np.where(lengths > 0, lengths, np.nan)


def _hashed(texts: Sequence[Sequence[str]]) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """The hashes of all words, text by text, and how many words each text has."""
    lengths = np.array([len(words) for words in texts], dtype=np.int64)
    # Most words come many times, and hashing one in Python takes as long as looking up several.
    codes, words = pd.factorize(np.array([word for words in texts for word in words], dtype=object))
    hashes = np.array([zlib.crc32(word.encode()) for word in words], dtype=np.uint32)
    return hashes[codes], lengths


def text_descriptors(
    texts: Sequence[str], words: Sequence[Sequence[str]], vocabulary: Vocabulary, own: npt.NDArray[np.bool_]
) -> Mapping[str, Shares]:
    """Descriptor → its value for each text, shape (n,); NaN where a text has nothing to measure.

    Args:
        texts: n texts.
        words: the words of each.
        vocabulary: the words of the reference.
        own: shape (n,), whether a text is one of those that the vocabulary was made of.
    """
    lengths = np.array([len(text) or np.nan for text in texts], dtype=np.float64)
    letters = np.array([sum(map(len, found)) or np.nan for found in words], dtype=np.float64)
    numbers = np.array([len(found) or np.nan for found in words], dtype=np.float64)
    return {
        "word_length": letters / numbers,
        "unknown_words": vocabulary.unknown_shares(words, own),
        "punctuation": _counted(_PUNCTUATION, texts) / lengths,
        "digits": _counted(_DIGIT, texts) / lengths,
        "capitals": _counted(_CAPITAL, texts) / letters,
        "non_latin": _counted(_NON_LATIN, texts) / letters,
    }


def _counted(pattern: re.Pattern[str], texts: Sequence[str]) -> Shares:
    return np.array([len(pattern.findall(text)) for text in texts], dtype=np.float64)
