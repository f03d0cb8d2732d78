"""Activity: how much is said of titles up to a day, by each signal of each source, and the trend score of all together.

The score of a title is the mean of its scores by the signals in which it is present, with the fixed weights
:data:`WEIGHTS`; the coverage says how much of the weight of the day's signals those have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd

from trending_assets.domain.trend.score import (
    HALF_LIVES,
    HISTORY_DAYS,
    Floats,
    Trend,
    Window,
    cohort_of,
    cohort_statistics,
    trend,
)

REVIEWS = "reviews"
# What people say weighs more than what they look at. Reviews are counted one an author and day; a place in a
# list of what is popular counts as 100 over the place.
WEIGHTS: Mapping[str, float] = {REVIEWS: 4.0, "ratings": 3.0, "views": 2.0, "tags": 1.0, "ranks": 1.0}
WINDOWS: tuple[Window, ...] = tuple(HALF_LIVES)
WINDOW_DAYS: Mapping[Window, int] = {"day": 1, "week": 7}
# After four half-lives of the longer window a title that nobody speaks of any more has left the ranking.
RECENT_DAYS = 28

_DAYS_A_YEAR = 365


@dataclass(frozen=True, eq=False)
class _Signal:
    """What one signal of one source counts of n titles.

    Attributes:
        source: the source.
        name: a key of :data:`WEIGHTS`.
        titles: shape (n,), in order.
        counts: shape (n, 180), the day itself last.
        known_days: shape (n,).
        cohorts: n of them.
    """

    source: str
    name: str
    titles: pd.Index
    counts: Floats
    known_days: "np.ndarray[Any, np.dtype[np.int64]]"
    cohorts: list[str]

    @property
    def weight(self) -> float:
        return WEIGHTS[self.name]


def activity(events: pd.DataFrame, facts: pd.DataFrame, day: date) -> list[dict[str, Any]]:
    """The trend of every title of which something was said in the last 28 days.

    Args:
        events: of the 180 days up to the day, one row a ``title_id``, ``source``, ``signal`` (a key of
            :data:`WEIGHTS`) and ``happened_on``, with its ``events``.
        facts: index ``title_id``; ``kind``, ``released`` and ``year``, as far as they are known, and ``known_from``,
            the day on which the title was first described.
        day: the day.

    Returns:
        One row a title, in the order of their ids: ``reviews_1d`` and ``reviews_7d``; ``score``, ``momentum_points``
        and ``volume_points``, each with ``_day`` and ``_week``; ``coverage``, above 0 and at most 1; and ``parts``, one
        a window and signal. A number that is not known is None.
    """
    # What is counted as nothing tells of nobody: no event, no day from which on a source counted.
    events = events[events["events"] > 0]
    if events.empty:
        return []
    before = np.array([(day - happened).days for happened in events["happened_on"]])
    events = events.assign(column=HISTORY_DAYS - 1 - before)
    signals = [
        _signal(str(source), str(name), rows, facts, day)
        for (source, name), rows in events.groupby(["source", "signal"], sort=True)
    ]
    titles = pd.Index(sorted(events.loc[before < RECENT_DAYS, "title_id"].unique()), name="title_id")
    found: dict[str, Any] = {f"reviews_{days}d": _reviews(signals, titles, days) for days in WINDOW_DAYS.values()}
    parts: list[list[dict[str, Any]]] = [[] for _ in titles]
    for window in WINDOWS:
        weight, momentum, volume = (np.zeros(len(titles)) for _ in range(3))
        for signal, scored in _scored(signals, window):
            places = titles.get_indexer(signal.titles)
            here = places >= 0
            weight[places[here]] += signal.weight
            momentum[places[here]] += signal.weight * scored.momentum_points[here]
            volume[places[here]] += signal.weight * scored.volume_points[here]
            recent = signal.counts[:, -WINDOW_DAYS[window] :].sum(axis=1)
            for row in np.flatnonzero(here).tolist():
                parts[places[row]].append(_part(window, signal, scored, row, float(recent[row])))
        found[f"momentum_points_{window}"] = momentum / weight
        found[f"volume_points_{window}"] = volume / weight
        found[f"score_{window}"] = momentum / weight + volume / weight
        found["coverage"] = weight / sum(signal.weight for signal in signals)
    frame = pd.DataFrame({"title_id": titles, **found, "parts": parts})
    return [dict(zip(frame.columns, row, strict=True)) for row in frame.itertuples(index=False)]


def _signal(source: str, name: str, rows: pd.DataFrame, facts: pd.DataFrame, day: date) -> _Signal:
    titles = pd.Index(sorted(rows["title_id"].unique()), name="title_id")
    counts = np.zeros((len(titles), HISTORY_DAYS))
    np.add.at(counts, (titles.get_indexer(rows["title_id"]), rows["column"].to_numpy()), rows["events"].to_numpy(float))
    known = facts.reindex(titles)
    first = HISTORY_DAYS - (counts > 0).argmax(axis=1)
    described = np.array([0 if pd.isna(since) else (day - since).days + 1 for since in known["known_from"]])
    # Before a source's first event nobody was counted there, however long titles had been known.
    seen = np.minimum(np.maximum(described, first), first.max())
    cohorts = [
        cohort_of("unknown" if pd.isna(kind) else str(kind), _age(day, released, year))
        for kind, released, year in zip(known["kind"], known["released"], known["year"], strict=True)
    ]
    return _Signal(source, name, titles, counts, seen, cohorts)


def _age(day: date, released: Any, year: Any) -> int | None:
    """Days since the release; of a title of which only the year is known, whole years, and a month at least."""
    if not pd.isna(released):
        return int((day - released).days)
    if pd.isna(year):
        return None
    years = day.year - int(year)
    return max(years * _DAYS_A_YEAR, 31) if years >= 0 else -1


def _scored(signals: list[_Signal], window: Window) -> list[tuple[_Signal, Trend]]:
    usual = [cohort_statistics(each.counts, each.known_days, each.cohorts, window) for each in signals]
    # Sources that count the same are measured by the same: the first of a quiet one is no first of a busy one.
    largest: dict[str, float] = {}
    for signal, of in zip(signals, usual, strict=True):
        largest[signal.name] = max(of.largest_rate, largest.get(signal.name, 0.0))
    compared = [replace(of, largest_rate=largest[signal.name]) for signal, of in zip(signals, usual, strict=True)]
    return [
        (signal, trend(signal.counts, signal.known_days, signal.cohorts, window, of))
        for signal, of in zip(signals, compared, strict=True)
    ]


def _reviews(signals: list[_Signal], titles: pd.Index, days: int) -> "np.ndarray[Any, np.dtype[np.int64]]":
    found = np.zeros(len(titles), dtype=np.int64)
    for signal in signals:
        if signal.name == REVIEWS:
            places = titles.get_indexer(signal.titles)
            here = places >= 0
            found[places[here]] += signal.counts[here, -days:].sum(axis=1).astype(np.int64)
    return found


def _part(window: Window, signal: _Signal, scored: Trend, row: int, events: float) -> dict[str, Any]:
    numbers = {field.name: float(getattr(scored, field.name)[row]) for field in fields(scored)}
    told = {name: None if np.isnan(value) else value for name, value in numbers.items()}
    counted = {"source": signal.source, "signal": signal.name, "weight": signal.weight, "events": events}
    return {"window": window, **counted, **told}


def window_start(day: date) -> date:
    """The first of the days that the score of a day is made from."""
    return day - timedelta(days=HISTORY_DAYS - 1)
