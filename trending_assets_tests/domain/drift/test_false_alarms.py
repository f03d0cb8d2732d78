"""Weeks in which nothing has changed are left alone, and the same rule finds weeks in which something has."""

from dataclasses import asdict
from typing import Any

import numpy as np

from trending_assets.domain.drift.alarms import alarms_on
from trending_assets.domain.drift.decisions import prediction_drift
from trending_assets.domain.drift.reference import PredictionReference

_GENRES = tuple(f"genre {number}" for number in range(5))
_WEEKS, _DAYS, _REFERENCE, _TITLES = 40, 7, 300, 60


def _week(seed: int, moved: float = 0.0) -> bool:
    """Whether a week has an alarm, of columns that depend on one another."""
    random = np.random.default_rng(seed)

    def said(number: int, shift: float = 0.0) -> np.ndarray:
        common = random.normal(size=(number, 1))
        logits = 0.7 * common + random.normal(size=(number, len(_GENRES))) - 1
        logits[:, 0] += shift
        return 1 / (1 + np.exp(-logits))

    thresholds = dict.fromkeys(_GENRES, 0.4)
    reference = PredictionReference.of(said(_REFERENCE), thresholds, _GENRES, np.full((1, 20), np.nan), [])
    days: dict[str, list[dict[str, Any]]] = {}
    for number in range(_DAYS):
        today = said(_TITLES, moved)
        by_genre = {genre: (today[:, i], (today[:, i] >= 0.4) * 1.0) for i, genre in enumerate(_GENRES)}
        found = prediction_drift(reference, by_genre, f"{seed} {number}")
        days[f"2025-06-{number + 2:02d}"] = [asdict(finding) | {"reference": "a version"} for finding in found]
    return any(alarms_on(days, day).alarmed for day in days)


def test_at_most_one_week_in_twenty_has_an_alarm_where_nothing_has_changed() -> None:
    assert sum(_week(seed) for seed in range(_WEEKS)) <= 0.05 * _WEEKS


def test_a_shift_of_one_genre_out_of_five_is_found_within_the_week() -> None:
    assert all(_week(seed, moved=1.2) for seed in range(5))
