"""Exploration: what a source's records are like before anyone models them.

All figures are in one table in long form. They are counted column by column and a day at a time, and hold
neither a text nor anything about an author; names of titles appear only where many titles share one.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trending_assets.domain.catalog.records import REVIEW, SIGNAL, TITLE, Column, Record
from trending_assets.domain.catalog.taxonomy import GENRES

EXPLORATION = Record(
    "exploration",
    "Figures of a source's records over all landed days.",
    (
        Column("section", pa.string(), "What is looked at, such as `missing` or `languages`."),
        Column("key", pa.string(), "What is counted."),
        Column("part", pa.string(), "Which part of that, where it has parts.", nullable=True),
        Column("value", pa.float64(), "The count, share, length or number."),
    ),
)

_RECORDS: Mapping[str, Record] = {"titles": TITLE, "reviews": REVIEW, "signals": SIGNAL}
# Empty in most records, which says nothing against them.
_RARE = {"flags", "matches", "near_duplicate_of"}
# Kind of record → the columns that a source may leave empty.
MAY_BE_MISSING: Mapping[str, tuple[str, ...]] = {
    name: tuple(
        column.name
        for column in record.columns
        if (column.nullable or pa.types.is_list(column.type) or column.name == "text") and column.name not in _RARE
    )
    for name, record in _RECORDS.items()
}
_TEXTS = {"titles": ("plots", "plot"), "reviews": ("reviews", "text")}
QUANTILES = {"smallest": 0.0, "5 %": 0.05, "25 %": 0.25, "median": 0.5, "75 %": 0.75, "95 %": 0.95, "largest": 1.0}
# Words from which on a text is in a bar of the histogram.
LENGTHS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
MEASURES = ("rows", "smallest", "mean", "largest")
_NAMESAKES = 10
# What a reason quotes is input, which may be long, hostile or personal.
_QUOTED = re.compile(r"""(['"]).*\1|\d+(?:[.,]\d+)*""", re.DOTALL)
_LONGEST_REASON = 160
# Documents that are counted at once: counting a few costs as much as counting thousands.
_BATCH = 20_000

Figures = Mapping[str, Mapping[tuple[str, str | None], float]]


def explore(days: Iterable[tuple[str, pa.Table]]) -> pa.Table:
    """The figures of a source's documents.

    Args:
        days: each landed day, an ISO date, with its rows of ``records.PARSED``; read one after the other.

    Returns:
        The columns of :data:`EXPLORATION`, in a fixed order.
    """
    exploration = _Exploration()
    for day, parsed in days:
        exploration.add(day, parsed)
    rows = [
        {"section": section, "key": key, "part": part, "value": float(value)}
        for section, counts in exploration.sections().items()
        for (key, part), value in sorted(counts.items(), key=lambda item: (item[0][0], item[0][1] or ""))
    ]
    return pa.Table.from_pylist(rows, schema=EXPLORATION.schema)


def figures_of(table: pa.Table) -> Figures:
    """Section → key and part → value, as :func:`explore` wrote them."""
    sections: dict[str, dict[tuple[str, str | None], float]] = {}
    for row in table.to_pylist():
        sections.setdefault(row["section"], {})[row["key"], row["part"]] = row["value"]
    return sections


def generalised(reason: str) -> str:
    """A reason for quarantine without what it quotes and without numbers, so that like ones are counted together."""
    return _QUOTED.sub("…", reason)[:_LONGEST_REASON]


class _Exploration:
    """Counts that days are added to."""

    def __init__(self) -> None:
        self._sections: dict[str, Counter[tuple[str, str | None]]] = {
            name: Counter()
            for name in (
                "documents", "records", "reasons", "kinds", "given", "missing", "genres together", "genre known",
                "languages", "years", "event years", "ratings", "verdicts", "flags",
            )
        }  # fmt: skip
        self._waiting: list[pa.Table] = []
        self._quality: Counter[str] = Counter()
        self._words: dict[str, Counter[int]] = {"plots": Counter(), "reviews": Counter()}
        self._signals: dict[str, list[float]] = {}
        self._titles: list[pa.Table] = []
        self._review_ids: list[pa.ChunkedArray] = []

    def add(self, day: str, parsed: pa.Table) -> None:
        """Adds a day."""
        for outcome, count in _counts(parsed["outcome"]).items():
            self._sections["documents"][day, outcome] += count
        for name in _RECORDS:
            self._sections["records"][day, name] += pc.sum(_lengths(parsed[name])).as_py() or 0
        self._waiting.append(parsed)
        if sum(map(len, self._waiting)) >= _BATCH:
            self._count_waiting()

    def _count_waiting(self) -> None:
        if not self._waiting:
            return
        parsed = pa.concat_tables(self._waiting)
        self._waiting.clear()
        faults = parsed["reason"].filter(pc.equal(parsed["outcome"], "quarantined"))
        self._count("reasons", faults, lambda reason: (generalised(reason or "unknown"), None))
        rows = {name: _rows(parsed, name, record) for name, record in _RECORDS.items()}
        for name, table in rows.items():
            self._count_missing(name, table)
            self._count("event years", pc.year(table["event_time"]), lambda year, name=name: (name, str(year)))
        for name, (text, column) in _TEXTS.items():
            self._words[text].update(_words(rows[name][column]))
            self._count("languages", rows[name]["language"], lambda code, name=name: (name, code or "unknown"))
        self._add_titles(rows["titles"])
        self._add_reviews(rows["reviews"])
        self._add_signals(rows["signals"])

    def _count(self, section: str, column: pa.ChunkedArray, place: Any) -> None:
        for value, count in _counts(column).items():
            self._sections[section][place(value)] += count

    def _count_missing(self, name: str, rows: pa.Table) -> None:
        for column in MAY_BE_MISSING[name]:
            self._sections["given"][name, column] += len(rows)
            self._sections["missing"][name, column] += _missing(rows[column])

    def _add_titles(self, titles: pa.Table) -> None:
        self._count("kinds", titles["kind"], lambda kind: (kind, None))
        for kind in pc.unique(titles["kind"]).to_pylist():
            years = titles["year"].filter(pc.equal(titles["kind"], kind))
            self._count("years", years.drop_null(), lambda year, kind=kind: (str(year), kind))
        labels = _incidence(titles["genres"])
        together = labels.T @ labels
        known = _incidence(titles["label_coverage"]).sum(axis=0)
        for i, genre in enumerate(GENRES):
            self._sections["genre known"][genre, None] += int(known[i])
            for j, other in enumerate(GENRES):
                self._sections["genres together"][genre, other] += int(together[i, j])
        self._titles.append(titles.select(["source_id", "kind", "title", "year"]))

    def _add_reviews(self, reviews: pa.Table) -> None:
        halves = pc.divide(pc.floor(pc.multiply(reviews["rating"].drop_null(), 2.0)), 2.0)
        self._count("ratings", halves, lambda rating: (f"{rating:g}", None))
        self._count("verdicts", reviews["verdict"].drop_null(), lambda verdict: (verdict, None))
        self._count("flags", pc.list_flatten(reviews["flags"]), lambda flag: (flag, None))
        unread = pc.and_(pc.is_valid(reviews["rating_raw"]), pc.is_null(reviews["rating"]))
        unread = pc.and_(unread, pc.is_null(reviews["verdict"]))
        self._quality["ratings that give no number"] += pc.sum(unread).as_py() or 0
        self._quality["reviews with a flag"] += pc.sum(pc.greater(_lengths(reviews["flags"]), 0)).as_py() or 0
        self._quality["reviews that nearly repeat another of their day"] += _given(reviews["near_duplicate_of"])
        self._review_ids.append(reviews["review_id"])

    def _add_signals(self, signals: pa.Table) -> None:
        measures = [("value", measure) for measure in ("count", "min", "max", "sum")]
        for row in signals.group_by("name").aggregate(measures).to_pylist():
            count, low, high, total = self._signals.get(row["name"], [0.0, np.inf, -np.inf, 0.0])
            self._signals[row["name"]] = [
                count + row["value_count"],
                min(low, row["value_min"]),
                max(high, row["value_max"]),
                total + row["value_sum"],
            ]

    def sections(self) -> dict[str, Mapping[tuple[str, str | None], float]]:
        """Section → key and part → value, of all days that were added."""
        self._count_waiting()
        found: dict[str, Mapping[tuple[str, str | None], float]] = dict(self._sections)
        given = self._sections["given"]
        found["missing"] = {at: self._sections["missing"][at] / rows for at, rows in given.items() if rows}
        del found["given"]
        found["signals"] = {
            (name, part): value
            for name, (count, low, high, total) in self._signals.items()
            for part, value in zip(MEASURES, (count, low, total / count, high), strict=True)
        }
        found["lengths"] = {
            (text, name): float(_quantile(counts, share))
            for text, counts in self._words.items()
            if counts
            for name, share in QUANTILES.items()
        }
        bars: Counter[tuple[str, str | None]] = Counter()
        for text, counts in self._words.items():
            for words, count in counts.items():
                bars[text, str(max(edge for edge in LENGTHS if edge <= words))] += count
        found["length histogram"] = bars
        return found | self._duplicates()

    def _duplicates(self) -> dict[str, Mapping[tuple[str, str | None], float]]:
        titles = pa.concat_tables(self._titles) if self._titles else TITLE.schema.empty_table()
        outcomes: Counter[str | None] = Counter()
        for (_, outcome), count in self._sections["documents"].items():
            outcomes[outcome] += count
        totals = Counter(
            {"documents": outcomes.total(), "distinct titles": pc.count_distinct(titles["source_id"]).as_py()}
        )
        for (_, name), count in self._sections["records"].items():
            totals[str(name)] += count
        ids = pa.chunked_array([chunk for column in self._review_ids for chunk in column.chunks], pa.string())
        totals["distinct reviews"] = pc.count_distinct(ids).as_py()
        shared, number = _namesakes(titles)
        quality = {
            "documents that repeat another word for word": outcomes["duplicate"],
            "documents in quarantine": outcomes["quarantined"],
            "titles described again": totals["titles"] - totals["distinct titles"],
            "titles that share name, kind and year with another": number,
            "reviews seen again": totals["reviews"] - totals["distinct reviews"],
            **self._quality,
        }
        return {
            "totals": {(name, None): value for name, value in totals.items()},
            "quality": {(name, None): value for name, value in quality.items()},
            "namesakes": {(name, None): value for name, value in shared.items()},
        }


def _rows(parsed: pa.Table, name: str, record: Record) -> pa.Table:
    """The records of all documents as a table."""
    chunks = [pc.list_flatten(chunk) for chunk in parsed[name].chunks]
    batches = [pa.RecordBatch.from_struct_array(chunk) for chunk in chunks if len(chunk)]
    return pa.Table.from_batches(batches, pa.schema(list(record.struct)))


def _counts(column: pa.ChunkedArray | pa.Array) -> dict[Any, int]:
    counted = pc.value_counts(column)
    return dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def _lengths(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.list_value_length(column), 0)


def _given(column: pa.ChunkedArray) -> int:
    return len(column) - int(column.null_count)


def _missing(column: pa.ChunkedArray) -> int:
    if pa.types.is_list(column.type):
        return pc.sum(pc.equal(_lengths(column), 0)).as_py() or 0
    empty = pc.sum(pc.equal(column, "")).as_py() or 0 if pa.types.is_string(column.type) else 0
    return int(column.null_count) + empty


def _words(column: pa.ChunkedArray) -> dict[int, int]:
    """Number of words → number of texts; a missing text has none and is not counted."""
    texts = column.drop_null()
    texts = texts.filter(pc.not_equal(texts, ""))
    # Cleaned texts have one space between two words.
    return _counts(pc.add(pc.count_substring(texts, " "), 1))


def _incidence(labels: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """One row a title and one column a slug of the taxonomy: 1 where the title has it."""
    lists = labels.combine_chunks()
    matrix = np.zeros((len(lists), len(GENRES)))
    slugs = pc.index_in(pc.list_flatten(lists), value_set=pa.array(GENRES))
    known = pc.is_valid(slugs)
    titles = pc.list_parent_indices(lists).filter(known)
    matrix[titles.to_numpy(), slugs.drop_null().to_numpy()] = 1
    return matrix


def _quantile(counts: Mapping[int, int], share: float) -> int:
    """The smallest value that at least this share of all does not exceed."""
    values = sorted(counts)
    up_to = np.cumsum([counts[value] for value in values])
    return values[int(np.searchsorted(up_to, share * up_to[-1]))]


def _namesakes(titles: pa.Table) -> tuple[dict[str, int], int]:
    """The names that most titles of a kind and year share, each with their number; and how many titles share one."""
    dated = titles.filter(pc.is_valid(titles["year"]))
    each = dated.group_by(["kind", "year", "title", "source_id"]).aggregate([])
    shared = each.group_by(["kind", "year", "title"]).aggregate([("source_id", "count")])
    shared = shared.filter(pc.field("source_id_count") > 1)
    order = [("source_id_count", "descending"), ("title", "ascending"), ("year", "ascending"), ("kind", "ascending")]
    most = shared.sort_by(order).slice(0, _NAMESAKES).to_pylist()
    named = {f"{row['title']} ({row['kind']}, {row['year']})": row["source_id_count"] for row in most}
    return named, pc.sum(shared["source_id_count"]).as_py() or 0
