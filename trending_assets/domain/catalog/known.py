"""Known titles: an index of the titles that earlier days' identity rows speak of, and of what they can be found by.

It is made from rows of ``records.IDENTITY`` alone, learns each day's rows in turn, and does not depend on
the order of the rows within a day.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from trending_assets.domain.catalog.names import is_imdb_id, name_key

# Rows of these "sources" are no records: they say that one title id leads to another.
IMDB, TITLE = "imdb", "title"
RESERVED = frozenset({IMDB, TITLE})
NAME = "name:"
_NEVER = datetime.max.replace(tzinfo=UTC)

# A source, its record's id, and the title that the record must not be matched with.
Undone = frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class Description:
    """What a record says of a title, as far as it helps to match it by name."""

    title_id: str
    year: int | None
    runtime_minutes: int | None


@dataclass(frozen=True)
class Match:
    """The title that a record was found to speak of, the rule that found it, and how sure that is (0 to 1)."""

    title_id: str
    method: str
    confidence: float


def alias_of(title_id: str) -> tuple[str, str]:
    """The source and source id of the row that says where a title id leads."""
    return (IMDB if is_imdb_id(title_id) else TITLE), title_id


def current_titles(leads: Mapping[str, str]) -> dict[str, str]:
    """Title id → the title that it was found to be in the end.

    Args:
        leads: title id → the one that the newest row of it leads to; itself where a match was undone.
    """
    found = {}
    for title_id in leads:
        passed, current = [title_id], leads[title_id]
        while current not in passed:
            passed.append(current)
            current = leads.get(current, current)
        # Two that lead to each other, as the newest rows of two days may say, are one title all the same.
        found[title_id] = min(passed[passed.index(current) :])
    return found


def _pair(title_id: str) -> tuple[str, str]:
    source, separator, source_id = title_id.partition(":")
    return (source, source_id) if separator else (IMDB, title_id)


def id_keys(
    source: str, kind: str | None, source_id: str, imdb_id: str | None, external: Mapping[str, str]
) -> list[str]:
    """What a record can be found by: ``<catalogue>:<id>``, each with its kind between, but for IMDb's.

    A source is a catalogue too: its own id leads to the record like any other's. Only IMDb's ids are of both
    kinds; elsewhere a film and a show may have the same.
    """
    imdb = [f"{IMDB}:{imdb_id}"] if imdb_id else []
    if kind is None:
        return imdb
    others = {f"{catalogue}:{kind}:{value}" for catalogue, value in external.items() if catalogue != IMDB}
    return [*imdb, *sorted(others | {f"{source}:{kind}:{source_id}"})]


def name_keys(kind: str, *names: str | None) -> list[str]:
    """What a record can be found by: its kind with each of its names; a name without letters or digits is none."""
    keys = {name_key(name) for name in names if name}
    return sorted(f"{NAME}{kind}:{key}" for key in keys if key)


class KnownTitles:
    """An index of titles.

    Args:
        rows: rows of ``records.IDENTITY`` of all earlier days, earliest day first.
        undone: matches that must not be made; a row that says one of them is passed over.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]] = (), undone: Undone = frozenset()) -> None:
        self.undone = undone
        self._records: dict[tuple[str, str], Match] = {}
        self._by_id: dict[str, set[str]] = defaultdict(set)
        self._by_name: dict[str, set[Description]] = defaultdict(set)
        self._ids: dict[str, set[tuple[str, str]]] = defaultdict(set)
        self._described: set[str] = set()
        self._first_seen: dict[str, datetime] = {}
        self._leads_to: dict[str, str] = {}
        self._led_here: dict[str, set[str]] = defaultdict(set)
        self.learn(rows)

    def learn(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Adds rows of ``records.IDENTITY``; what a later day says of a record counts."""
        for row in rows:
            source, source_id, title_id = row["source"], row["source_id"], row["title_id"]
            if not self.allows(source, source_id, title_id):
                continue
            if source in (IMDB, TITLE):
                self._lead(source_id, title_id)
                continue
            self._records[source, source_id] = Match(title_id, row["method"], row["confidence"])
            self._first_seen[title_id] = min(row["arrived_at"], self._first_seen.get(title_id, row["arrived_at"]))
            if row["kind"]:
                self._described.add(title_id)
            for key in row["keys"]:
                if key.startswith(NAME):
                    self._by_name[key].add(Description(title_id, row["year"], row["runtime_minutes"]))
                else:
                    catalogue, _, value = key.partition(":")
                    self._by_id[key].add(title_id)
                    self._ids[title_id].add((catalogue, value))

    def _lead(self, alias: str, title_id: str) -> None:
        # Two days may say opposite things when what was undone between them is undone no more.
        if self.current(title_id) == alias:
            return
        if alias in self._leads_to:
            self._led_here[self._leads_to[alias]].discard(alias)
        self._leads_to[alias] = title_id
        self._led_here[title_id].add(alias)

    def allows(self, source: str, source_id: str, title_id: str | None) -> bool:
        """Whether a record may be matched with a title, or a title with another.

        What is undone between a record and a title is undone between the title that has the record's id and that
        title, whichever of them leads to the other.
        """
        if title_id is None or (source, source_id, title_id) in self.undone:
            return title_id is None
        if source not in (IMDB, TITLE):
            return True
        return self.undone.isdisjoint({(*_pair(source_id), title_id), (*_pair(title_id), source_id)})

    def current(self, title_id: str) -> str:
        """The title that an id leads to: itself unless it was found to be another title."""
        while title_id in self._leads_to:
            title_id = self._leads_to[title_id]
        return title_id

    def record(self, source: str, source_id: str) -> Match | None:
        """The title of a record as it was last found, under the id to which it leads now."""
        known = self._records.get((source, source_id))
        return known and Match(self.current(known.title_id), known.method, known.confidence)

    def with_id(self, key: str) -> list[str]:
        """The titles that have an id, oldest first."""
        return sorted({self.current(title_id) for title_id in self._by_id.get(key, ())}, key=self.age)

    def described(self, title_id: str) -> bool:
        """Whether any record says more of a title than its id."""
        return any(member in self._described for member in self._members(title_id))

    def named(self, key: str) -> list[Description]:
        """What is said of the titles of a name."""
        return [
            Description(self.current(found.title_id), found.year, found.runtime_minutes)
            for found in self._by_name.get(key, ())
        ]

    def ids(self, title_id: str) -> dict[str, set[str]]:
        """Every id of a title: catalogue → ids there, with the kind before each but IMDb's."""
        found: dict[str, set[str]] = defaultdict(set)
        for member in self._members(title_id):
            for catalogue, value in self._ids.get(member, ()):
                found[catalogue].add(value)
        return found

    def age(self, title_id: str) -> tuple[datetime, str]:
        """What titles are ordered by, oldest first."""
        return self._first_seen.get(title_id, _NEVER), title_id

    def _members(self, title_id: str) -> Iterator[str]:
        yield title_id
        for alias in self._led_here.get(title_id, ()):
            yield from self._members(alias)
