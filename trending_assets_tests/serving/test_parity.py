"""By id or by text, a title gets the same probabilities: real Feast store, real encoder, real models."""

import asyncio
import datetime as dt
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient

from feature_repo.repository import apply
from serving.app import create_app
from serving.features import OnlineStore
from serving.predictors import missing_features, online_features
from serving.settings import ServingSettings
from serving.state import ServingState
from trending_assets.domain.genres.models import load_model, model_class
from trending_assets.domain.genres.reduced_tfidf import ReducedTfIdf
from trending_assets.domain.genres.xgb import XGBoostModel
from trending_assets.domain.text.encoder import Encoder
from trending_assets.domain.text.features import title_features
from trending_assets.storage.feature_store import open_feature_store
from trending_assets.storage.registry import ModelRef
from trending_assets_tests.serving.world import ARRIVED, World, catalog_row

GENRES = ("comedy", "horror")
PLOTS = {
    "comedy": "Hilarious mishaps follow a clumsy wedding planner; a comedy of awkward jokes, part {}.",
    "horror": "A demon haunts the old house; horror, blood and terror for the family, night {}.",
}
ROWS = [
    catalog_row(
        f"tt{number:07}",
        f"Title  no. {number}, naïve",
        kind="show" if number % 3 == 0 else "movie",
        year=None if number % 5 == 0 else 1980 + number,
        plot=PLOTS[GENRES[number % 2]].format(number) if number % 7 else "",
        genres=[GENRES[number % 2]],
        countries=[] if number % 6 == 0 else ["GB", "US"] if GENRES[number % 2] == GENRES[0] else ["US"],
        runtime_minutes=None if number % 4 == 0 else 20 + 5 * number,
        certificate=(None, "PG", "TV-MA")[number % 3],
        platforms=[["hulu"], [], ["hulu", "netflix"]][number % 3],
    )
    for number in range(1, 25)
]


MODELS = ("genre_keyword", "genre_logreg", "genre_xgboost")
SENT = ("title", "plot", "kind", "year", "countries", "runtime_minutes", "certificate", "platforms")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose features are those that the pipeline computes, and one model of each kind in its registry."""
    world = World(tmp_path_factory.mktemp("parity"), encoder=Encoder)
    world.land_catalog(ROWS)
    made = [title_features(**{name: row[name] for name in SENT}) for row in ROWS]
    texts = pd.DataFrame(
        {
            "title_id": [row["title_id"] for row in ROWS],
            "text": [each.text for each in made],
            "kind": [each.kind for each in made],
            "year": pd.array([each.year for each in made], dtype="Int64"),
            "word_count": [each.word_count for each in made],
            "countries": [list(each.countries) for each in made],
            "runtime_minutes": pd.array([each.runtime_minutes for each in made], dtype="Int64"),
            "certificate": [each.certificate for each in made],
            "platforms": [list(each.platforms) for each in made],
            "event_timestamp": ARRIVED,
            "created": ARRIVED,
        }
    )
    embeddings = pd.DataFrame(
        {
            "title_id": texts["title_id"],
            "embedding": list(Encoder().encode(texts["text"].tolist())),
            "event_timestamp": ARRIVED + dt.timedelta(days=1),
            "created": ARRIVED,
        }
    )
    reduction = ReducedTfIdf.fit(texts["text"].tolist())
    tfidf = pd.DataFrame(
        {
            "title_id": texts["title_id"],
            "tfidf": [reduction.transform(text) for text in texts["text"]],
            "tfidf_version": reduction.version,
            "event_timestamp": ARRIVED + dt.timedelta(days=1),
            "created": ARRIVED,
        }
    )
    apply(world.folder)
    store = open_feature_store(world.folder)
    store.write_to_online_store("title_text", texts)
    store.write_to_online_store("title_embedding", embeddings)
    store.write_to_online_store("title_tfidf__v1", tfidf)
    vectors = {"embedding": embeddings["embedding"], "tfidf": tfidf["tfidf"], "tfidf_version": reduction.version}
    frame = texts.assign(**vectors, masked_text=texts["text"], labels_complete=True)
    labels = np.array([[float(genre in row["genres"]) for genre in GENRES] for row in ROWS])
    for name in MODELS:
        fit = partial(XGBoostModel.fit, reduction=reduction) if name == XGBoostModel.name else model_class(name).fit
        world.register("1", fit(frame, labels, GENRES, seed=1))
    return world.folder


@pytest.fixture(scope="module")
def served(home: Path) -> tuple[TestClient, ServingState]:
    """A client over that home, with the real feature store and encoder."""
    app = create_app(ServingSettings(home=home))
    return TestClient(app), app.state.serving


@pytest.mark.parametrize("model", MODELS)
def test_by_id_as_by_text(served: tuple[TestClient, ServingState], model: str) -> None:
    client, state = served
    state.registry.promote(ModelRef(model, "1"))
    state.refresh()
    assert client.get("/readyz").json()["model"]["name"] == model
    instances = [{name: row[name] for name in SENT} for row in ROWS]
    by_text = client.post("/v1/genres/predict", json={"instances": instances}).json()["predictions"]
    for row, text in zip(ROWS, by_text, strict=True):
        online = client.get(f"/v1/titles/{row['title_id']}/genres").json()
        assert online["model"] == text["model"]
        assert online["features"]["as_of"] == "2025-06-03T00:00:00Z"
        assert not online["degraded"]
        assert probabilities(online) == pytest.approx(probabilities(text), abs=1e-4)
    assert len({tuple(probabilities(each).items()) for each in by_text}) > 1


def test_the_reduced_tfidf_online_is_the_models_own_to_the_last_bit(
    served: tuple[TestClient, ServingState], home: Path
) -> None:
    online = OnlineStore(home).open()
    model = load_model("genre_xgboost", served[1].registry.verified(ModelRef("genre_xgboost", "1")))
    assert isinstance(model, XGBoostModel)
    for row in ROWS:
        (held,) = asyncio.run(online.read(model.feature_service, [row["title_id"]]))
        features = online_features(held)
        assert features is not None
        assert features.tfidf is not None
        assert features.tfidf.tobytes() == model.reduction.transform(features.text).tobytes()
        assert features.tfidf_version == model.reduction.version
        assert missing_features(held) == []


def probabilities(prediction: dict) -> dict[str, float]:
    return {each["genre"]: each["probability"] for each in prediction["genres"]}


def test_a_store_that_is_applied_again_is_opened_again(served: tuple[TestClient, ServingState], home: Path) -> None:
    client, state = served
    state.refresh()
    before = state.features.value
    apply(home)
    state.refresh()
    assert state.features.value is not before
    assert client.get(f"/v1/titles/{ROWS[0]['title_id']}/genres").status_code == 200


def test_a_server_that_answers_from_the_online_store_has_loaded_neither_feast_nor_torch(
    served: tuple[TestClient, ServingState], home: Path
) -> None:
    served[1].registry.promote(ModelRef("genre_xgboost", "1"))
    code = f"""
import sys
from fastapi.testclient import TestClient
from serving.app import create_app
from serving.settings import ServingSettings

app = create_app(ServingSettings(home={str(home)!r}), poll_seconds=3600)
with TestClient(app) as client:
    app.state.serving.refresh()
    assert client.get("/readyz").status_code == 200
    assert client.get("/v1/titles/{ROWS[0]["title_id"]}/genres").json()["degraded"] is False
print(sorted({{"dagster", "feast", "torch", "transformers", "feature_repo"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
