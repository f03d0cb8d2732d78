"""The online store of a home: which it is, and the one way in which the project writes to it.

Whatever the store is, a row never takes the place of a newer one, decided by its event time and then by when it was
created; of two alike, the one that is written later stays, since it was computed anew. So days can be written in any
order and by several writers at a time. Stock Feast reads what is written here, and may write beside it.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from trending_assets.storage.feature_store import FeastUrls, check_online_url
from trending_assets.storage.lake import Lake
from trending_assets.storage.online_redis import RedisWriter
from trending_assets.storage.online_rows import Layout, OnlineRows, newest_rows
from trending_assets.storage.online_sqlite import SqliteWriter

if TYPE_CHECKING:
    from feast import RepoConfig


class OnlineStoreUnavailableError(RuntimeError):
    """The online store failed while it was written; to write the same days again completes them."""


class UnknownOnlineStoreError(ValueError):
    """Feast is configured for a kind of online store that the project does not write to."""


class OnlineWriter(Protocol):
    """Writes rows to an online store; the class of each kind says how it keeps the newest.

    Attributes:
        batch_rows: how many rows it is best given at a time.
    """

    batch_rows: int

    def write(self, rows: OnlineRows) -> int:
        """Writes those rows that are not older than what is held; returns how many. A row is written whole or not."""
        ...


@dataclass(frozen=True)
class Written:
    """What came of a feature view's rows.

    Attributes:
        rows: the newest rows of the entities in the days that were read.
        written: those that were written; of the others the store held a newer one.
    """

    rows: int
    written: int


def open_writer(config: "RepoConfig") -> AbstractContextManager[OnlineWriter]:
    """A writer to the online store of a configuration.

    Raises:
        UnknownOnlineStoreError: it is neither SQLite nor Redis.
    """
    store = config.online_store
    if store.type == "sqlite":
        return SqliteWriter(Path(store.path), config.project)
    if store.type == "redis":
        from feast.infra.online_stores.redis import RedisOnlineStore

        # The same client that Feast reads through.
        return RedisWriter(RedisOnlineStore()._get_client(store), config.project)  # noqa: SLF001 - there is no other
    raise UnknownOnlineStoreError(f"the online store is {store.type}; SQLite and Redis can be written to")


def write_days(writer: OnlineWriter, lake: Lake, layout: Layout, days: Sequence[str]) -> Written:
    """Writes the newest row of each entity in the given days, where the store holds no newer one.

    Memory holds two batches of values, and the keys and times of a hundred days.

    Args:
        writer: the store.
        lake: where the view's table is.
        layout: what of its table is the view's.
        days: landed days of its table, in any order.

    Raises:
        OnlineStoreUnavailableError: the store failed. What was written until then is whole rows.
        MissingPartitionError: a day has not landed.
        UnsupportedFeatureViewError: a row has no key or no time.
    """
    rows = written = 0
    batches = newest_rows(lake, layout, days, writer.batch_rows)
    # The next batch is read and encoded while the store is busy with one.
    with ThreadPoolExecutor(1) as reader:
        following = reader.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = reader.submit(next, batches, None)
            rows += len(batch)
            try:
                written += writer.write(batch)
            except _failures() as error:
                raise OnlineStoreUnavailableError(
                    f"the online store failed after {written} rows of {layout.view} ({type(error).__name__}: {error}); "
                    "what it holds is whole, and to run the same days again completes them"
                ) from error
    return Written(rows, written)


def online_server(urls: FeastUrls) -> str:
    """Name and version of the server that the online store is on, as it gives them itself.

    Raises:
        InvalidFeastUrlError: the URL is none of Redis or Valkey.
        OnlineStoreUnavailableError: the server does not answer, or not to these credentials.
    """
    import redis

    check_online_url(urls)
    with redis.Redis.from_url(urls.online_store, socket_timeout=2, socket_connect_timeout=2, retry=None) as client:
        try:
            server = client.info("server")
        except redis.RedisError as error:
            raise OnlineStoreUnavailableError(f"Redis or Valkey does not answer ({type(error).__name__})") from None
    valkey = server.get("valkey_version")
    return f"Valkey {valkey}" if valkey else f"Redis {server['redis_version']}"


def _failures() -> tuple[type[Exception], ...]:
    import sqlite3

    from redis import RedisError

    return sqlite3.Error, OSError, RedisError
