"""Writing to Feast's SQLite online store: a batch is one transaction, and no row takes the place of a newer one.

Feast's tables keep times in whole seconds, of which two rows may share one. So two columns more, which Feast passes
over, say when to the microsecond; they count as long as they fit Feast's own, which a stock materialisation overwrites
without them.
"""

import datetime as dt
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Self

from trending_assets.storage.online_rows import OnlineRows

# For so long another writer is waited for.
_WAIT_SECONDS = 120.0
# A transaction that does not fit into memory is written to the file early, and locks readers out until it ends.
_CACHE_KIB = 64 * 1024
# Older than any time that is known.
_UNKNOWN = -(1 << 63)
_EXACT = ("event_us", "created_us")
_COLUMNS = ("entity_key", "feature_name", "value", "value_text", "event_ts", "created_ts", *_EXACT)


class ViewNotAppliedError(LookupError):
    """The online store has no table of a feature view: it was not applied."""


class SqliteWriter:
    """Writes to one SQLite file; close it, or use it as a context."""

    batch_rows = 8000

    def __init__(self, path: Path, project: str) -> None:
        """Opens the file, which Feast creates when a repository is applied."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._project = project
        self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None)
        self._connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self._prepared: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def write(self, rows: OnlineRows) -> int:
        """Writes those rows that are not older than what is held of their entities; returns how many.

        Raises:
            ViewNotAppliedError: the view has no table.
            sqlite3.Error: the file could not be read or written; nothing of the rows was.
        """
        table = '"' + f"{self._project}_{rows.view}".replace('"', '""') + '"'
        # Whoever begins so is the only one who writes until the transaction ends.
        with self._transaction():
            self._prepare(table, rows.view)
            held = self._held(table, rows.keys)
            stamps = enumerate(zip(rows.keys, rows.event_times, rows.created_times, strict=True))
            wanted = [i for i, (key, event, created) in stamps if not _older(event, created, held.get(key))]
            self._connection.executemany(_upsert(table), _records(rows, wanted))
        return len(wanted)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.rollback()
            raise
        self._connection.commit()

    def _prepare(self, table: str, view: str) -> None:
        if table in self._prepared:
            return
        columns = {row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")}
        if not columns:
            raise ViewNotAppliedError(f"the online store has no table of {view}: apply the feature repository first")
        for name in _EXACT:
            if name not in columns:
                self._connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} INTEGER")
        self._prepared.add(table)

    def _held(self, table: str, keys: list[bytes]) -> Mapping[bytes, "_Held"]:
        """Entity → the newest of its times."""
        times = ", ".join(f"ifnull({name}, {_UNKNOWN})" for name in ("event_ts", "created_ts", *_EXACT))
        places = ",".join("?" * len(keys))
        query = f"SELECT entity_key, {times} FROM {table} WHERE entity_key IN ({places})"  # noqa: S608 - no value in it
        newest: dict[bytes, _Held] = {}
        with closing(self._connection.execute(query, keys)) as found:
            for key, *times_of in found:
                row = _Held(*times_of)
                newest[key] = max(newest.get(key, row), row)
        return newest


class _Held(NamedTuple):
    """Times of a row: Feast's in its seconds, and the exact ones."""

    event_ts: int
    created_ts: int
    event_us: int
    created_us: int


def _older(event_us: int, created_us: int | None, held: _Held | None) -> bool:
    if held is None:
        return False
    created = _UNKNOWN if created_us is None else created_us
    if _seconds(held.event_us) == held.event_ts and _seconds(held.created_us) == held.created_ts:
        return (event_us, created) < (held.event_us, held.created_us)
    return (_seconds(event_us), _seconds(created)) < (held.event_ts, held.created_ts)


@lru_cache(maxsize=1 << 16)
def _seconds(micros: int) -> int:
    if micros == _UNKNOWN:
        return _UNKNOWN
    # Feast takes a time in UTC without its zone for one in the machine's zone, when it writes and when it reads.
    naive = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=micros)  # noqa: DTZ001 - as above
    return int(naive.timestamp())


def _upsert(table: str) -> str:
    changed = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[2:])
    return (
        f"INSERT INTO {table} ({', '.join(_COLUMNS)}) VALUES ({','.join('?' * len(_COLUMNS))}) "  # noqa: S608 - as above
        f"ON CONFLICT(entity_key, feature_name) DO UPDATE SET {changed}"
    )


def _records(rows: OnlineRows, wanted: list[int]) -> Iterator[tuple[object, ...]]:
    for feature, values in rows.values.items():
        texts = rows.texts(feature)
        for i in wanted:
            event, created = rows.event_times[i], rows.created_times[i]
            at = None if created is None else _seconds(created)
            yield rows.keys[i], feature, values[i], texts[i], _seconds(event), at, event, created
