"""References: what a model version learned from and answered when it was judged, sketched once and kept with it."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.descriptors import Vocabulary, text_descriptors, words_of
from trending_assets.domain.drift.embeddings import MOST_VECTORS, Vectors
from trending_assets.domain.drift.sketches import CategoricalSketch, Ints, NumericSketch, Sketch

NUMERIC = (
    "year",
    "runtime_minutes",
    "word_count",
    "word_length",
    "unknown_words",
    "punctuation",
    "digits",
    "capitals",
    "non_latin",
)
CATEGORICAL = ("kind", "certificate", "country")
# What is read of a title; see title_text.
READ = ("title_id", "text", "kind", "year", "word_count", "countries", "runtime_minutes", "certificate")
MOST_ROWS = 10_000
FORMAT = 1
SEED = 20250601
_TEXT_FILE, _ARRAY_FILE = "drift_reference.json", "drift_reference.npz"

Floats = npt.NDArray[np.float64]
Hashes = npt.NDArray[np.uint32]


class ReferenceFormatError(ValueError):
    """A reference was written by code that keeps something else in it."""


@dataclass(frozen=True, eq=False)
class PredictionReference:
    """What a version said of titles that it had not learned from, and which genres training titles have.

    Attributes:
        probabilities: slug → sketch of its probability.
        selected: slug → titles that were given it, and those that were not.
        labels: slug → training titles whose sources say that they have it, and that they have not; those that cannot
            say are left out.
        learned: :func:`title_hashes` of the titles that it learned from.
    """

    probabilities: Mapping[str, NumericSketch]
    selected: Mapping[str, Ints]
    labels: Mapping[str, Ints]
    learned: Hashes

    @classmethod
    def of(
        cls,
        probabilities: Floats,
        thresholds: Mapping[str, float],
        genres: Sequence[str],
        labels: Floats,
        learned: Iterable[str],
    ) -> "PredictionReference":
        """The reference of a version.

        Args:
            probabilities: shape (n, k), of titles that it had not learned from.
            thresholds: slug → cut from which on it is given.
            genres: the k slugs.
            labels: shape (m, 20) in the taxonomy's order: 1, 0, or NaN where unknown.
            learned: ids of the titles that it learned from.
        """
        return cls(
            {genre: NumericSketch.of(probabilities[:, i]) for i, genre in enumerate(genres)},
            {genre: yes_and_no(probabilities[:, i] >= thresholds[genre]) for i, genre in enumerate(genres)},
            {genre: label_counts(labels[:, i]) for i, genre in enumerate(GENRES)},
            np.unique(title_hashes(learned)),
        )

    def unseen(self, title_ids: Iterable[str]) -> npt.NDArray[np.bool_]:
        """Whether the version did not learn from a title, shape (n,)."""
        return ~np.isin(title_hashes(title_ids), self.learned)


def title_hashes(title_ids: Iterable[str]) -> Hashes:
    """CRC-32 of each title id: enough to know a title again, and nothing else."""
    return np.array([zlib.crc32(title_id.encode()) for title_id in title_ids], dtype=np.uint32)


def yes_and_no(values: npt.NDArray[np.bool_]) -> Ints:
    """How many are true and how many are not, shape (2,)."""
    return np.array([values.sum(), (~values).sum()], dtype=np.int64)


def label_counts(labels: Floats) -> Ints:
    """How many of the labels of a genre are 1 and how many 0, shape (2,); those that are unknown count as neither."""
    return np.array([(labels == 1).sum(), (labels == 0).sum()], dtype=np.int64)


@dataclass(frozen=True, eq=False)
class Reference:
    """What titles were like.

    Attributes:
        columns: column → its sketch.
        vocabulary: the words of their texts.
        titles: :func:`title_hashes` of the titles.
        embeddings: a sample of at most 2,000 embeddings, shape (m, d).
        rows: the columns of the same titles, for reports; NaN or None where missing.
        predictions: of a model version; None where the titles are those of some days.
    """

    columns: Mapping[str, Sketch]
    vocabulary: Vocabulary
    titles: Hashes
    embeddings: Vectors
    rows: pd.DataFrame
    predictions: PredictionReference | None = None

    @classmethod
    def of(cls, frame: pd.DataFrame, predictions: PredictionReference | None = None) -> "Reference":
        """The reference that titles make; 10,000 of them by chance where there are more.

        Args:
            frame: n titles with :data:`READ` and ``embedding``.
            predictions: what a version that learned from them says.
        """
        random = np.random.default_rng(SEED)
        if len(frame) > MOST_ROWS:
            frame = frame.iloc[np.sort(random.choice(len(frame), MOST_ROWS, replace=False))]
        words = [words_of(text) for text in frame["text"]]
        vocabulary = Vocabulary.of(words)
        described = _described(frame, words, vocabulary, np.ones(len(frame), dtype=np.bool_))
        sketches: dict[str, Sketch] = {name: NumericSketch.of(described[name]) for name in NUMERIC}
        sketches |= {name: CategoricalSketch.of(described[name]) for name in CATEGORICAL}
        sample = np.sort(random.choice(len(frame), min(MOST_VECTORS, len(frame)), replace=False))
        return cls(
            sketches,
            vocabulary,
            np.unique(title_hashes(frame["title_id"])),
            stacked(frame["embedding"].iloc[sample]),
            described.iloc[sample].reset_index(drop=True),
            predictions,
        )

    def describe(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The columns of other titles as this reference has them.

        Args:
            frame: titles with :data:`READ`.
        """
        own = np.isin(title_hashes(frame["title_id"]), self.titles)
        return _described(frame, [words_of(text) for text in frame["text"]], self.vocabulary, own)

    def save(self, folder: Path) -> None:
        """Writes ``drift_reference.json`` and ``drift_reference.npz``."""
        found = self.predictions
        content = {
            "format": FORMAT,
            "columns": {name: sketch.as_json() for name, sketch in self.columns.items()},
            "predictions": None
            if found is None
            else {
                "probabilities": {genre: sketch.as_json() for genre, sketch in found.probabilities.items()},
                "selected": {genre: counts.tolist() for genre, counts in found.selected.items()},
                "labels": {genre: counts.tolist() for genre, counts in found.labels.items()},
            },
        }
        (folder / _TEXT_FILE).write_text(json.dumps(content, allow_nan=False) + "\n", encoding="utf-8")
        arrays: dict[str, Any] = {f"rows/{name}": self.rows[name].to_numpy(np.float64) for name in NUMERIC}
        for name in CATEGORICAL:
            values = self.rows[name].tolist()
            arrays[f"rows/{name}"] = np.array([value or "" for value in values], dtype=np.str_)
        np.savez_compressed(
            folder / _ARRAY_FILE,
            embeddings=self.embeddings.astype(np.float16),
            hashes=self.vocabulary.hashes,
            repeated=self.vocabulary.repeated,
            titles=self.titles,
            learned=np.empty(0, dtype=np.uint32) if found is None else found.learned,
            **arrays,
        )

    @classmethod
    def stored(cls, folder: Path) -> "Reference | None":
        """What :meth:`save` wrote into a folder; None where it wrote nothing.

        Raises:
            ReferenceFormatError: other code wrote it.
        """
        path = folder / _TEXT_FILE
        if not path.is_file():
            return None
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ReferenceFormatError(f"{path} has format {content['format']}, and this code reads {FORMAT}")
        with np.load(folder / _ARRAY_FILE, allow_pickle=False) as arrays:
            rows = pd.DataFrame({name: arrays[f"rows/{name}"] for name in NUMERIC})
            for name in CATEGORICAL:
                rows[name] = [value or None for value in arrays[f"rows/{name}"].tolist()]
            return cls(
                {name: _sketch(found) for name, found in content["columns"].items()},
                Vocabulary(arrays["hashes"], arrays["repeated"]),
                arrays["titles"],
                arrays["embeddings"].astype(np.float32),
                rows,
                _predictions(content["predictions"], arrays["learned"]),
            )


def _sketch(content: Mapping[str, Any]) -> Sketch:
    return NumericSketch.from_json(content) if "edges" in content else CategoricalSketch.from_json(content)


def _predictions(content: Mapping[str, Any] | None, learned: Hashes) -> PredictionReference | None:
    if content is None:
        return None
    selected, labels = (
        {genre: np.asarray(counts, dtype=np.int64) for genre, counts in content[name].items()}
        for name in ("selected", "labels")
    )
    probabilities = {genre: NumericSketch.from_json(found) for genre, found in content["probabilities"].items()}
    return PredictionReference(probabilities, selected, labels, learned)


def stacked(embeddings: "pd.Series[Any]") -> Vectors:
    """Embeddings of a column as one array, shape (n, d); shape (0, 0) where there are none."""
    found = embeddings.tolist()
    return np.stack(found).astype(np.float32) if found else np.empty((0, 0), dtype=np.float32)


def _described(
    frame: pd.DataFrame, words: list[list[str]], vocabulary: Vocabulary, own: npt.NDArray[np.bool_]
) -> pd.DataFrame:
    facts = {
        name: frame[name].astype("Float64").to_numpy(np.float64, na_value=np.nan)
        for name in ("year", "runtime_minutes", "word_count")
    }
    texts = text_descriptors(frame["text"].tolist(), words, vocabulary, own)
    described = pd.DataFrame({**facts, **texts})[list(NUMERIC)]
    described["kind"] = frame["kind"].tolist()
    described["certificate"] = [value if isinstance(value, str) else None for value in frame["certificate"]]
    # The first of a title's countries is the one that it is named by.
    described["country"] = [cast("str", value[0]) if len(value) else None for value in frame["countries"]]
    return described
