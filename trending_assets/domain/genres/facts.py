"""What may be known of a title beside its text, as numbers: where made, how long, for what age, on what platforms."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from trending_assets.domain.catalog.certificates import CERTIFICATES
from trending_assets.domain.text.features import TitleFeatures

_LEAST_TITLES = 20
_MINUTES_A_STEP, _LAST_STEP = 12, 15
RUNTIME_STEPS = _LAST_STEP + 1
# Whoever asks may know none of them: so many rows are learned from without them.
_HIDDEN_SHARE = 0.3


def common_countries(titles: Sequence[TitleFeatures]) -> tuple[str, ...]:
    """The countries that at least 20 of the titles were made in, in alphabetical order."""
    return _common(title.countries for title in titles)


def common_platforms(titles: Sequence[TitleFeatures]) -> tuple[str, ...]:
    """The platforms that have at least 20 of the titles, in alphabetical order."""
    return _common(title.platforms for title in titles)


def _common(values: Iterable[Sequence[str]]) -> tuple[str, ...]:
    counts = Counter(value for each in values for value in set(each))
    return tuple(sorted(value for value, n in counts.items() if n >= _LEAST_TITLES))


def country_flags(title: TitleFeatures, countries: Sequence[str]) -> npt.NDArray[np.float64]:
    """1 for each of the k countries that the title was made in, else 0; shape (k,)."""
    return np.array([country in title.countries for country in countries], dtype=np.float64)


def platform_flags(title: TitleFeatures, platforms: Sequence[str]) -> npt.NDArray[np.float64]:
    """1 for each of the k platforms that have the title, else 0; shape (k,)."""
    return np.array([platform in title.platforms for platform in platforms], dtype=np.float64)


def runtime_step(title: TitleFeatures) -> int | None:
    """The running time in steps of 12 minutes, the last of which has no end: 0 to 15, or None where it is unknown."""
    minutes = title.runtime_minutes
    return None if minutes is None else min(minutes // _MINUTES_A_STEP, _LAST_STEP)


def runtime_step_name(step: int) -> str:
    """A step of the running time in words."""
    first = step * _MINUTES_A_STEP
    return f"{first} minutes or more" if step == _LAST_STEP else f"{first} to {first + _MINUTES_A_STEP - 1} minutes"


def certificate_flags(title: TitleFeatures) -> npt.NDArray[np.float64]:
    """1 for the title's certificate among :data:`CERTIFICATES`, else 0; shape (11,), all 0 where it is unknown."""
    return np.array([title.certificate == each for each in CERTIFICATES], dtype=np.float64)


def some_without_facts(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    """The rows, three in ten of them as if countries, running time, certificate and platforms were unknown.

    Args:
        frame: rows of a training set.
        seed: decides which.
    """
    hidden = np.random.default_rng(seed).random(len(frame)) < _HIDDEN_SHARE
    lists = {
        name: [[] if hide else found for found, hide in zip(frame[name], hidden, strict=True)]
        for name in ("countries", "platforms")
    }
    unknown = {name: frame[name].mask(hidden) for name in ("runtime_minutes", "certificate")}
    return frame.assign(**lists, **unknown)
