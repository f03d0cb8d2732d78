"""Online features: what Feast's online store holds of a title, and how old it is."""

import datetime as dt
import threading
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from trending_assets.storage.feature_store import IN_THE_HOME, FeastUrls, open_feature_store, sql_registry_signature

if TYPE_CHECKING:
    from feast import FeatureService, FeatureStore

_JOIN_KEY = "title_id"


class UnknownFeatureServiceError(LookupError):
    """Feast's registry has no such feature service."""


class OnlineStoreError(RuntimeError):
    """The online store could not be read."""


@dataclass(frozen=True)
class OnlineTitle:
    """What the online store holds of one title under one feature service.

    Attributes:
        references: feature → ``view:feature``, for each feature that the service names.
        held: feature → value, for those that are there; None is a value that was written as null.
        event_times: view → event time of the title's row.
        ages_allowed: view → how old a row may be; a view without a limit is left out.
    """

    references: Mapping[str, str]
    held: Mapping[str, object]
    event_times: Mapping[str, dt.datetime]
    ages_allowed: Mapping[str, dt.timedelta]

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
    """Reads features of titles online; safe to call from several threads."""

    def read(self, service: str, title_ids: Sequence[str]) -> list[OnlineTitle]:
        """One answer a title, in order.

        Raises:
            UnknownFeatureServiceError: there is no such service.
            OnlineStoreError: the store could not be read.
        """
        ...


@dataclass(frozen=True)
class _Service:
    definition: "FeatureService"
    ages_allowed: Mapping[str, dt.timedelta]


class FeastFeatures:
    """Reads through Feast."""

    def __init__(self, store: "FeatureStore") -> None:
        """Wraps a store.

        Raises:
            UnknownFeatureServiceError: its registry has no service at all. Feast rewrites a file registry in place,
                so a reader that comes at the wrong moment sees an empty one.
        """
        self._store = store
        # One SQLite connection serves all threads, and a read takes less than a millisecond.
        self._lock = threading.Lock()
        # Feast builds a service's objects anew each time it is asked. A registry that changes gets a new reader.
        self._services: dict[str, _Service] = {}
        if not store.list_feature_services():
            raise UnknownFeatureServiceError("Feast's registry holds no feature service")

    def __str__(self) -> str:
        return f"Feast project {self._store.project}"

    def read(self, service: str, title_ids: Sequence[str]) -> list[OnlineTitle]:
        """One answer a title, in order; see :class:`OnlineFeatures`."""
        with self._lock:
            try:
                return self._read(self._service(service), title_ids)
            except UnknownFeatureServiceError:
                raise
            except Exception as error:  # what a store raises depends on its kind
                raise OnlineStoreError(f"reading {service} failed: {type(error).__name__}: {error}") from error

    def _service(self, name: str) -> "_Service":
        known = self._services.get(name)
        if known is None:
            known = self._services[name] = self._look_up(name)
        return known

    def _look_up(self, name: str) -> "_Service":
        from feast.errors import FeatureServiceNotFoundException

        try:
            service = self._store.get_feature_service(name, allow_cache=True)
        except FeatureServiceNotFoundException as error:
            raise UnknownFeatureServiceError(f"Feast's registry has no feature service {name}") from error
        ages = {}
        for projection in service.feature_view_projections:
            ttl = self._store.get_feature_view(projection.name).ttl
            if ttl:
                ages[projection.name_to_use()] = ttl  # type: ignore[no-untyped-call]
        return _Service(service, ages)

    def _read(self, service: "_Service", title_ids: Sequence[str]) -> list[OnlineTitle]:
        from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
        from feast.type_map import feast_value_type_to_python_type

        response = self._store.get_online_features(
            features=service.definition,
            entity_rows=[{_JOIN_KEY: title_id} for title_id in title_ids],
            full_feature_names=True,
        ).proto
        columns = [
            # A view's name may end in its version, ``__v1``.
            (*name.rsplit("__", maxsplit=1), column)
            for name, column in zip(response.metadata.feature_names.val, response.results, strict=True)
            if name != _JOIN_KEY
        ]
        references = {feature: f"{view}:{feature}" for view, feature, _ in columns}
        rows = []
        for index in range(len(title_ids)):
            # Of a view that it holds nothing of, Feast's Redis store answers nulls as of 1970, as if they were there.
            present = [
                each
                for each in columns
                if each[2].statuses[index] == FieldStatus.PRESENT and each[2].event_timestamps[index].ByteSize()
            ]
            held = {feature: feast_value_type_to_python_type(column.values[index]) for _, feature, column in present}
            times = {view: column.event_timestamps[index].ToDatetime(dt.UTC) for view, _, column in present}
            rows.append(OnlineTitle(references, held, times, service.ages_allowed))
        return rows


def store_signature(folder: Path, urls: FeastUrls = IN_THE_HOME) -> Hashable | None:
    """What changes when the store is applied again or replaced; None where there is none.

    Args:
        folder: the Feast folder of the home.
        urls: servers that hold the registry and the online store.

    Raises:
        FeastRegistryUnavailableError: the registry's database does not answer.
    """
    try:
        registry = sql_registry_signature(urls) if urls.registry else _file_signature(folder / "registry.db")
        # The online store's content changes with every write, and is read afresh anyway: only its identity counts,
        # which a server keeps.
        online = None if urls.online_store else (folder / "online_store.db").stat().st_ino
    except FileNotFoundError:
        return None
    return registry and (registry, online)


def _file_signature(path: Path) -> Hashable:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def open_features(home: Path, urls: FeastUrls = IN_THE_HOME) -> OnlineFeatures:
    """The features of a home; takes seconds the first time, since it imports Feast.

    Args:
        home: the home.
        urls: servers that hold the registry and the online store.

    Raises:
        UnknownFeatureServiceError: nothing has been applied yet.
    """
    return FeastFeatures(open_feature_store(home, urls))
