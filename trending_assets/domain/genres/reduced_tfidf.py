"""Reduced TF-IDF: the words of a text as a place on a few axes, fitted once on train texts and then fixed.

The axes are the first right singular vectors of the train texts' TF-IDF matrix (latent semantic analysis: Deerwester
et al., "Indexing by latent semantic analysis", 1990). Pairs of words cost as much again and cross-validation says that
they add nothing.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trending_assets.domain.genres.tfidf import TfIdf, words_of

SIZE = 32
_MINIMUM_TEXTS, _LARGEST_VOCABULARY = 3, 20_000
_ARRAYS_FILE, _VOCABULARY_FILE = "tfidf.npz", "tfidf.json"


class ReducedTfIdf:
    """A fixed vocabulary of m terms, and where each of them points.

    Attributes:
        tfidf: the terms and their weights.
        axes: shape (m, 32), float32; columns beyond what the train texts tell are 0.
    """

    def __init__(self, tfidf: TfIdf, axes: npt.NDArray[np.float32]) -> None:
        """Joins terms and axes.

        Raises:
            ValueError: there are not 32 values a term.
        """
        if axes.shape != (len(tfidf.vocabulary), SIZE):
            raise ValueError(f"{len(tfidf.vocabulary)} terms, but axes of shape {axes.shape}")
        self.tfidf = tfidf
        self.axes = axes.astype(np.float32, copy=False)

    @classmethod
    def unfitted(cls) -> "ReducedTfIdf":
        """What stands for it before there were texts enough: it knows no word, so that every text is 0."""
        return cls(TfIdf([], np.empty(0)), np.empty((0, SIZE), dtype=np.float32))

    @classmethod
    def fit(cls, texts: Sequence[str]) -> "ReducedTfIdf":
        """Vocabulary and axes of the texts; the same texts give the same bytes on the same type of machine.

        Args:
            texts: train texts only.
        """
        from scipy.sparse.linalg import svds
        from threadpoolctl import threadpool_limits

        words = [words_of(text) for text in texts]
        tfidf = TfIdf.fit(words, _MINIMUM_TEXTS, _LARGEST_VOCABULARY)
        matrix = tfidf.matrix(words)
        axes = np.zeros((len(tfidf.vocabulary), SIZE), dtype=np.float32)
        # ARPACK finds fewer than there are.
        told = min(SIZE, min(matrix.shape) - 1)
        if told > 0:
            # One BLAS thread, so that the order of sums does not depend on the machine's cores.
            with threadpool_limits(1, user_api="blas"):
                _, _, found = svds(matrix, told, v0=np.ones(min(matrix.shape)))
            found = found[::-1]
            # Which way an axis points is chance.
            largest = found[np.arange(told), np.abs(found).argmax(axis=1)]
            axes[:, :told] = (found * np.sign(largest)[:, None]).T
        return cls(tfidf, axes)

    @cached_property
    def version(self) -> str:
        """Names the fitted values: vectors of one version were made by the same terms and axes."""
        digest = hashlib.sha256(json.dumps(self.tfidf.vocabulary).encode())
        digest.update(self.tfidf.idf.astype("<f8").tobytes() + self.axes.astype("<f4").tobytes())
        return digest.hexdigest()[:12]

    def transform(self, text: str) -> npt.NDArray[np.float32]:
        """One text: shape (32,), of length 1, or 0 where none of its words is known; it depends on nothing else."""
        columns, values = self.tfidf.row(words_of(text))
        # Added up term by term: a product of BLAS may sum in another order with other threads.
        place = (self.axes[columns] * values[:, None]).sum(axis=0)
        length = np.sqrt((place * place).sum())
        unit: npt.NDArray[np.float32] = (place / length if length else place).astype(np.float32)
        return unit

    def save(self, folder: Path) -> None:
        """Writes ``tfidf.npz`` (weights, axes) and ``tfidf.json`` (terms); the same gives the same bytes."""
        np.savez(folder / _ARRAYS_FILE, idf=self.tfidf.idf, axes=self.axes)
        content = json.dumps({"vocabulary": self.tfidf.vocabulary}, ensure_ascii=False, indent=0)
        (folder / _VOCABULARY_FILE).write_text(content + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "ReducedTfIdf":
        """Reads the two files.

        Raises:
            ValueError: they do not fit together.
        """
        vocabulary = json.loads((folder / _VOCABULARY_FILE).read_text(encoding="utf-8"))["vocabulary"]
        with np.load(folder / _ARRAYS_FILE, allow_pickle=False) as arrays:
            return cls(TfIdf(vocabulary, arrays["idf"]), arrays["axes"])
