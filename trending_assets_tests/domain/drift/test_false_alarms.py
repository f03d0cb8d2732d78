"""Weeks in which nothing has changed are left alone, and the same rule finds weeks in which something has."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from scipy.stats import norm

from trending_assets.domain.drift.alarms import AT_ONCE, WINDOW, alarms_on
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


_FAMILIES, _MANY_WEEKS = (13, 40, 20), 1000


def _odd_weeks(share: float, columns: int, random: np.random.Generator) -> int:
    """Weeks with an alarm where so much of the variance of each day's distance is the reference's.

    A distance is taken as normally distributed, and any that is significant for large enough to matter.
    """
    of_reference = random.normal(size=(_MANY_WEEKS, 1, columns))
    of_days = random.normal(size=(_MANY_WEEKS, _DAYS + WINDOW - 1, columns))
    distances = np.sqrt(share) * of_reference + np.sqrt(1 - share) * of_days
    p_adjusted = np.minimum(1, 2 * norm.sf(np.abs(distances)) * columns)
    row = {"column": "c", "reference": "a version", "status": "measured", "reference_rows": 1000}
    row["current_rows"] = round(1000 * share / (1 - share))
    odd = 0
    for week in p_adjusted:
        # What is not significant makes no alarm, and is left to itself.
        days = {
            f"2025-06-{number + 10}": [
                row | {"column": str(i), "p_adjusted": day[i], "drifted": bool(day[i] <= 0.05)}
                for i in np.flatnonzero((week <= 0.05).any(axis=0))
            ]
            or [row | {"p_adjusted": 1.0, "drifted": False}]
            for number, day in enumerate(week)
        }
        odd += any(alarms_on(days, day).alarmed for day in list(days)[WINDOW - 1 :])
    return odd


@pytest.mark.parametrize("share", [0.09, 0.3, 0.6, 0.9])
def test_at_most_one_week_in_twenty_has_an_alarm_however_much_the_days_share_with_their_reference(share: float) -> None:
    random = np.random.default_rng(11)
    of_drift = sum(_odd_weeks(share, columns, random) for columns in _FAMILIES) / _MANY_WEEKS
    # Faults of data quality are told of too; the least effect that counts, which is left out here, makes both rarer.
    assert of_drift + _DAYS * AT_ONCE <= 0.055


def test_a_shift_of_one_genre_out_of_five_is_found_within_the_week() -> None:
    assert all(_week(seed, moved=1.2) for seed in range(5))
