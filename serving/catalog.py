"""The catalogue in memory: lists and search from one snapshot of the lake, the ranking from the newest trend scores."""

import bisect
import datetime as dt
import hashlib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa

from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.domain.trend.score import HALF_LIVES, Window
from trending_assets.storage.lake import Lake

TABLE = "catalog_snapshot"
ACTIVITY = "title_activity"


class EmptyCatalogError(ValueError):
    """The snapshot holds no title, so it has no newest partition either."""


@dataclass(frozen=True)
class CatalogTitle:
    """One title of the snapshot; the attributes are its columns."""

    title_id: str
    kind: Kind
    title: str
    original_title: str | None
    year: int | None
    released: dt.date | None
    language: str | None
    countries: list[str]
    genres: list[str]
    label_coverage: list[str]
    plot: str | None
    runtime_minutes: int | None
    certificate: str | None
    platforms: list[str]
    sources: list[dict[str, str]]
    aliases: list[str]
    arrived_at: dt.datetime
    reviews_total: int
    rating_mean: float | None
    audience_rating: float | None
    audience_ratings: int
    as_of: dt.date

    @cached_property
    def search_names(self) -> tuple[str, ...]:
        """The title's names as :func:`folded`."""
        return tuple(folded(name) for name in (self.title, self.original_title) if name)


@dataclass(frozen=True)
class TitleTrend:
    """How much a title is talked of in a window.

    Attributes:
        title: the title.
        score: from 0 to 100, the sum of the two points.
        momentum_points: from 0 to 65.
        volume_points: from 0 to 35.
        coverage: the weight of the signals that know the title, of all that there are; above 0, at most 1.
        reviews: in the window, one an author and day.
        signals: what each signal of each source says, by the names of ``title_activity``'s parts.
        as_of: the day at the end of which this holds.
    """

    title: CatalogTitle
    score: float
    momentum_points: float
    volume_points: float
    coverage: float
    reviews: int
    signals: Sequence[Mapping[str, Any]]
    as_of: dt.date


class TitleFilter(Protocol):
    """What titles are asked for; None asks for all."""

    @property
    def kind(self) -> Kind | None:
        """A kind."""

    @property
    def genre(self) -> str | None:
        """A label that the sources give."""


class SearchFilter(TitleFilter, Protocol):
    """What a search asks for."""

    @property
    def q(self) -> str | None:
        """Words of the title."""

    @property
    def year_from(self) -> int | None:
        """The first year; a title whose year is unknown is not found by years."""

    @property
    def year_to(self) -> int | None:
        """The last year."""


Item = TypeVar("Item")
_Key = tuple[float, str]


@dataclass(frozen=True)
class Page(Generic[Item]):
    """A page of a list.

    Attributes:
        items: its items.
        next_key: sort key of the last one, or None where nothing follows.
    """

    items: Sequence[Item]
    next_key: tuple[float, str] | None


def folded(text: str) -> str:
    """Text for comparison: without accents, case and runs of white space."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


def trend_day(lake: Lake) -> str | None:
    """The newest day of which there are trend scores; None where there is none."""
    days = lake.days(ACTIVITY)
    return days[-1] if days else None


def read_catalog(lake: Lake) -> "Catalog":
    """The catalogue of the snapshot that is in the lake, with the newest trend scores.

    Raises:
        MissingPartitionError: there is none.
        EmptyCatalogError: it holds no title.
    """
    snapshot = lake.read(TABLE, columns=[field.name for field in fields(CatalogTitle)])
    titles = [CatalogTitle(**row) for row in snapshot.to_pylist()]
    day = trend_day(lake)
    activity = lake.read(ACTIVITY, day) if day else None
    # A day of a home that older code wrote has no scores: nothing is ranked until it is computed again.
    if activity is None or "parts" not in activity.column_names:
        return Catalog(titles, version=_version([snapshot]))
    return Catalog(titles, activity.to_pylist(), version=_version([snapshot, activity]))


def _version(tables: Sequence[pa.Table]) -> str:
    """A hash of the rows, the same in every process that read them, and whenever it did."""
    rows = hashlib.sha256()
    for table in tables:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        rows.update(sink.getvalue())
    return rows.hexdigest()[:16]


class Catalog:
    """An immutable catalogue.

    Attributes:
        titles: its titles, sorted by id.
        as_of: the newest partition that it was made from.
        version: of the rows that it was made from.
    """

    def __init__(
        self, titles: Sequence[CatalogTitle], activity: Sequence[Mapping[str, Any]] = (), *, version: str = "unknown"
    ) -> None:
        """Indexes the titles.

        Args:
            titles: the titles.
            activity: rows of ``title_activity`` of one day.
            version: of those rows.

        Raises:
            EmptyCatalogError: there are none.
        """
        if not titles:
            raise EmptyCatalogError(f"{TABLE} holds no title")
        self.titles = sorted(titles, key=lambda title: title.title_id)
        self.as_of = self.titles[0].as_of
        self.version = version
        self._ids = [title.title_id for title in self.titles]
        # A title's own id comes before another title's alias of the same name.
        aliases = {alias: title for title in self.titles for alias in title.aliases}
        self._by_id: Mapping[str, CatalogTitle] = {**aliases, **{title.title_id: title for title in self.titles}}
        self._ranking = {window: self._ranked(activity, window) for window in HALF_LIVES}

    def __str__(self) -> str:
        return f"{len(self.titles)} titles as of {self.as_of}"

    def _ranked(self, activity: Sequence[Mapping[str, Any]], window: Window) -> list[TitleTrend]:
        found: dict[str, TitleTrend] = {}
        for row in activity:
            title = self.get(row["title_id"])
            # A title that was found to be another since may have two rows; one that was erased has no title.
            if title is None or (title.title_id in found and found[title.title_id].score >= row[f"score_{window}"]):
                continue
            found[title.title_id] = TitleTrend(
                title,
                row[f"score_{window}"],
                row[f"momentum_points_{window}"],
                row[f"volume_points_{window}"],
                row["coverage"],
                row["reviews_1d" if window == "day" else "reviews_7d"],
                [part for part in row["parts"] if part["window"] == window],
                (row["event_timestamp"] - dt.timedelta(days=1)).date(),
            )
        return sorted((trend for trend in found.values() if trend.score > 0), key=_ranking_key)

    def get(self, title_id: str) -> CatalogTitle | None:
        """The title with this id or alias."""
        return self._by_id.get(title_id)

    def end(self) -> dt.datetime:
        """The end of the newest partition: the moment at which a replay is judged."""
        return dt.datetime.combine(self.as_of + dt.timedelta(days=1), dt.time(), dt.UTC)

    def search(self, wanted: SearchFilter, limit: int, after: _Key | None) -> Page[CatalogTitle]:
        """Titles by how well their name fits, then by id.

        Args:
            wanted: the filters.
            limit: items of a page.
            after: ``next_key`` of the page before.
        """
        words = folded(wanted.q or "")
        if words:
            ranked = ((_name_rank(title, words), title) for title in self.titles if _fits_search(title, wanted))
            keyed = sorted((rank, title.title_id, title) for rank, title in ranked if rank is not None)
            found: Iterator[tuple[_Key, CatalogTitle]] = iter([((rank, key), title) for rank, key, title in keyed])
        else:
            found = self._by_title_id(wanted, after)
        return _page(found, limit, after)

    def _by_title_id(self, wanted: SearchFilter, after: _Key | None) -> Iterator[tuple[_Key, CatalogTitle]]:
        start = bisect.bisect_right(self._ids, after[1]) if after else 0
        for index in range(start, len(self.titles)):
            title = self.titles[index]
            if _fits_search(title, wanted):
                yield (0, title.title_id), title

    def trending(self, window: Window, wanted: TitleFilter, limit: int, after: _Key | None) -> Page[TitleTrend]:
        """Titles by their trend score, the highest first, then by id; those without one are left out.

        Args:
            window: the window.
            wanted: the filters.
            limit: items of a page.
            after: ``next_key`` of the page before.
        """
        found = ((_ranking_key(trend), trend) for trend in self._ranking[window] if _fits(trend.title, wanted))
        return _page(found, limit, after)


def _ranking_key(trend: TitleTrend) -> _Key:
    return -trend.score, trend.title.title_id


def _page(found: Iterator[tuple[_Key, Item]], limit: int, after: _Key | None) -> Page[Item]:
    """The first items behind a key, out of items in the order of their keys."""
    items: list[tuple[_Key, Item]] = []
    for key, title in found:
        if after is not None and key <= after:
            continue
        if len(items) == limit:
            return Page([item for _, item in items], items[-1][0])
        items.append((key, title))
    return Page([item for _, item in items], None)


def _fits(title: CatalogTitle, wanted: TitleFilter) -> bool:
    return (wanted.kind is None or title.kind == wanted.kind) and (wanted.genre is None or wanted.genre in title.genres)


def _fits_search(title: CatalogTitle, wanted: SearchFilter) -> bool:
    if not _fits(title, wanted):
        return False
    if wanted.year_from is None and wanted.year_to is None:
        return True
    return (
        title.year is not None
        and (wanted.year_from is None or title.year >= wanted.year_from)
        and (wanted.year_to is None or title.year <= wanted.year_to)
    )


def _name_rank(title: CatalogTitle, words: str) -> int | None:
    """0 where a name is what was asked for, 1 where it begins so, 2 where it holds every word, else None."""
    ranks = [
        0 if name == words else 1 if name.startswith(words) else 2
        for name in title.search_names
        if all(word in name for word in words.split())
    ]
    return min(ranks, default=None)
