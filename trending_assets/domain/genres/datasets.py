"""The genre training set: its splits, its labels, and its rows as features.

A training set is a data frame sorted by ``title_id`` with the columns title_id, event_timestamp, text, kind, year,
word_count, countries, runtime_minutes, certificate, platforms, embedding, tfidf and tfidf_version (left out where no
model reads them), masked_text, masked_embedding, masked_tfidf (the same without the names of genres), plot, language,
sources, genres, label_coverage, labels_complete, current_title_id (the title that it was found to be, itself for
most), split and split_reason. A slug outside a row's ``label_coverage`` is unknown for that row: no positive and no
negative. Where the labels are not complete, a genre left out may fit all the same: such rows are learned from, and not
judged by.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.taxonomy import GENRES, Kind
from trending_assets.domain.text.duplicates import near_duplicates
from trending_assets.domain.text.features import TitleFeatures

TRAIN, VALIDATION, TEST, EXCLUDED = "train", "validation", "test", "excluded"
SPLIT_SALT = "trending-genres-1"
MINIMUM_EXAMPLES = 5

_TRAIN_SHARE, _VALIDATION_SHARE = 0.80, 0.10
# "Plot unknown" and the like say nothing of a title.
_LEAST_PLOT_WORDS = 5
_NOT_WORD = re.compile(r"[\W_]+")


class LabelOutsideCoverageError(ValueError):
    """A title carries a genre that its sources are said to be unable to express."""


def assign_split(group_id: str, salt: str = SPLIT_SALT) -> str:
    """The split of a group of titles: train (80 %), validation (10 %) or test (10 %).

    It depends on nothing but the id and the salt, so a title keeps its split whatever arrives later.

    Args:
        group_id: the id given at first sight.
        salt: fixed for the life of a data set.
    """
    digest = hashlib.sha256(f"{salt}\0{group_id}".encode()).digest()
    position = int.from_bytes(digest[:8], "big") / 2**64
    if position < _TRAIN_SHARE:
        return TRAIN
    return VALIDATION if position < _TRAIN_SHARE + _VALIDATION_SHARE else TEST


def normalised_text(text: str) -> str:
    """Text by which two rows are held to say the same: case, punctuation and spacing left out."""
    return _NOT_WORD.sub(" ", text.casefold()).strip()


def normalised_plot(plot: str) -> str | None:
    """Plot by which two rows are held to tell the same, as :func:`normalised_text`; None for one of a few words."""
    normalised = normalised_text(plot)
    return normalised if len(normalised.split()) >= _LEAST_PLOT_WORDS else None


def splits(frame: pd.DataFrame, salt: str = SPLIT_SALT) -> pd.DataFrame:
    """The frame with the columns ``split`` and ``split_reason`` (set anew where they exist).

    What would leak is taken from the training side: a train or validation row of a title that is in test too, or whose
    normalised text or plot is, then a train row with one that is in validation. A plot that says nearly the same counts
    as the same, see :func:`~trending_assets.domain.text.duplicates.near_duplicates`. A row without any label is
    excluded wherever it falls, since nothing can be learned from it or measured on it, and one whose labels are not
    complete where it would be measured on.

    Args:
        frame: at least title_id, current_title_id, text, plot, genres, label_coverage and labels_complete.
        salt: see :func:`assign_split`.
    """
    split = np.array([assign_split(title_id, salt) for title_id in frame["title_id"]], dtype=object)
    reason = np.full(len(frame), "", dtype=object)
    for i, (genres, coverage) in enumerate(zip(frame["genres"], frame["label_coverage"], strict=True)):
        if not set(GENRES).intersection(coverage):
            split[i], reason[i] = EXCLUDED, "no label coverage"
        elif not set(GENRES).intersection(genres):
            split[i], reason[i] = EXCLUDED, "no genre label"
    incomplete = ~frame["labels_complete"].to_numpy(dtype=bool) & np.isin(split, (VALIDATION, TEST))
    split[incomplete], reason[incomplete] = EXCLUDED, "labels not complete"
    shared = {
        "the same title as one in {}": frame["current_title_id"].to_numpy(dtype=object),
        "text also in {}": np.array([normalised_text(text) for text in frame["text"]], dtype=object),
        # A plot that is too short to be nearly another may still be the very same.
        "plot also in {}": np.array([normalised_plot(plot) for plot in frame["plot"]], dtype=object),
    }
    # The held rows come first, so that whatever nearly repeats one of them is found to.
    order = np.concatenate([np.flatnonzero(split == side) for side in (TEST, VALIDATION, TRAIN)])
    originals = near_duplicates(frame["plot"].iloc[order].tolist())
    nearly = {
        row: split[order[original]] for row, original in zip(order, originals, strict=True) if original is not None
    }
    for held, others in ((TEST, (TRAIN, VALIDATION)), (VALIDATION, (TRAIN,))):
        seen = {why: {value for value in values[split == held] if value is not None} for why, values in shared.items()}
        for row in np.flatnonzero(np.isin(split, others)):
            why = next((why for why, values in shared.items() if values[row] in seen[why]), None)
            if why is None and nearly.get(row) == held:
                why = "plot also in {}"
            if why is not None:
                split[row], reason[row] = EXCLUDED, why.format(held)
    return frame.assign(split=split.astype(str), split_reason=reason.astype(str))


def released_later(frame: pd.DataFrame, share: float = 0.2) -> tuple[pd.DataFrame, int]:
    """The training set split by time: learned from what was released first, judged by what came after it.

    Titles keep the side that they are on, so that near-duplicates stay apart: of the train titles those released in
    the last years are excluded, and of the held titles all others.

    Args:
        frame: a training set with its splits.
        share: how many of the train titles whose year is known count as released last, at most.

    Returns:
        The training set, and the first of the last years.

    Raises:
        ValueError: no train title's year is known.
    """
    years = frame["year"].astype("Float64")
    of_train = years[frame["split"] == TRAIN].dropna()
    if of_train.empty:
        raise ValueError("no train title has a year: there is no order of time")
    candidates = range(int(of_train.min()), int(of_train.max()) + 2)
    first = next(year for year in candidates if (of_train >= year).mean() <= share)
    late = (years >= first).fillna(value=False).to_numpy(dtype=bool)
    held = frame["split"].isin([VALIDATION, TEST]).to_numpy()
    learned = (frame["split"] == TRAIN).to_numpy()
    # Of a title without a year nobody knows on which side of the cut it is.
    misplaced = (learned & (late | years.isna().to_numpy())) | (held & ~late)
    reasons = frame["split_reason"].mask(misplaced, "on the other side in time")
    return frame.assign(split=frame["split"].mask(misplaced, EXCLUDED), split_reason=reasons), first


def label_matrix(frame: pd.DataFrame, genres: Sequence[str]) -> npt.NDArray[np.float64]:
    """Labels, shape (n, k): 1 where the row has the genre, 0 where not, NaN where that is unknown.

    Args:
        frame: n rows with title_id, genres and label_coverage.
        genres: the k slugs of the columns.

    Raises:
        LabelOutsideCoverageError: a row has a genre that is not in its coverage.
    """
    labels = np.full((len(frame), len(genres)), np.nan)
    rows = zip(frame["title_id"], frame["genres"], frame["label_coverage"], strict=True)
    for i, (title_id, has, coverage) in enumerate(rows):
        positive, known = set(has), set(coverage)
        if positive - known:
            raise LabelOutsideCoverageError(f"{title_id}: {sorted(positive - known)} not in its label coverage")
        labels[i] = [float(genre in positive) if genre in known else np.nan for genre in genres]
    return labels


def incomplete_rows(frame: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Whether a row's labels are not complete, shape (n,)."""
    return np.asarray(~frame["labels_complete"].to_numpy(dtype=bool))


def judging_labels(frame: pd.DataFrame, labels: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The labels that say how common a genre is: NaN for rows whose labels are not complete, shape (n, k).

    A genre of which complete labels show no positive or no negative keeps all that it has.

    Args:
        frame: n rows of a training set.
        labels: shape (n, k): 1, 0, or NaN where unknown.
    """
    incomplete = incomplete_rows(frame)
    complete = labels[~incomplete]
    told = (complete == 1).any(axis=0) & (complete == 0).any(axis=0)
    return np.where(incomplete[:, None] & told, np.nan, labels)


def rows_of(frame: pd.DataFrame, split: str) -> pd.DataFrame:
    """The rows of one split, sorted by title_id, with a fresh index."""
    return frame[frame["split"] == split].sort_values("title_id", ignore_index=True)


def known_genres(frame: pd.DataFrame, minimum: int = MINIMUM_EXAMPLES) -> tuple[str, ...]:
    """Slugs that can be learned: with at least ``minimum`` known positives and negatives among the train rows.

    Args:
        frame: a training set with its splits.
        minimum: positives, and negatives, a slug must have.

    Returns:
        The slugs in the taxonomy's order; may be empty.
    """
    labels = label_matrix(rows_of(frame, TRAIN), GENRES)
    positives, negatives = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    return tuple(genre for i, genre in enumerate(GENRES) if positives[i] >= minimum and negatives[i] >= minimum)


def masked(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows as they are without the names of genres: text, length, embedding and reduced TF-IDF."""
    changed: dict[str, Any] = {
        "text": frame["masked_text"],
        "word_count": [len(text.split()) for text in frame["masked_text"]],
    }
    changed |= {name: frame[f"masked_{name}"] for name in ("embedding", "tfidf") if f"masked_{name}" in frame}
    return frame.assign(**changed)


def some_masked(frame: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """The rows, some of them as they are without the names of genres, see :func:`masked`.

    Args:
        frame: rows of a training set.
        share: how many of them, between 0 and 1.
        seed: decides which.
    """
    # A stream of its own: the same seed hides facts of rows too, and not of these.
    chosen = np.random.default_rng((seed, 1)).random(len(frame)) < share
    without = masked(frame)
    changed = [name for name in ("text", "word_count", "embedding", "tfidf") if name in frame]
    return frame.assign(**{name: frame[name].mask(chosen, without[name]) for name in changed})


def features_of(frame: pd.DataFrame) -> list[TitleFeatures]:
    """The rows as features, in order; without embedding or reduced TF-IDF where the frame has no such column."""
    vectors: list[Sequence[Any]] = [
        frame[name].tolist() if name in frame else [None] * len(frame)
        for name in ("embedding", "tfidf", "tfidf_version")
    ]
    years, minutes = (
        [None if pd.isna(value) else int(value) for value in frame[name]] for name in ("year", "runtime_minutes")
    )
    certificates = [None if pd.isna(value) else value for value in frame["certificate"]]
    facts = (years, frame["word_count"], frame["countries"], minutes, certificates, frame["platforms"])
    rows = zip(frame["text"], frame["kind"], *facts, *vectors, strict=True)
    return [
        TitleFeatures(
            text=text,
            kind=cast("Kind", kind),
            year=year,
            word_count=int(words),
            countries=tuple(countries),
            runtime_minutes=runtime,
            certificate=certificate,
            platforms=tuple(platforms),
            embedding=None if embedding is None else np.asarray(embedding, dtype=np.float32),
            tfidf=None if tfidf is None else np.asarray(tfidf, dtype=np.float32),
            tfidf_version=version,
        )
        for text, kind, year, words, countries, runtime, certificate, platforms, embedding, tfidf, version in rows
    ]
