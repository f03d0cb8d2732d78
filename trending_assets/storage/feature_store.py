"""Feast's feature store of one home: where its registry and online store live, and who may write it."""

import json
import re
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from trending_assets.storage.atomic import exclusively
from trending_assets.storage.home import Home

if TYPE_CHECKING:
    import psycopg
    from feast import FeatureStore, RepoConfig

PROJECT = "trending_now"
# A server that does not answer must not hold a request or a run up for long.
_SECONDS = 5
_NOT_ENCODED = re.compile("%(?![0-9A-Fa-f]{2})")


class InvalidFeastUrlError(ValueError):
    """A setting is no URL of a server that Feast can use. The message holds nothing of it: it may hold a password."""


class FeastRegistryUnavailableError(RuntimeError):
    """The database of Feast's registry cannot be reached."""


@dataclass(frozen=True)
class FeastUrls:
    """Servers that hold Feast's parts. They may have passwords in them, and are not shown.

    Attributes:
        online_store: ``redis://[user:password@]host[:port][/db]`` of Redis or Valkey, ``rediss://`` with TLS; empty for
            SQLite in the home.
        registry: ``postgresql://user:password@host[:port]/database`` of Feast's SQL registry; empty for a file in the
            home.
    """

    online_store: str = field(default="", repr=False)
    registry: str = field(default="", repr=False)


IN_THE_HOME = FeastUrls()


def repo_config(home: Path, urls: FeastUrls = IN_THE_HOME) -> "RepoConfig":
    """Feast's configuration for a home: file registry and SQLite online unless servers are named, DuckDB offline.

    With no servers the same as ``feature_repo/feature_store.yaml``, which stock Feast reads, but for any home.

    Raises:
        InvalidFeastUrlError: a URL names no server of a known kind.
    """
    from feast import RepoConfig

    folder = Home(home).feast
    registry: dict[str, Any] = {"registry_type": "file", "path": str(folder / "registry.db"), "cache_ttl_seconds": 60}
    online_store = {"type": "sqlite", "path": str(folder / "online_store.db")}
    if urls.registry:
        registry = _sql_registry(urls.registry)
    if urls.online_store:
        online_store = {"type": "redis", "connection_string": _redis_connection(urls.online_store)}
    return RepoConfig(
        project=PROJECT,
        provider="local",
        registry=registry,
        online_store=online_store,
        offline_store={"type": "duckdb"},
        entity_key_serialization_version=3,
    )


def open_feature_store(home: Path, urls: FeastUrls = IN_THE_HOME) -> "FeatureStore":
    """The feature store of a home. Nothing is read or created until it is used.

    Raises:
        InvalidFeastUrlError: a URL names no server of a known kind.
    """
    from feast import FeatureStore

    return FeatureStore(config=repo_config(home, urls))


@contextmanager
def writing_feature_store(home: Path, urls: FeastUrls = IN_THE_HOME) -> Iterator[None]:
    """Waits until no one else writes the registry, and keeps others out of the block.

    Feast rewrites its file registry whole on every apply and materialise, and reads a view from the SQL registry before
    it writes it back: of two writers at a time, one loses its entries. The file is locked on this machine, the database
    for every machine. A store that is to be changed has to be opened inside the block, since Feast keeps what it read.

    Raises:
        FeastRegistryUnavailableError: the database does not answer.
    """
    if not urls.registry:
        with exclusively(Home(home).feast / "writer.lock"):
            yield
        return
    with connected(urls) as connection:
        # Held by the session, so a process that ends, however it does, holds it no longer.
        connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [PROJECT])
        yield


def writing_online_store(home: Path) -> AbstractContextManager[None]:
    """Waits until no other process of the home writes its online store, and keeps others out of the block.

    The store itself keeps the newest rows whoever writes. This is for rows with the same times, computed anew: what was
    read from the lake before it was rewritten is not written after.
    """
    return exclusively(Home(home).feast / "online.lock")


def create_sql_registry(urls: FeastUrls) -> None:
    """Creates the tables of the SQL registry where they are missing; to be called by its only writer."""
    from feast.infra.registry.sql import metadata
    from sqlalchemy import create_engine

    config = _sql_registry(urls.registry)
    engine = create_engine(config["path"], **config["sqlalchemy_config_kwargs"])
    try:
        metadata.create_all(engine)
    finally:
        engine.dispose()


def sql_registry_signature(urls: FeastUrls) -> Hashable | None:
    """What changes when a view or a service in the SQL registry does; None where nothing has been applied.

    Raises:
        FeastRegistryUnavailableError: the database does not answer.
    """
    return _sql_registry_table(urls, "md5(feature_view_proto)", "md5(feature_service_proto)") or None


def sql_registry_rows(urls: FeastUrls) -> tuple[list[bytes], list[bytes]]:
    """Feast's messages of the views and of the services in the SQL registry, all as they were at one moment.

    Raises:
        FeastRegistryUnavailableError: the database does not answer.
    """
    rows = _sql_registry_table(urls, "feature_view_proto", "feature_service_proto")
    views, services = (
        [bytes(content) for kind, _, content in rows if kind == wanted] for wanted in ("view", "service")
    )
    return views, services


def _sql_registry_table(urls: FeastUrls, of_view: str, of_service: str) -> tuple[tuple[Any, ...], ...]:
    from psycopg.errors import QueryCanceled, UndefinedTable

    query = (
        f"SELECT 'view', feature_view_name, {of_view} FROM feature_views WHERE project_id = %(project)s UNION ALL "  # noqa: S608 - columns
        f"SELECT 'service', feature_service_name, {of_service} FROM feature_services WHERE project_id = %(project)s "
        "ORDER BY 1, 2"
    )
    with connected(urls) as connection:
        try:
            # Whoever holds a table for longer is as good as a database that does not answer.
            connection.execute(f"SET statement_timeout = '{_SECONDS}s'")
            return tuple(connection.execute(query, {"project": PROJECT}).fetchall())
        except UndefinedTable:
            return ()
        except QueryCanceled:
            reason = f"no answer within {_SECONDS} s"
            raise FeastRegistryUnavailableError(f"the database of Feast's registry does not answer: {reason}") from None


@contextmanager
def connected(urls: FeastUrls) -> Iterator["psycopg.Connection[tuple[Any, ...]]"]:
    """A connection to the database of the SQL registry, each statement a transaction of its own.

    Raises:
        InvalidFeastUrlError: the URL names no database.
        FeastRegistryUnavailableError: the database does not answer.
    """
    import psycopg

    dsn = _sql_registry(urls.registry)["path"].replace("postgresql+psycopg://", "postgresql://", 1)
    try:
        connection = psycopg.connect(dsn, autocommit=True, connect_timeout=_SECONDS)
    except psycopg.OperationalError as error:
        # What it says begins with the server's address, and ends with its reason.
        reason = str(error).strip().rpartition(": ")[2]
        raise FeastRegistryUnavailableError(f"the database of Feast's registry does not answer: {reason}") from None
    with connection:
        yield connection


def _sql_registry(url: str) -> dict[str, Any]:
    parts = _parts(url, {"postgresql", "postgresql+psycopg"}, "postgresql://user:password@host[:port]/database")
    return {
        "registry_type": "sql",
        "path": parts._replace(scheme="postgresql+psycopg").geturl(),
        # Readers would create tables otherwise, and two of them at a time fail.
        "schema_mode": "skip",
        # Never read again by a store that is open: a request would wait for it. Who serves watches the signature.
        "cache_ttl_seconds": 0,
        "sqlalchemy_config_kwargs": {
            "pool_pre_ping": True,
            "hide_parameters": True,
            "connect_args": {"connect_timeout": _SECONDS},
        },
    }


def check_online_url(urls: FeastUrls) -> None:
    """Looks at the form of the online store's URL.

    Raises:
        InvalidFeastUrlError: it is none of Redis or Valkey.
    """
    _redis_connection(urls.online_store)


def _redis_connection(url: str) -> str:
    """A URL as Feast's list of settings, in which a value is JSON and holds no comma."""
    form = "redis://[user:password@]host[:port][/db]"
    parts = _parts(url, {"redis", "rediss"}, form)
    host, database = parts.hostname or "", parts.path.strip("/")
    if ":" in host or "," in host or parts.query or (database and not database.isdecimal()):
        raise _invalid(form)
    options: dict[str, Any] = {
        "db": int(database or 0),
        "socket_timeout": _SECONDS,
        "socket_connect_timeout": _SECONDS,
        # To try again by itself takes the client ten seconds, in which a request waits. It connects anew all the same.
        "retry": None,
    }
    options |= {
        name: unquote(value) for name, value in (("username", parts.username), ("password", parts.password)) if value
    }
    if parts.scheme == "rediss":
        options["ssl"] = True
    listed = [f"{name}={json.dumps(value)}".replace(",", "\\u002c") for name, value in options.items()]
    return ",".join([f"{host}:{parts.port or 6379}", *listed])


def _parts(url: str, schemes: set[str], form: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        known = parts.scheme in schemes and parts.hostname and parts.port != 0 and not parts.fragment
    except ValueError:
        known = False
    if not known or _NOT_ENCODED.search(url):
        raise _invalid(form)
    return parts


def _invalid(form: str) -> InvalidFeastUrlError:
    return InvalidFeastUrlError(f"not of the form {form}, where a password's special characters are percent-encoded")
