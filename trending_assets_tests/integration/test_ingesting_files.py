"""A folder of files lands by one command: what no mapping is for is left out aloud, and every row is accounted for."""

import re
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets_tests.ingest.archive_samples import LINKS, MINIATURES, file
from trending_assets_tests.integration.test_cli import failed, trending

_TAKEN = ("imdb_reviews", "justwatch", "movielens", "rt_reviews")
_DATED = "2017-11-16"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("a home")


@pytest.fixture(scope="module")
def landed(home: Path, tmp_path_factory: pytest.TempPathFactory) -> CompletedProcess[str]:
    """What the command says of a folder with four catalogues, two files to skip and one that nothing is known of."""
    folder = tmp_path_factory.mktemp("files of mine")
    for name in _TAKEN:
        file(folder, *MINIATURES[name])
    file(folder, *LINKS)
    file(folder, "rt_movie_info.csv", "id,synopsis\n1,A film.\n")
    file(folder, "prices.csv", "item,price\nrope,3\n")
    return trending(home, "ingest", "archive", str(folder))


def test_each_file_is_taken_or_left_out_with_the_reason(landed: CompletedProcess[str]) -> None:
    assert landed.returncode == 0, landed.stderr
    for line in (
        "justwatch_titles.csv: 2 rows by the mapping justwatch, of 1 day",
        "ml-tiny_links.csv: left out: its ids are joined",
        "prices.csv: no mapping is for it, left out",
        "rt_movie_info.csv: left out: it describes films without naming them",
        "rt_reviews.csv: 2 rows by the mapping rt_reviews, of 2 days",
    ):
        assert line in landed.stdout


def test_days_that_lie_years_apart_land_without_the_years_between(landed: CompletedProcess[str], home: Path) -> None:
    assert f"landing 1 day from {_DATED} to {_DATED}" in landed.stdout
    assert len(Lake(Home(home).lake).days("raw/archive")) == 2


def test_every_row_is_read_kept_or_quarantined(landed: CompletedProcess[str]) -> None:
    rows = dict(re.findall(r"│ (\w+) +│((?: +\d+ │){6})", landed.stdout))
    counts = {name: [int(number) for number in re.findall(r"\d+", row)] for name, row in rows.items()}
    # Of each catalogue: read, kept, duplicates, quarantined, titles, merged.
    assert counts == {
        "imdb_reviews": [2, 2, 0, 0, 0, 0],
        "justwatch": [2, 2, 0, 0, 2, 0],
        "movielens": [2, 2, 0, 0, 2, 0],
        "rotten_tomatoes": [2, 1, 0, 1, 0, 0],
    }
    assert "rotten_tomatoes: 1 quarantined: date: " in landed.stdout


def test_a_title_is_as_good_as_all_its_ratings_together(landed: CompletedProcess[str], home: Path) -> None:
    lake = Lake(Home(home).lake)
    titles = {row["title_id"]: row for row in lake.read("catalog_snapshot").to_pylist()}
    reviews = [row for day in lake.days("reviews") for row in lake.read("reviews", day).to_pylist()]
    first, second = (row["rating"] for row in reviews if row["title_id"] == "tt0000011")
    [other] = [row["rating"] for row in reviews if row["title_id"] != "tt0000011"]
    # 1,200 voters at 7.5 and two who wrote; of the one other title that anybody rated, one critic.
    points, rated = 1200 * 7.5 + first + second, titles["tt0000011"]
    mean_title = (points / 1202 + other) / 2
    assert rated["audience_ratings"] == 1202
    assert rated["audience_rating"] == pytest.approx((points + 25 * mean_title) / (1202 + 25))
    assert rated["rating_mean"] == pytest.approx((first + second) / 2)
    unrated = next(row for row in titles.values() if row["title"] == "Harbour")
    assert (unrated["audience_ratings"], unrated["audience_rating"]) == (0, None)


def test_a_folder_that_nothing_is_taken_from_is_a_fault(tmp_path: Path) -> None:
    file(tmp_path, "prices.csv", "item,price\nrope,3\n")
    assert "no file was taken in" in failed(trending(tmp_path / "home", "ingest", "archive", str(tmp_path)))
