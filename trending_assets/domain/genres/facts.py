"""What may be known of a title beside its text, where it was made and how long it runs, as numbers."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.text.features import TitleFeatures

_LEAST_TITLES = 20
_MINUTES_A_STEP, _LAST_STEP = 12, 15
RUNTIME_STEPS = _LAST_STEP + 1
# Whoever asks may know neither: so many rows are learned from without them.
_HIDDEN_SHARE = 0.3


def common_countries(titles: Sequence[TitleFeatures]) -> tuple[str, ...]:
    """The countries that at least 20 of the titles were made in, in alphabetical order."""
    counts = Counter(country for title in titles for country in set(title.countries))
    return tuple(sorted(country for country, n in counts.items() if n >= _LEAST_TITLES))


def country_flags(title: TitleFeatures, countries: Sequence[str]) -> npt.NDArray[np.float64]:
    """1 for each of the k countries that the title was made in, else 0; shape (k,)."""
    return np.array([country in title.countries for country in countries], dtype=np.float64)


def runtime_step(title: TitleFeatures) -> int | None:
    """The running time in steps of 12 minutes, the last of which has no end: 0 to 15, or None where it is unknown."""
    minutes = title.runtime_minutes
    return None if minutes is None else min(minutes // _MINUTES_A_STEP, _LAST_STEP)


def some_without_facts(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows, three in ten of them as if neither countries nor running time were known.

    Args:
        frame: rows of a training set.
        seed: decides which.
    """
    hidden = np.random.default_rng(seed).random(len(frame)) < _HIDDEN_SHARE
    countries = [[] if hide else found for found, hide in zip(frame["countries"], hidden, strict=True)]
    return frame.assign(countries=countries, runtime_minutes=frame["runtime_minutes"].mask(hidden))
