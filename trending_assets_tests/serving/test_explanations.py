"""``?explain=true`` adds what spoke for a prediction's genres, and changes nothing else of it."""

import datetime as dt
import json
from types import SimpleNamespace

import numpy as np
import pytest
from fastapi.testclient import TestClient

from serving.explanations import LARGEST, MAX_EXPLAINED, explained
from serving.predictors import Answer, Outcome, ServedModel
from serving.state import ServingState
from trending_assets.domain.genres.calibration import Calibration
from trending_assets.domain.genres.datasets import label_matrix, rows_of
from trending_assets.domain.genres.explanations import Explanation, Term
from trending_assets.domain.genres.logreg import LogisticRegressionModel
from trending_assets.domain.genres.majority import MajorityModel
from trending_assets.domain.genres.models import GenreModel
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.ids import uuid7
from trending_assets.domain.text.features import TitleFeatures, title_features
from trending_assets.storage.home import Home
from trending_assets.storage.prediction_segments import read_segments
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus
from trending_assets_tests.serving.world import EmbeddingModel, FakeEncoder, World

WORDS = "haunted ghost gloom " + " ".join(f"plain{number}" for number in range(30))
INSTANCE = {"title": "Inn", "plot": WORDS, "kind": "movie", "year": 1990}
PATH = "/v1/genres/predict"
DRAMA = {"genre": "drama", "probability": 0.8, "threshold": 0.5, "selected": True}


@pytest.fixture(scope="module")
def linear() -> GenreModel:
    frame = rows_of(corpus(), "train")
    return LogisticRegressionModel.fit(frame, label_matrix(frame, LEARNED), LEARNED, 7)


@pytest.fixture
def explaining(ready: TestClient, world: World, state: ServingState, linear: GenreModel) -> TestClient:
    """An API whose champion is linear."""
    world.registry.promote(world.register("20250627-bbbbbbbb", linear))
    state.refresh()
    return ready


def test_the_parts_of_each_selected_genre_add_up(explaining: TestClient) -> None:
    (made,) = explaining.post(PATH, params={"explain": True}, json={"instances": [INSTANCE]}).json()["predictions"]
    told = made["explanation"]
    selected = [genre["genre"] for genre in made["genres"] if genre["selected"]]
    assert [each["genre"] for each in told["genres"]] == (selected or [made["genres"][0]["genre"]])
    assert told["method"] == "linear"
    for each in told["genres"]:
        assert len(each["contributions"]) == LARGEST
        sizes = [abs(part["log_odds"]) for part in each["contributions"]]
        assert sizes == sorted(sizes, reverse=True)
        total = each["base"] + sum(part["log_odds"] for part in each["contributions"]) + each["rest"]
        assert total == pytest.approx(each["log_odds"], abs=1e-6)
        assert abs(each["rest"]) > 0
        (probability,) = [genre["probability"] for genre in made["genres"] if genre["genre"] == each["genre"]]
        assert 1 / (1 + np.exp(-each["log_odds"])) == pytest.approx(probability, abs=1e-6)
    (horror,) = [each for each in told["genres"] if each["genre"] == "horror"]
    words = [part["name"] for part in horror["contributions"] if part["kind"] == "word" and part["log_odds"] > 0]
    assert set(words[:3]) == {"haunted", "ghost", "gloom"}


def test_a_title_is_explained_by_its_online_features(explaining: TestClient) -> None:
    path = "/v1/titles/tt0133093/genres"
    made, plain = (explaining.get(path, params=params).json() for params in ({"explain": "true"}, {}))
    told = made.pop("explanation")
    assert {**made, "prediction_id": ""} == {**plain, "prediction_id": ""}
    assert {"kind: movie", "year: 1990s"} <= {
        part["name"] for genre in told["genres"] for part in genre["contributions"]
    }


def test_an_explained_prediction_is_logged_like_any_other(
    explaining: TestClient, state: ServingState, world: World
) -> None:
    (made,) = explaining.post(PATH, params={"explain": True}, json={"instances": [INSTANCE]}).json()["predictions"]
    state.log.flush()
    (content,) = read_segments(Home(world.folder).prediction_log)
    assert [record["prediction_id"] for record in content.records] == [made["prediction_id"]]
    assert "haunted" not in str(content.records)


def test_without_it_nothing_is_explained(explaining: TestClient) -> None:
    for params in ({}, {"explain": False}):
        (made,) = explaining.post(PATH, params=params, json={"instances": [INSTANCE]}).json()["predictions"]
        assert "explanation" not in made


def test_where_no_genre_is_selected_the_most_probable_one_is_explained(ready: TestClient, world: World) -> None:
    (made,) = ready.post(PATH, params={"explain": True}, json={"instances": [INSTANCE]}).json()["predictions"]
    assert not made["abstained"]
    thresholds = dict.fromkeys(LEARNED, 1.0)
    world.registry.promote(
        world.register("20250627-cccccccc", MajorityModel(LEARNED, SHARES, ()), thresholds=thresholds)
    )
    ready.app.state.serving.refresh()  # type: ignore[attr-defined]
    (made,) = ready.post(PATH, params={"explain": True}, json={"instances": [INSTANCE]}).json()["predictions"]
    assert made["abstained"]
    (told,) = made["explanation"]["genres"]
    assert (told["genre"], told["contributions"], told["rest"]) == ("drama", [], 0.0)
    assert told["base"] == told["log_odds"] == pytest.approx(np.log(0.6 / 0.4))
    assert made["explanation"]["method"] == "constant"


def test_parts_that_do_not_add_up_leave_no_rest() -> None:
    told = Explanation(
        "leave_one_out",
        (Term("word", "ghost"),),
        np.array([[0.5]]),
        np.array([1.5]),
        None,
        Calibration.identity(1),
    )
    encoder = FakeEncoder()
    trained_at = dt.datetime(2025, 6, 27, tzinfo=dt.UTC)
    manifest = SimpleNamespace(feature_service="s", trained_at=trained_at)
    predictor = GenrePredictor(Told(told), {"drama": 0.5})  # type: ignore[arg-type]
    champion = ServedModel(ModelRef("m", "20250627-aaaaaaaa"), manifest, predictor, encoder)  # type: ignore[arg-type]
    features = title_features("ghost", "", "movie", None)
    outcome = Outcome(json.dumps([DRAMA]).encode(), abstained=False, input_sha256="0" * 64, kind="movie")
    made = explained(Answer(uuid7(), None, champion, outcome, {}), features)
    (genre,) = made.explanation.genres
    assert (genre.base, genre.rest, genre.log_odds) == (None, None, 1.5)
    # What the model reads and the request did not bring is computed as for the prediction.
    assert encoder.texts == ["ghost"]


class Told(EmbeddingModel):
    """A model whose explanation is given."""

    def __init__(self, told: Explanation) -> None:
        self.told = told

    def explain(self, title: TitleFeatures) -> Explanation:
        assert title.embedding is not None
        return self.told


SHARES = np.array([0.4, 0.6, 0.1, 0.05])


def test_more_than_a_few_instances_are_refused(explaining: TestClient) -> None:
    body = {"instances": [INSTANCE] * MAX_EXPLAINED}
    assert explaining.post(PATH, params={"explain": True}, json=body).status_code == 200
    body["instances"].append(INSTANCE)
    answer = explaining.post(PATH, params={"explain": True}, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "body.instances"
    assert explaining.post(PATH, json=body).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/titles/tt0133093/genres"), ("POST", PATH)])
def test_anything_but_yes_or_no_is_refused(ready: TestClient, method: str, path: str) -> None:
    answer = ready.request(method, path, params={"explain": "perhaps"}, json={"instances": [INSTANCE]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["location"] == "query.explain"
