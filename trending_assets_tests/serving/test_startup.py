"""The server starts with nothing, picks up what appears, and keeps what works."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.settings import ServingSettings
from serving.state import ServingState
from trending_assets_tests.serving.processes import Server, wait_until
from trending_assets_tests.serving.world import FakeEncoder, FakeFeatures, World

BODY = {"instances": [{"title": "x", "kind": "movie"}]}


def version(client: TestClient) -> str:
    served: str = client.post("/v1/genres/predict", json=BODY).json()["predictions"][0]["model"]["version"]
    return served


def test_an_empty_home_is_alive_and_not_ready(client: TestClient, world: World) -> None:
    assert client.get("/healthz").json() == {"status": "alive"}
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == [
        "there is no catalogue yet",
        "no model has been promoted to champion yet",
        "there is no feature store yet",
    ]
    assert client.get("/v1/models").status_code == 200
    assert not world.folder.exists()


def test_everything_is_picked_up_as_it_appears(world: World, features: FakeFeatures) -> None:
    app = create_app(
        ServingSettings(home=world.folder), features=lambda _: features, encoder=FakeEncoder, poll_seconds=0.01
    )
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 503
        world.land_catalog()
        wait_until(lambda: client.get("/v1/titles").status_code == 200)
        world.promote()
        wait_until(lambda: client.post("/v1/genres/predict", json=BODY).status_code == 200)
        world.apply_features()
        lacking = ["4 of 4 probed titles lack online features"]
        wait_until(lambda: client.get("/readyz").json()["reasons"] == lacking)
        features.fill(world.titles)
        assert client.get("/readyz").json() == {
            "status": "ready",
            "model": {"name": "genre_majority", "version": "20250626-aaaaaaaa"},
            "feature_service": "genre_text_v4",
            "catalog_as_of": "2025-06-26",
            "titles": 5,
        }
        world.promote("20250627-bbbbbbbb")
        wait_until(lambda: version(client) == "20250627-bbbbbbbb")
        world.land_catalog([{**world.titles[0], "title": "The Matrix Reloaded"}])
        wait_until(lambda: len(client.get("/v1/titles").json()["items"]) == 1)


def test_who_comes_first_is_answered_with_what_was_there_before(world: World, features: FakeFeatures) -> None:
    def opened_slowly(_: Path) -> FakeFeatures:
        time.sleep(0.5)
        return features

    world.land_catalog()
    world.promote()
    world.apply_features()
    features.fill(world.titles)
    app = create_app(ServingSettings(home=world.folder), features=opened_slowly, encoder=FakeEncoder)
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200


def test_what_hangs_at_the_start_is_not_waited_for_without_end(
    world: World, features: FakeFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, has_ended = threading.Event(), threading.Event()

    def opened_late(_: Path) -> FakeFeatures:
        may_end.wait(20)
        has_ended.set()
        return features

    monkeypatch.setattr("serving.app._FIRST_LOOK_SECONDS", 0.5)
    world.land_catalog()
    world.apply_features()
    app = create_app(ServingSettings(home=world.folder), features=opened_late, encoder=FakeEncoder, poll_seconds=0.01)
    with TestClient(app) as client:
        assert client.get("/healthz").status_code == 200
        wait_until(lambda: client.get("/v1/titles").status_code == 200)
        answer = client.get("/readyz")
        assert answer.status_code == 503
        assert "the feature store is being loaded" in answer.json()["reasons"]
        assert not has_ended.is_set()
        may_end.set()


def test_metrics_are_not_kept_in_the_folder_that_feast_names(
    tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path / "metrics"))
    (tmp_path / "metrics").mkdir()
    world.land_catalog()
    world.promote()
    server = Server(world.folder)
    try:
        server.wait()
        wait_until(lambda: server.metric("written_total") >= 1)
    finally:
        server.kill(signal.SIGKILL)
    assert list((tmp_path / "metrics").iterdir()) == []


def test_a_tampered_model_is_refused_and_the_old_one_stays(
    ready: TestClient, world: World, state: ServingState, caplog: pytest.LogCaptureFixture
) -> None:
    ref = world.register("20250627-bbbbbbbb")
    (world.registry.verified(ref) / "model.json").write_text('{"genres": [], "probabilities": [], "chosen": []}')
    world.registry.promote(ref)
    state.refresh()
    assert version(ready) == "20250626-aaaaaaaa"
    assert ready.get("/v1/models").json()["serving"]["version"] == "20250626-aaaaaaaa"
    assert ready.get("/readyz").status_code == 200
    assert 'trending_refused_loads_total{part="champion"} 1.0' in ready.get("/metrics").text
    refused = [
        record.msg for record in caplog.records if isinstance(record.msg, dict) and record.msg["event"] == "refused"
    ]
    assert [(line["part"], line["error"]) for line in refused] == [("champion", "TamperedModelError")]
    world.registry.rollback()
    state.refresh()
    assert state.champion.trouble is None


def test_a_tampered_first_model_leaves_the_server_not_ready(
    world: World, state: ServingState, client: TestClient
) -> None:
    ref = world.promote()
    (world.registry.verified(ref) / "stray.bin").write_bytes(b"x")
    state.refresh()
    answer = client.post("/v1/genres/predict", json=BODY)
    assert answer.status_code == 503
    assert "TamperedModelError" in answer.json()["detail"]
    assert str(world.folder) not in answer.text


def test_a_broken_snapshot_leaves_the_old_one(ready: TestClient, world: World, state: ServingState) -> None:
    world.lake.path("catalog_snapshot").write_bytes(b"PAR1 but not really")
    state.refresh()
    assert len(ready.get("/v1/titles").json()["items"]) == 5


def test_a_feature_store_that_fails_to_open_is_tried_again(world: World) -> None:
    opened: list[bool] = []
    now = [0.0]

    def flaky(_: object) -> FakeFeatures:
        opened.append(True)
        if len(opened) == 1:
            raise OSError("half written")
        return FakeFeatures()

    from serving.observability import Metrics

    world.apply_features()
    state = ServingState(
        ServingSettings(home=world.folder), Metrics(), features=flaky, encoder=FakeEncoder, clock=lambda: now[0]
    )
    state.refresh()
    assert state.features.value is None
    now[0] = 60.0
    state.refresh()
    assert state.features.value is not None


def test_readiness_forgives_titles_that_have_just_landed(ready: TestClient, features: FakeFeatures) -> None:
    del features.rows["tt0133093"]
    assert ready.get("/readyz").status_code == 200
    for title_id in list(features.rows)[:2]:
        del features.rows[title_id]
    answer = ready.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"] == ["3 of 4 probed titles lack online features"]


def test_readiness_tells_of_a_service_that_is_missing(ready: TestClient, features: FakeFeatures) -> None:
    features.services.clear()
    assert ready.get("/readyz").json()["reasons"] == ["the feature store has no feature service genre_text_v4 yet"]


def test_importing_the_server_loads_nothing_heavy_and_no_pipeline() -> None:
    code = (
        "import sys, serving.app; "
        "heavy = {'dagster', 'feast', 'torch', 'transformers', 'xgboost', 'sklearn', 'onnxruntime', 'wandb', "
        "'feature_repo', 'trending_assets.assets', 'trending_assets.definitions', 'great_expectations', 'evidently'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
