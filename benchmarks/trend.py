"""The trend score beside other ways to rank what is trending: planted surges, and surges that people remember.

    python -m benchmarks.trend [--days 40] [--output docs/trend.md]

Simulated days have titles of very different usual pace, more spread than Poisson counts and quieter weekdays; on each
of them 20 titles were made to surge. Then the score is run over MovieLens ratings and Rotten Tomatoes reviews, in the
folder named by TRENDING_BENCH_DATA (``../shared/data`` where that is not set).
"""

import argparse
import csv
import gzip
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.identity import data_folder
from trending_assets.domain.trend.score import HISTORY_DAYS, Floats, Trend, Window, trend

TITLES, PLANTED = 2000, 20
_QUIETEST, _BUSIEST = 0.02, 200.0
_WEEKEND = 1.4
_PAGE = """# How well the trend score finds what is trending

Written by `python -m benchmarks.trend --output docs/trend.md`. The score is defined in
[`domain/trend/score.py`](../trending_assets/domain/trend/score.py).

## Planted surges

{days} simulated days of {titles} titles, whose usual pace lies between {quietest} and {busiest} events a day, on each
of which {planted} surge. How many of the first {planted} of each ranking are those (precision@{planted}), by how much
and for how long they surge, and from which usual pace on:

{simulated}

Three events are no surge: momentum begins above three recent ones and is whole from six on. So a title with three never
outranks one whose recent rate is higher, such as any with four on the day, where both have been known for four weeks. A
title first seen today has its three a day for a recent rate, and is outranked by more, or by momentum.

## Surges in real data

The highest score of a week, of one title each, by kind of event. The data names no film of Rotten Tomatoes, but says
when it came to theatres: that is when critics write. MovieLens has 600 people over 22 years: its highest are of five or
six events in ten days, and the score says so by half the points.

{real}
"""


def simulated(
    rng: np.random.Generator, times: tuple[float, float], since: tuple[int, int], least: float
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Counts of 180 days, shape (2000, 180), and which titles surge.

    Args:
        rng: randomness.
        times: how many times its usual pace a title that surges goes at, the least and the most.
        since: on how many days, the last one among them, the fewest and the most.
        least: events a day at the usual pace of the quietest title that may surge.
    """
    # Popularity is spread over orders of magnitude, most titles being hardly talked of.
    usual = np.exp(rng.normal(np.log(0.4), 1.8, TITLES)).clip(_QUIETEST, _BUSIEST)
    week = np.where(np.arange(HISTORY_DAYS) % 7 < 2, _WEEKEND, 1.0)
    pace = usual[:, None] * week[None, :]
    surging = np.zeros(TITLES, dtype=bool)
    surging[rng.choice(np.flatnonzero(usual >= least), PLANTED, replace=False)] = True
    for row in np.flatnonzero(surging):
        pace[row, -int(rng.integers(since[0], since[1] + 1)) :] *= np.exp(rng.uniform(*np.log(times)))
    # A gamma-mixed Poisson, whose variance is mean + mean**2 / 8.
    return rng.poisson(pace * rng.gamma(8.0, 1 / 8, pace.shape)).astype(np.float64), surging


def _trend_of(counts: Floats, window: Window) -> Trend:
    known = np.full(len(counts), HISTORY_DAYS)
    return trend(counts, known, ["movie"] * len(counts), window)


def _growth(counts: Floats) -> Floats:
    """This week over last week."""
    growth: Floats = (counts[:, -7:].sum(axis=1) + 1) / (counts[:, -14:-7].sum(axis=1) + 1)
    return growth


def _z_score(counts: Floats) -> Floats:
    """The day against the 28 days before it."""
    before = counts[:, -29:-1]
    score: Floats = (counts[:, -1] - before.mean(axis=1)) / (before.std(axis=1) + 1e-9)
    return np.where(before.std(axis=1) > 0, score, counts[:, -1] * 1e-9)


def _gravity(counts: Floats) -> Floats:
    """Hacker News: an event counts by its age in hours plus two, to the power of -1.8."""
    hours = 24.0 * np.arange(HISTORY_DAYS - 1, -1, -1) + 12
    gravity: Floats = (counts * (hours + 2) ** -1.8).sum(axis=1)
    return gravity


RANKINGS: Mapping[str, Callable[[Floats], Floats]] = {
    "trend score, day": lambda counts: _trend_of(counts, "day").score,
    "trend score, week": lambda counts: _trend_of(counts, "week").score,
    "events of the day": lambda counts: counts[:, -1],
    "events of the week": lambda counts: counts[:, -7:].sum(axis=1),
    "week-on-week growth": _growth,
    "z-score of the day": _z_score,
    "Hacker News gravity": _gravity,
}
SURGES: Mapping[str, tuple[tuple[float, float], tuple[int, int], float]] = {
    "3 to 10 times, today, from 2 a day": ((3, 10), (1, 1), 2.0),
    "3 to 10 times, 1 to 3 days, from 2 a day": ((3, 10), (1, 3), 2.0),
    "2 to 4 times, 4 to 7 days, from 2 a day": ((2, 4), (4, 7), 2.0),
    "5 to 20 times, 1 to 3 days, from 0.5 a day": ((5, 20), (1, 3), 0.5),
}


def precision(days: int) -> dict[str, dict[str, float]]:
    """Ranking → kind of surge → mean precision among the first 20."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for kind, (times, since, least) in SURGES.items():
        hits: Counter[str] = Counter()
        for seed in range(days):
            counts, surging = simulated(np.random.default_rng((seed, len(kind))), times, since, least)
            for name, ranking in RANKINGS.items():
                first = np.argsort(-ranking(counts), kind="stable")[:PLANTED]
                hits[name] += int(surging[first].sum())
        for name in RANKINGS:
            found[name][kind] = hits[name] / (PLANTED * days)
    return found


def _movielens(data: Path) -> Iterable[tuple[str, date]]:
    with gzip.open(data / "ml-latest-small_movies.csv.gz", "rt", encoding="utf-8", newline="") as file:
        names = {row["movieId"]: row["title"] for row in csv.DictReader(file)}
    with gzip.open(data / "ml-latest-small_ratings.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield names[row["movieId"]], datetime.fromtimestamp(int(row["timestamp"]), UTC).date()


def _rotten_tomatoes(data: Path) -> Iterable[tuple[str, date]]:
    with gzip.open(data / "rt_movie_info.csv.gz", "rt", encoding="utf-8", newline="") as file:
        shown = {row["id"]: row["theater_date"] for row in csv.DictReader(file)}
    with gzip.open(data / "rt_reviews.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            happened = datetime.strptime(row["date"], "%B %d, %Y").replace(tzinfo=UTC).date()
            # A few dates are in 1800.
            if happened.year >= 1990:
                yield f"film {row['id']}, in theatres from {shown.get(row['id']) or 'an unknown day'}", happened


def largest_surges(events: Iterable[tuple[str, date]], number: int) -> list[tuple[date, str, float, float, float]]:
    """The titles with the highest scores of a week: day, title, score, pace, events a day."""
    by_title: dict[str, Counter[date]] = defaultdict(Counter)
    for title, happened in events:
        by_title[title][happened] += 1
    first = min(min(days) for days in by_title.values())
    last = max(max(days) for days in by_title.values())
    titles = sorted(by_title)
    rows = {title: i for i, title in enumerate(titles)}
    counts = np.zeros((len(titles), (last - first).days + 1))
    for title, days in by_title.items():
        for happened, n in days.items():
            counts[rows[title], (happened - first).days] = n
    best: dict[str, tuple[date, str, float, float, float]] = {}
    for end in range(HISTORY_DAYS, counts.shape[1] + 1, 7):
        window = counts[:, end - HISTORY_DAYS : end]
        alive = np.flatnonzero(window.any(axis=1))
        if not len(alive):
            continue
        found = _trend_of(window[alive], "week")
        i = int(found.score.argmax())
        title = titles[alive[i]]
        if title not in best or found.score[i] > best[title][2]:
            day = first + timedelta(days=end - 1)
            best[title] = (day, title, float(found.score[i]), float(found.pace[i]), float(found.recent_rate[i]))
    return sorted(best.values(), key=lambda surge: (-round(surge[2]), -surge[4]))[:number]


def page(days: int, data: Path) -> str:
    """The page."""
    scores = precision(days)
    header = f"| ranking | {' | '.join(SURGES)} |\n|---{'|---' * len(SURGES)}|"
    simulated_rows = [
        f"| {name} | {' | '.join(f'{value:.2f}' for value in by_kind.values())} |" for name, by_kind in scores.items()
    ]
    real = ["| events | day | title | score | at least so many times its pace | events a day |", f"|{'---|' * 6}"]
    for name, events in (("MovieLens ratings", _movielens(data)), ("Rotten Tomatoes reviews", _rotten_tomatoes(data))):
        real += [
            f"| {name} | {day} | {title} | {score:.0f} | {pace:.1f} | {rate:.1f} |"
            for day, title, score, pace, rate in largest_surges(events, 5)
        ]
    return _PAGE.format(
        days=days,
        titles=f"{TITLES:,}",
        planted=PLANTED,
        quietest=_QUIETEST,
        busiest=f"{_BUSIEST:g}",
        simulated="\n".join([header, *simulated_rows]),
        real="\n".join(real),
    )


def main() -> None:
    """Runs the benchmark and writes its page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    text = page(options.days, data_folder())
    sys.stdout.write(text)
    if options.output:
        options.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
