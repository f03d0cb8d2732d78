"""Twenty writers of Feast's registry and of the online store at once lose nothing, in files and on servers."""

import asyncio
import datetime as dt
import logging
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import numpy as np
import psycopg
import pytest

from feature_repo.repository import NotAppliedError, apply, materialize
from serving.features import OnlineStore, store_signature
from trending_assets.definitions import build_defs
from trending_assets.doctor import examine
from trending_assets.resources.home import HomeResource
from trending_assets.settings import Settings
from trending_assets.storage.feature_store import (
    FeastRegistryUnavailableError,
    FeastUrls,
    open_feature_store,
    sql_registry_signature,
)
from trending_assets.storage.home import Home
from trending_assets.storage.online_store import OnlineStoreUnavailableError, Written
from trending_assets_tests.integration.feast_writers import DAYS, TABLES, fill, write_at_once
from trending_assets_tests.storage.databases import Server, postgres_server, valkey_server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    with valkey_server() as server:
        yield server


@pytest.fixture(scope="module")
def servers(postgres: Server, valkey: Server) -> FeastUrls:
    return FeastUrls(online_store=valkey.url, registry=postgres.url.replace("postgresql:", "postgresql+psycopg:"))


@pytest.fixture(scope="module", params=["files", "servers"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FeastUrls]:
    """A home into which all writers wrote, and where its Feast is."""
    home = tmp_path_factory.mktemp("home")
    fill(home)
    urls = FeastUrls() if request.param == "files" else request.getfixturevalue("servers")
    assert write_at_once(home, urls) == [0, 0, 0, 0]
    return home, urls


def test_the_registry_holds_every_interval_view_and_service(written: tuple[Path, FeastUrls]) -> None:
    home, urls = written
    store = open_feature_store(home, urls)
    days = {dt.datetime.fromisoformat(f"{day}T00:00:00+00:00") for day in DAYS}
    for name in TABLES:
        intervals = store.get_feature_view(name).materialization_intervals
        assert len(intervals) == len(DAYS)
        assert set(intervals) == {(day, day + dt.timedelta(days=1)) for day in days}
    assert len(store.list_feature_views()) == 6
    services = {service.name for service in store.list_feature_services()}
    assert services == {"genre_text_v4", "genre_text_embedding_v5", "genre_training_v5"}
    assert Home(home).feast.joinpath("registry.db").exists() == (not urls.registry)
    assert Home(home).feast.joinpath("online_store.db").exists() == (not urls.online_store)


def test_the_api_reads_the_newest_of_every_title(written: tuple[Path, FeastUrls]) -> None:
    home, urls = written
    features = OnlineStore(home, urls).open()
    titles = ["tt1", "not there", *(f"tt-{day}" for day in DAYS)]
    newest, absent, *others = asyncio.run(features.read("genre_text_embedding_v5", titles))
    assert newest.held["text"] == f"tt1 on {DAYS[-1]}"
    assert np.array_equal(newest.held["embedding"], [20.0] * 384)
    assert newest.as_of == dt.datetime(2025, 6, 20, 12, tzinfo=dt.UTC)
    # Nothing of this view was written.
    assert "tfidf" not in newest.held
    assert (absent.held, absent.as_of) == ({}, None)
    assert [row.held["text"] for row in others] == [f"tt-{day} on {day}" for day in DAYS]


def test_the_api_reads_on_while_the_registry_is_down(servers: FeastUrls, tmp_path: Path) -> None:
    fill(tmp_path)
    with postgres_server() as database:
        urls = FeastUrls(servers.online_store.replace("/0", "/4"), database.url)
        apply(tmp_path, urls)
        materialize(tmp_path, {"title_text": DAYS[:1]}, urls)
        features = OnlineStore(tmp_path, urls).open()
        assert asyncio.run(features.read("genre_text_v4", ["tt1"]))[0].held["text"] == f"tt1 on {DAYS[0]}"
    with pytest.raises(FeastRegistryUnavailableError):
        store_signature(Home(tmp_path).feast, urls)
    assert asyncio.run(features.read("genre_text_v4", ["tt1"]))[0].held["year"] == 2000


def test_the_api_sees_that_something_was_applied_or_written(written: tuple[Path, FeastUrls]) -> None:
    home, urls = written
    before = store_signature(Home(home).feast, urls)
    assert before is not None
    assert store_signature(Home(home).feast, urls) == before
    days = dict.fromkeys(TABLES, DAYS[:2])
    assert set(materialize(home, days, urls).values()) == {Written(3, 2)}
    assert store_signature(Home(home).feast, urls) != before


def _online(home: HomeResource, days: list[str]) -> dg.ExecuteInProcessResult:
    """A run of the two assets over days."""
    definitions = build_defs({"home": home})
    assets = [definitions.get_assets_def(name) for name in ("feast_registry", "online_store")]
    tags = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(assets, instance=instance, resources={"home": home}, tags=tags, raise_on_error=False)


def test_a_run_writes_its_own_days_to_the_servers_of_the_environment(
    servers: FeastUrls, valkey: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    urls = FeastUrls(servers.online_store.replace("/0", "/5"), servers.registry)
    monkeypatch.setenv("TRENDING_HOME", str(tmp_path))
    monkeypatch.setenv("TRENDING_ONLINE_STORE", urls.online_store)
    monkeypatch.setenv("TRENDING_FEAST_REGISTRY", urls.registry)
    home = build_defs().resources["home"]
    assert isinstance(home, HomeResource)
    # What people are shown of a resource names the variables.
    assert valkey.password not in str(home)

    for days, newest in ((DAYS[4:6], DAYS[5]), (DAYS[:2], DAYS[5]), (DAYS[10:11], DAYS[10])):
        done = _online(home, days)
        assert done.success
        assert not any(valkey.password in str(event) for event in done.all_events)
        written = done.asset_materializations_for_node("online_store")[0].metadata["title_activity written by the run"]
        assert written.value == f"{len(days) if days == DAYS[:2] else len(days) + 1} of {len(days) + 1}"
        titles = ["tt1", f"tt-{days[0]}"]
        answer = open_feature_store(tmp_path, urls).get_online_features(
            ["title_text:text", "title_activity:score_week"], [{"title_id": title} for title in titles]
        )
        texts = [f"tt1 on {newest}", f"tt-{days[0]} on {days[0]}"]
        assert answer.to_dict() == {"title_id": titles, "text": texts, "score_week": [50.0, 0.5]}


def test_a_run_whose_online_store_is_down_fails_with_its_name(tmp_path: Path) -> None:
    fill(tmp_path)
    home = HomeResource(folder=str(tmp_path), online_store_url="redis://:hunter2@127.0.0.1:1/0")
    done = _online(home, DAYS[:2])
    assert not done.success
    told = [str(event.event_specific_data) for event in done.all_events if event.is_failure]
    assert any("OnlineStoreUnavailableError" in each for each in told)
    assert not any("hunter2" in str(event) for event in done.all_events)


def test_doctor_says_where_features_are_and_nothing_secret(
    written: tuple[Path, FeastUrls], postgres: Server, valkey: Server
) -> None:
    home, urls = written
    settings = Settings(home=home, online_store=urls.online_store or None, feast_registry=urls.registry or None)
    answer = examine(settings)
    rows = {row["name"]: (row["state"], row["why"]) for row in answer["integrations"]}
    if urls.registry:
        assert rows["feast registry"] == ("live", "PostgreSQL, by TRENDING_FEAST_REGISTRY")
        state, why = rows["feast online store"]
        assert state == "live"
        assert why.startswith("Valkey 9.")
    else:
        assert rows["feast registry"] == ("local", f"file: {Home(home).feast / 'registry.db'}")
        assert rows["feast online store"] == ("local", f"SQLite: {Home(home).feast / 'online_store.db'}")
    for server in (postgres, valkey):
        for shown in (str(answer), repr(settings), repr(urls), str(urls)):
            assert server.password not in shown
            assert str(server.port) not in shown


@pytest.mark.parametrize(
    ("changed", "registry", "online"),
    [
        (lambda url: url.replace("127.0.0.1", "127.0.0.1:x"), "not of the form", "not of the form"),
        (lambda url: url.replace("@127.0.0.1", "pa%zz@127.0.0.1"), "not of the form", "not of the form"),
        (lambda url: url.replace("@127.0.0.1", "wrong@127.0.0.1"), "does not answer", "does not answer"),
    ],
    ids=["no port", "bad escape", "wrong password"],
)
def test_doctor_says_what_is_wrong_with_a_server_and_nothing_secret(
    changed, registry: str, online: str, servers: FeastUrls, postgres: Server, valkey: Server, tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path, online_store=changed(servers.online_store), feast_registry=changed(servers.registry)
    )
    answer = examine(settings)
    rows = {row["name"]: (row["state"], row["why"]) for row in answer["integrations"]}
    for name, expected in (("feast registry", registry), ("feast online store", online)):
        assert rows[name][0] == "off"
        assert expected in rows[name][1]
    for server in (postgres, valkey):
        assert server.password not in str(answer)


def test_a_registry_without_tables_is_no_store_yet(servers: FeastUrls, postgres: Server, tmp_path: Path) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE empty")
    urls = FeastUrls(registry=postgres.url.replace("/postgres", "/empty"))
    assert sql_registry_signature(urls) is None
    assert store_signature(tmp_path, urls) is None


def test_what_was_not_applied_is_not_passed_over(tmp_path: Path) -> None:
    fill(tmp_path)
    apply(tmp_path)
    with pytest.raises(NotAppliedError, match="title_nothing"):
        materialize(tmp_path, {"title_text": DAYS[:1], "title_nothing": DAYS[:1]})


@pytest.mark.parametrize("kept", [0.0, 0.5])
def test_what_a_kill_left_of_the_registry_is_applied_anew_before_days_go_online(kept: float, tmp_path: Path) -> None:
    fill(tmp_path)
    services = apply(tmp_path)["feature_services"]
    registry = Home(tmp_path).feast / "registry.db"
    registry.write_bytes(registry.read_bytes()[: int(registry.stat().st_size * kept)])
    assert materialize(tmp_path, {"title_text": DAYS[:1]})["title_text"].written == 2
    assert sorted(each.name for each in open_feature_store(tmp_path).list_feature_services()) == sorted(services)


def test_servers_that_do_not_answer_fail_with_a_name_and_no_secret(
    servers: FeastUrls, postgres: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    fill(tmp_path)
    apply(tmp_path)
    nowhere = FeastUrls(online_store="redis://:hunter2@127.0.0.1:1/0", registry="postgresql://a:hunter2@127.0.0.1:1/b")
    with pytest.raises(FeastRegistryUnavailableError, match="Connection refused") as registry:
        apply(tmp_path, nowhere)
    with pytest.raises(OnlineStoreUnavailableError, match="failed after 0 rows of title_text") as online:
        materialize(tmp_path, {"title_text": DAYS[:1]}, FeastUrls(online_store=nowhere.online_store))
    assert open_feature_store(tmp_path).get_feature_view("title_text").materialization_intervals == []
    for told in (str(registry.value), str(online.value), caplog.text):
        assert "hunter2" not in told
