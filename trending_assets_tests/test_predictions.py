"""A file to predict needs kinds, plots and names; years, countries and running times help where it has them."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from serving.batch import BadLineError
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


def _two_rows(path: Path, odd: dict[str, str]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ROW)
        writer.writeheader()
        writer.writerows([ROW | odd, ROW])
    return path


@pytest.mark.parametrize(
    ("fact", "unknown"),
    [
        ({"release_year": "n/a"}, {"year": None}),
        ({"release_year": "999"}, {"year": None}),
        ({"runtime": "1:30"}, {"runtime_minutes": None}),
        ({"runtime": "1e9"}, {"runtime_minutes": None}),
        ({"production_countries": f"['{'x' * 99}']"}, {"countries": []}),
        ({"platform": "x" * 99}, {"platforms": []}),
        ({"title": ""}, {"title": ""}),
        ({"title": "x" * 501}, {"title": ""}),
        (
            {"title": "", "release_year": "soon", "runtime": "long"},
            {"title": "", "year": None, "runtime_minutes": None},
        ),
    ],
)
def test_what_makes_no_sense_is_unknown_and_nothing_else(
    tmp_path: Path, fact: dict[str, str], unknown: dict[str, object]
) -> None:
    left_out: list[str] = []
    (first, odd), (second, sound) = titles_in(_two_rows(tmp_path / "justwatch_new.csv", fact), left_out=left_out)
    assert first == second == "ts1"
    assert odd.model_dump() == sound.model_dump() | unknown
    assert sound.year == 1980
    (said,) = left_out
    assert "row 1" in said


@pytest.mark.parametrize("odd", [{"title": "", "description": ""}, {"type": "OPERA"}, {"id": ""}])
def test_a_row_that_is_no_title_is_named(tmp_path: Path, odd: dict[str, str]) -> None:
    with pytest.raises(BadLineError, match="row 1"):
        list(titles_in(_two_rows(tmp_path / "justwatch_new.csv", odd)))


def test_a_file_without_years_is_read(tmp_path: Path) -> None:
    ((title_id, instance),) = titles_in(_csv(tmp_path / "justwatch_new.csv", "release_year"))
    assert (title_id, instance.year, instance.runtime_minutes) == ("ts1", None, 89)


@pytest.mark.parametrize("name", ["kept_apart.csv", "titles.csv", "evaluation"])
def test_a_file_of_another_name_is_known_by_its_columns(tmp_path: Path, name: str) -> None:
    ((title_id, instance),) = titles_in(_csv(tmp_path / name, "platform"))
    assert (title_id, instance.plot, instance.certificate) == ("ts1", "A ghost ship comes back.", "R")


def test_columns_of_no_known_layout_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="--mapping"):
        list(titles_in(_csv(tmp_path / "kept_apart.csv", "type")))


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
