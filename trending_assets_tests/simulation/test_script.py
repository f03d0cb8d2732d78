"""What lands on which day of a simulation."""

from pathlib import Path

import pandas as pd
import pytest

from trending_assets.ingest.archive_mappings import load_mapping
from trending_assets.simulation import script
from trending_assets.simulation.script import Data, Landing, MissingDataError, Plan, landings
from trending_assets_tests.simulation.data import FAVOURITE, WEEKS, write_data

_DAYS = 13


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written = tmp_path / "data"
    written.mkdir()
    return write_data(written)


@pytest.fixture
def landed(folder: Path, tmp_path: Path) -> list[Landing]:
    return list(landings(Data.read(folder), Plan.of(_DAYS), tmp_path / "staging"))


def _read(landing: Landing, name: str) -> pd.DataFrame:
    # Files keep their names, which a mapping is found by, though they are not compressed.
    [path] = [path for path in landing.files if path.name == name]
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.mark.parametrize("days", [12, 13, 20, 60, 365])
def test_everything_that_is_planted_has_days_of_its_own(days: int) -> None:
    plan = Plan.of(days)
    planted = [plan.catalogue, *plan.drift, *plan.surge, plan.spoilt]
    assert len(plan.days) == days
    assert len(set(planted)) == len(planted)
    assert planted == sorted(planted)
    assert plan.days[0] < plan.catalogue < plan.drift[0] < plan.surge[0] < plan.spoilt < plan.days[-1]


def test_too_few_days_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 12 days"):
        Plan.of(11)


def test_a_day_replays_a_week_of_ratings_and_the_last_day_the_last_week(landed: list[Landing]) -> None:
    people = [_read(landing, script.RATINGS)["userId"].astype(int) for landing in landed]
    assert [set(users[users < WEEKS]) for users in people] == [{_DAYS - 1 - n} for n in range(_DAYS)]
    ratings = _read(landed[0], script.RATINGS)
    assert pd.to_datetime(ratings["timestamp"].astype(int), unit="s").dt.date.tolist() == [landed[0].day] * 2


def test_what_is_planted_lands_on_its_days_alone(landed: list[Landing]) -> None:
    plan = Plan.of(_DAYS)
    of_day = {landing.day: landing for landing in landed}
    assert {day for day, landing in of_day.items() if landing.planted} == {
        plan.catalogue,
        *plan.drift,
        *plan.surge,
        plan.spoilt,
    }
    # On the first day a fifth of the catalogue is there, and one title comes each day.
    sizes = {plan.days[0]: 13, plan.catalogue: 16, plan.spoilt: 19}
    for day, landing in of_day.items():
        rated = _read(landing, script.RATINGS)["movieId"].tolist().count(str(FAVOURITE))
        assert rated == (26 if day in plan.surge else 1)
        assert len(_read(landing, script.CATALOGUE)) == sizes.get(day, 1)
        assert (script.LONG_PLOTS in {path.name for path in landing.files}) == (day in plan.drift)
    assert script.FILMS in {path.name for path in landed[0].files}


def test_no_title_lands_twice(landed: list[Landing]) -> None:
    titles = pd.concat([_read(landing, script.CATALOGUE) for landing in landed])
    assert titles["id"].is_unique


def test_nobody_rates_a_film_twice(landed: list[Landing]) -> None:
    ratings = pd.concat([_read(landing, script.RATINGS) for landing in landed])
    assert not ratings.duplicated(["userId", "movieId"]).any()


def test_the_spoilt_titles_alone_have_the_genres_of_others(landed: list[Landing]) -> None:
    for landing in landed:
        titles = _read(landing, script.CATALOGUE)
        wrong = [row.id for row in titles.itertuples() if row.genres != f"['g{str(row.id).removeprefix('tm')}']"]
        if landing.day == Plan.of(_DAYS).spoilt:
            assert len(wrong) == 18
            assert sorted(titles["genres"]) == sorted(f"['g{each.removeprefix('tm')}']" for each in titles["id"])
        else:
            assert wrong == []


def test_each_file_has_the_name_of_a_mapping_that_is_shipped(landed: list[Landing]) -> None:
    for landing in landed:
        for path, mapping in landing.files.items():
            assert load_mapping(mapping).name == mapping
            assert path.is_file()


def test_the_film_that_surges_has_an_imdb_id(folder: Path) -> None:
    data = Data.read(folder)
    assert data.most_rated(_DAYS) == FAVOURITE
    assert data.imdb_id(FAVOURITE) == "tt0040746"


def test_the_folder_around_them_may_be_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "around").mkdir()
    (tmp_path / "around" / "bench").symlink_to(folder)
    assert Data.read(tmp_path / "around").titles.equals(Data.read(folder).titles)


def test_files_that_are_missing_are_named(folder: Path) -> None:
    (folder / script.RATINGS).unlink()
    (folder / script.LINKS).unlink()
    with pytest.raises(MissingDataError, match=f"{script.RATINGS}, {script.LINKS}"):
        Data.read(folder)
