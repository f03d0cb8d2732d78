"""Plots of an exploration: what is easier to look at than to read. They show figures and slugs, and no text."""

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trending_assets.domain.catalog.exploration import LENGTHS, Figures
from trending_assets.domain.catalog.exploration_tables import periods
from trending_assets.domain.catalog.taxonomy import GENRES

if TYPE_CHECKING:
    import altair as alt

_RECORDS = ("titles", "reviews", "signals")
_WIDTH = 560
_COLOURS = 64


@dataclass(frozen=True)
class Plot:
    """A plot as a PNG and as an SVG, which load nothing from anywhere."""

    png: bytes
    svg: str


def plots_of(figures: Figures) -> dict[str, Plot]:
    """Title → plot, of all plots that there are figures for; the same figures give the same images."""
    charts = {
        "Arrivals": _arrivals(figures),
        "Missing fields": _missing(figures),
        "Genres together": _together(figures),
        "Lengths": _lengths(figures),
        "Years and ratings": _years_and_ratings(figures),
    }
    return {title: _drawn(chart) for title, chart in charts.items() if chart is not None}


def _drawn(chart: "alt.Chart | alt.HConcatChart") -> Plot:
    import vl_convert

    svg = vl_convert.vegalite_to_svg(json.dumps(chart.to_dict()))
    return Plot(_small(vl_convert.svg_to_png(svg)), svg)


def _small(png: bytes) -> bytes:
    """The same image with a palette: a plot has few colours, and the UI keeps every one that it was ever given."""
    from PIL import Image

    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(_COLOURS).save(small, format="PNG", optimize=True)
    return small.getvalue()


def _chart(rows: list[dict[str, Any]]) -> "alt.Chart":
    import altair as alt

    return alt.Chart(alt.InlineData(values=rows)).properties(width=_WIDTH)


def _colours(field: str, names: tuple[str, ...]) -> "alt.Color":
    import altair as alt

    return alt.Color(f"{field}:N", title=None, scale=alt.Scale(domain=list(names), scheme="tableau10"))


def _arrivals(figures: Figures) -> "alt.Chart | None":
    import altair as alt

    rows: list[dict[str, Any]] = [
        {"arrived": period, "record": record, "rows": counts[record]}
        for period, counts in periods(figures).items()
        for record in _RECORDS
        if counts.get(record)
    ]
    if not rows:
        return None
    unit = "utcyearmonth" if len(rows[0]["arrived"]) == len("2025-06") else "utcyearmonthdate"
    chart: alt.Chart = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=alt.X(f"{unit}(arrived):T", title="arrived"),
            y=alt.Y("rows:Q", title="rows"),
            color=_colours("record", _RECORDS),
        )
        .properties(height=200)
    )
    return chart


def _missing(figures: Figures) -> "alt.Chart | None":
    import altair as alt

    rows = [
        {"field": f"{record}.{column}", "record": record, "missing": share}
        for record in _RECORDS
        for (kind, column), share in figures.get("missing", {}).items()
        if kind == record
    ]
    if not rows:
        return None
    chart: alt.Chart = (
        _chart(rows)
        .mark_bar()
        .encode(
            x=alt.X("missing:Q", title="share of rows", axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])),
            y=alt.Y("field:N", title=None, sort=None),
            color=_colours("record", _RECORDS),
        )
    )
    return chart


def _together(figures: Figures) -> "alt.Chart | None":
    import altair as alt

    counts = figures.get("genres together", {})
    rows = [
        {"genre": genre, "with": other, "share": counts.get((genre, other), 0) / counts[genre, genre]}
        for genre in GENRES
        if counts.get((genre, genre))
        for other in GENRES
        if other != genre
    ]
    if not rows:
        return None
    chart: alt.Chart = (
        _chart(rows)
        .mark_rect()
        .encode(
            x=alt.X("with:N", title="has also", sort=list(GENRES)),
            y=alt.Y("genre:N", title="of the titles with", sort=list(GENRES)),
            color=alt.Color("share:Q", title="share", legend=alt.Legend(format="%"), scale=alt.Scale(scheme="blues")),
        )
        .properties(width=400, height=400)
    )
    return chart


def _lengths(figures: Figures) -> "alt.HConcatChart | None":
    import altair as alt

    bars = figures.get("length histogram", {})
    edges = [str(edge) for edge in LENGTHS]
    charts = [
        _chart([{"words": edge, "texts": bars.get((text, edge), 0)} for edge in edges])
        .mark_bar()
        .encode(x=alt.X("words:O", title="words from", sort=edges), y=alt.Y("texts:Q", title=text))
        .properties(width=_WIDTH / 2 - 30, height=180)
        for text in sorted({text for text, _ in bars})
    ]
    return alt.hconcat(*charts) if charts else None


def _years_and_ratings(figures: Figures) -> "alt.HConcatChart | None":
    import altair as alt

    years = [{"year": int(y), "kind": k, "titles": n} for (y, k), n in figures.get("years", {}).items()]
    ratings = [{"rating": float(r), "reviews": n} for (r, _), n in figures.get("ratings", {}).items()]
    charts = []
    if years:
        bins = alt.X("year:Q", bin=alt.Bin(step=5), title="year", axis=alt.Axis(format="d"))
        by_year = _chart(years).mark_bar().encode(bins, alt.Y("sum(titles):Q", title="titles"))
        charts.append(by_year.encode(color=_colours("kind", ("movie", "show"))))
    if ratings:
        halves = alt.X("rating:Q", bin=alt.Bin(step=0.5, extent=[0, 10.5]), title="rating")
        charts.append(_chart(ratings).mark_bar().encode(halves, alt.Y("sum(reviews):Q", title="reviews")))
    sized = [chart.properties(width=_WIDTH / 2 - 30, height=180) for chart in charts]
    return alt.hconcat(*sized) if sized else None
