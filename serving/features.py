"""Online features: what Feast's online store holds of a title, and how old it is.

The store is read in its own form, without Feast: see :mod:`trending_assets.storage.online_reader`.
"""

import datetime as dt
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from serving.watched import file_signature
from trending_assets.domain.text.features import TitleFeatures
from trending_assets.storage.feast_registry import OnlineServices, read_registry_file, read_sql_registry
from trending_assets.storage.feature_store import IN_THE_HOME, PROJECT, FeastUrls, sql_registry_signature
from trending_assets.storage.home import Home
from trending_assets.storage.online_reader import Layout, OnlineReader, OnlineReadError, StoredRow, open_reader
from trending_assets.storage.online_values import ForeignValueError, decode, time_of_message, time_of_seconds


class UnknownFeatureServiceError(LookupError):
    """Feast's registry has no such feature service, or one that is not online."""


class OnlineStoreError(RuntimeError):
    """The online store could not be read."""


class ForeignFeatureError(OnlineStoreError):
    """The online store answered with what is no value of a feature: it is torn, or another program's."""


@dataclass(frozen=True)
class OnlineTitle:
    """What the online store holds of one title under one feature service.

    Attributes:
        references: feature → ``view:feature``, for each feature that the service names.
        held: feature → value, for those that are there; None is a value that was written as null.
        event_times: view → event time of the title's row.
        ages_allowed: view → how old a row may be; a view without a limit is left out.
        stored: the same as it is stored, to find out whether it has changed; empty where that is not known.
        otherwise: features that were computed from elsewhere, for a title whose text is not held; None where there are
            none.
    """

    references: Mapping[str, str]
    held: Mapping[str, object]
    event_times: Mapping[str, dt.datetime]
    ages_allowed: Mapping[str, dt.timedelta]
    stored: StoredRow = field(default=(), repr=False, compare=False)
    otherwise: TitleFeatures | None = field(default=None, repr=False, compare=False)

    @property
    def as_of(self) -> dt.datetime | None:
        """Event time of the oldest row; None where the store holds none."""
        return min(self.event_times.values(), default=None)

    def stale(self, at: dt.datetime) -> bool:
        """Whether a row is older at this moment than its view allows.

        Feast does not look at a view's ttl when it reads online, so this does.
        """
        return any(
            at - event_time > self.ages_allowed[view]
            for view, event_time in self.event_times.items()
            if view in self.ages_allowed
        )


class OnlineFeatures(Protocol):
    """Reads features of titles online, without holding up the event loop."""

    @property
    def services(self) -> Collection[str]:
        """The feature services that can be read."""
        ...

    async def read(
        self, service: str, title_ids: Sequence[str], known: Sequence[OnlineTitle | None] = ()
    ) -> list[OnlineTitle]:
        """One answer a title, in order.

        Args:
            service: the feature service.
            title_ids: the titles.
            known: what was read of them before, in the same order; who has not changed may be answered with that.

        Raises:
            UnknownFeatureServiceError: there is no such service.
            OnlineStoreError: the store could not be read.
        """
        ...


class StoredFeatures:
    """Reads an online store as the services of one registry say."""

    def __init__(self, reader: OnlineReader, services: OnlineServices) -> None:
        """Joins a store and what is said of it.

        Raises:
            UnknownFeatureServiceError: there is no service at all: nothing has been applied.
        """
        if not services.readable:
            raise UnknownFeatureServiceError("Feast's registry holds no feature service that is online")
        self._reader = reader
        self._readings = {name: _Reading(Layout(service)) for name, service in services.readable.items()}
        self._unreadable = services.unreadable

    def __str__(self) -> str:
        return f"{self._reader}, Feast project {PROJECT}"

    @property
    def services(self) -> Collection[str]:
        """The feature services that can be read."""
        return self._readings.keys()

    async def read(
        self, service: str, title_ids: Sequence[str], known: Sequence[OnlineTitle | None] = ()
    ) -> list[OnlineTitle]:
        """One answer a title, in order; see :class:`OnlineFeatures`."""
        reading = self._readings.get(service)
        if reading is None:
            reason = self._unreadable.get(service, "Feast's registry has no such feature service")
            raise UnknownFeatureServiceError(f"{service}: {reason}")
        try:
            rows = await self._reader.read(reading.layout, title_ids)
        except OnlineReadError as error:
            raise OnlineStoreError(f"reading {service} failed: {error}") from error
        try:
            return [reading.title(row, known[index] if known else None) for index, row in enumerate(rows)]
        except ForeignValueError as error:
            raise ForeignFeatureError(f"reading {service} failed: {error}") from error


class _Reading:
    """Turns stored rows of one service into features."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        service = layout.service
        self._references = {c.name: f"{view.name}:{c.name}" for view in service.views for c in view.columns}
        self._ages = {view.name: view.age_allowed for view in service.views if view.age_allowed}

    def title(self, row: StoredRow, known: OnlineTitle | None) -> OnlineTitle:
        """The features of a row; those that are known where it is the same row of the same features."""
        same = row, self._references, self._ages
        if known is not None and (known.stored, known.references, known.ages_allowed) == same:
            return known
        held: dict[str, object] = {}
        times: dict[str, dt.datetime] = {}
        at = 0
        for view in self.layout.service.views:
            time, values = row[at], row[at + 1 : at + 1 + len(view.columns)]
            at += 1 + len(view.columns)
            moment = _moment(time)
            # Of a view that Redis holds nothing of, there is no time; values without one are no whole row.
            if moment is None:
                continue
            times[view.name] = moment
            for column, stored in zip(view.columns, values, strict=True):
                if isinstance(stored, bytes):
                    held[column.name] = _decoded(stored, column.value_type, self._references[column.name])
        return OnlineTitle(self._references, held, times, self._ages, row)


def _moment(time: bytes | int | None) -> dt.datetime | None:
    if time is None:
        return None
    return time_of_message(time) if isinstance(time, bytes) else time_of_seconds(time)


def _decoded(stored: bytes, value_type: int, reference: str) -> object:
    try:
        return decode(stored, value_type)
    except ForeignValueError as error:
        raise ForeignValueError(f"{reference}: {error}") from error


class OnlineStore:
    """The online store of a home: one connection, and the newest registry's word for what is in it."""

    def __init__(self, home: Path, urls: FeastUrls = IN_THE_HOME) -> None:
        """Opens nothing.

        Args:
            home: the home.
            urls: servers that hold the registry and the online store.
        """
        self._home, self._urls = home, urls
        self._reader: OnlineReader | None = None

    def open(self) -> StoredFeatures:
        """The features, as the registry says now.

        Raises:
            UnknownFeatureServiceError: nothing has been applied yet.
            UnreadableRegistryError: the registry is just being written.
            FeastRegistryUnavailableError: the registry's database does not answer.
            InvalidFeastUrlError: a URL names no server of a known kind.
        """
        services = (
            read_sql_registry(self._urls)
            if self._urls.registry
            else read_registry_file(Home(self._home).feast / "registry.db")
        )
        if self._reader is None:
            self._reader = open_reader(self._home, self._urls)
        return StoredFeatures(self._reader, services)

    async def close(self) -> None:
        """Lets go of the store."""
        if self._reader is not None:
            await self._reader.close()


def store_signature(folder: Path, urls: FeastUrls = IN_THE_HOME) -> Hashable | None:
    """What changes when the store is applied again or replaced; None where there is none.

    Args:
        folder: the Feast folder of the home.
        urls: servers that hold the registry and the online store.

    Raises:
        FeastRegistryUnavailableError: the registry's database does not answer.
    """
    try:
        registry = sql_registry_signature(urls) if urls.registry else file_signature(folder / "registry.db")
        # The online store's content changes with every write, and is read afresh anyway: only its identity counts,
        # which a server keeps.
        online = None if urls.online_store else (folder / "online_store.db").stat().st_ino
    except FileNotFoundError:
        return None
    return registry and (registry, online)
