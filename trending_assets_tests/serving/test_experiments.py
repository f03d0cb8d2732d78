"""Champion, challenger and shadow over one home: who answers, what is logged, and that nobody waits or fails for it."""

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
from fastapi.testclient import TestClient

from serving.app import create_app
from serving.experiments import RunningExperiment
from serving.features import OnlineStoreError
from serving.predictors import ServedModel
from serving.settings import ServingSettings
from serving.state import ServingState
from serving.watched import Watched
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.models import TEXT_EMBEDDING_SERVICE, TEXT_SERVICE, GenreModel
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.predictions.experiments import Experiment, Unit
from trending_assets.domain.text.features import TitleFeatures
from trending_assets.storage.api_keys import ApiKeys
from trending_assets.storage.experiments import Experiments, compared
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.prediction_segments import read_segments
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.serving.conftest import HOUR
from trending_assets_tests.serving.processes import BODY, wait_until
from trending_assets_tests.serving.test_hot_swap import OTHER
from trending_assets_tests.serving.world import TINY, EmbeddingModel, FakeEncoder, FakeFeatures, World, catalog_row

NOW = dt.datetime(2025, 6, 27, tzinfo=dt.UTC)
TITLES = [catalog_row(f"tt{number:07}", f"Title {number}") for number in range(60)]
VARIANTS = ("champion", "challenger")
CHAMPION, CHALLENGER = ModelRef(TINY.name, "20250626-aaaaaaaa"), ModelRef(TINY.name, "20250627-bbbbbbbb")


class Trial:
    """A home with a challenger, an API over it, and the experiment that runs."""

    def __init__(self, world: World, features: FakeFeatures, client: TestClient) -> None:
        self.world, self.features, self.client = world, features, client
        self.state: ServingState = client.app.state.serving  # type: ignore[attr-defined]
        self.experiments = Experiments(Home(world.folder).experiments)

    def start(self, *, share: float = 0.5, shadow: float = 0.0, unit: Unit = "title") -> Experiment:
        made = self.experiments.start(
            str(CHAMPION), str(CHALLENGER), unit=unit, share=share, shadow=shadow, now=dt.datetime.now(dt.UTC)
        )
        self.state.refresh()
        return made

    def genres(self, title_id: str, **headers: str) -> dict[str, Any]:
        answer = self.client.get(f"/v1/titles/{title_id}/genres", headers=headers)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def challenge(self, made: Experiment, model: GenreModel) -> None:
        """Has the challenger be another model than the one that was tested when it was loaded."""
        predictor = GenrePredictor(model, dict.fromkeys(model.genres, 0.5))
        told = {"feature_service": model.feature_service}
        manifest = self.world.registry.manifest(CHALLENGER).model_copy(update=told)
        challenger = ServedModel(CHALLENGER, manifest, predictor, FakeEncoder() if predictor.needs_embedding else None)
        self.state.experiment = Watched(
            "experiment",
            signature=lambda: made,
            load=lambda found: RunningExperiment.of(found, challenger),
            absent="",
            metrics=self.state.metrics,
            clock=time.monotonic,
        )
        self.state.experiment.refresh()

    def records(self) -> list[dict[str, Any]]:
        self.state.log.flush()
        found = read_segments(Home(self.world.folder).prediction_log)
        return [record for content in found for record in content.records]

    def metric(self, name: str, **labels: str) -> float:
        return self.state.metrics.registry.get_sample_value(name, labels) or 0.0


@pytest.fixture
def trial(world: World, features: FakeFeatures) -> Iterator[Trial]:
    world.titles = TITLES
    world.land_catalog()
    world.promote()
    world.registry.challenge(world.register(CHALLENGER.version, OTHER))
    world.apply_features()
    features.fill(world.titles)
    settings = ServingSettings(home=world.folder)
    app = create_app(settings, features=lambda _: features, encoder=FakeEncoder, poll_seconds=HOUR)
    with TestClient(app) as client:
        app.state.serving.refresh()
        yield Trial(world, features, client)


def variants(answers: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((each["model"]["variant"], each["model"]["version"]) for each in answers)


def test_without_an_experiment_the_champion_answers_alone(trial: Trial) -> None:
    answers = [trial.genres(row["title_id"]) for row in TITLES]
    assert variants(answers) == {("champion", CHAMPION.version): 60}


def test_a_metric_names_the_versions_that_are_loaded(trial: Trial) -> None:
    def loaded() -> dict[str, str]:
        families = trial.state.metrics.registry.collect()
        samples = next(family for family in families if family.name == "trending_model_info").samples
        return {sample.labels["variant"]: sample.labels["version"] for sample in samples if sample.value == 1}

    assert loaded() == {"champion": CHAMPION.version}
    made = trial.start()
    assert loaded() == {"champion": CHAMPION.version, "challenger": CHALLENGER.version}
    trial.experiments.stop(made.experiment_id, dt.datetime.now(dt.UTC))
    trial.world.registry.promote(CHALLENGER)
    trial.state.refresh()
    assert loaded() == {"champion": CHALLENGER.version}


def test_each_title_keeps_its_variant_and_what_answered_is_said_and_logged(trial: Trial) -> None:
    made = trial.start()
    answers = {row["title_id"]: trial.genres(row["title_id"]) for row in TITLES}
    assert {name: told["model"]["variant"] for name, told in answers.items()} == {
        row["title_id"]: made.variant_of(row["title_id"]) for row in TITLES
    }
    assert set(variants(list(answers.values()))) == {
        ("champion", CHAMPION.version),
        ("challenger", CHALLENGER.version),
    }
    assert {name: trial.genres(name)["model"] for name in answers} == {
        name: told["model"] for name, told in answers.items()
    }
    logged = {record["title_id"]: (record["variant"], record["version"]) for record in trial.records()}
    assert logged == {name: (told["model"]["variant"], told["model"]["version"]) for name, told in answers.items()}
    # A text is no title: it is no part of this one.
    text = trial.client.post("/v1/genres/predict", json=BODY).json()["predictions"]
    assert variants(text) == {("champion", CHAMPION.version): 1}


def test_a_stopped_one_is_over_and_a_promotion_lets_it_rest(trial: Trial) -> None:
    made = trial.start(share=0.99)
    challenged = next(row["title_id"] for row in TITLES if made.variant_of(row["title_id"]) == "challenger")
    assert trial.genres(challenged)["model"]["variant"] == "challenger"
    third = trial.world.promote("20250628-cccccccc")
    trial.state.refresh()
    assert trial.genres(challenged)["model"] | {"trained_at": ""} == {
        "name": third.model,
        "version": third.version,
        "variant": "champion",
        "trained_at": "",
    }
    trial.world.registry.rollback()
    trial.state.refresh()
    assert trial.genres(challenged)["model"]["variant"] == "challenger"
    trial.experiments.stop(made.experiment_id, dt.datetime.now(dt.UTC))
    trial.state.refresh()
    assert trial.genres(challenged)["model"]["variant"] == "champion"


def test_by_key_a_caller_keeps_its_variant_whatever_it_asks_for(trial: Trial) -> None:
    running = trial.start(unit="key", share=0.5)
    value = trial.state.experiment.value
    champion = trial.state.need_champion()
    assert value is not None
    for number in range(40):
        key = f"{number:08x}"
        found = {value.model_for(champion, key, title).variant for title in (None, "tt1", "tt2")}
        assert found == {running.variant_of(key)}
    # Nobody asked with a key.
    assert variants([trial.genres(row["title_id"]) for row in TITLES]) == {("champion", CHAMPION.version): 60}


def test_a_key_is_answered_by_its_variant_over_http(world: World, features: FakeFeatures) -> None:
    world.land_catalog()
    world.promote()
    world.registry.challenge(world.register(CHALLENGER.version, OTHER))
    world.apply_features()
    features.fill(world.titles)
    keys = [ApiKeys(Home(world.folder).api_keys).add(f"caller {n}", ["predict"], NOW) for n in range(12)]
    settings = ServingSettings(home=world.folder, require_keys=True)
    app = create_app(settings, features=lambda _: features, encoder=FakeEncoder, poll_seconds=HOUR)
    with TestClient(app) as client:
        running = Trial(world, features, client).start(unit="key")
        for key, text in keys:
            headers = {"Authorization": f"Bearer {text}"}
            by_text = client.post("/v1/genres/predict", json=BODY, headers=headers).json()["predictions"][0]
            by_id = client.get("/v1/titles/tt0133093/genres", headers=headers).json()
            assert {each["model"]["variant"] for each in (by_text, by_id)} == {running.variant_of(key.key_id)}


def test_a_shadow_is_asked_unseen_and_logged_as_its_own_record(trial: Trial) -> None:
    trial.start(share=0.0, shadow=1.0)
    told = trial.genres("tt0000001", **{"X-Request-ID": "by-id"})
    batch = {"instances": BODY["instances"] * 3}
    trial.client.post("/v1/genres/predict", json=batch, headers={"X-Request-ID": "by-text"}).raise_for_status()
    wait_until(lambda: trial.metric("trending_shadow_predictions_total", outcome="made") == 4)
    records = trial.records()
    assert Counter((each["request_id"], each["variant"], each["version"]) for each in records) == {
        ("by-id", "champion", CHAMPION.version): 1,
        ("by-id", "shadow", CHALLENGER.version): 1,
        ("by-text", "champion", CHAMPION.version): 3,
        ("by-text", "shadow", CHALLENGER.version): 3,
    }
    assert len({each["prediction_id"] for each in records}) == 8
    assert told["model"]["version"] == CHAMPION.version
    pair = [each for each in records if each["request_id"] == "by-id"]
    same = ("title_id", "input_sha256", "feature_times", "source", "key_id", "as_of", "kind")
    assert all(pair[0][name] == pair[1][name] for name in same)
    assert pair[0]["genres"] != pair[1]["genres"]


def test_a_challenger_reads_features_of_its_own(trial: Trial) -> None:
    made = trial.start(share=0.5, shadow=1.0)
    trial.challenge(made, cast("GenreModel", EmbeddingModel()))
    names = [next(f"tt{n:07}" for n in range(60) if made.variant_of(f"tt{n:07}") == arm) for arm in VARIANTS]
    services = [trial.genres(name)["features"]["service"] for name in names]
    assert services == [TEXT_SERVICE, TEXT_EMBEDDING_SERVICE]
    wait_until(lambda: trial.metric("trending_shadow_predictions_total", outcome="made") == 1)
    assert {(each["title_id"], each["variant"], each["feature_service"]) for each in trial.records()} == {
        (names[0], "champion", TEXT_SERVICE),
        (names[0], "shadow", TEXT_EMBEDDING_SERVICE),
        (names[1], "challenger", TEXT_EMBEDDING_SERVICE),
    }


@pytest.mark.parametrize("failure", ["down", "hangs"])
def test_what_is_known_for_the_champion_alone_is_answered_by_it_while_the_store_is_down(
    trial: Trial, failure: str
) -> None:
    made = trial.start(share=0.5)
    challenged = next(f"tt{n:07}" for n in range(60) if made.variant_of(f"tt{n:07}") == "challenger")
    trial.experiments.stop(made.experiment_id, dt.datetime.now(dt.UTC))
    trial.state.refresh()
    trial.genres(challenged)
    trial.challenge(made, cast("GenreModel", EmbeddingModel()))
    trial.features.error = OnlineStoreError("down") if failure == "down" else None
    trial.features.seconds = 60.0 if failure == "hangs" else 0.0
    for _ in range(10):
        # Whoever has nothing to be answered with waits a second.
        started = time.perf_counter()
        told = trial.genres(challenged)
        assert (told["model"]["variant"], told["degraded"]) == ("champion", True)
        assert time.perf_counter() - started < 1.0
    assert trial.metric("trending_challenger_failures_total") == 0


class _Held(MajorityModel):
    """Says nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__(OTHER.genres, np.array([0.7, 0.2, 0.1]), OTHER.genres[:1])
        self.let_go = threading.Event()

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        assert self.let_go.wait(60)
        return super().predict_proba(features)


def test_nobody_waits_for_a_shadow_and_what_is_too_much_is_dropped_and_counted(trial: Trial) -> None:
    held = _Held()
    trial.challenge(trial.start(share=0.0, shadow=1.0), held)
    for _ in range(4):
        trial.client.post("/v1/genres/predict", json={"instances": BODY["instances"] * 128}).raise_for_status()
    dropped = trial.metric("trending_shadow_predictions_total", outcome="dropped")
    assert dropped >= 4 * 128 - 257
    assert 0 < trial.metric("trending_shadow_queue") <= 256
    held.let_go.set()
    wait_until(lambda: trial.metric("trending_shadow_predictions_total", outcome="made") == 4 * 128 - dropped)


class _Broken(MajorityModel):
    """Says what is no probability."""

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        return np.full((len(features), len(self.genres)), np.nan)


def test_a_challenger_that_fails_costs_no_caller_its_answer(trial: Trial) -> None:
    made = trial.start(share=0.99, shadow=0.0)
    trial.challenge(made, _Broken(OTHER.genres, np.zeros(len(OTHER.genres)), ()))
    answers = [trial.genres(row["title_id"]) for row in TITLES]
    assert variants(answers) == {("champion", CHAMPION.version): 60}
    lots = Counter(made.variant_of(row["title_id"]) for row in TITLES)
    assert trial.metric("trending_challenger_failures_total") == lots["challenger"]


def test_a_shadow_that_fails_is_counted_and_the_next_one_is_asked(trial: Trial) -> None:
    made = trial.start(share=0.0, shadow=1.0)
    trial.challenge(made, _Broken(OTHER.genres, np.zeros(len(OTHER.genres)), ()))
    for title_id in ("tt0000001", "tt0000002"):
        assert trial.genres(title_id)["model"]["variant"] == "champion"
    wait_until(lambda: trial.metric("trending_shadow_predictions_total", outcome="failed") == 2)
    assert {record["variant"] for record in trial.records()} == {"champion"}


def test_a_challenger_that_fails_its_self_test_is_refused_and_the_champion_answers(trial: Trial) -> None:
    bad = trial.world.register("20250628-dddddddd", OTHER, tested=TINY)
    trial.experiments.start(str(CHAMPION), str(bad), unit="title", share=0.9, shadow=0.0, now=NOW)
    trial.state.refresh()
    assert trial.metric("trending_refused_loads_total", part="experiment") == 1
    assert variants([trial.genres(row["title_id"]) for row in TITLES]) == {("champion", CHAMPION.version): 60}


def test_a_report_tells_what_the_api_logged(trial: Trial) -> None:
    made = trial.start(share=0.5, shadow=1.0)
    answers = [trial.genres(row["title_id"]) for row in TITLES]
    served = variants(answers)
    champions = served["champion", CHAMPION.version]
    wait_until(lambda: trial.metric("trending_shadow_predictions_total", outcome="made") == champions)
    for told in answers[:5]:
        body = {"prediction_id": told["prediction_id"], "genres": ["comedy"]}
        assert trial.client.post("/v1/feedback", json=body).status_code == 202
    trial.state.log.flush()
    home = Home(trial.world.folder)
    found = compared(made, Lake(home.lake), home.prediction_log, dt.datetime.now(dt.UTC))
    assert {name: arm.predictions for name, arm in found.arms.items()} == {
        "champion": champions,
        "challenger": served["challenger", CHALLENGER.version],
    }
    assert (found.shadowed, found.strays, found.agreement.inputs) == (champions, 0, champions)
    assert sum(arm.outcomes for arm in found.arms.values()) == 5
    assert found.winner is None
