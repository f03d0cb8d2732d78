"""Reviews: what a day's reviews become, whole columns at a time.

:func:`finish_reviews` is where personal data ends: what leaves it knows an author by a pseudonym only.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.catalog.ratings import rating_of
from trending_assets.domain.catalog.records import REVIEW
from trending_assets.domain.text.columns import read_texts
from trending_assets.domain.text.duplicates import near_duplicates
from trending_assets.domain.text.language import detect_languages
from trending_assets.domain.text.spam import flags

# Rows that a thread reads at once. Threads wait for the interpreter at every hand-over, so they are many.
_CHUNK = 65_536
_SLICES = 4
_LARGEST = 2**62

_Integers = npt.NDArray[np.int64]


def normalise_reviews(table: pa.Table) -> Iterator[pa.Table]:
    """Reviews with their texts cleaned and their ratings from 0 to 10, each once, in a fixed order.

    Reviews with the same source, title, author and cleaned text are one; the earliest stays, the first of equally
    early ones. The result is sorted by source, title, time, author and text.

    Args:
        table: the columns ``source``, ``source_title_id``, ``author``, ``text``, ``rating_raw``, ``rating_scale`` and
            ``event_time``; any others are carried along.

    Yields:
        The same columns, with ``rating`` in the place of ``rating_scale``, some rows at a time: while they are
        written, the next ones are gathered.
    """
    cleaned = _cleaned(table)
    source, title, author = (_ranks(cleaned[name]) for name in ("source", "source_title_id", "author"))
    time, text = cleaned["event_time"].cast(pa.int64()).to_numpy(), cleaned["text"]
    length = pc.binary_length(text).to_numpy()
    kept = _first_of_each(_packed(source, title, author, length), time, text)
    order = _in_order(_packed(source[kept], title[kept], time[kept]), author, text, kept)
    with ThreadPoolExecutor(1) as pool:
        yield from pool.map(lambda rows: cleaned.take(pa.array(rows)), np.array_split(order, _SLICES))


def finish_reviews(rows: Sequence[dict[str, Any]], pseudonym: Callable[[str, str], str]) -> list[dict[str, Any]]:
    """The reviews of a day as rows of ``records.REVIEW``.

    Args:
        rows: reviews as their sources wrote them, with ``author`` and ``rating_scale``.
        pseudonym: gives an author's pseudonym for a name and a source.

    Returns:
        One row each, in the same order. Near-duplicates are looked for among these rows, by the time of writing.
    """
    columns = {"text": pa.string(), "rating_raw": pa.string(), "rating_scale": pa.float64()}
    cleaned = _cleaned(pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in columns.items()}))
    texts = cleaned["text"].to_pylist()
    unknown = [row["language"] is None for row in rows]
    detected = iter(detect_languages(list(compress(texts, unknown))))
    finished = []
    for row, text, rating, detect in zip(rows, texts, cleaned["rating"].to_pylist(), unknown, strict=True):
        author_hash = pseudonym(row["author"], row["source"]) if row["author"] else None
        identity = "\n".join((row["source"], row["source_title_id"], author_hash or "", text))
        new = {
            "review_id": hashlib.sha256(identity.encode()).hexdigest()[:24],
            "author_hash": author_hash,
            "text": text,
            "language": next(detected) if detect else row["language"],
            "rating": rating,
            "flags": flags(text),
            "near_duplicate_of": None,
        }
        finished.append({name: (row | new)[name] for name in REVIEW.schema.names})
    earliest = sorted(range(len(rows)), key=lambda i: rows[i]["event_time"])
    for i, original in zip(earliest, near_duplicates([texts[i] for i in earliest]), strict=True):
        copied = None if original is None else finished[earliest[original]]["review_id"]
        # The same review seen twice is no copy of itself.
        finished[i]["near_duplicate_of"] = None if copied == finished[i]["review_id"] else copied
    return finished


def _cleaned(table: pa.Table) -> pa.Table:
    """The table with cleaned texts, and ratings in the place of their scales."""
    text = table.column_names.index("text")
    chunks = [chunk for batch in table.select(["text"]).to_batches(_CHUNK) for chunk in batch.columns]
    # Arrow lets go of the interpreter: what it does in one thread and Python in another overlap.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        read = pa.chunked_array(pool.map(read_texts, chunks), pa.string())
    scale = table.column_names.index("rating_scale")
    rating = _ratings(table["rating_raw"], table["rating_scale"])
    return table.set_column(text, table.field("text"), read).set_column(scale, REVIEW.schema.field("rating"), rating)


def _ratings(raw: pa.ChunkedArray, scale: pa.ChunkedArray) -> pa.Array:
    written, scales = (column.combine_chunks().dictionary_encode("encode") for column in (raw, scale))
    pairs = written.indices.to_numpy().astype(np.int64) * len(scales.dictionary) + scales.indices.to_numpy()
    distinct, which = np.unique(pairs, return_inverse=True)
    words, numbers = written.dictionary.to_pylist(), scales.dictionary.to_pylist()
    given = ((words[pair // len(numbers)], numbers[pair % len(numbers)]) for pair in distinct.tolist())
    ratings = [None if word is None else rating_of(word, number) for word, number in given]
    return pa.array(ratings, pa.float64()).take(pa.array(which))


def _ranks(column: pa.ChunkedArray) -> _Integers:
    """Each value's rank among the distinct ones; a null comes first."""
    encoded = column.combine_chunks().dictionary_encode("encode")
    order = pc.array_sort_indices(encoded.dictionary, null_placement="at_start").to_numpy()
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order] = np.arange(len(order))
    return np.asarray(ranks[encoded.indices.to_numpy()])


def _packed(*keys: _Integers) -> _Integers:
    """One number for each row, in the order of the keys: one number is sorted eight times as fast as two."""
    packed, size = np.zeros(len(keys[0]), dtype=np.int64), 1
    for key in keys:
        lowest, highest = (int(key.min()), int(key.max())) if len(key) else (0, 0)
        span = highest - lowest + 1
        if size * span > _LARGEST:
            # As ranks any two keys fit.
            distinct, packed = np.unique(packed, return_inverse=True)
            values, key = np.unique(key, return_inverse=True)  # noqa: PLW2901
            size, lowest, span = len(distinct), 0, len(values)
        packed = packed * span + (key - lowest)
        size *= span
    return packed


def _first_of_each(keys: _Integers, time: _Integers, text: pa.ChunkedArray) -> _Integers:
    """The rows that no earlier one with the same key and text precedes."""
    order = np.argsort(keys)
    # Only rows that agree in all that is cheap to compare may agree in text.
    tied, group = _ties(keys[order])
    rows, group = order[tied], group[tied]
    by_time = np.lexsort((rows, time[rows]))
    rows, group = rows[by_time], group[by_time]
    seen: set[tuple[int, str]] = set()
    repeated = []
    for pair in zip(group.tolist(), text.take(pa.array(rows)).to_pylist(), strict=True):
        repeated.append(pair in seen)
        seen.add(pair)
    kept = np.ones(len(order), dtype=bool)
    kept[rows[np.array(repeated, dtype=bool)]] = False
    return np.flatnonzero(kept)


def _in_order(keys: _Integers, author: _Integers, text: pa.ChunkedArray, rows: _Integers) -> _Integers:
    """The rows sorted by their keys, and by author and text where those agree."""
    order = np.argsort(keys)
    tied, group = _ties(keys[order])
    among = rows[order[tied]]
    ties = pa.table({"group": group[tied], "author": author[among], "text": text.take(pa.array(among))})
    by_rest = pc.sort_indices(ties, [(name, "ascending") for name in ties.column_names])
    order[tied] = order[tied][by_rest.to_numpy()]
    return np.asarray(rows[order])


def _ties(keys: _Integers) -> tuple[npt.NDArray[np.bool_], _Integers]:
    """Which of sorted keys agree with a neighbour, and the number of each key's group."""
    new = np.ones(len(keys), dtype=bool)
    new[1:] = keys[1:] != keys[:-1]
    tied = ~new
    tied[:-1] |= ~new[1:]
    return tied, np.cumsum(new)
