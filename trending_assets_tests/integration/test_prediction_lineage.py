"""One real prediction, followed from the API to the source's raw document, and from that document back to it."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings
from trending_assets.client import TrendingClient
from trending_assets.storage.home import Home
from trending_assets.storage.lineage import OF_TITLES, UPSTREAM, table_of_view
from trending_assets.storage.raw_documents import LakeRawStore
from trending_assets_tests.client.listening import listening
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.integration.small_source import HISTORY, UPDATED_ID, UPDATED_LATER
from trending_assets_tests.integration.test_cli import failed, trending

HOUR = 3600.0


@pytest.fixture(scope="module")
def home(finished: SmallHome, tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    return finished.copied_to(tmp_path_factory.mktemp("lineage") / "home")


@pytest.fixture(scope="module")
def api(home: SmallHome) -> Iterator[TestClient]:
    """The real API over it, which goes on running."""
    with TestClient(_app(home)) as client:
        yield client


@pytest.fixture
def api_url(home: SmallHome) -> Iterator[str]:
    """Another server over the same home, behind a socket."""
    with listening(_app(home)) as url:
        yield url


def _app(home: SmallHome) -> FastAPI:
    app = create_app(ServingSettings(home=home.folder), poll_seconds=HOUR)
    app.state.serving.refresh()
    return app


def test_a_prediction_is_followed_to_the_raw_document_and_back(home: SmallHome, api: TestClient) -> None:
    made = api.get(f"/v1/titles/{UPDATED_ID}/genres").raise_for_status().json()
    found = api.get(f"/v1/lineage/{made['prediction_id']}").raise_for_status().json()
    assert found["unknown"] == []
    assert found["input_found"] is True

    # The model: what the registry says of it, and runs that Dagster knows.
    manifest = home.registry.manifest(home.registry.aliases()["champion"])
    assert (found["model"]["name"], found["model"]["version"]) == (manifest.model, manifest.version)
    assert found["model"]["data_partitions"] == HISTORY
    with home.instance() as instance:
        (trained_by,) = found["model"]["run_ids"]
        assert dg.AssetKey(manifest.model) in _materialised(instance, trained_by)
        written_by = found["model"]["training_set"]["run_id"]
        assert dg.AssetKey("genre_training_set") in _materialised(instance, written_by)

        # Each partition: the file that is there, and the run that materialised it.
        views = {feature["view"]: feature["partition"] for feature in found["features"]}
        assert {feature["event_timestamp"] for feature in found["features"]} == {made["features"]["as_of"]}
        for part in (*views.values(), *found["partitions"]):
            assert part["current"] is True
            assert part["day"] == UPDATED_LATER
            assert part["sha256"] == home.lake.sha256(part["table"], part["day"])
            assert dg.AssetKey(part["table"].split("/")) in _materialised(instance, part["run_id"], part["day"])
    assert {part["table"] for part in found["partitions"]} == {*UPSTREAM, "parsed/sample", "raw/sample"}

    # The record, and the document as the source gave it.
    (record,) = found["records"]
    documents = LakeRawStore(home.lake).read("sample", UPDATED_LATER).to_pylist()
    (document,) = [each for each in documents if each["sha256"] == record["document"]["sha256"]]
    assert hashlib.sha256(document["payload"]).hexdigest() == record["document"]["sha256"]
    assert UPDATED_ID.encode() in document["payload"]
    assert record["document"]["url"] == document["url"]

    # And back, by another process while this one writes the log.
    done = trending(home.folder, "lineage", "--document", record["document"]["sha256"], "--json")
    assert done.returncode == 0, done.stderr
    back = json.loads(done.stdout)
    assert [each["prediction_id"] for each in back["predictions"]] == [made["prediction_id"]]
    assert back["titles"] == [UPDATED_ID]
    assert f"{manifest.model}/{manifest.version}" in back["models"]
    # The title's first document was of an earlier row, which this prediction did not read.
    earlier = home.lake.read("stg_titles", HISTORY[0]).to_pylist()
    (first,) = [row["document_sha256"] for row in earlier if row["title_id"] == UPDATED_ID]
    done = trending(home.folder, "lineage", "--document", first, "--json")
    assert json.loads(done.stdout)["predictions"] == []


def _materialised(instance: dg.DagsterInstance, run_id: str, day: str | None = None) -> set[dg.AssetKey | None]:
    """What a run materialised, of a day where one is named."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    found = (event.asset_materialization for event in events)
    return {each.asset_key for each in found if each and (day is None or each.partition == day)}


def test_the_command_line_tells_what_the_api_tells(home: SmallHome, api: TestClient) -> None:
    made = api.get(f"/v1/titles/{UPDATED_ID}/genres").json()
    told = api.get(f"/v1/lineage/{made['prediction_id']}").json()
    done = trending(home.folder, "lineage", made["prediction_id"], "--json")
    assert json.loads(done.stdout) == told
    text = trending(home.folder, "lineage", made["prediction_id"]).stdout
    for part in (*(feature["partition"] for feature in told["features"]), *told["partitions"]):
        assert f"{part['table']} of {part['day']}, sha-256 {part['sha256']}" in text
        assert part["run_id"] in text
    assert told["records"][0]["document"]["sha256"] in text
    assert "as it is in the lake" in text


def test_the_command_line_asks_an_api_elsewhere(api_url: str, tmp_path: Path) -> None:
    with TrendingClient(api_url) as client:
        made = client.title_genres(UPDATED_ID)
        told = client.lineage(made.prediction_id)
    elsewhere = trending(tmp_path / "no home", "lineage", made.prediction_id, "--api", api_url, "--json")
    assert json.loads(elsewhere.stdout) == told.model_dump(mode="json")
    line = failed(trending(tmp_path, "lineage", "019e0c1b-7c3c-7cc3-8a55-2a4a1be3f4d5", "--api", api_url))
    assert "404 Prediction not found" in line
    assert "the API tells of predictions alone" in failed(
        trending(tmp_path, "lineage", "--document", "0" * 64, "--api", api_url)
    )


def test_faults_are_one_line(tmp_path: Path) -> None:
    unknown = "019e0c1b-7c3c-7cc3-8a55-2a4a1be3f4d5"
    assert f"no prediction {unknown}" in failed(trending(tmp_path, "lineage", unknown))
    assert "no document with the hash" in failed(trending(tmp_path, "lineage", "--document", "0" * 64))
    assert "give a prediction's id" in failed(trending(tmp_path, "lineage"))


def test_tables_and_what_is_above_them_are_those_of_the_graph(home: SmallHome) -> None:
    from feature_repo.views import feature_views

    for view in (each for each in feature_views(home.lake) if each.online):
        assert view.batch_source.name == table_of_view(view.name)
    graph = home.definitions.resolve_asset_graph()
    for table in OF_TITLES:
        above = graph.get_ancestor_asset_keys(dg.AssetKey(table))
        assert {dg.AssetKey(name) for name in UPSTREAM} < above
        assert dg.AssetKey(["raw", "sample"]) in above


def test_nothing_of_the_journal_lies_in_the_lake(home: SmallHome) -> None:
    assert Home(home.folder).writes.is_dir()
    assert {Path(name).name for name in home.digests()} == {"part.parquet"}
