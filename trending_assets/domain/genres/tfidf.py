"""TF-IDF of word and character n-grams in plain Python and NumPy: fitted on train texts, then fixed.

The weights are scikit-learn's with ``sublinear_tf`` and ``smooth_idf`` (its user guide, section 8.2.3):
``(1 + ln tf) * (1 + ln((1 + n) / (1 + df)))``, each text scaled to length 1. One text takes a fraction of a
millisecond, which its vectoriser does not.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import scipy.sparse

_WORD = re.compile(r"[^\W_]{2,}")
_GRAM = 4


def words_of(text: str) -> list[str]:
    """The words of two or more letters or digits, in lower case and in order."""
    return _WORD.findall(text.lower())


def terms_of(words: Sequence[str]) -> list[str]:
    """The words, then the pairs of neighbours joined by a space, then each word's character 4-grams.

    A word's ends count as a character, so that "<gho" is how a word begins; a tilde tells a 4-gram from a word.
    """
    return [*words, *map(" ".join, pairwise(words)), *(gram for word in words for gram in _grams(word))]


def told_by(words: Sequence[str]) -> dict[str, dict[str, float]]:
    """Term → what people see of it → its share: itself, or for a 4-gram the words that it is in, as often as it is."""
    found: dict[str, dict[str, float]] = {term: {term: 1.0} for term in [*words, *map(" ".join, pairwise(words))]}
    grams: dict[str, Counter[str]] = {}
    for word, count in Counter(words).items():
        for gram in _grams(word):
            grams.setdefault(gram, Counter())[word] += count
    shares = {gram: {word: n / owners.total() for word, n in owners.items()} for gram, owners in grams.items()}
    return found | shares


@lru_cache(maxsize=50_000)
def _grams(word: str) -> tuple[str, ...]:
    whole = f"<{word}>"
    return tuple(f"~{whole[i : i + _GRAM]}" for i in range(len(whole) - _GRAM + 1))


class TfIdf:
    """A fixed vocabulary with its inverse document frequencies.

    Attributes:
        vocabulary: the m terms, in order.
        idf: shape (m,).
    """

    def __init__(self, vocabulary: Sequence[str], idf: npt.NDArray[np.float64]) -> None:
        """Joins terms and weights.

        Raises:
            ValueError: there is not one weight a term.
        """
        if idf.shape != (len(vocabulary),):
            raise ValueError(f"{len(vocabulary)} terms, but weights of shape {idf.shape}")
        self.vocabulary = tuple(vocabulary)
        self.idf = idf
        self._index = {term: i for i, term in enumerate(self.vocabulary)}

    @classmethod
    def fit(cls, texts: Sequence[Sequence[str]], minimum: int, largest: int) -> "TfIdf":
        """The vocabulary of the texts.

        Args:
            texts: train texts only, each as its terms.
            minimum: texts a term must occur in.
            largest: number of terms to keep: those in the most texts, the first in the alphabet in a draw.
        """
        counts: Counter[str] = Counter()
        for found in texts:
            counts.update(set(found))
        kept = sorted((term for term, n in counts.items() if n >= minimum), key=lambda t: (-counts[t], t))[:largest]
        vocabulary = sorted(kept)
        frequencies = np.array([counts[term] for term in vocabulary], dtype=np.float64)
        return cls(vocabulary, np.log((1 + len(texts)) / (1 + frequencies)) + 1)

    def row(self, found: Sequence[str]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """One text: the columns that are not 0, in order, and their values, of length 1 together.

        Args:
            found: the text's terms.
        """
        known = [column for column in map(self._index.get, found) if column is not None]
        columns, counts = np.unique(np.array(known, dtype=np.intp), return_counts=True)
        values = (1 + np.log(counts)) * self.idf[columns]
        length = np.sqrt(values @ values)
        return columns, values / length if length else values

    def matrix(self, texts: Sequence[Sequence[str]]) -> "scipy.sparse.csr_matrix":
        """Texts, each as its terms, as a sparse matrix of shape (n, m)."""
        from scipy.sparse import csr_matrix

        rows = [self.row(found) for found in texts]
        starts = np.cumsum([0, *(len(columns) for columns, _ in rows)])
        columns = np.concatenate([columns for columns, _ in rows]) if rows else np.empty(0, dtype=np.intp)
        values = np.concatenate([values for _, values in rows]) if rows else np.empty(0)
        return csr_matrix((values, columns, starts), shape=(len(rows), len(self.vocabulary)))
