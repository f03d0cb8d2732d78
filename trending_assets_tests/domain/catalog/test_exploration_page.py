"""The page and the plots of an exploration: complete, small, and harmless whatever the data hold."""

import base64
import io
import re
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from PIL import Image
from selectolax.lexbor import LexborHTMLParser

from trending_assets.domain.catalog.exploration import Figures, explore, figures_of
from trending_assets.domain.catalog.exploration_page import page_of
from trending_assets.domain.catalog.exploration_plots import Plot, plots_of
from trending_assets.domain.catalog.exploration_tables import MOST_DAYS, Shown, periods, tables_of
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets_tests.domain.catalog.parsed_rows import DAY, kept, parsed, review, signal, title

_HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "![x](http://evil.example/p.png)",
    "[x](javascript:alert(1))",
    "a | b\n| c",
    "</style></title>",
)


def _figures(days: int) -> Figures:
    def day(i: int) -> str:
        return (date(2000, 1, 1) + timedelta(days=i)).isoformat()

    titles = [
        title(
            str(i), genres=list(GENRES[i % 3 : i % 17 + 1]), label_coverage=list(GENRES), plot="w " * i, year=1900 + i
        )
        for i in range(120)
    ]
    reviews = [review(f"r{i}", "w " * (i + 1), rating=i % 21 / 2) for i in range(100)]
    rows = parsed(kept(titles, reviews, [signal("views", 1)]), kept(outcome="quarantined", reason="no title"))
    return figures_of(explore((day(i), rows) for i in range(days)))


@pytest.fixture(scope="module")
def figures() -> Figures:
    """Figures of a source that gives everything."""
    return _figures(3)


@pytest.fixture(scope="module")
def plots(figures: Figures) -> dict[str, Plot]:
    """Its plots."""
    return plots_of(figures)


def test_there_are_five_plots_which_metadata_can_hold(plots: dict[str, Plot]) -> None:
    assert list(plots) == ["Arrivals", "Missing fields", "Genres together", "Lengths", "Years and ratings"]
    for plot in plots.values():
        assert len(base64.b64encode(plot.png)) < 60_000
        image = Image.open(io.BytesIO(plot.png))
        assert image.width > 300
        assert len(image.convert("RGB").getcolors() or ()) > 3, "it shows something"


def test_years_of_days_make_no_larger_plots() -> None:
    many = _figures(400)
    assert len(plots_of(many)["Arrivals"].png) < 40_000
    assert len(periods(many)) == 14
    assert periods(many)["2000-02"]["titles"] == 29 * 120


def test_days_are_days_until_there_are_too_many() -> None:
    assert set(periods(_figures(2))) == {"2000-01-01", "2000-01-02"}
    assert len(periods(_figures(MOST_DAYS))) == MOST_DAYS


def test_the_same_figures_give_the_same_images(figures: Figures, plots: dict[str, Plot]) -> None:
    again = plots_of(figures)
    assert {name: plot.png for name, plot in again.items()} == {name: plot.png for name, plot in plots.items()}
    assert len({plot.png for plot in plots.values()}) == len(plots)


def test_a_source_without_titles_has_no_plots_of_titles() -> None:
    figures = figures_of(explore([(DAY, parsed(kept(signals=[signal("views", 1)])))]))
    assert list(plots_of(figures)) == ["Arrivals", "Missing fields"]
    assert not {table.title for table in tables_of(figures)} & {"Genres", "Genres together", "Years", "Lengths"}


def test_a_source_of_nothing_has_no_plots() -> None:
    assert plots_of(figures_of(explore([(DAY, parsed())]))) == {}


def test_the_page_has_every_table_every_plot_and_the_card(figures: Figures, plots: dict[str, Plot]) -> None:
    tables = tables_of(figures)
    page = LexborHTMLParser(page_of("Toy", tables, plots, "# Data card\n\n| a |\n|---|\n| b |\n"))
    headings = [node.text() for node in page.css("h2")]
    assert sorted(headings) == sorted({table.title for table in tables} | set(plots) | {"Data card"})
    assert len(page.css("img")) == len(plots)
    assert len(page.css("section table")) == len(tables) + 1
    rows = sum(len(table.rows) + 1 for table in tables)
    assert len(page.css("div.scroll tr")) == rows
    linked = {str(node.attributes["href"])[1:] for node in page.css("nav a")}
    assert linked == {node.attributes["id"] for node in page.css("section")}


def _loads(page: str) -> list[str]:
    """What a browser would run, or fetch of another place, when it opens a page."""
    tree = LexborHTMLParser(page)
    found = [node.tag or "" for node in tree.css("script, link, iframe, object, embed, base, svg, form, audio, video")]
    for node in tree.css("*"):
        for name, value in node.attributes.items():
            if name.startswith("on") or (name in ("src", "srcset") and not str(value).startswith("data:")):
                found.append(f"{name}={value}")
            if name == "href" and not re.match(r"#|https?://", str(value)):
                found.append(f"{name}={value}")
    return found + re.findall(r"url\(|@import", page)


@pytest.mark.parametrize("hostile", _HOSTILE)
def test_hostile_text_is_shown_as_text(hostile: str, plots: dict[str, Plot]) -> None:
    titles = [title(str(i), title=hostile, year=1999) for i in (1, 2)]
    rows = parsed(kept(titles, signals=[signal(hostile, 1)]), kept(outcome="quarantined", reason=hostile))
    tables = tables_of(figures_of(explore([(DAY, rows)])))
    page = page_of(hostile, tables, plots, f"# {hostile}\n\n{hostile}\n")
    assert _loads(page) == []
    cells = " ".join(node.text() for node in LexborHTMLParser(page).css("td"))
    assert f"{hostile} (movie, 1999)" in cells
    assert "default-src 'none'" in page


def test_what_would_load_something_is_seen() -> None:
    assert _loads("<img src=x onerror=y><a href='javascript:z'>") == ["src=x", "onerror=y", "href=javascript:z"]


_CELLS = st.sampled_from(_HOSTILE) | st.text(
    st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Z")), max_size=20
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_CELLS, _CELLS), min_size=1, max_size=4))
def test_a_table_in_markdown_keeps_its_shape_and_its_text(rows: list[tuple[str, str]]) -> None:
    markdown = Shown("Table", "A note.", ("one", "two"), tuple(rows)).markdown(3)
    html = MarkdownIt("commonmark").enable("table").render(markdown)
    assert _loads(html) == []
    cells = [" ".join(node.text().split()) for node in LexborHTMLParser(html).css("td")]
    assert cells == [" ".join(cell.split()) for row in rows[:3] for cell in row]
    assert ("more rows" in markdown) == (len(rows) > 3)
