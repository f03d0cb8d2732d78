"""Records of two catalogues become one title, how well that is known, and a wrong match is undone for good."""

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from trending_assets.identities import NoSuchMatchError, show_identity, undo_match
from trending_assets.ingest.archive import files_of
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.registry import source_named
from trending_assets.storage.home import Home
from trending_assets_tests.ingest.archive_samples import MAPPING, file, film, written
from trending_assets_tests.integration.homes import SmallHome

_TODAY = datetime.now(UTC).date().isoformat()
_DAY = "2024-05-06"
_ID = 'imdb_id = "imdb"'
_COLUMNS = ("id", "type", "name", "year", "genres", "about", "added", "imdb")
_FILMS = (
    ("1", "The Lamp", "1987", "tt0000011"),
    ("2", "Harbour", "1988", "tt0000012"),
    ("3", "Heat", "1995", "tt0000013"),
)


def _catalogue(folder: Path, name: str, imdb: bool) -> None:
    """A catalogue of the films, with or without their IMDb ids."""
    mapping = MAPPING.replace('"my_films"', f'"{name}"').replace('"mine"', f'"{name}"').replace("films*", f"{name}*")
    file(folder, f"{name}.toml", mapping.replace('plot = "about"', f'plot = "about"\n{_ID}'))
    rows = [
        film(id=number, name=title, year=year, added=_DAY, about=f"A film of {name}.") | {"imdb": known if imdb else ""}
        for number, title, year, known in _FILMS
    ]
    file(folder, f"{name}.csv", written(rows, "csv", _COLUMNS))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    """A home with three catalogues: two with IMDb ids, and one whose records are found by name."""
    folder, files = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("files")
    inbox = ArchiveInbox(Home(folder).archive)
    home = SmallHome(folder, others={"archive": inbox})
    for name, imdb in (("first", True), ("second", True), ("third", False)):
        _catalogue(files, name, imdb)
        for path, mapping in files_of(files / f"{name}.csv", str(files / f"{name}.toml")):
            assert mapping is not None
            inbox.add(path, mapping, datetime.fromisoformat(_DAY).date())
    home.ingest(source_named("archive"), [_DAY])
    return home


def _said(home: SmallHome, title_id: str) -> str:
    said = io.StringIO()
    show_identity(Home(home.folder), Console(file=said, width=200), title_id)
    return said.getvalue()


def _catalog(home: SmallHome) -> dict[str, set[str]]:
    rows = home.lake.read("catalog_snapshot").to_pylist()
    return {row["title_id"]: {f"{s['source']}:{s['source_id']}" for s in row["sources"]} for row in rows}


def test_records_with_known_ids_say_how_well_names_would_find_them(home: SmallHome) -> None:
    rows = {(row["source"], row["rule"]): row for row in home.lake.read("identity_quality").to_pylist()}
    assert {source for source, _ in rows} == {"first", "second"}
    whole = rows["first", None]
    assert [whole[name] for name in ("labelled", "in_catalogue", "matched", "right")] == [3, 3, 3, 3]
    assert (whole["precision"], whole["recall"]) == (1.0, 1.0)
    assert rows["first", "name and year"]["recall"] is None


def test_a_match_is_undone_from_that_day_on_and_history_stays(home: SmallHome) -> None:
    together = {"first:1", "second:1", "third:1"}
    assert _catalog(home)["tt0000011"] == together
    before = home.lake.sha256("title_identity", _DAY)
    with pytest.raises(NoSuchMatchError, match="trending identity show tt0000012"), home.instance() as instance:
        undo_match(home.pipeline(instance), "third:1", "tt0000012", "a slip")
    with home.instance() as instance:
        undo_match(home.pipeline(instance), "third:1", "tt0000011", "a remake of that year")
    assert _catalog(home)["tt0000011"] == together - {"third:1"}
    assert _catalog(home)["third:1"] == {"third:1"}
    assert home.lake.sha256("title_identity", _DAY) == before
    assert [row["source_id"] for row in home.lake.read("title_identity", _TODAY).to_pylist()] == ["1"]
    (trace,) = home.lake.read("undone_matches").to_pylist()
    assert (trace["source"], trace["source_id"], trace["title_id"]) == ("third", "1", "tt0000011")
    assert trace["reason"] == "a remake of that year"
    # What arrives later is not joined again.
    home.ingest(source_named("archive"), [_DAY])
    assert _catalog(home)["third:1"] == {"third:1"}


def test_a_title_says_which_records_speak_of_it(home: SmallHome) -> None:
    said = _said(home, "tt0000012")
    for record, method in (("first:2", "imdb id"), ("second:2", "imdb id"), ("third:2", "name and year")):
        (line,) = (line for line in said.splitlines() if record in line)
        assert method in line
    with pytest.raises(NoSuchMatchError, match="tt9999999"):
        _said(home, "tt9999999")
