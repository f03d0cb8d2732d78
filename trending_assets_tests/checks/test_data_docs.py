"""Data docs are whole pages for people, without a text, an author or anything that is loaded from elsewhere."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from trending_assets.checks.data_docs import publish_data_docs
from trending_assets.storage.home import Home
from trending_assets.storage.lake import MissingPartitionError
from trending_assets_tests.checks.rows import DAYS, GOOD, land
from trending_assets_tests.checks.test_expectations import all_wrong


class _References(HTMLParser):
    """What a page loads, and what it links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.linked: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if value and name in ("src", "href"):
                (self.linked if tag == "a" else self.loaded).add(value)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The index over good titles of two days, bad reviews and good signals of one."""
    folder = tmp_path_factory.mktemp("home")
    for table, rows in GOOD.items():
        land(folder, table, all_wrong() if table == "reviews" else rows())
    land(folder, "titles", GOOD["titles"](), DAYS[1])
    return publish_data_docs(Home(folder), [*DAYS, "2025-06-09"])


def _pages(index: Path) -> dict[Path, str]:
    return {path: path.read_text() for path in index.parent.rglob("*") if path.is_file()}


def _row(index: Path, table: str) -> list[str]:
    row = next(line for line in index.read_text().splitlines() if f">{table}</a>" in line)
    return [re.sub("<[^>]+>", "", cell) for cell in re.findall("<td>(.*?)</td>", row)]


def test_the_index_says_what_was_found_of_which_days(published: Path) -> None:
    assert published.name == "index.html"
    assert _row(published, "titles") == ["titles", "passed", "14 of 14", "4", "2: 2025-06-02 to 2025-06-03"]
    assert _row(published, "reviews") == ["reviews", "failed", "10 of 15", "3", "1: 2025-06-02 to 2025-06-02"]
    assert _row(published, "stg_signals") == ["stg_signals", "passed", "13 of 13", "3", "1: 2025-06-02 to 2025-06-02"]


def test_every_table_has_its_suite_and_its_results(published: Path) -> None:
    pages = {path.relative_to(published.parent).as_posix(): page for path, page in _pages(published).items()}
    for table in GOOD:
        assert f"expectations/{table}.html" in pages
        (results,) = [page for path, page in pages.items() if path.startswith(f"validations/{table}/")]
        assert "Ratings are from 0 to 10." in results or table != "stg_signals"
        assert ("unexpected values found" in results) is (table == "reviews")


def test_links_lead_to_pages_and_nothing_is_loaded(published: Path) -> None:
    pages = _pages(published)
    assert {path.suffix for path in pages} == {".html"}
    for path, page in pages.items():
        found = _References(page)
        assert found.loaded == set()
        assert "url(" not in page
        assert "<script" not in page
        for link in found.linked:
            parts = urlsplit(link)
            assert not parts.netloc, link
            assert not parts.path or (path.parent / unquote(parts.path)).is_file(), f"{path}: {link}"


def test_no_page_shows_a_text_or_an_author(published: Path) -> None:
    shown = {path: page.lower() for path, page in _pages(published).items()}
    # What failed is shown, by its measure.
    assert any("contacts_in_text" in page and "failed" in page for page in shown.values())
    for page in shown.values():
        assert "bloggs" not in page
        assert "secret plot" not in page


def test_publishing_again_replaces_every_page(tmp_path: Path) -> None:
    for table, rows in GOOD.items():
        land(tmp_path, table, rows())
    before = publish_data_docs(Home(tmp_path), DAYS)
    pages = {path.relative_to(before.parent) for path in _pages(before)}
    land(tmp_path, "reviews", all_wrong())
    after = publish_data_docs(Home(tmp_path), DAYS)
    assert after == before
    assert _row(after, "reviews")[1] == "failed"
    assert len(_pages(after)) == len(pages)
    assert [path.name for path in (tmp_path / ".staging").iterdir()] == ["data-docs.lock"]


def test_without_a_landed_day_nothing_is_published(tmp_path: Path) -> None:
    for table, rows in GOOD.items():
        land(tmp_path, table, rows())
    with pytest.raises(MissingPartitionError, match="titles"):
        publish_data_docs(Home(tmp_path), ["2025-06-09"])
    assert not (tmp_path / "reports").exists()
    assert [path for path in (tmp_path / ".staging").iterdir() if path.is_dir()] == []
