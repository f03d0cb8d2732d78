"""The catalogue in memory: lists, search and the ranking, from one snapshot of the lake."""

import bisect
import datetime as dt
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, Protocol

from trending_assets.domain.catalog.taxonomy import Kind
from trending_assets.storage.lake import Lake

TABLE = "catalog_snapshot"
Window = Literal["day", "week"]
WINDOW_DAYS: dict[Window, int] = {"day": 1, "week": 7}


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
    plot: str
    runtime_minutes: int | None
    certificate: str | None
    sources: list[dict[str, str]]
    aliases: list[str]
    arrived_at: dt.datetime
    reviews_1d: int
    reviews_7d: int
    reviews_total: int
    rating_mean: float | None
    as_of: dt.date

    @cached_property
    def search_names(self) -> tuple[str, ...]:
        """The title's names as :func:`folded`."""
        return tuple(folded(name) for name in (self.title, self.original_title) if name)

    def reviews_in(self, window: Window) -> int:
        """Reviews that arrived in the window that ends with the newest partition."""
        return self.reviews_1d if window == "day" else self.reviews_7d


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


@dataclass(frozen=True)
class Page:
    """A page of a list.

    Attributes:
        items: its items.
        next_key: sort key of the last one, or None where nothing follows.
    """

    items: Sequence[CatalogTitle]
    next_key: tuple[Any, ...] | None


def folded(text: str) -> str:
    """Text for comparison: without accents, case and runs of white space."""
    decomposed = unicodedata.normalize("NFKD", text)
    return " ".join("".join(c for c in decomposed if not unicodedata.combining(c)).casefold().split())


def read_catalog(lake: Lake) -> "Catalog":
    """The catalogue of the snapshot that is in the lake.

    Raises:
        MissingPartitionError: there is none.
        EmptyCatalogError: it holds no title.
    """
    columns = [field.name for field in fields(CatalogTitle)]
    return Catalog([CatalogTitle(**row) for row in lake.read(TABLE, columns=columns).to_pylist()])


class Catalog:
    """An immutable catalogue.

    Attributes:
        titles: its titles, sorted by id.
        as_of: the newest partition that it was made from.
    """

    def __init__(self, titles: Sequence[CatalogTitle]) -> None:
        """Indexes the titles.

        Raises:
            EmptyCatalogError: there are none.
        """
        if not titles:
            raise EmptyCatalogError(f"{TABLE} holds no title")
        self.titles = sorted(titles, key=lambda title: title.title_id)
        self.as_of = self.titles[0].as_of
        self._ids = [title.title_id for title in self.titles]
        # A title's own id comes before another title's alias of the same name.
        aliases = {alias: title for title in self.titles for alias in title.aliases}
        self._by_id: Mapping[str, CatalogTitle] = {**aliases, **{title.title_id: title for title in self.titles}}
        self._ranking: dict[Window, list[CatalogTitle]] = {
            window: sorted(
                (title for title in self.titles if title.reviews_in(window) > 0),
                key=lambda title: _ranking_key(title, window),
            )
            for window in WINDOW_DAYS
        }

    def __str__(self) -> str:
        return f"{len(self.titles)} titles as of {self.as_of}"

    def get(self, title_id: str) -> CatalogTitle | None:
        """The title with this id or alias."""
        return self._by_id.get(title_id)

    def end(self) -> dt.datetime:
        """The end of the newest partition: the moment at which a replay is judged."""
        return dt.datetime.combine(self.as_of + dt.timedelta(days=1), dt.time(), dt.UTC)

    def search(self, wanted: SearchFilter, limit: int, after: tuple[int, str] | None) -> Page:
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
            found = iter([((rank, title_id), title) for rank, title_id, title in keyed])
        else:
            found = self._by_title_id(wanted, after)
        return _page(found, limit, after)

    def _by_title_id(
        self, wanted: SearchFilter, after: tuple[int, str] | None
    ) -> Iterator[tuple[tuple[int, str], CatalogTitle]]:
        start = bisect.bisect_right(self._ids, after[1]) if after else 0
        for index in range(start, len(self.titles)):
            title = self.titles[index]
            if _fits_search(title, wanted):
                yield (0, title.title_id), title

    def trending(self, window: Window, wanted: TitleFilter, limit: int, after: tuple[int, str] | None) -> Page:
        """Titles with a review in the window, most reviews first, then by id.

        Args:
            window: the window.
            wanted: the filters.
            limit: items of a page.
            after: ``next_key`` of the page before.
        """
        found = ((_ranking_key(title, window), title) for title in self._ranking[window] if _fits(title, wanted))
        return _page(found, limit, after)


def _ranking_key(title: CatalogTitle, window: Window) -> tuple[int, str]:
    return -title.reviews_in(window), title.title_id


def _page(found: Iterator[tuple[tuple[int, str], CatalogTitle]], limit: int, after: tuple[int, str] | None) -> Page:
    """The first items behind a key, out of items in the order of their keys."""
    items: list[tuple[tuple[int, str], CatalogTitle]] = []
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
