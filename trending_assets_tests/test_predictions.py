"""A file to predict needs names and plots; countries and running times help where it has them."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from trending_assets.ingest.archive_files import ArchiveError
from trending_assets.predictions import titles_in

ROW = {
    "id": "ts1",
    "title": "The Fog",
    "type": "MOVIE",
    "description": "A ghost ship comes back.",
    "release_year": "1980",
    "production_countries": "['US', 'GB']",
    "runtime": "89",
    "age_certification": "R",
    "seasons": "",
    "platform": "netflix",
}


def _csv(path: Path, *without: str) -> Path:
    row = {name: value for name, value in ROW.items() if name not in without}
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, row)
        writer.writeheader()
        writer.writerow(row)
    return path


@pytest.mark.parametrize(
    ("without", "countries", "minutes", "rated", "platforms"),
    [
        ((), ["US", "GB"], 89, "R", ["netflix"]),
        (("runtime",), ["US", "GB"], None, "R", ["netflix"]),
        (("production_countries",), [], 89, "R", ["netflix"]),
        (("age_certification",), ["US", "GB"], 89, None, ["netflix"]),
        (("platform",), ["US", "GB"], 89, "R", []),
        (("runtime", "production_countries", "age_certification", "platform"), [], None, None, []),
    ],
)
def test_what_a_file_lacks_is_unknown(
    tmp_path: Path,
    without: tuple[str, ...],
    countries: list[str],
    minutes: int | None,
    rated: str | None,
    platforms: list[str],
) -> None:
    ((title_id, instance),) = titles_in(_csv(tmp_path / "justwatch_new.csv", *without))
    assert (title_id, instance.title, instance.year) == ("ts1", "The Fog", 1980)
    assert (instance.countries, instance.runtime_minutes, instance.certificate) == (countries, minutes, rated)
    assert instance.platforms == platforms


@pytest.mark.parametrize("fact", [{"runtime": "1:30"}, {"runtime": "1e9"}, {"production_countries": f"['{'x' * 99}']"}])
def test_a_fact_that_makes_no_sense_is_unknown(tmp_path: Path, fact: dict[str, str]) -> None:
    path = tmp_path / "justwatch_new.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerows([ROW | fact, ROW])
    (_, odd), (_, sound) = titles_in(path)
    assert (odd.title, odd.countries, odd.runtime_minutes) == ("The Fog", [], None)
    assert (sound.countries, sound.runtime_minutes) == (["US", "GB"], 89)


def test_a_file_without_plots_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="description"):
        list(titles_in(_csv(tmp_path / "justwatch_new.csv", "description")))


def test_json_lines_hold_what_the_api_takes(tmp_path: Path) -> None:
    path = tmp_path / "titles.jsonl.gz"
    row = {"title_id": "t1", "title": "The Fog", "kind": "movie", "countries": ["US"], "runtime_minutes": 89}
    with gzip.open(path, "wt") as file:
        file.write(json.dumps(row) + "\n")
    ((title_id, instance),) = titles_in(path)
    assert (title_id, instance.countries, instance.runtime_minutes, instance.year) == ("t1", ["US"], 89, None)
