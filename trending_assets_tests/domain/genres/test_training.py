import csv
import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trending_assets.domain.catalog.certificates import certificate
from trending_assets.domain.catalog.platforms import platforms
from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.genres.datasets import features_of, label_matrix, rows_of, splits
from trending_assets.domain.genres.masking import mask_genre_words
from trending_assets.domain.genres.metrics import Evaluation, macro_f1
from trending_assets.domain.genres.models import MODEL_NAMES, model_class
from trending_assets.domain.genres.thresholds import tune_thresholds
from trending_assets.domain.genres.training import (
    NothingToLearnError,
    TrainedModel,
    assign_folds,
    cross_validation_scores,
    evaluate,
    train,
)
from trending_assets.domain.text.features import title_features
from trending_assets_tests.domain.genres.corpus import LEARNED, corpus

_FRAME = corpus(160)
# A blend is made of two of these.
FITTED = [name for name in MODEL_NAMES if name != "genre_blend"]


@pytest.fixture(scope="module")
def trained() -> dict[str, TrainedModel]:
    return {name: train(model_class(name), _FRAME, seed=3, folds=3) for name in FITTED}


@pytest.mark.parametrize("name", FITTED)
def test_a_trained_model_has_a_threshold_for_each_genre(trained: dict[str, TrainedModel], name: str) -> None:
    result = trained[name]
    rows = rows_of(_FRAME, "train")
    assert tuple(result.thresholds) == result.model.genres == LEARNED
    assert all(0 < cut <= 1 for cut in result.thresholds.values())
    assert result.title_ids == tuple(rows["title_id"])
    assert result.out_of_fold.shape == (len(rows), len(LEARNED))
    held = result.folds < (result.model.held_folds or 3)
    assert np.isfinite(result.out_of_fold).all(axis=1).tolist() == held.tolist()


def test_each_fold_is_predicted_by_a_model_that_has_not_seen_it(trained: dict[str, TrainedModel]) -> None:
    result, rows = trained["genre_keyword"], rows_of(_FRAME, "train")
    labels = label_matrix(rows, LEARNED)
    for fold in range(3):
        held = result.folds == fold
        rest = model_class("genre_keyword").fit(rows[~held], labels[~held], LEARNED, 3)
        assert result.out_of_fold[held].tolist() == rest.predict_proba(features_of(rows[held])).tolist()


@pytest.mark.parametrize("name", ["genre_keyword", "genre_logreg", "genre_xgboost", "genre_bert"])
def test_only_train_rows_are_fitted_on(trained: dict[str, TrainedModel], name: str) -> None:
    """Whatever the other rows hold, the model and its thresholds stay the same."""
    other = _FRAME.copy()
    outside = other["split"] != "train"
    assert outside.sum() > 20
    other.loc[outside, "text"] = "cowboy haunted hilarious"
    other.loc[outside, "genres"] = pd.Series([["western"]] * len(other), index=other.index)[outside]
    again = train(model_class(name), other, seed=3, folds=3)
    features = features_of(rows_of(_FRAME, "test"))
    assert again.thresholds == trained[name].thresholds
    assert again.model.predict_proba(features).tolist() == trained[name].model.predict_proba(features).tolist()


def test_the_order_of_the_rows_makes_no_difference(trained: dict[str, TrainedModel]) -> None:
    again = train(model_class("genre_logreg"), _FRAME.sample(frac=1.0, random_state=5), seed=3, folds=3)
    assert again.thresholds == trained["genre_logreg"].thresholds
    assert again.out_of_fold.tolist() == trained["genre_logreg"].out_of_fold.tolist()


@pytest.mark.parametrize("name", ["genre_logreg", "genre_xgboost"])
def test_a_model_that_learns_beats_the_majority_on_unseen_rows(name: str) -> None:
    frame = corpus(400)
    test = rows_of(frame, "test")
    learned, majority = (
        _macro(evaluate(train(model_class(n), frame, seed=3, folds=2).predictor, test))
        for n in (name, "genre_majority")
    )
    assert learned > majority + 0.1


def test_labels_that_mean_nothing_teach_nothing() -> None:
    """With shuffled labels a model is no better than a constant answer: nothing leaks into the evaluation."""
    shuffled = _FRAME.copy()
    order = np.random.default_rng(0).permutation(len(shuffled))
    shuffled["genres"] = [shuffled["genres"].iloc[i] for i in order]
    result = train(model_class("genre_logreg"), shuffled, seed=3, folds=3)
    labels = label_matrix(rows_of(shuffled, "train"), LEARNED)
    share = labels.mean(axis=0)
    spread = np.abs(result.out_of_fold - share).mean()
    honest = train(model_class("genre_logreg"), _FRAME, seed=3, folds=3)
    assert spread < np.abs(honest.out_of_fold - share).mean() / 2


@pytest.mark.parametrize("name", ["genre_logreg", "genre_xgboost"])
def test_genres_that_a_source_leaves_out_do_not_lower_what_is_predicted(name: str) -> None:
    frame = corpus(400, seed=5)
    shelved = (frame["split"] == "train") & (np.arange(len(frame)) % 2 == 1)
    frame["genres"] = [found[:1] if one else found for found, one in zip(frame["genres"], shelved, strict=True)]
    test = rows_of(frame, "test")
    share = label_matrix(test, LEARNED).mean()
    said = [
        train(model_class(name), frame.assign(labels_complete=complete), seed=3, folds=2)
        .predictor.probabilities(features_of(test))
        .mean()
        for complete in (~shelved, True)
    ]
    assert abs(said[0] - share) < 0.03
    assert said[1] < share - 0.06


@pytest.mark.parametrize("name", ["genre_majority", "genre_keyword", "genre_logreg", "genre_xgboost"])
def test_a_genre_that_complete_labels_cannot_tell_is_as_common_as_the_others_say(name: str) -> None:
    frame = corpus(400, seed=6)
    shelved = np.arange(len(frame)) % 2 == 1
    rest = [genre for genre in LEARNED if genre != "horror"]
    frame["label_coverage"] = [list(LEARNED) if one else rest for one in shelved]
    frame["genres"] = [
        list(found) if one else [genre for genre in found if genre != "horror"]
        for found, one in zip(frame["genres"], shelved, strict=True)
    ]
    trained = train(model_class(name), frame.assign(labels_complete=~shelved), seed=3, folds=2, genres=LEARNED)
    labels = label_matrix(rows_of(frame, "train"), LEARNED)[:, 2]
    said = trained.predictor.probabilities(features_of(rows_of(frame, "test")))[:, 2].mean()
    assert said == pytest.approx(np.nanmean(labels), abs=0.07)


def test_too_few_titles_are_a_named_fault() -> None:
    with pytest.raises(NothingToLearnError, match="genre_logreg"):
        train(model_class("genre_logreg"), corpus(8), seed=0)


@pytest.mark.parametrize("seed", range(4))
def test_folds_spread_each_genre(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((200, 4)) < (0.5, 0.3, 0.1, 0.03)).astype(float)
    labels[rng.random(labels.shape) < 0.1] = np.nan
    folds = assign_folds(labels, 5, seed)
    assert folds.min() >= 0
    for column in range(4):
        held = np.bincount(folds[labels[:, column] == 1], minlength=5)
        assert held.max() - held.min() <= 5
    assert assign_folds(labels, 5, seed).tolist() == folds.tolist()
    assert assign_folds(labels, 5, seed + 1).tolist() != folds.tolist()


def test_an_evaluation_agrees_with_its_parts(trained: dict[str, TrainedModel]) -> None:
    predictor, test = trained["genre_logreg"].predictor, rows_of(_FRAME, "test")
    evaluation = evaluate(predictor, test)
    columns = [GENRES.index(genre) for genre in LEARNED]
    labels = label_matrix(test, LEARNED)
    selected = np.array(
        [
            [s.selected for s in sorted(row, key=lambda s: GENRES.index(s.genre))]
            for row in predictor.predict(features_of(test))
        ]
    )
    assert evaluation.title_ids == tuple(test["title_id"])
    assert evaluation.selected[:, columns].tolist() == selected.tolist()
    assert evaluation.macro_f1 == macro_f1(labels, selected)
    assert not np.delete(evaluation.selected, columns, axis=1).any()
    assert set(evaluation.per_genre) == set(LEARNED)
    assert evaluation.slices["kind=movie"]["rows"] + evaluation.slices["kind=show"]["rows"] == len(test)
    assert evaluation.metrics()["rows"] == len(test)


@pytest.mark.parametrize("name", FITTED)
def test_an_evaluation_of_no_rows_claims_nothing(trained: dict[str, TrainedModel], name: str) -> None:
    evaluation = evaluate(trained[name].predictor, _FRAME.iloc[:0])
    assert evaluation.metrics() == {"rows": 0.0}
    assert evaluation.slices == {}
    assert all(figures["f1"] is None for figures in evaluation.per_genre.values())


_DATA = Path(os.environ.get("TRENDING_BENCH_DATA", Path(__file__).parents[4] / "shared" / "data")) / "bench"
_LABELS = {"scifi": "science-fiction", "documentation": "documentary"}


def _justwatch_rows(path: Path) -> Iterator[dict[str, object]]:
    coverage = sorted(set(GENRES) - {"adventure", "mystery"})
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            labels = {_LABELS.get(label, label) for label in row["genres"].strip("[]").replace("'", "").split(", ")}
            year = int(float(row["release_year"])) if row["release_year"] else None
            title = title_features(
                row["title"], row["description"], "movie" if row["type"] == "MOVIE" else "show", year
            )
            yield {
                "title_id": row["id"],
                "current_title_id": row["id"],
                "text": title.text,
                "masked_text": mask_genre_words(title.text),
                "plot": row["description"],
                "kind": title.kind,
                "year": year,
                "word_count": title.word_count,
                "language": None,
                "countries": row["production_countries"].strip("[]").replace("'", "").split(", "),
                "runtime_minutes": int(float(row["runtime"])) if row["runtime"] else None,
                "certificate": certificate(row["age_certification"]),
                "platforms": platforms([row["platform"]]),
                "sources": ["justwatch"],
                "genres": sorted(labels & set(coverage)),
                "label_coverage": coverage,
                "labels_complete": True,
            }


@pytest.mark.skipif(not _DATA.is_dir(), reason=f"benchmark data is not at {_DATA}: see TRENDING_BENCH_DATA")
def test_real_titles_are_told_apart_better_than_by_keywords_or_prevalence() -> None:
    frame = pd.DataFrame(_justwatch_rows(_DATA / "justwatch_titles.csv.gz")).drop_duplicates("title_id")
    frame = splits(frame.sample(1500, random_state=1).sort_values("title_id", ignore_index=True))
    names = ("genre_majority", "genre_keyword", "genre_logreg")
    evaluations = [evaluate(train(model_class(n), frame, seed=0).predictor, rows_of(frame, "test")) for n in names]
    majority, keyword, logreg = (_macro(evaluation) for evaluation in evaluations)
    assert majority < 0.1
    assert keyword > majority + 0.2
    assert logreg > keyword + 0.03
    assert logreg > 0.45


def _macro(evaluation: Evaluation) -> float:
    assert evaluation.macro_f1 is not None
    return evaluation.macro_f1


def test_a_score_of_cross_validation_is_that_of_the_rows_held_out_so_far() -> None:
    frame = corpus(160)
    scores = list(cross_validation_scores(model_class("genre_logreg"), frame, 3, {}))
    trained = train(model_class("genre_logreg"), frame, 3)
    rows = rows_of(frame, "train")
    labels = label_matrix(rows, LEARNED)
    assert len(scores) == 5
    # Calibration changes no order, so that the best cuts select the same.
    cuts = tune_thresholds(trained.out_of_fold, labels, LEARNED)
    selected = trained.out_of_fold >= [cuts[genre] for genre in LEARNED]
    assert scores[-1] == pytest.approx(macro_f1(labels, selected), abs=0.02)


def test_a_score_of_cross_validation_reads_texts_without_the_names_of_genres() -> None:
    frame, model_cls = corpus(160), model_class("genre_logreg")
    told = frame.assign(text=[f"{text} {' '.join(g)}" for text, g in zip(frame["text"], frame["genres"], strict=True)])
    *_, score = cross_validation_scores(model_cls, told, 3, {})
    *_, of_names = cross_validation_scores(model_cls, told.assign(masked_text=told["text"]), 3, {})
    assert of_names > 0.97
    assert score < 0.9


def test_what_was_chosen_is_kept_with_the_model() -> None:
    chosen = {"inverse_regularisation": 2.0}
    trained = train(model_class("genre_logreg"), corpus(120), 3, folds=2, parameters=chosen)
    assert trained.parameters == chosen
