"""A title is scored once for as long as its features and the model stay what they are."""

import asyncio
from typing import cast

import pytest

from serving.model_threads import ModelThreads
from serving.observability import Metrics
from serving.predictors import MissingTextError, ServedModel
from serving.title_scores import TitleScores
from trending_assets.domain.genres.models import GenreModel
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets_tests.serving.test_predictors import TEXT
from trending_assets_tests.serving.world import EmbeddingModel, FakeEncoder, FakeFeatures, World


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def champion(world: World, version: str) -> ServedModel:
    ref = world.register(version)
    predictor = GenrePredictor(cast("GenreModel", EmbeddingModel()), {"drama": 0.05})
    return ServedModel(ref, world.registry.manifest(ref), predictor, FakeEncoder())


def of(scores: TitleScores, model: ServedModel, *rows) -> list[bytes]:
    async def one_after_the_other() -> list[bytes]:
        return [(await scores.of(model, title_id, row)).genres for title_id, row in rows]

    return asyncio.run(one_after_the_other())


def test_an_encoder_runs_once_a_text_and_version(world: World, metrics: Metrics) -> None:
    first, second = champion(world, "20250626-aaaaaaaa"), champion(world, "20250627-bbbbbbbb")
    scores = TitleScores(metrics, ModelThreads(2))
    row, same = FakeFeatures.row(TEXT), FakeFeatures.row(TEXT)
    assert len(set(of(scores, first, ("tt1", row), ("tt1", row), ("tt1", row)))) == 1
    assert first.encoder.texts == [TEXT["text"]]
    of(scores, second, ("tt1", row))
    assert second.encoder.texts == [TEXT["text"]]
    # A row that was read again and found to be another is scored again, whatever it holds.
    of(scores, first, ("tt1", same), ("tt1", same))
    assert first.encoder.texts == [TEXT["text"]] * 2
    assert metrics.registry.get_sample_value("trending_title_scores_total", {"how": "computed"}) == 3
    assert metrics.registry.get_sample_value("trending_title_scores_total", {"how": "remembered"}) == 3


def test_a_text_that_changed_is_scored_anew(world: World, metrics: Metrics) -> None:
    scores, model = TitleScores(metrics, ModelThreads(2)), champion(world, "20250626-aaaaaaaa")
    changed = FakeFeatures.row({**TEXT, "text": "Another"})
    assert len(set(of(scores, model, ("tt1", FakeFeatures.row(TEXT)), ("tt1", changed)))) == 2


def test_only_so_many_titles_are_remembered(world: World, metrics: Metrics) -> None:
    scores, model = TitleScores(metrics, ModelThreads(2), capacity=2), champion(world, "20250626-aaaaaaaa")
    rows = [(f"tt{number}", FakeFeatures.row(TEXT)) for number in range(3)]
    of(scores, model, *rows, rows[2], rows[1], rows[0])
    assert metrics.registry.get_sample_value("trending_title_scores_total", {"how": "remembered"}) == 2


def test_a_title_without_a_text_is_refused_each_time(world: World, metrics: Metrics) -> None:
    scores, model = TitleScores(metrics, ModelThreads(2)), champion(world, "20250626-aaaaaaaa")
    for _ in range(2):
        with pytest.raises(MissingTextError):
            of(scores, model, ("tt1", FakeFeatures.row({})))
