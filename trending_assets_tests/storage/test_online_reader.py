"""The stores are read as stock Feast reads them: real SQLite files, a real Valkey, and both kinds of writers."""

import asyncio
import contextlib
import datetime as dt
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis
import uvloop

from trending_assets.storage.feast_registry import OnlineColumn, OnlineService, OnlineView
from trending_assets.storage.feature_store import FeastUrls, InvalidFeastUrlError
from trending_assets.storage.home import Home
from trending_assets.storage.online_reader import (
    Layout,
    OnlineReadError,
    RedisReader,
    SqliteReader,
    StoredRow,
    open_reader,
)
from trending_assets.storage.online_values import decode, time_of_message, time_of_seconds
from trending_assets_tests.storage.databases import Server, valkey_server
from trending_assets_tests.storage.online_world import SIMPLE, TYPES, OnlineWorld, Row

DAY = 1_750_000_000_000_000
STRING, INT64 = 2, 4
LAYOUT = Layout(
    OnlineService(
        "simple",
        "title_id",
        (
            OnlineView(SIMPLE, SIMPLE, "title_id", (OnlineColumn("text", STRING), OnlineColumn("number", INT64)), None),
            OnlineView(TYPES, TYPES, "title_id", (OnlineColumn("string", STRING),), None),
        ),
    )
)
ROWS = [Row("tt1", "one", DAY, DAY), Row("tt2", "number two", DAY + 5_000_000, DAY)]


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    with valkey_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "valkey"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> OnlineWorld:
    """An applied store that holds nothing."""
    urls = FeastUrls()
    if request.param == "valkey":
        server: Server = request.getfixturevalue("valkey")
        with redis.Redis.from_url(server.url) as client:
            client.flushdb()
        urls = FeastUrls(online_store=server.url)
    return OnlineWorld(tmp_path, urls).applied()


def read(world: OnlineWorld, entities: Sequence[str]) -> list[tuple[object, ...]]:
    """Of each entity: time, text and number of one view, time and text of the other."""

    async def once() -> list[tuple[object, ...]]:
        reader = open_reader(world.home, world.urls)
        try:
            return [
                (_time(row[0]), *(None if each is None else decode(each, kind) for each, kind in _typed(row)), row[3:])
                for row in await reader.read(LAYOUT, entities)
            ]
        finally:
            await reader.close()

    return asyncio.run(once())


def _typed(row):
    return ((row[1], STRING), (row[2], INT64))


def _time(stored: bytes | int | None) -> dt.datetime | None:
    if stored is None:
        return None
    return time_of_message(stored) if isinstance(stored, bytes) else time_of_seconds(stored)


def moment(row: Row) -> dt.datetime:
    return dt.datetime.fromtimestamp(row.event / 1e6, dt.UTC)


@pytest.mark.parametrize("writer", ["write", "write_stock"])
def test_what_was_written_is_read(world: OnlineWorld, writer: str) -> None:
    getattr(world, writer)(*ROWS)
    assert read(world, []) == []
    assert read(world, ["tt1"]) == [(moment(ROWS[0]), "one", 3, (None, None))]
    assert read(world, ["tt2", "nobody", "tt1", "tt2"]) == [
        (moment(ROWS[1]), "number two", 10, (None, None)),
        (None, None, None, (None, None)),
        (moment(ROWS[0]), "one", 3, (None, None)),
        (moment(ROWS[1]), "number two", 10, (None, None)),
    ]


def test_an_entity_that_feast_knows_nothing_of_has_nothing(world: OnlineWorld) -> None:
    assert read(world, ["", "ü" * 300, 'a"; DROP TABLE x; --']) == [(None, None, None, (None, None))] * 3


def test_what_is_written_later_is_read_by_a_reader_that_is_open(world: OnlineWorld) -> None:
    async def twice() -> list[object]:
        reader = open_reader(world.home, world.urls)
        before = (await reader.read(LAYOUT, ["tt1"]))[0]
        await asyncio.to_thread(world.write, *ROWS)
        after = (await reader.read(LAYOUT, ["tt1"]))[0]
        await reader.close()
        return [before, decode(bytes(after[1] or b""), STRING)]

    assert asyncio.run(twice()) == [(None,) * 5, "one"]


def test_a_file_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    old, new = (OnlineWorld(tmp_path / name, FeastUrls()).applied() for name in ("old", "new"))
    old.write(ROWS[0])
    new.write(Row("tt1", "of the new file", DAY, DAY))
    place = Home(old.home).feast / "online_store.db"

    async def texts() -> list[object]:
        reader = SqliteReader(place)
        found = [(await reader.read(LAYOUT, ["tt1"]))[0][1]]
        (Home(new.home).feast / "online_store.db").replace(place)
        found.append((await reader.read(LAYOUT, ["tt1"]))[0][1])
        await reader.close()
        return [decode(bytes(each or b""), STRING) for each in found]

    assert asyncio.run(texts()) == ["one", "of the new file"]


def test_no_file_is_created_and_its_absence_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OnlineReadError, match="FileNotFoundError"):
        asyncio.run(SqliteReader(tmp_path / "online_store.db").read(LAYOUT, ["tt1"]))
    assert list(tmp_path.iterdir()) == []


def test_a_view_without_a_table_is_an_error(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "online_store.db").close()
    (tmp_path / "online_store.db").touch()
    with pytest.raises(OnlineReadError, match="no such table"):
        asyncio.run(SqliteReader(tmp_path / "online_store.db").read(LAYOUT, ["tt1"]))


def test_what_a_writer_has_not_committed_is_not_read(tmp_path: Path) -> None:
    world = OnlineWorld(tmp_path, FeastUrls()).applied()
    world.write(*ROWS)
    with sqlite3.connect(Home(tmp_path).feast / "online_store.db", isolation_level=None) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute(f"UPDATE trending_now_{SIMPLE} SET value = x'00'")
        assert read(world, ["tt1"])[0][1:3] == ("one", 3)
        writer.execute("ROLLBACK")


def test_other_requests_go_on_while_a_file_is_locked(tmp_path: Path) -> None:
    world = OnlineWorld(tmp_path, FeastUrls()).applied()
    world.write(*ROWS)
    writer = sqlite3.connect(Home(tmp_path).feast / "online_store.db", isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN EXCLUSIVE")

    async def waited() -> tuple[int, list[object]]:
        reader = open_reader(world.home, world.urls)
        reading, turns = asyncio.ensure_future(reader.read(LAYOUT, ["tt1"])), 0
        while not reading.done() and turns < 20:
            await asyncio.sleep(0.005)
            turns += 1
        assert not reading.done()
        writer.execute("ROLLBACK")
        row = (await reading)[0]
        await reader.close()
        return turns, [decode(bytes(row[1] or b""), STRING)]

    assert asyncio.run(waited()) == (20, ["one"])
    writer.close()


def test_a_connection_that_a_restart_cut_is_made_anew(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as first:
        world = OnlineWorld(tmp_path / "home", FeastUrls(online_store=first.url)).applied()
        world.write(*ROWS)

        async def across() -> list[object]:
            reader = RedisReader(first.url)
            before = (await reader.read(LAYOUT, ["tt1"]))[0]
            first.kill()
            with pytest.raises(OnlineReadError, match="ConnectionError"):
                await reader.read(LAYOUT, ["tt1"])
            with valkey_server(tmp_path, first.port, first.password):
                after = (await reader.read(LAYOUT, ["tt1"]))[0]
                await reader.close()
            return [before, after]

        before, after = asyncio.run(across())
        assert before == after
        assert isinstance(before, tuple)
        assert before[0] is not None


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_connection_that_broke_just_now_is_made_anew(run: Callable[..., list[object]], stored: OnlineWorld) -> None:
    async def across() -> list[object]:
        reader = RedisReader(stored.urls.online_store or "")
        found = []
        for turns in range(6):
            found += await reader.read(LAYOUT, ["tt1"])
            # As when the server was killed: in one of the turns it is closed, and who reads from it was not told yet.
            reader._shared._connection._writer.transport.abort()
            for _ in range(turns):
                await asyncio.sleep(0)
            found += await reader.read(LAYOUT, ["tt2"])
        await reader.close()
        return _texts(found)

    assert run(across()) == ["text of 1", "text of 2"] * 6


def _texts(rows: Sequence[StoredRow]) -> list[object]:
    return [decode(bytes(row[1] or b""), STRING) for row in rows]


@pytest.fixture
def stored(valkey: Server, tmp_path: Path) -> OnlineWorld:
    """A Valkey that holds a hundred titles, each with a text of its own."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushdb()
    world = OnlineWorld(tmp_path, FeastUrls(online_store=valkey.url)).applied()
    world.write(*(Row(f"tt{number}", f"text of {number}", DAY, DAY) for number in range(100)))
    return world


def test_reads_at_the_same_time_get_each_their_own(stored: OnlineWorld) -> None:
    async def together() -> list[object]:
        reader = open_reader(stored.home, stored.urls)
        asked = [reader.read(LAYOUT, [f"tt{number}", f"tt{(number + 1) % 100}"]) for number in range(100)]
        found = await asyncio.gather(*asked)
        await reader.close()
        return [_texts(rows) for rows in found]

    expected = [[f"text of {number}", f"text of {(number + 1) % 100}"] for number in range(100)]
    assert asyncio.run(together()) == expected


def test_who_waits_no_longer_takes_nobody_elses_answer_and_leaves_no_connection(stored: OnlineWorld) -> None:
    async def impatient() -> tuple[list[object], int, int]:
        reader = open_reader(stored.home, stored.urls)
        await reader.read(LAYOUT, ["tt0"])
        with redis.Redis.from_url(stored.urls.online_store or "") as client:
            before = len(client.client_list())
            client.client_pause(500)
            patient = asyncio.ensure_future(reader.read(LAYOUT, ["tt1"]))
            await asyncio.sleep(0)
            for number in range(2, 5):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await reader.read(LAYOUT, [f"tt{number}"])
            found = [*await patient, *await reader.read(LAYOUT, ["tt5"])]
            left = len(client.client_list()) - before
        await reader.close()
        return _texts(found), left, len(asyncio.all_tasks()) - 1

    assert asyncio.run(impatient()) == (["text of 1", "text of 5"], 0, 0)


def test_connections_that_never_answer_are_closed(stored: OnlineWorld) -> None:
    async def impatient() -> tuple[int, int]:
        reader = open_reader(stored.home, stored.urls)
        with redis.Redis.from_url(stored.urls.online_store or "") as client:
            await reader.read(LAYOUT, ["tt0"])
            before = len(client.client_list())
            client.client_pause(400)
            for _ in range(5):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.02):
                        await reader.read(LAYOUT, ["tt0"])
            await reader.read(LAYOUT, ["tt0"])
            left = len(client.client_list()) - before
        await reader.close()
        return left, len(asyncio.all_tasks()) - 1

    assert asyncio.run(impatient()) == (0, 0)


@contextlib.asynccontextmanager
async def _listening(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]):
    """A server that does with a connection what it is told to; gives its port."""
    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Passes a connection on to a server."""
    far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)

    async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            to.write(data)
        to.close()

    await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))


def test_a_connection_that_is_taken_and_never_greeted_does_not_hold_up_those_to_come(
    valkey: Server, stored: OnlineWorld
) -> None:
    taken = 0

    async def first_in_vain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal taken
        taken += 1
        if taken == 1:
            await reader.read()
            writer.close()
        else:
            await _joined(reader, writer, valkey.port)

    async def across() -> list[object]:
        async with _listening(first_in_vain) as port:
            reader = RedisReader(valkey.url.replace(f":{valkey.port}", f":{port}"))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await reader.read(LAYOUT, ["tt1"])
            async with asyncio.timeout(20):
                found = await reader.read(LAYOUT, ["tt1"])
            await reader.close()
            return _texts(found)

    assert asyncio.run(across()) == ["text of 1"]
    assert taken == 2


def test_an_answer_that_nobody_asked_for_is_nobodys(valkey: Server, stored: OnlineWorld) -> None:
    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        joined = asyncio.ensure_future(_joined(reader, writer, valkey.port))
        await asyncio.sleep(0.2)
        writer.write(b"*5\r\n" + b"$3\r\nfoo\r\n" * 5)
        await joined

    async def texts() -> list[object]:
        async with _listening(chatty) as port:
            reader = RedisReader(valkey.url.replace(f":{valkey.port}", f":{port}"))
            found = await reader.read(LAYOUT, ["tt1"])
            await asyncio.sleep(0.3)
            found += await reader.read(LAYOUT, ["tt2"])
            await reader.close()
            return _texts(found)

    assert asyncio.run(texts()) == ["text of 1", "text of 2"]


def test_a_value_of_another_kind_is_an_error_and_the_connection_goes_on(stored: OnlineWorld) -> None:
    async def around() -> tuple[list[object], int]:
        reader = open_reader(stored.home, stored.urls)
        with redis.Redis.from_url(stored.urls.online_store or "") as client:
            client.set(LAYOUT.redis_key("wrong"), "no hash")
            await reader.read(LAYOUT, ["tt1"])
            connections = client.info("stats")["total_connections_received"]
            for titles in (["wrong"], ["tt1", "wrong", "tt2"]):
                with pytest.raises(OnlineReadError, match="WRONGTYPE"):
                    await reader.read(LAYOUT, titles)
            found = await reader.read(LAYOUT, ["tt3"])
            connections = client.info("stats")["total_connections_received"] - connections
        await reader.close()
        return _texts(found), connections

    assert asyncio.run(around()) == (["text of 3"], 0)


@pytest.mark.parametrize(("connected", "turns"), [(False, 1), (True, 1), (True, 50), (False, 50)])
def test_who_waits_when_the_reader_is_closed_is_told_so(stored: OnlineWorld, connected: bool, turns: int) -> None:
    async def closed() -> int:
        reader = open_reader(stored.home, stored.urls)
        with redis.Redis.from_url(stored.urls.online_store or "") as client:
            if connected:
                await reader.read(LAYOUT, ["tt0"])
            client.client_pause(300)
            waiting = asyncio.ensure_future(reader.read(LAYOUT, ["tt1"]))
            for _ in range(turns):
                await asyncio.sleep(0)
            await reader.close()
        async with asyncio.timeout(10):
            with pytest.raises(OnlineReadError, match="closed"):
                await waiting
        with pytest.raises(OnlineReadError, match="closed"):
            await reader.read(LAYOUT, ["tt1"])
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(closed()) == 0


def test_a_wrong_password_is_an_error_without_it(valkey: Server) -> None:
    url = valkey.url.replace(valkey.password, "guessed")
    with pytest.raises(OnlineReadError) as refused:
        asyncio.run(RedisReader(url).read(LAYOUT, ["tt1"]))
    assert "guessed" not in str(refused.value)


def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(InvalidFeastUrlError):
        RedisReader("http://127.0.0.1")
