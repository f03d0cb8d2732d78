"""A champion is swapped for another while requests go on; one that is bad is not."""

import datetime as dt
import itertools
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.observability import Metrics
from serving.predictors import InvalidScoreError, ModelLoader
from serving.settings import ServingSettings
from serving.state import ServingState
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.self_test import FILE
from trending_assets.domain.text.encoder import EncoderUnavailableError
from trending_assets.storage.experiments import Experiments
from trending_assets.storage.home import Home
from trending_assets.storage.model_files import TamperedModelError
from trending_assets.storage.registry import ModelRef, ModelRegistry
from trending_assets_tests.serving.processes import BODY, ROOT, wait_until
from trending_assets_tests.serving.world import TINY, FakeEncoder, FakeFeatures, World

OTHER = MajorityModel(("comedy", "drama", "western"), np.array([0.7, 0.2, 0.1]), ("comedy",))
SWAPS = 20
WAIT_SECONDS = 30


@pytest.fixture
def polled(world: World, features: FakeFeatures) -> Iterator[TestClient]:
    """An API that looks for changes by itself."""
    world.land_catalog()
    world.promote()
    world.apply_features()
    features.fill(world.titles)
    app = create_app(
        ServingSettings(home=world.folder), features=lambda _: features, encoder=FakeEncoder, poll_seconds=0.01
    )
    with TestClient(app) as client:
        wait_until(lambda: client.get("/readyz").status_code == 200)
        yield client


class Load:
    """Threads that ask for predictions in both ways until they are stopped.

    Attributes:
        failures: every answer that was none.
        versions: the versions that answered, each with what they said of drama.
    """

    def __init__(self, client: TestClient, threads: int = 4) -> None:
        self.failures: list[str] = []
        self.versions: set[tuple[str, float]] = set()
        self._client, self._stopping = client, threading.Event()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._stopping.is_set():
            by_text, by_id = (
                self._client.post("/v1/genres/predict", json=BODY),
                self._client.get("/v1/titles/tt0133093/genres"),
            )
            self.failures += [answer.text for answer in (by_text, by_id) if answer.status_code != 200]
            if by_text.status_code == by_id.status_code == 200:
                for told in (*by_text.json()["predictions"], by_id.json()):
                    (drama,) = (each["probability"] for each in told["genres"] if each["genre"] == "drama")
                    self.versions.add((told["model"]["version"], drama))

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(WAIT_SECONDS)


def test_swaps_back_and_forth_under_load_fail_no_request(polled: TestClient, world: World) -> None:
    first, second = ModelRef(TINY.name, "20250626-aaaaaaaa"), world.register("20250627-bbbbbbbb", OTHER)
    state: ServingState = polled.app.state.serving  # type: ignore[attr-defined]
    load = Load(polled)
    for ref in itertools.islice(itertools.cycle([second, first]), SWAPS):
        world.registry.promote(ref)
        wait_until(lambda ref=ref: state.champion.value is not None and state.champion.value.ref == ref)
        asked = polled.get("/v1/titles/tt0133093/genres").json()
        assert asked["model"]["version"] == ref.version
    load.stop()
    assert load.failures == []
    # Each said what is its own, by id too: scores that are remembered belong to a version.
    assert load.versions == {(first.version, 0.6), (second.version, 0.2)}


def test_what_only_some_models_need_is_there_with_the_first_of_any_kind(world: World) -> None:
    world.land_catalog()
    world.promote()
    code = f"""
import sys, time
from fastapi.testclient import TestClient
from serving.app import create_app
from serving.predictors import LIBRARIES
from serving.settings import ServingSettings
from trending_assets_tests.serving.world import FakeEncoder

class CountedEncoder(FakeEncoder):
    made = 0

    def __init__(self):
        super().__init__()
        CountedEncoder.made += 1

app = create_app(ServingSettings(home={str(world.folder)!r}), encoder=CountedEncoder, poll_seconds=0.01)
assert not set(LIBRARIES) & set(sys.modules)
with TestClient(app) as client:
    while app.state.serving.champion.value is None:
        time.sleep(0.01)
    assert set(LIBRARIES) <= set(sys.modules)
    assert CountedEncoder.made == 1
    time.sleep(0.1)
print(CountedEncoder.made)
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WAIT_SECONDS, cwd=ROOT)
    assert (done.stdout.strip(), done.returncode) == ("1", 0), done.stderr


def test_an_encoder_that_is_missing_is_told_of_and_fails_no_model_that_reads_no_embedding(
    world: World, features: FakeFeatures, caplog: pytest.LogCaptureFixture
) -> None:
    def no_encoder() -> FakeEncoder:
        raise EncoderUnavailableError("no wheel")

    world.land_catalog()
    world.promote()
    state = ServingState(ServingSettings(home=world.folder), Metrics(), features=lambda _: features, encoder=no_encoder)
    state.refresh()
    assert (state.champion.trouble, state.libraries.value) == (None, None)
    assert "EncoderUnavailableError" in (state.libraries.trouble or "")
    assert "no wheel" in caplog.text


def test_a_feature_registry_or_a_challenger_that_hangs_holds_up_no_promotion(
    world: World, features: FakeFeatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.land_catalog()
    first, second = world.promote(), world.register("20250627-bbbbbbbb")
    challenger = world.register("20250628-cccccccc")
    world.apply_features()
    hanging, may_end, verified = set[str](), threading.Event(), world.registry.verified

    def open_features(_: object) -> FakeFeatures:
        if state.features.value is not None:
            hanging.add("features")
            may_end.wait(WAIT_SECONDS)
        return features

    def slowly_verified(registry: ModelRegistry, ref: ModelRef) -> Path:
        if ref == challenger:
            hanging.add("challenger")
            may_end.wait(WAIT_SECONDS)
        return verified(ref)

    monkeypatch.setattr(ModelRegistry, "verified", slowly_verified)
    app = create_app(ServingSettings(home=world.folder), features=open_features, encoder=FakeEncoder, poll_seconds=0.01)
    state: ServingState = app.state.serving
    with TestClient(app):
        wait_until(lambda: state.champion.value is not None and state.features.value is not None)
        started_at = dt.datetime.now(dt.UTC)
        Experiments(Home(world.folder).experiments).start(
            str(first), str(challenger), unit="title", share=0.5, shadow=0, now=started_at
        )
        (Home(world.folder).feast / "registry.db").write_text("another")
        wait_until(lambda: hanging == {"features", "challenger"})
        world.registry.promote(second)
        wait_until(lambda: state.champion.value is not None and state.champion.value.ref == second, WAIT_SECONDS / 2)
        assert not may_end.is_set()
        may_end.set()


def test_a_model_that_fails_its_self_test_is_refused_and_the_old_one_stays(
    ready: TestClient, state: ServingState, world: World
) -> None:
    bad = world.register("20250627-bbbbbbbb", OTHER, tested=TINY)
    world.registry.promote(bad)
    state.refresh()
    assert ready.post("/v1/genres/predict", json=BODY).json()["predictions"][0]["model"]["version"].endswith("aaaaaaaa")
    assert state.metrics.registry.get_sample_value("trending_refused_loads_total", {"part": "champion"}) == 1
    assert "SelfTestFailedError" in (state.champion.trouble or "")
    world.registry.rollback()
    state.refresh()
    assert state.champion.trouble is None


def test_the_self_test_is_part_of_what_is_verified(world: World) -> None:
    ref = world.promote()
    path = world.registry.verified(ref) / FILE
    path.write_text(path.read_text().replace("0.6", "0.9"))
    with pytest.raises(TamperedModelError, match=FILE):
        ModelLoader(world.registry).load(ref)
    path.unlink()
    with pytest.raises(TamperedModelError, match=FILE):
        ModelLoader(world.registry).load(ref)


def test_a_version_without_a_self_test_is_loaded_all_the_same(world: World) -> None:
    ref = ModelRef(TINY.name, "20250601-00000000")
    fields = world.registry.manifest(world.register()).model_dump(exclude={"model", "version", "files"})
    world.registry.register(ref, fields, TINY.save)
    assert ModelLoader(world.registry).load(ref).ref == ref


def test_a_model_that_gives_no_probability_is_found_before_it_serves(world: World) -> None:
    ref = world.register("20250627-bbbbbbbb", MajorityModel(("drama",), np.array([1.5]), ()))
    with pytest.raises(InvalidScoreError):
        ModelLoader(world.registry).load(ref)


def test_a_model_whose_features_are_not_online_does_not_take_the_place_of_one_whose_are(
    ready: TestClient, state: ServingState, world: World, features: FakeFeatures
) -> None:
    features.services.clear()
    world.promote("20250627-bbbbbbbb")
    state.refresh()
    assert "UnknownFeatureServiceError" in (state.champion.trouble or "")
    assert ready.post("/v1/genres/predict", json=BODY).json()["predictions"][0]["model"]["version"].endswith("aaaaaaaa")
