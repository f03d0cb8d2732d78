"""Tables of an exploration, for people: the same ones on its page and in the asset's metadata."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from html import escape

from trending_assets.domain.catalog.exploration import MEASURES, QUANTILES, Figures
from trending_assets.domain.catalog.taxonomy import GENRES, KINDS

_RECORDS = ("titles", "reviews", "signals")
_OUTCOMES = ("kept", "duplicate", "quarantined")
# More days than this are shown by month.
MOST_DAYS = 120
_MOST_ROWS = 40

Values = Mapping[tuple[str, str | None], float]


@dataclass(frozen=True)
class Shown:
    """A table.

    Attributes:
        title: its heading.
        note: what its figures are, in a sentence.
        header: names of the columns.
        rows: cells as they are to be read; they may hold any text.
    """

    title: str
    note: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self, most: int) -> str:
        """The table in Markdown, with at most so many rows; what is HTML or Markdown in a cell is text."""
        lines = [self.note, "", _line(self.header), f"|{'---|' * len(self.header)}"]
        lines += [_line(map(_literal, row)) for row in self.rows[:most]]
        if len(self.rows) > most:
            lines += ["", f"{len(self.rows) - most} more rows are on the page."]
        return "\n".join(lines)


def periods(figures: Figures) -> dict[str, dict[str, float]]:
    """What arrived by day, or by month where there are more than :data:`MOST_DAYS` days.

    Returns:
        Day or month (``2025-06``) → outcome of documents or kind of record → how many.
    """
    arrivals = [*figures.get("documents", {}).items(), *figures.get("records", {}).items()]
    by_month = len({day for (day, _), _ in arrivals}) > MOST_DAYS
    found: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for (day, part), value in arrivals:
        found[day[:7] if by_month else day][str(part)] += value
    return {period: dict(found[period]) for period in sorted(found)}


def tables_of(figures: Figures) -> list[Shown]:
    """All tables that there are figures for."""
    key_figures = _figures(figures, "totals", "quality")
    languages, event_years = _swapped(figures, "languages"), _swapped(figures, "event years")
    reasons, namesakes = _most(figures, "reasons"), _most(figures, "namesakes")
    tables = [
        _two("Key figures", "All landed days together.", ("figure", "rows"), key_figures),
        _arrivals(figures),
        _missing(figures),
        _genres(figures),
        _together(figures),
        _by_part("Lengths", "Words of a text: this share has no more.", "text", QUANTILES, figures.get("lengths", {})),
        _across("Languages", "Rows by language, ISO 639.", "language", _RECORDS[:2], languages),
        _across("Years", "Titles by year of release or first broadcast.", "year", KINDS, figures.get("years", {})),
        _across("Event years", "Rows by the year in which they happened.", "year", _RECORDS, event_years),
        _two("Ratings", "Reviews by rating from 0 to 10, in halves.", ("from", "reviews"), _by_number(figures)),
        _two("Verdicts", "Reviews by verdict.", ("verdict", "reviews"), _figures(figures, "verdicts")),
        _by_part("Signals", "What is counted, and the numbers.", "signal", MEASURES, figures.get("signals", {})),
        _two("Flags", "Reviews by what speaks against them.", ("flag", "reviews"), _most(figures, "flags")),
        _two("Quarantine", "Documents by the reason, without what it quotes.", ("reason", "documents"), reasons),
        _two("Namesakes", "Names that several titles of a kind and year share.", ("name", "titles"), namesakes),
    ]
    return [table for table in tables if table.rows]


def _figures(figures: Figures, *sections: str) -> list[tuple[str, float]]:
    return [(key, value) for section in sections for (key, _), value in figures.get(section, {}).items()]


def _by_number(figures: Figures) -> list[tuple[str, float]]:
    return sorted(_figures(figures, "ratings"), key=lambda row: float(row[0]))


def _most(figures: Figures, section: str) -> list[tuple[str, float]]:
    return sorted(_figures(figures, section), key=lambda row: -row[1])[:_MOST_ROWS]


def _swapped(figures: Figures, section: str) -> Values:
    return {(str(part), key): value for (key, part), value in figures.get(section, {}).items()}


def _two(title: str, note: str, header: tuple[str, str], rows: Iterable[tuple[str, float]]) -> Shown:
    return Shown(title, note, header, tuple((key, _number(value)) for key, value in rows))


def _by_part(title: str, note: str, key: str, parts: Iterable[str], values: Values) -> Shown:
    names, parts = dict.fromkeys(name for name, _ in values), tuple(parts)
    rows = tuple((name, *(_number(values.get((name, part), 0)) for part in parts)) for name in names)
    return Shown(title, note, (key, *parts), rows)


def _across(title: str, note: str, key: str, parts: Iterable[str], values: Values) -> Shown:
    return _by_part(title, note, key, parts, dict(sorted(values.items(), key=lambda item: item[0][0])))


def _arrivals(figures: Figures) -> Shown:
    rows = tuple(
        (period, *(_number(counts.get(part, 0)) for part in (*_OUTCOMES, *_RECORDS)))
        for period, counts in periods(figures).items()
    )
    header = ("arrived", *(f"documents {outcome}" for outcome in _OUTCOMES), *_RECORDS)
    return Shown("Arrivals", "Documents by what became of them, and the records read from them.", header, rows)


def _missing(figures: Figures) -> Shown:
    rows = tuple((kind, str(column), f"{share:.1%}") for (kind, column), share in figures.get("missing", {}).items())
    return Shown("Missing fields", "Share of the rows in which a field is empty.", ("record", "field", "missing"), rows)


def _genres(figures: Figures) -> Shown:
    titles = figures.get("totals", {}).get(("titles", None), 0)
    having, known = figures.get("genres together", {}), figures.get("genre known", {})
    rows = []
    for genre in GENRES if titles else ():
        count, of = having.get((genre, genre), 0), known.get((genre, None), 0)
        share = f"{count / of:.1%}" if of else "unknown"
        rows.append((genre, _number(count), share, _number(titles - of)))
    note = "Rows of titles that have a genre, their share of those that can have it, and those of which it is unknown."
    return Shown("Genres", note, ("genre", "titles", "share", "unknown"), tuple(rows))


def _together(figures: Figures) -> Shown:
    values = figures.get("genres together", {})
    found = [genre for genre in GENRES if values.get((genre, genre), 0)]
    rows = tuple((genre, *(_number(values.get((genre, other), 0)) for other in found)) for genre in found)
    return Shown("Genres together", "Rows of titles that have both genres.", ("genre", *found), rows)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _literal(cell: str) -> str:
    text = " ".join(escape(cell, quote=False).split())
    return "".join(f"\\{letter}" if letter in "\\`*_[]|" else letter for letter in text)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
