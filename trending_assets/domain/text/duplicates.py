"""Near-duplicates: texts that repeat an earlier one with a few words changed.

Candidates come from MinHash signatures over runs of three words, banded so that two texts that share 70 of 100 runs
meet with a probability of 0.99 (16 bands of 4); each is then verified by the exact Jaccard index. Everything is
seeded: the same texts give the same answer on any machine.
"""

import hashlib
import re
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# Two people may well write "Great movie, I loved it!"; from here on they do not.
MIN_WORDS = 10
THRESHOLD = 0.7

_BANDS, _ROWS = 16, 4
# The earliest texts that meet in a band are compared; more would make a flood of form letters quadratic.
_COMPARED = 32
# Letters of scripts without spaces between words stand for words.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_BATCH = 1024
_SEEDED = np.random.default_rng(1).integers(0, 2**64, size=(2, _BANDS * _ROWS), dtype=np.uint64)
_MULTIPLIERS, _ADDENDS = _SEEDED | np.uint64(1)
# One multiplier a word of a run, so that its order counts.
_POSITIONS = [np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9)]

_Hashes = npt.NDArray[np.uint64]


def near_duplicates(texts: Sequence[str]) -> list[int | None]:
    """For each text the index of the earliest one that it nearly repeats, or None.

    Near means that at least 70 of 100 runs of three words are in both, without regard to case and punctuation;
    texts of fewer than ten words repeat nothing. Of texts that are much alike the earliest 32 are compared.

    Args:
        texts: cleaned texts, the earliest first.
    """
    found: list[int | None] = [None] * len(texts)
    words: dict[str, int] = {}
    runs: dict[int, _Hashes] = {}
    same: dict[bytes, int] = {}
    copies: dict[int, int] = {}
    buckets: dict[tuple[int, bytes], list[int]] = defaultdict(list)
    for start in range(0, len(texts), _BATCH):
        new = []
        for i, text in enumerate(texts[start : start + _BATCH], start):
            own = _runs(text, words)
            if own is None:
                continue
            original = same.setdefault(own.tobytes(), i)
            if original == i:
                runs[i] = own
                new.append(i)
            else:
                copies[i] = original
        for i, signature in zip(new, _signatures([runs[i] for i in new]), strict=True):
            bands = [(k, signature[k * _ROWS : (k + 1) * _ROWS].tobytes()) for k in range(_BANDS)]
            met = sorted({j for band in bands for j in buckets.get(band, ())})
            found[i] = next((j for j in met if _jaccard(runs[i], runs[j]) >= THRESHOLD), None)
            for band in bands:
                if len(buckets[band]) < _COMPARED:
                    buckets[band].append(i)
    for i, original in copies.items():
        # What the first of equal texts repeats comes before it.
        earlier = found[original]
        found[i] = original if earlier is None else earlier
    return found


def _runs(text: str, known: dict[str, int]) -> _Hashes | None:
    """Hashes of a text's runs of three words, sorted and each once; None for too short a text."""
    words = _WORD.findall(text.casefold())
    if len(words) < MIN_WORDS:
        return None
    for word in words:
        if word not in known:
            known[word] = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    hashes = np.array([known[word] for word in words], dtype=np.uint64)
    runs = hashes[:-2] * _POSITIONS[0] + hashes[1:-1] * _POSITIONS[1] + hashes[2:] * _POSITIONS[2]
    return np.unique(runs ^ (runs >> np.uint64(32)))


def _signatures(runs: list[_Hashes]) -> npt.NDArray[np.uint64]:
    """One MinHash signature a text."""
    signatures = np.empty((len(runs), len(_MULTIPLIERS)), dtype=np.uint64)
    if runs:
        flat = np.concatenate(runs)
        starts = np.cumsum([0, *map(len, runs[:-1])])
        for k, (multiplier, addend) in enumerate(zip(_MULTIPLIERS, _ADDENDS, strict=True)):
            signatures[:, k] = np.minimum.reduceat(flat * multiplier + addend, starts)
    return signatures


def _jaccard(one: _Hashes, other: _Hashes) -> float:
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)
