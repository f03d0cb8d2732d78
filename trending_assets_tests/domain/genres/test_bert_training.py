"""Fine-tuning learns from what is known, within its budget, and keeps int8 only where that costs nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, cast

import numpy as np
import numpy.typing as npt
import pytest

from trending_assets.domain.genres.bert import FLOAT32, INT8, BertModel
from trending_assets.domain.genres.bert_training import PASSES, affordable_passes, without_poor_precision
from trending_assets.domain.genres.datasets import features_of, label_matrix, masked, rows_of
from trending_assets.domain.genres.training import TrainedModel, train
from trending_assets.domain.text.bert import Checkpoint, TextNetwork, bert_graph, unit_vectors
from trending_assets.domain.text.encoder import checkpoint_folder
from trending_assets.domain.text.features import TitleFeatures
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus

_FRAME = corpus(120)
_TRAIN = rows_of(_FRAME, "train")
_LABELS = label_matrix(_TRAIN, LEARNED)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return train(BertModel, _FRAME, seed=3, genres=LEARNED)


def _loss(model: BertModel) -> float:
    chance = model.predict_proba(features_of(_TRAIN))
    return float(-np.mean(np.where(_LABELS == 1, np.log(chance), np.log(1 - chance))))


def test_the_encoder_learns_beyond_its_first_head() -> None:
    head, tuned = (BertModel.fit(_TRAIN, _LABELS, LEARNED, 7, passes=passes) for passes in (0.0, 2.0))
    assert head.graphs[FLOAT32] == bert_graph(Checkpoint.read(checkpoint_folder()), quantized=False)
    assert tuned.graphs[FLOAT32] != head.graphs[FLOAT32]
    assert _loss(tuned) < 0.9 * _loss(head)


def test_what_was_trained_loses_less_by_integers() -> None:
    texts = _TRAIN["text"].tolist()
    lost = []
    for passes in (0.0, 1.0):
        model = BertModel.fit(_TRAIN, _LABELS, LEARNED, 7, passes=passes)
        fast, exact = (
            unit_vectors(TextNetwork(model.graphs[precision], model.tokenizer).pooled(texts))
            for precision in (INT8, FLOAT32)
        )
        lost.append(1 - float(np.mean(np.sum(fast * exact, axis=1))))
    assert lost[1] < 0.7 * lost[0]


def test_texts_without_the_names_of_genres_are_learned_from_too() -> None:
    other = _TRAIN.assign(masked_text=["nothing is left"] * len(_TRAIN))
    as_it_is, without = (BertModel.fit(rows, _LABELS, LEARNED, 7).graphs[FLOAT32] for rows in (_TRAIN, other))
    assert as_it_is != without
    assert masked(other)["text"].unique().tolist() == ["nothing is left"]


def test_a_longer_budget_allows_more_passes_and_none_allows_none() -> None:
    found = [affordable_passes(checkpoint_folder(), _TRAIN, 4, 1.8, seconds) for seconds in (0, 4, 10_000)]
    assert found[0] == 0
    assert found[2] == max(PASSES)
    assert found == sorted(found)
    assert set(found) <= set(PASSES)


def test_nothing_to_train_on_takes_no_passes() -> None:
    assert affordable_passes(checkpoint_folder(), _TRAIN.iloc[:0], 4, 1.8, 60) == 0


def test_int8_is_kept_where_it_costs_nothing_and_float32_too(trained: TrainedModel) -> None:
    model = trained.model
    assert isinstance(model, BertModel)
    # On so few rows one cell more or less is half a point: as good as float32 is float32 itself here.
    same = replace(model, graphs=dict.fromkeys((INT8, FLOAT32), model.graphs[FLOAT32]))
    kept = without_poor_precision(replace(trained, model=same), _TRAIN)
    assert isinstance(kept.model, BertModel)
    assert set(kept.model.graphs) == {INT8, FLOAT32}
    assert kept.parameters == {"precision": INT8} == {"precision": kept.model.precision}


def test_int8_that_costs_f1_is_dropped(trained: TrainedModel) -> None:
    model = trained.model
    assert isinstance(model, BertModel)
    checkpoint = Checkpoint.read(checkpoint_folder())
    noise = np.random.default_rng(1)
    spoilt = {
        name: noise.permutation(values.ravel()).reshape(values.shape) for name, values in checkpoint.weights.items()
    }
    poor = bert_graph(replace(checkpoint, weights=spoilt), quantized=True)
    kept = without_poor_precision(replace(trained, model=replace(model, graphs={**model.graphs, INT8: poor})), _TRAIN)
    assert isinstance(kept.model, BertModel)
    assert set(kept.model.graphs) == {FLOAT32}
    assert kept.parameters == {"precision": FLOAT32}


def test_without_rows_to_measure_it_on_int8_is_not_trusted(trained: TrainedModel) -> None:
    assert without_poor_precision(trained, _TRAIN.iloc[:0]).parameters == {"precision": FLOAT32}


@dataclass(frozen=True)
class _BlindByIntegers:
    """Knows every label of its rows, but no western by int8."""

    labels: npt.NDArray[np.float64]
    precision: str = INT8
    name: ClassVar[str] = "genre_bert"
    genres: ClassVar[tuple[str, ...]] = LEARNED

    def at(self, precision: str) -> "_BlindByIntegers":
        return replace(self, precision=precision)

    def predict_proba(self, features: Sequence[TitleFeatures]) -> npt.NDArray[np.float64]:
        seen = np.array([genre != "western" or self.precision == FLOAT32 for genre in self.genres])
        return self.labels[: len(features)] * seen


@pytest.mark.parametrize(("rows", "kept"), [(1999, INT8), (2000, FLOAT32)])
def test_int8_that_loses_a_rare_genre_is_dropped_where_there_are_rows_enough_to_tell(
    rows: int, kept: str, trained: TrainedModel
) -> None:
    frame = corpus(2000)
    one = frame["title_id"].isin(frame["title_id"][:12])
    others = frame["genres"].map(lambda genres: [genre for genre in genres if genre != "western"])
    frame = frame.assign(genres=others.where(~one, frame["genres"].map(lambda genres: sorted({*genres, "western"}))))
    model = _BlindByIntegers(label_matrix(frame, LEARNED))
    known = replace(trained, model=cast("BertModel", model), thresholds=dict.fromkeys(LEARNED, 0.5))
    assert without_poor_precision(known, frame.iloc[:rows]).parameters == {"precision": kept}


def test_a_stored_model_is_loaded_at_its_cheapest_precision(trained: TrainedModel, tmp_path: Path) -> None:
    model = trained.model
    assert isinstance(model, BertModel)
    model.save(tmp_path)
    assert {path.name for path in tmp_path.glob("*.onnx")} == {"model.int8.onnx", "model.float32.onnx"}
    assert BertModel.load(tmp_path).precision == INT8
    (tmp_path / "model.int8.onnx").unlink()
    exact = BertModel.load(tmp_path)
    assert exact.precision == FLOAT32
    features = features_of(_TRAIN)
    assert exact.predict_proba(features).tolist() == model.at(FLOAT32).predict_proba(features).tolist()
    assert 0 < np.abs(exact.predict_proba(features) - model.predict_proba(features)).mean() < 0.03


def test_watching_a_training_tells_its_loss_and_leaves_its_bytes_as_they_are() -> None:
    told: list[tuple[float, Mapping[str, float]]] = []
    alone = BertModel.fit(_TRAIN, _LABELS, LEARNED, 7, passes=2)
    watched = BertModel.fit(
        _TRAIN, _LABELS, LEARNED, 7, passes=2, validation=_TRAIN, watch=lambda done, found: told.append((done, found))
    )
    assert watched.graphs == alone.graphs
    assert watched.weights.tobytes() == alone.weights.tobytes()
    assert watched.intercept.tobytes() == alone.intercept.tobytes()
    passes, found = zip(*told, strict=True)
    assert list(passes) == sorted(set(passes))
    assert passes[-1] == pytest.approx(2, rel=0.5)
    assert found[-1]["loss"] < found[0]["loss"]
    judged = [each for each in found if "validation_loss" in each]
    assert len(judged) == 2
    assert judged[1]["validation_loss"] < judged[0]["validation_loss"]
    assert all(0 < each["validation_average_precision"] <= 1 for each in judged)
