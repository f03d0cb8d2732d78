import asyncio
import datetime as dt
from typing import cast

import numpy as np
import pytest

from serving.catalog import Catalog, read_catalog
from serving.known_titles import Reading
from serving.predictors import (
    InvalidScoreError,
    MissingTextError,
    ModelLoader,
    ServedModel,
    answer_title,
    missing_features,
    online_features,
    predict_instances,
    score_title,
    with_catalog,
)
from serving.schemas import Instance
from trending_assets.domain.genres.models import GenreModel
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.text.features import title_features
from trending_assets.storage.model_files import TamperedModelError
from trending_assets_tests.serving.world import ARRIVED, EmbeddingModel, FakeEncoder, FakeFeatures, World

REFERENCES = {**FakeFeatures.references, "embedding": "title_embedding:embedding"}
MATRIX = title_features("The Matrix", "A hacker learns that the world is a simulation.", "movie", 1999, ["US"], 136)
TEXT = {name: getattr(MATRIX, name) for name in FakeFeatures.references}


@pytest.fixture
def catalog(world: World) -> Catalog:
    world.land_catalog()
    return read_catalog(world.lake)


@pytest.fixture
def embedding_champion(world: World) -> ServedModel:
    ref = world.register()
    manifest = world.registry.manifest(ref).model_copy(update={"feature_service": EmbeddingModel.feature_service})
    predictor = GenrePredictor(cast("GenreModel", EmbeddingModel()), {"drama": 0.05})
    return ServedModel(ref, manifest, predictor, FakeEncoder())


def predict(champion: ServedModel, features: FakeFeatures, catalog: Catalog):
    (row,) = asyncio.run(features.read(champion.manifest.feature_service, ["tt0133093"]))
    outcome = score_title(champion, row)
    reading = Reading(row, last_known=False)
    return answer_title(champion, "tt0133093", reading, outcome, catalog.end()).prediction


def test_an_embedding_comes_from_the_online_store(embedding_champion, features, catalog) -> None:
    features.rows["tt0133093"] = features.row({**TEXT, "embedding": [70.0, 2.0]}, references=REFERENCES)
    prediction = predict(embedding_champion, features, catalog)
    assert prediction.genres[0].probability == pytest.approx(0.07)
    assert embedding_champion.encoder.texts == []
    assert not prediction.degraded
    assert prediction.features.as_of == ARRIVED


@pytest.mark.parametrize("values", [TEXT, {**TEXT, "embedding": None}])
def test_a_missing_embedding_is_computed_from_the_text_and_stated(
    embedding_champion, features, catalog, values
) -> None:
    features.rows["tt0133093"] = features.row(values, references=REFERENCES)
    prediction = predict(embedding_champion, features, catalog)
    assert embedding_champion.encoder.texts == [MATRIX.text]
    assert prediction.genres[0].probability == pytest.approx(len(MATRIX.text) / 1000)
    assert prediction.features.missing == ["title_embedding:embedding"]
    assert prediction.degraded


def test_a_missing_text_is_not_made_up(embedding_champion, features, catalog) -> None:
    features.rows["tt0133093"] = features.row({"embedding": [70.0, 2.0]}, references=REFERENCES)
    with pytest.raises(MissingTextError):
        predict(embedding_champion, features, catalog)


def test_an_embedding_without_the_text_that_it_is_of_is_not_read(embedding_champion, features, catalog) -> None:
    row = features.row({"embedding": [70.0, 2.0]}, references=REFERENCES)
    features.rows["tt0133093"] = with_catalog(row, catalog.get("tt0133093"))
    prediction = predict(embedding_champion, features, catalog)
    assert embedding_champion.encoder.texts == [MATRIX.text]
    assert prediction.genres[0].probability == pytest.approx(len(MATRIX.text) / 1000)
    assert prediction.degraded


def test_texts_are_encoded_in_one_go_and_answered_in_order(embedding_champion) -> None:
    instances = [Instance(title="x" * length, kind="movie") for length in (30, 10, 20)]
    answers = predict_instances(embedding_champion, instances)
    assert [answer.prediction.genres[0].probability for answer in answers] == pytest.approx([0.03, 0.01, 0.02])
    assert embedding_champion.encoder.texts == ["x" * 30, "x" * 10, "x" * 20]


@pytest.mark.parametrize("name", ["year", "runtime_minutes", "certificate"])
def test_null_is_known_and_a_missing_feature_is_stated(name: str) -> None:
    known = FakeFeatures.row({**TEXT, name: None})
    unknown = FakeFeatures.row({other: value for other, value in TEXT.items() if other != name})
    assert missing_features(known) == []
    assert missing_features(unknown) == [f"title_text:{name}"]
    for row in (known, unknown):
        features = online_features(row)
        assert features is not None
        assert getattr(features, name) is None


def test_no_countries_are_known_and_missing_ones_are_stated() -> None:
    known = FakeFeatures.row({**TEXT, "countries": []})
    unknown = FakeFeatures.row({name: value for name, value in TEXT.items() if name != "countries"})
    assert [missing_features(row) for row in (known, unknown)] == [[], ["title_text:countries"]]
    for row in (known, unknown):
        features = online_features(row)
        assert features is not None
        assert features.countries == ()


def test_a_word_count_follows_from_the_text() -> None:
    row = FakeFeatures.row({name: value for name, value in TEXT.items() if name != "word_count"})
    assert missing_features(row) == ["title_text:word_count"]
    assert online_features(row) == MATRIX


def test_online_features_are_those_of_the_text() -> None:
    assert online_features(FakeFeatures.row(TEXT)) == MATRIX
    with_embedding = online_features(FakeFeatures.row({**TEXT, "embedding": [0.5, 0.25]}, references=REFERENCES))
    assert with_embedding is not None
    assert with_embedding.embedding is not None
    assert with_embedding.embedding.dtype == np.float32


@pytest.mark.parametrize(("days", "stale"), [(23, True), (24, False)])
def test_staleness_is_judged_at_the_newest_partition_not_by_the_clock(
    embedding_champion, features, catalog, days: int, stale: bool
) -> None:
    features.rows["tt0133093"] = features.row(
        {**TEXT, "embedding": [70.0, 2.0]},
        references=REFERENCES,
        event_time=ARRIVED,
        ages_allowed={"title_text": dt.timedelta(days=days)},
    )
    prediction = predict(embedding_champion, features, catalog)
    assert (prediction.features.stale, prediction.degraded) == (stale, stale)


def test_a_model_without_embeddings_loads_no_encoder(world: World) -> None:
    def no_encoder() -> FakeEncoder:
        raise AssertionError("nothing needs it")

    ref = world.promote()
    loader = ModelLoader(world.registry, no_encoder)
    assert loader.find() == ref
    assert loader.load(ref).encoder is None


def test_a_changed_file_is_refused(world: World) -> None:
    ref = world.promote()
    file = world.registry.verified(ref) / "model.json"
    file.write_text(file.read_text().replace("0.6", "0.9"))
    with pytest.raises(TamperedModelError, match=r"model\.json"):
        ModelLoader(world.registry).load(ref)


@pytest.mark.parametrize("value", [float("nan"), -1.0, 1001.0])
def test_what_is_no_probability_is_not_answered(embedding_champion, features, value: float) -> None:
    row = features.row({**TEXT, "embedding": [value, 2.0]}, references=REFERENCES)
    with pytest.raises(InvalidScoreError):
        score_title(embedding_champion, row)
