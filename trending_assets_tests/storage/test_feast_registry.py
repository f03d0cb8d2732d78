"""Feast's registry is read as Feast reads it, and never a part of it."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.protos.feast.core import FeatureService_pb2, FeatureView_pb2, Registry_pb2
from feast.types import Float32, Int64, String

from feature_repo.repository import apply
from trending_assets.storage.feast_registry import (
    OnlineColumn,
    UnreadableRegistryError,
    _classes,
    read_registry_file,
    read_sql_registry,
)
from trending_assets.storage.feature_store import (
    PROJECT,
    FeastRegistryUnavailableError,
    FeastUrls,
    connected,
    open_feature_store,
)
from trending_assets.storage.home import Home
from trending_assets_tests.storage.databases import postgres_server

_OURS_TO_FEASTS = {
    "FeatureView": FeatureView_pb2.FeatureView,
    "FeatureService": FeatureService_pb2.FeatureService,
    "Registry": Registry_pb2.Registry,
}
# What is read as the number that it is, and what only matters by being there.
_READ_AS = {"value_type": "enum", "join_key_map": "message"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the feature repository was applied."""
    folder = tmp_path_factory.mktemp("home")
    apply(folder)
    return folder


def registry_of(home: Path) -> Path:
    return Home(home).feast / "registry.db"


def agree(ours: Any, feasts: Any, seen: set[str]) -> None:
    """Each field of ours is one of Feast's: the same number, type and multiplicity."""
    if ours.full_name in seen:
        return
    seen.add(ours.full_name)
    for field in ours.fields:
        other = feasts.fields_by_name[field.name]
        assert field.number == other.number
        assert field.is_repeated == other.is_repeated
        if field.name in _READ_AS:
            assert other.type == {"enum": other.TYPE_ENUM, "message": other.TYPE_MESSAGE}[_READ_AS[field.name]]
        else:
            assert field.type == other.type
        if field.message_type is not None:
            agree(field.message_type, other.message_type, seen)


def test_the_fields_are_feasts_own() -> None:
    seen: set[str] = set()
    for name, feasts in _OURS_TO_FEASTS.items():
        agree(_classes()[name].DESCRIPTOR, feasts.DESCRIPTOR, seen)
    assert len(seen) == len(_classes())


def test_services_are_those_that_feast_knows(home: Path) -> None:
    found = read_registry_file(registry_of(home))
    store = open_feature_store(home)
    services = {service.name: service for service in store.list_feature_services()}
    assert found.readable.keys() | found.unreadable.keys() == services.keys()
    for name, service in found.readable.items():
        projections = services[name].feature_view_projections
        assert service.join_key == "title_id"
        assert [view.name for view in service.views] == [each.name_to_use() for each in projections]
        for view, projection in zip(service.views, projections, strict=True):
            defined = store.get_feature_view(projection.name)
            assert view.stored_as == defined.name
            assert view.age_allowed == (defined.ttl or None)
            assert list(view.columns) == [
                OnlineColumn(each.name, each.dtype.to_value_type().value) for each in projection.features
            ]


def test_a_service_of_what_is_never_online_says_so(home: Path) -> None:
    assert read_registry_file(registry_of(home)).unreadable == {"genre_training_v5": "title_masked is not kept online"}


def test_a_registry_that_is_cut_off_anywhere_is_refused_or_whole(home: Path, tmp_path: Path) -> None:
    content, part = registry_of(home).read_bytes(), tmp_path / "registry.db"
    whole = read_registry_file(registry_of(home))
    refused = 0
    for length in (*range(0, len(content), 37), len(content) - 1):
        part.write_bytes(content[:length])
        try:
            assert read_registry_file(part) == whole
        except UnreadableRegistryError:
            refused += 1
    assert refused > len(content) // 37 // 2


def test_a_file_that_is_no_registry_is_refused(tmp_path: Path) -> None:
    (tmp_path / "registry.db").write_bytes(b"this is a text of some length")
    with pytest.raises(UnreadableRegistryError):
        read_registry_file(tmp_path / "registry.db")


def test_another_projects_services_are_not_ours(tmp_path: Path) -> None:
    registry = Registry_pb2.Registry()
    registry.projects.add().spec.name = PROJECT
    registry.feature_services.add().spec.name = "theirs"
    (tmp_path / "registry.db").write_bytes(registry.SerializeToString())
    found = read_registry_file(tmp_path / "registry.db")
    assert (found.readable, found.unreadable) == ({}, {})


def test_ttl_alias_chosen_columns_and_what_cannot_be_read(tmp_path: Path) -> None:
    Home(tmp_path).feast.mkdir(parents=True)
    title = Entity(name="title", join_keys=["title_id"], value_type=ValueType.STRING)
    person = Entity(name="person", join_keys=["person_id"], value_type=ValueType.STRING)
    number = Entity(name="number", join_keys=["number_id"], value_type=ValueType.INT64)

    def view(name: str, entities: list[Entity], **options: Any) -> FeatureView:
        source = FileSource(name=name, path=str(tmp_path / f"{name}.parquet"), timestamp_field="event_timestamp")
        schema = [Field(name=f"{name}_a", dtype=Int64), Field(name=f"{name}_b", dtype=Float32)]
        return FeatureView(name=name, entities=entities, schema=schema, source=source, **options)

    daily = view("daily", [title], ttl=dt.timedelta(days=1, seconds=1))
    people, numbers, both = view("people", [person]), view("numbers", [number]), view("both", [title, person])
    source = FileSource(name="text", path=str(tmp_path / "text.parquet"), timestamp_field="event_timestamp")
    text = FeatureView(name="text", entities=[title], schema=[Field(name="text", dtype=String)], source=source)
    services = [
        FeatureService(name="plain", features=[text, daily[["daily_b"]].with_name("newest")]),
        FeatureService(name="of_two_entities", features=[text, people]),
        FeatureService(name="of_a_number", features=[numbers]),
        FeatureService(name="of_a_pair", features=[both]),
        FeatureService(name="by_another_key", features=[people.with_join_key_map({"person_id": "director_id"})]),
    ]
    objects = [title, person, number, daily, people, numbers, both, text, *services]
    open_feature_store(tmp_path).apply(objects, skip_feature_view_validation=True)
    found = read_registry_file(registry_of(tmp_path))
    (service,) = found.readable.values()
    assert service.name == "plain"
    assert [(view.name, view.stored_as) for view in service.views] == [("text", "text"), ("newest", "daily")]
    assert [view.age_allowed for view in service.views] == [None, dt.timedelta(days=1, seconds=1)]
    assert [[column.name for column in view.columns] for view in service.views] == [["text"], ["daily_b"]]
    assert found.unreadable == {
        "of_two_entities": "its views are of entities with the keys ['person_id', 'title_id'], and not of one",
        "of_a_number": "the entity of numbers is not known by one string",
        "of_a_pair": "the entity of both is not known by one string",
        "by_another_key": "people is read by another key or at an older version, which is not supported",
    }


def test_an_sql_registry_says_the_same_as_a_file(home: Path, tmp_path: Path) -> None:
    with postgres_server() as server:
        urls = FeastUrls(registry=server.url)
        assert read_sql_registry(urls).readable == {}
        apply(tmp_path, urls)
        assert read_sql_registry(urls) == read_registry_file(registry_of(home))


def test_an_sql_registry_whose_table_is_locked_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trending_assets.storage.feature_store._SECONDS", 2)
    with postgres_server() as server:
        urls = FeastUrls(registry=server.url)
        apply(tmp_path, urls)
        with connected(urls) as other, other.transaction():
            other.execute("LOCK TABLE feature_views")
            with pytest.raises(FeastRegistryUnavailableError, match="no answer within 2 s"):
                read_sql_registry(urls)
        assert read_sql_registry(urls).readable
