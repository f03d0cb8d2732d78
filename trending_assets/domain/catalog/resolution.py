"""Resolution: the title that each record of a day speaks of, given the titles that earlier days know.

A title keeps the id that it got at first sight. Records are matched by external ids first, then by name, kind and
year. Two titles that turn out to be one keep both ids: from that day on the younger leads to the older.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trending_assets.domain.catalog.known import IMDB, NAME, TITLE, KnownTitles, Match, alias_of, id_keys, name_keys
from trending_assets.domain.catalog.names import title_id

FIRST_SEEN, BY_IMDB, BY_EXTERNAL, UNDONE = "first seen", "imdb id", "external id", "undone"
SAME_YEAR, NEAR_YEAR = "name and year", "name, near year and runtime"
# Of the rules by name: the share of right matches that benchmarks/identity.py measures, as far as it can be relied on.
CONFIDENCE = {FIRST_SEEN: 1.0, UNDONE: 1.0, BY_IMDB: 1.0, BY_EXTERNAL: 1.0, SAME_YEAR: 0.99, NEAR_YEAR: 0.95}
_RUNTIME_TOLERANCE = 5


@dataclass(frozen=True)
class Record:
    """What a day's documents say of one record of a source.

    Attributes:
        source: the source.
        source_id: its id there.
        arrived_at: when the row that carries the most ids was received.
        document_sha256: the payload which that row was read from.
        imdb_id: its IMDb id.
        external_ids: catalogue → its id there.
        kind: ``movie`` or ``show``; None where it was only reviewed or counted, not described.
        names: its names; none where it was not described.
        year: of release or first broadcast.
        runtime_minutes: running time.
        keys: what it was indexed under before, where no document of the day speaks of it.
    """

    source: str
    source_id: str
    arrived_at: datetime
    document_sha256: str
    imdb_id: str | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    kind: str | None = None
    names: tuple[str | None, ...] = ()
    year: int | None = None
    runtime_minutes: int | None = None
    keys: tuple[str, ...] | None = None

    def id_keys(self) -> list[str]:
        """The ids under which it is indexed."""
        if self.keys is not None:
            return [key for key in self.keys if not key.startswith(NAME)]
        return id_keys(self.source, self.kind, self.source_id, self.imdb_id, self.external_ids)

    def name_keys(self) -> list[str]:
        """The names under which it is indexed."""
        if self.keys is not None:
            return [key for key in self.keys if key.startswith(NAME)]
        return name_keys(self.kind, *self.names) if self.kind else []


def resolve(
    parsed: Iterable[Mapping[str, Any]], known: KnownTitles, parted: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The title that each record of a day speaks of: rows of ``records.IDENTITY``, sorted, one a record.

    The answer does not depend on the order of the documents. Rows of source ``imdb`` and ``title`` say that
    the title id in ``source_id`` leads to another title from now on.

    Args:
        parsed: the day's rows of ``records.PARSED``, of all sources.
        known: the titles of all earlier days; it learns the day's rows.
        parted: earlier rows of ``records.IDENTITY`` whose match is undone from this day on: their records are
            found anew, and a title that led to another stands by itself again.

    Raises:
        ValueError: a source has a name that is kept for aliases.
    """
    documents = list(parsed)
    described, mentioned = _records(documents)
    if reserved := {record.source for record in (*described, *mentioned)} & {IMDB, TITLE}:
        raise ValueError(f"source {min(reserved)}: the name is kept for aliases")
    day = _Day(known)
    for record in described:
        day.place(record)
    # What a source says of its own records, earliest first: where two say it of one record, the first counts.
    titles = (row for document in documents for row in document["titles"])
    for row in sorted(titles, key=lambda r: (*_arrival(r), r["source"], r["source_id"])):
        for match in row["matches"]:
            day.follow(row, match)
    for record in mentioned:
        if (record.source, record.source_id) not in day.rows:
            day.place(record)
    for row in parted:
        if (row["source"], row["source_id"]) not in day.rows:
            day.part(row)
    return day.finish()


def keys_of(parsed: Iterable[Mapping[str, Any]]) -> set[str]:
    """Every key that resolving a day's documents may look up.

    An index needs no more than these rows: those of sources ``imdb`` and ``title``; those of the day's own
    records (with those in ``matches``) or with one of these keys; and every row of the titles that those name,
    that lead to one of these or that one of these leads to.

    Args:
        parsed: rows of ``records.PARSED``.
    """
    described, mentioned = _records(parsed)
    return {key for record in (*described, *mentioned) for key in (*record.id_keys(), *record.name_keys())}


def _records(parsed: Iterable[Mapping[str, Any]]) -> tuple[list[Record], list[Record]]:
    """The records that are described, those with the most ids first, and those that are not, in order."""
    titles: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    mentions: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for document in parsed:
        for row in document["titles"]:
            titles[row["source"], row["source_id"]].append(row)
        for row in (*document["reviews"], *document["signals"]):
            mentions[row["source"], row["source_title_id"]].append(row)
    described = [_record(pair, rows, mentions.pop(pair, [])) for pair, rows in titles.items()]
    described.sort(key=lambda r: (r.imdb_id is None, -len(r.external_ids), r.source, r.source_id))
    return described, [_record(pair, [], rows) for pair, rows in sorted(mentions.items())]


def _record(
    pair: tuple[str, str], titles: Sequence[Mapping[str, Any]], mentions: Sequence[Mapping[str, Any]]
) -> Record:
    first = min(titles, key=_arrival, default={})
    ids = min(
        (*titles, *mentions), key=lambda r: (r["imdb_id"] is None, -len(r.get("external_ids") or ()), _arrival(r))
    )
    return Record(
        *pair,
        arrived_at=ids["arrived_at"],
        document_sha256=ids["document_sha256"],
        imdb_id=ids["imdb_id"],
        external_ids={e["catalogue"]: e["id"] for e in ids.get("external_ids") or ()},
        kind=first.get("kind"),
        names=(first.get("title"), first.get("original_title")),
        year=first.get("year"),
        runtime_minutes=first.get("runtime_minutes"),
    )


def _imdb_id(keys: Iterable[str]) -> str | None:
    return next((key.partition(":")[2] for key in keys if key.startswith(f"{IMDB}:")), None)


def _arrival(row: Mapping[str, Any]) -> tuple[datetime, str, str, str]:
    return row["arrived_at"], row["document_sha256"], row.get("title") or "", row["imdb_id"] or ""


class _Day:
    """The rows of a day as they are found; each record sees those that were placed before it."""

    def __init__(self, known: KnownTitles) -> None:
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self._known = known

    def place(self, record: Record) -> None:
        """Finds a record's title."""
        known, keys = self._known, usable_ids(record, self._known)
        imdb_id = record.imdb_id if f"{IMDB}:{record.imdb_id}" in keys else None
        matches = _by_ids(record, keys, known)
        before = known.record(record.source, record.source_id)
        own = matches.get(before.title_id) if before else None
        if record.kind and not any(known.described(found) for found in matches):
            match = match_by_name(record, keys, known)
            if match and _joins(match.title_id, matches, known):
                matches[match.title_id] = match
        if matches:
            to = matches[min(matches, key=known.age)]
        else:
            method = BY_IMDB if imdb_id and record.kind else FIRST_SEEN
            to = Match(title_id(record.source, record.source_id, imdb_id), method, CONFIDENCE[method])
        self._add(record, to, [*keys, *record.name_keys()])
        for other in matches.values():
            self._lead(other.title_id, to if other == own else other, to.title_id, record)
        if imdb_id:
            sure = Match(to.title_id, BY_IMDB, CONFIDENCE[BY_IMDB])
            self._lead(imdb_id, sure if to.method == FIRST_SEEN else to, to.title_id, record)

    def follow(self, parent: Mapping[str, Any], stated: Mapping[str, Any]) -> None:
        """Takes a source's word that another of its records speaks of the same title, where nothing else says so."""
        source, source_id = parent["source"], stated["source_id"]
        to = self.rows[source, parent["source_id"]]["title_id"]
        match = self._known.record(source, source_id) or Match(to, stated["method"], stated["confidence"])
        if (source, source_id) not in self.rows and self._known.allows(source, source_id, match.title_id):
            self._add(Record(source, source_id, parent["arrived_at"], parent["document_sha256"]), match, [])

    def part(self, row: Mapping[str, Any]) -> None:
        """Finds the title of a record anew whose match is undone."""
        names = ("source", "source_id", "arrived_at", "document_sha256", "kind", "year", "runtime_minutes")
        record = Record(**{name: row[name] for name in names}, keys=tuple(row["keys"]), imdb_id=_imdb_id(row["keys"]))
        if record.source in (IMDB, TITLE):
            self._add(record, Match(record.source_id, UNDONE, CONFIDENCE[UNDONE]), [])
        else:
            self.place(record)

    def finish(self) -> list[dict[str, Any]]:
        """The rows, sorted, where those that were found early know too of titles that turned out to be one."""
        for row in self.rows.values():
            current = self._known.current(row["title_id"])
            if self._known.allows(row["source"], row["source_id"], current):
                row["title_id"] = current
        self._known.learn(self.rows.values())
        return [self.rows[pair] for pair in sorted(self.rows)]

    def _lead(self, other: str, how: Match, to: str, record: Record) -> None:
        pair = alias_of(other)
        if self._known.current(other) != self._known.current(to) and self._known.allows(*pair, to):
            alias = Record(*pair, record.arrived_at, record.document_sha256)
            self._add(alias, Match(to, how.method, how.confidence), [])

    def _add(self, record: Record, match: Match, keys: list[str]) -> None:
        row = {
            "source": record.source,
            "source_id": record.source_id,
            "title_id": match.title_id,
            "method": match.method,
            "confidence": match.confidence,
            "kind": record.kind,
            "year": record.year,
            "runtime_minutes": record.runtime_minutes,
            "keys": keys,
            "arrived_at": record.arrived_at,
            "document_sha256": record.document_sha256,
        }
        self.rows[record.source, record.source_id] = row
        self._known.learn([row])


def usable_ids(record: Record, known: KnownTitles) -> list[str]:
    """The ids that a record can be found by; one that leads to a title which was undone for it is none of them."""
    wrong = {f"{IMDB}:{record.imdb_id}"} if not known.allows(record.source, record.source_id, record.imdb_id) else set()
    return [
        key
        for key in record.id_keys()
        if key not in wrong
        and all(known.allows(record.source, record.source_id, found) for found in known.with_id(key))
    ]


def _by_ids(record: Record, keys: Sequence[str], known: KnownTitles) -> dict[str, Match]:
    """The titles that a record's ids lead to, IMDb's first; one whose IMDb id is another's is not among them."""
    imdb = [key for key in keys if key.startswith(f"{IMDB}:")]
    found = [Match(title, BY_IMDB, CONFIDENCE[BY_IMDB]) for key in imdb for title in known.with_id(key)]
    if before := known.record(record.source, record.source_id):
        found.append(Match(before.title_id, before.method, before.confidence))
    others = [key for key in keys if key not in imdb]
    found += [Match(title, BY_EXTERNAL, CONFIDENCE[BY_EXTERNAL]) for key in others for title in known.with_id(key)]
    ids = {IMDB: {key.partition(":")[2] for key in imdb}}
    matches: dict[str, Match] = {}
    for match in found:
        allowed = known.allows(record.source, record.source_id, match.title_id)
        if allowed and _one_title(known.ids(match.title_id), ids) and _joins(match.title_id, matches, known):
            matches.setdefault(match.title_id, match)
    return matches


def _joins(title: str, others: Iterable[str], known: KnownTitles) -> bool:
    return all(
        title == other or (known.allows(*alias_of(title), other) and _one_title(known.ids(title), known.ids(other)))
        for other in others
    )


def _one_title(
    ids: Mapping[str, set[str]], others: Mapping[str, set[str]], catalogues: Iterable[str] = (IMDB,)
) -> bool:
    """Whether two may be one title: no catalogue tells them apart."""
    return not any(ids.get(name) and others.get(name) and ids[name].isdisjoint(others[name]) for name in catalogues)


def match_by_name(record: Record, keys: Sequence[str], known: KnownTitles) -> Match | None:
    """The one title of a record's name, kind and year, or of the year beside it where the runtimes agree.

    A name that several titles have in that year says nothing, nor does one whose title has another id in a
    catalogue that the record has an id in: a source's own records are never matched with each other by name.
    """
    if record.year is None:
        return None
    same: set[str] = set()
    near: set[str] = set()
    agree: set[str] = set()
    for found in (found for key in record.name_keys() for found in known.named(key)):
        if found.year == record.year:
            same.add(found.title_id)
        elif found.year is not None and abs(found.year - record.year) == 1:
            near.add(found.title_id)
            if _runtimes_agree(found.runtime_minutes, record.runtime_minutes):
                agree.add(found.title_id)
    method, candidates = (SAME_YEAR, same) if same else (NEAR_YEAR, near)
    if len(candidates) != 1 or (method == NEAR_YEAR and not agree):
        return None
    (title,) = candidates
    ids: dict[str, set[str]] = defaultdict(set)
    for key in keys:
        catalogue, _, value = key.partition(":")
        ids[catalogue].add(value)
    if not known.allows(record.source, record.source_id, title) or not _one_title(known.ids(title), ids, ids):
        return None
    return Match(title, method, CONFIDENCE[method])


def _runtimes_agree(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and abs(one - other) <= _RUNTIME_TOLERANCE
