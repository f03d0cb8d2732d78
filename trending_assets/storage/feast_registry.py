"""What Feast's registry says of the online store, read without Feast.

To import Feast takes seconds, and where torch is installed it imports that too: a server that wants to know where
values are need not pay for it. The registry is a protobuf message, in a file or by parts in a database. Below are those
of its fields that matter here, under the numbers that Feast gives them; protobuf passes over all others. So the
registry stays the one place where views and services are defined, whoever applied them.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message

from trending_assets.storage.feature_store import PROJECT, FeastUrls, sql_registry_rows

# Of feast.types.ValueType: an entity whose type nobody said is one of strings, as Feast takes it.
_INVALID, _STRING = 0, 2

_Field = descriptor_pb2.FieldDescriptorProto
# Message → field → number, and type or message; a name that ends in * is repeated. An enum is read as the number it is,
# and of a map it only matters whether it is empty.
_MESSAGES: dict[str, dict[str, tuple[int, int | str]]] = {
    "Duration": {"seconds": (1, _Field.TYPE_INT64), "nanos": (2, _Field.TYPE_INT32)},
    "Column": {"name": (1, _Field.TYPE_STRING), "value_type": (2, _Field.TYPE_INT32)},
    "FeatureViewSpec": {
        "name": (1, _Field.TYPE_STRING),
        "project": (2, _Field.TYPE_STRING),
        "features*": (4, "Column"),
        "ttl": (6, "Duration"),
        "online": (8, _Field.TYPE_BOOL),
        "entity_columns*": (12, "Column"),
    },
    "FeatureView": {"spec": (1, "FeatureViewSpec")},
    "FeatureViewProjection": {
        "feature_view_name": (1, _Field.TYPE_STRING),
        "feature_columns*": (2, "Column"),
        "feature_view_name_alias": (3, _Field.TYPE_STRING),
        "join_key_map*": (4, _Field.TYPE_BYTES),
        "version_tag": (10, _Field.TYPE_INT32),
    },
    "FeatureServiceSpec": {
        "name": (1, _Field.TYPE_STRING),
        "project": (2, _Field.TYPE_STRING),
        "features*": (3, "FeatureViewProjection"),
    },
    "FeatureService": {"spec": (1, "FeatureServiceSpec")},
    "ProjectSpec": {"name": (1, _Field.TYPE_STRING)},
    "Project": {"spec": (1, "ProjectSpec")},
    "Registry": {
        "feature_views*": (6, "FeatureView"),
        "feature_services*": (7, "FeatureService"),
        "projects*": (17, "Project"),
    },
}


class UnreadableRegistryError(ValueError):
    """Feast's registry is not whole: it is being written, or whoever wrote it was killed."""


@dataclass(frozen=True)
class OnlineColumn:
    """A feature of a view.

    Attributes:
        name: its name.
        value_type: its number in ``feast.types.ValueType``, which is that of its field in ``feast.types.Value`` too.
    """

    name: str
    value_type: int


@dataclass(frozen=True)
class OnlineView:
    """A feature view as a service names it.

    Attributes:
        name: what the service calls it.
        stored_as: the name under which its values are online.
        join_key: the name of its entity's key, a string.
        columns: the features that the service takes of it.
        age_allowed: how old a row may be; None where the view has no limit.
    """

    name: str
    stored_as: str
    join_key: str
    columns: tuple[OnlineColumn, ...]
    age_allowed: dt.timedelta | None


@dataclass(frozen=True)
class OnlineService:
    """A feature service whose views are all online, and all of one entity.

    Attributes:
        name: its name.
        join_key: the name of its entity's key, a string.
        views: its views, in its order.
    """

    name: str
    join_key: str
    views: tuple[OnlineView, ...]


@dataclass(frozen=True)
class OnlineServices:
    """The feature services of the project.

    Attributes:
        readable: name → service.
        unreadable: name of any other → why it cannot be read from the online store.
    """

    readable: Mapping[str, OnlineService]
    unreadable: Mapping[str, str]


def read_registry_file(path: Path) -> OnlineServices:
    """The services of a file registry.

    Raises:
        FileNotFoundError: there is none.
        UnreadableRegistryError: it is not whole. Feast rewrites the file in place, so a reader that comes at the wrong
            moment, or after a kill, sees a beginning of it.
    """
    registry = _parsed("Registry", path.read_bytes())
    # Feast writes its fields in the order of their numbers, and the projects after all that is read here.
    if PROJECT not in {project.spec.name for project in registry.projects}:
        raise UnreadableRegistryError(f"Feast's registry does not end with the project {PROJECT}: it is cut off")
    parts = (registry.feature_views, registry.feature_services)
    return _services(*([each for each in part if each.spec.project == PROJECT] for part in parts))


def read_sql_registry(urls: FeastUrls) -> OnlineServices:
    """The services of an SQL registry, all as they were at one moment.

    Raises:
        FeastRegistryUnavailableError: the database does not answer.
        UnreadableRegistryError: a view or a service is none of Feast's messages.
    """
    views, services = sql_registry_rows(urls)
    return _services(
        [_parsed("FeatureView", content) for content in views],
        [_parsed("FeatureService", content) for content in services],
    )


def _parsed(name: str, content: bytes) -> Any:
    try:
        return _classes()[name].FromString(content)
    except DecodeError as error:
        raise UnreadableRegistryError(f"no {name} of Feast's: {error}") from error


def _services(views: Iterable[Any], services: Iterable[Any]) -> OnlineServices:
    known = {view.spec.name: view.spec for view in views}
    readable, unreadable = {}, {}
    for service in services:
        try:
            readable[service.spec.name] = _service(service.spec, known)
        except _UnreadableViewError as error:
            unreadable[service.spec.name] = str(error)
    return OnlineServices(readable, unreadable)


class _UnreadableViewError(ValueError):
    pass


def _service(spec: Any, known: Mapping[str, Any]) -> OnlineService:
    views = tuple(_view(each, known) for each in spec.features)
    keys = {view.join_key for view in views}
    if len(keys) != 1:
        raise _UnreadableViewError(f"its views are of entities with the keys {sorted(keys)}, and not of one")
    return OnlineService(spec.name, keys.pop(), views)


def _view(projection: Any, known: Mapping[str, Any]) -> OnlineView:
    name = projection.feature_view_name
    view = known.get(name)
    if view is None:
        raise _UnreadableViewError(f"{name} is not a plain feature view of the registry")
    if not view.online:
        raise _UnreadableViewError(f"{name} is not kept online")
    if projection.join_key_map or projection.HasField("version_tag"):
        raise _UnreadableViewError(f"{name} is read by another key or at an older version, which is not supported")
    keys = [column for column in view.entity_columns if column.value_type in (_INVALID, _STRING)]
    if len(keys) != 1 or len(view.entity_columns) != 1:
        raise _UnreadableViewError(f"the entity of {name} is not known by one string")
    age = dt.timedelta(seconds=view.ttl.seconds, microseconds=view.ttl.nanos // 1000)
    return OnlineView(
        name=projection.feature_view_name_alias or name,
        stored_as=name,
        join_key=keys[0].name,
        columns=tuple(OnlineColumn(column.name, column.value_type) for column in projection.feature_columns),
        age_allowed=age or None,
    )


@cache
def _classes() -> Mapping[str, type[Message]]:
    # A pool of its own: Feast's own messages, where a process has them, are in the default one.
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="registry.proto", package="trending", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind) in fields.items():
            label = _Field.LABEL_REPEATED if field.endswith("*") else _Field.LABEL_OPTIONAL
            added = message.field.add(name=field.rstrip("*"), number=number, label=label)
            if isinstance(kind, str):
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".trending.{kind}"
            else:
                added.type = kind
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"trending.{name}")) for name in _MESSAGES}
