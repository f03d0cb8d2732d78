"""Reading Feast's online stores as they are, without Feast: SQLite in a thread of its own, Redis on the event loop.

What is read here is what stock Feast or :mod:`~trending_assets.storage.online_store` wrote. A row of a view is all of
its features and the time at which they were true, as one write left them.
"""

import asyncio
import sqlite3
import struct
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import mmh3

from trending_assets.storage.feast_registry import OnlineService
from trending_assets.storage.feature_store import PROJECT, FeastUrls, check_online_url
from trending_assets.storage.home import Home
from trending_assets.storage.online_values import entity_key

# So long a reader waits for a writer that is committing; who asked waits less, but a row is not had sooner.
_BUSY_SECONDS = 1.0
_CONNECT_SECONDS = 1.0

# Of each view of a service: the stored time of its row, then the stored values of its columns. None is not there.
StoredRow = tuple[bytes | int | None, ...]


class OnlineReadError(RuntimeError):
    """The online store could not be read."""


class Layout:
    """Where a service's values lie in a stored row and in the stores.

    Attributes:
        service: the service.
        places: view's place in the service, and column → place in the row; the time of a view is the column ``""``.
        redis_fields: the fields of an entity's hash that hold the row, in its order.
    """

    def __init__(self, service: OnlineService) -> None:
        self.service = service
        self.entity_key = entity_key(service.join_key)
        self.redis_fields: list[bytes] = []
        self.places: dict[tuple[int, str], int] = {}
        for at, view in enumerate(service.views):
            for name in ("", *(column.name for column in view.columns)):
                self.places[at, name] = len(self.redis_fields)
                # As Feast's `_mmh3` hashes a field.
                hashed = struct.pack("<I", mmh3.hash(f"{view.stored_as}:{name}", signed=False))
                self.redis_fields.append(hashed if name else f"_ts:{view.stored_as}".encode())

    def redis_key(self, entity: str) -> bytes:
        """The key of an entity's hash, as Feast's `_redis_key` puts it together."""
        return self.entity_key(entity) + PROJECT.encode()

    @cached_property
    def sqlite_query(self) -> str:
        """What reads the rows of the entities whose keys are put in for ``{keys}``."""
        return " UNION ALL ".join(
            f"SELECT {at}, entity_key, feature_name, value, event_ts FROM {_table(view.stored_as)} "  # noqa: S608
            "WHERE entity_key IN ({keys})"
            for at, view in enumerate(self.service.views)
        )


def _table(view: str) -> str:
    return '"' + f"{PROJECT}_{view}".replace('"', '""') + '"'


class OnlineReader(Protocol):
    """Reads rows of entities; one at a time or many."""

    async def read(self, layout: Layout, entities: Sequence[str]) -> list[StoredRow]:
        """The rows of the entities, in order.

        Raises:
            OnlineReadError: the store could not be read.
        """
        ...

    async def close(self) -> None:
        """Lets go of the store; nothing is read after."""
        ...


class SqliteReader:
    """Reads Feast's SQLite file through one connection.

    In a thread, since a read waits for the disk, and for a writer that is committing.
    """

    def __init__(self, path: Path) -> None:
        """Opens nothing until something is read."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._identity = 0
        self._thread = ThreadPoolExecutor(1, "online-store")

    def __str__(self) -> str:
        return "SQLite"

    async def read(self, layout: Layout, entities: Sequence[str]) -> list[StoredRow]:
        """The rows of the entities, in order; see :class:`OnlineReader`."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, layout, entities)

    def _read(self, layout: Layout, entities: Sequence[str]) -> list[StoredRow]:
        try:
            return self._rows(layout, entities)
        except (sqlite3.Error, OSError) as error:
            self._forget()
            raise OnlineReadError(f"{type(error).__name__}: {error}") from error

    def _rows(self, layout: Layout, entities: Sequence[str]) -> list[StoredRow]:
        connection = self._connected()
        owners: dict[bytes, list[int]] = {}
        for index, entity in enumerate(entities):
            owners.setdefault(layout.entity_key(entity), []).append(index)
        keys = list(owners)
        marks = ",".join(f"?{number + 1}" for number in range(len(keys)))
        query = layout.sqlite_query.replace("{keys}", marks)
        rows: list[list[bytes | int | None]] = [[None] * len(layout.places) for _ in entities]
        for at, key, name, value, seconds in connection.execute(query, keys):
            place = layout.places.get((at, name))
            if place is None:
                continue
            for index in owners[key]:
                row, time = rows[index], layout.places[at, ""]
                row[place] = value
                # A row is written at once and has one time. Where it has not, what is said is the oldest.
                held = row[time]
                row[time] = seconds if held is None else min(held, seconds)
        return [tuple(row) for row in rows]

    def _connected(self) -> sqlite3.Connection:
        # A file that was put in the place of the old one is noticed by what it is, since the old one can still be read.
        identity = self._path.stat().st_ino
        if self._connection is None or identity != self._identity:
            self._forget()
            # Not read-only: what a killed writer left half done has to be taken back before anything is read.
            place = f"{self._path.absolute().as_uri()}?mode=rw"
            self._connection = sqlite3.connect(place, uri=True, timeout=_BUSY_SECONDS)
            self._identity = identity
        return self._connection

    async def close(self) -> None:
        """Closes the file, once what is being read was read."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._forget)
        self._thread.shutdown(wait=False)

    def _forget(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None


class RedisReader:
    """Reads Feast's hashes in Redis or Valkey; all views of an entity with one command.

    All reads share one connection, and each waits for its own answer: redis-py's client would take a connection for
    each and spends more on its pool, its locks and its telemetry than the read costs.
    """

    def __init__(self, url: str) -> None:
        """Connects to nothing until something is read.

        Raises:
            InvalidFeastUrlError: the URL is none of Redis or Valkey.
        """
        check_online_url(FeastUrls(online_store=url))
        self._url = url
        self._shared: _SharedConnection | None = None
        self._closed = False

    def __str__(self) -> str:
        return "Redis"

    async def read(self, layout: Layout, entities: Sequence[str]) -> list[StoredRow]:
        """The rows of the entities, in order; see :class:`OnlineReader`."""
        from redis import RedisError, ResponseError

        commands = [[b"HMGET", layout.redis_key(entity), *layout.redis_fields] for entity in entities]
        try:
            try:
                return await self._answers(commands)
            except ResponseError:
                raise
            except (RedisError, OSError):
                # Once more, for a connection that a restart of the server cut.
                return await self._answers(commands)
        except (RedisError, OSError) as error:
            raise OnlineReadError(f"{type(error).__name__}: {error}") from error

    async def _answers(self, commands: Sequence[Sequence[bytes]]) -> list[StoredRow]:
        if self._closed:
            raise OnlineReadError("the reader was closed")
        shared = self._shared
        if shared is None or not shared.usable:
            shared = self._shared = _SharedConnection(self._url)
        return [tuple(answer) for answer in await shared.ask(commands)]

    async def close(self) -> None:
        """Closes the connection; who still waits is told so."""
        self._closed = True
        if self._shared is not None:
            await self._shared.close()


class _SharedConnection:
    """One connection and those who wait on it: what was asked first is answered first."""

    def __init__(self, url: str) -> None:
        from redis.asyncio import ConnectionPool

        # redis-py knows URLs, passwords and TLS. Who asks says how long it waits.
        self._connection = ConnectionPool.from_url(url, socket_timeout=None).make_connection()
        self._loop = asyncio.get_running_loop()
        self._opened = asyncio.Event()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._usable, self._reason = True, "the connection was closed"
        self._receiving = self._loop.create_task(self._receive())

    @property
    def usable(self) -> bool:
        """Whether it may be asked: it is this event loop's, it did not break, and nobody waited in vain."""
        return self._usable and self._loop is asyncio.get_running_loop()

    async def ask(self, commands: Sequence[Sequence[bytes]]) -> list[Any]:
        """The answers to commands, in order.

        Raises:
            RedisError, OSError: the server does not answer, or not what was asked for.
        """
        if not self._opened.is_set():
            await self._opened.wait()
            if not self._usable:
                raise ConnectionError(self._reason)
        packed = [part for command in commands for part in self._connection.pack_command(*command)]
        answers = [self._loop.create_future() for _ in commands]
        # The commands are sent before anything is waited for, so that who is first in the queue was first to ask.
        self._waiting.extend(answers)
        try:
            await self._send(packed)
            return [await answers[0]] if len(answers) == 1 else await asyncio.gather(*answers)
        except (asyncio.CancelledError, ConnectionError):
            self._give_up(answers)
            raise

    async def _send(self, packed: Iterable[bytes]) -> None:
        from redis import RedisError

        try:
            await self._connection.send_packed_command(packed, check_health=False)
        except (RedisError, RuntimeError) as error:
            # The latter is uvloop's, of a connection that broke and of which the reading end has not been told yet.
            raise ConnectionError(str(error)) from error

    def _give_up(self, answers: Iterable[asyncio.Future[Any]]) -> None:
        """Has nobody ask any more on this connection, which may never answer."""
        self._usable = False
        for answer in answers:
            answer.cancel()
        if not self._awaited():
            self._receiving.cancel()

    def _awaited(self) -> bool:
        return not all(answer.done() for answer in self._waiting)

    async def _receive(self) -> None:
        """Connects, hands out what is answered, and disconnects once nobody will ask and nobody waits."""
        from redis import InvalidResponse, RedisError, ResponseError

        try:
            # The server's greeting too: what accepts connections may have nobody behind it.
            async with asyncio.timeout(_CONNECT_SECONDS):
                await self._connection.connect()
            self._opened.set()
            while self._usable or self._awaited():
                try:
                    answer = await self._connection.read_response(disconnect_on_error=False)
                except ResponseError as error:
                    answer = error
                if not self._waiting:
                    raise InvalidResponse("an answer to nothing that was asked")
                waiting = self._waiting.popleft()
                if waiting.done():
                    continue
                if isinstance(answer, Exception):
                    waiting.set_exception(answer)
                else:
                    waiting.set_result(answer)
        except (RedisError, OSError) as error:
            self._reason = str(error) or f"no connection within {_CONNECT_SECONDS} s"
        finally:
            self._end()
            await self._connection.disconnect(nowait=True)

    def _end(self) -> None:
        """Tells all who wait that there is nothing to wait for."""
        self._usable = False
        self._opened.set()
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(ConnectionError(self._reason))

    async def close(self) -> None:
        """Closes the connection; who still waits is told so."""
        self._receiving.cancel()
        with suppress(asyncio.CancelledError):
            await self._receiving
        # One that was closed before it began has not said so itself.
        self._end()


def open_reader(home: Path, urls: FeastUrls) -> OnlineReader:
    """The reader of a home's online store; nothing is opened yet.

    Raises:
        InvalidFeastUrlError: the URL of the online store is none of Redis or Valkey.
    """
    if urls.online_store:
        return RedisReader(urls.online_store)
    return SqliteReader(Home(home).feast / "online_store.db")
