"""The page of an exploration: one HTML file that loads nothing and runs nothing, whatever the data hold."""

import base64
from collections.abc import Iterable, Mapping
from html import escape

from trending_assets.domain.catalog.exploration_plots import Plot
from trending_assets.domain.catalog.exploration_tables import Shown

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="referrer" content="no-referrer">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1c2333; max-width: 1100px; margin: 2em auto; padding: 0 1em }}
h1, h2, h3 {{ line-height: 1.25 }}
section {{ margin: 2.5em 0 }}
.scroll {{ max-height: 32em; overflow: auto }}
table {{ border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }}
th, td {{ border: 1px solid #d5dae5; padding: 2px 8px; text-align: left; overflow-wrap: anywhere }}
th {{ background: #f1f4f9 }}
img {{ max-width: 100% }}
nav a {{ margin-right: 1em }}
</style>
</head>
"""


def page_of(name: str, tables: Iterable[Shown], plots: Mapping[str, Plot], card: str) -> str:
    """A source's page.

    Args:
        name: the source's name for people.
        tables: its tables; their cells are shown as text.
        plots: title → plot; shown beside the table of that title, or by themselves.
        card: the data card in Markdown; HTML in it is shown as text.
    """
    title = f"Exploration: {name}"
    shown = list(tables)
    left = dict(plots)
    sections = [(table.title, _image(table.title, left.pop(table.title, None)) + _table(table)) for table in shown]
    sections = [(heading, _image(heading, plot)) for heading, plot in left.items()] + sections
    sections.append(("Data card", _rendered(card)))
    links = " ".join(f'<a href="#{_anchor(heading)}">{escape(heading)}</a>' for heading, _ in sections)
    body = "\n".join(
        f'<section id="{_anchor(heading)}">\n<h2>{escape(heading)}</h2>\n{content}\n</section>'
        for heading, content in sections
    )
    head = _HEAD.format(title=escape(title))
    return f"{head}<body>\n<h1>{escape(title)}</h1>\n<nav>{links}</nav>\n{body}\n</body>\n</html>\n"


def _anchor(heading: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in heading.lower())


def _image(title: str, plot: Plot | None) -> str:
    if plot is None:
        return ""
    # Within an image an SVG can neither run nor load anything.
    content = base64.b64encode(plot.svg.encode()).decode()
    return f'<p><img alt="{escape(title)}" src="data:image/svg+xml;base64,{content}"></p>\n'


def _table(table: Shown) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    rows = "\n".join(line(row, "td") for row in table.rows)
    note = f"<p>{escape(table.note)}</p>"
    return f'{note}\n<div class="scroll"><table>\n{line(table.header, "th")}\n{rows}\n</table></div>'


def _rendered(markdown: str) -> str:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return str(reader.render(markdown))
