"""What has changed is found and named, what has not is left alone, and what cannot be known stays unknown."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.drift.decisions import (
    Finding,
    feature_columns,
    feature_drift,
    label_columns,
    label_drift,
    prediction_columns,
    prediction_drift,
)
from trending_assets.domain.drift.embeddings import domain_auc
from trending_assets.domain.drift.reference import PredictionReference, Reference, ReferenceFormatError, stacked
from trending_assets.domain.drift.windows import MINIMUM_ROWS
from trending_assets_tests.domain.drift.titles import titles


@pytest.fixture(scope="module")
def reference() -> Reference:
    """What 1,500 titles were like, and what a version said of 600."""
    random = np.random.default_rng(1)
    probabilities = random.beta(1, 4, size=(600, 2))
    labels = np.where(random.random((900, len(GENRES))) < 0.3, 1.0, 0.0)
    labels[:, GENRES.index("western")] = np.nan
    thresholds = {"comedy": 0.3, "horror": 0.4}
    said = PredictionReference.of(probabilities, thresholds, list(thresholds), labels, ["t0", "t1"])
    return Reference.of(titles(random, 1500), said)


def _found(reference: Reference, frame: pd.DataFrame) -> dict[str, Finding]:
    return {f.column: f for f in feature_drift(reference, frame, stacked(frame["embedding"]), "a day")}


def _drifted(found: dict[str, Finding]) -> set[str]:
    return {column for column, finding in found.items() if finding.drifted}


@pytest.mark.parametrize("number", [MINIMUM_ROWS, 300, 3000])
def test_a_day_like_the_reference_has_not_drifted(reference: Reference, number: int) -> None:
    found = _found(reference, titles(np.random.default_rng(number), number, first=10_000))
    assert set(found) == set(feature_columns())
    assert _drifted(found) == set()
    assert {finding.status for finding in found.values()} == {"measured"}


@pytest.mark.parametrize(
    ("changed", "columns"),
    [
        ({"years": 1.0}, {"year"}),
        ({"shows": 0.8}, {"kind"}),
        ({"direction": 1.5}, {"embedding"}),
        ({"texts": "cyrillic"}, {"non_latin", "unknown_words"}),
    ],
)
def test_what_was_changed_is_what_has_drifted(
    reference: Reference, changed: dict[str, float], columns: set[str]
) -> None:
    found = _found(reference, titles(np.random.default_rng(5), 200, first=10_000, **changed))
    assert _drifted(found) >= columns
    assert "texts" in changed or _drifted(found) == columns


def test_a_column_that_is_missing_all_of_a_sudden_has_drifted(reference: Reference) -> None:
    frame = titles(np.random.default_rng(6), 100, first=10_000)
    frame["runtime_minutes"] = pd.array([None] * len(frame), dtype="Int64")
    assert _drifted(_found(reference, frame)) == {"runtime_minutes"}


def test_a_shift_too_small_to_act_on_is_none_however_sure_it_is(reference: Reference) -> None:
    large = Reference.of(titles(np.random.default_rng(7), 10_000))
    found = _found(large, titles(np.random.default_rng(8), 10_000, first=50_000, years=0.05))
    assert found["year"].p_value is not None
    assert found["year"].p_value < 0.01
    assert "year" not in _drifted(found)


def test_titles_of_the_reference_know_no_more_of_its_words_than_others_do(reference: Reference) -> None:
    again = titles(np.random.default_rng(1), 600)
    assert "unknown_words" not in _drifted(_found(reference, again))


@pytest.mark.parametrize("number", [0, 1, MINIMUM_ROWS - 1])
def test_a_day_of_too_few_rows_is_unknown_in_every_column(reference: Reference, number: int) -> None:
    found = _found(reference, titles(np.random.default_rng(2), number))
    assert {finding.status for finding in found.values()} == {"unknown"}
    for finding in found.values():
        assert (finding.score, finding.p_value, finding.p_adjusted, finding.drifted) == (None,) * 4
        assert finding.why


def test_predictions_that_grow_surer_have_drifted_and_those_of_a_genre_alone_are_named(reference: Reference) -> None:
    random, said = np.random.default_rng(4), reference.predictions
    assert said is not None
    same, surer = random.beta(1, 4, size=150), random.beta(3, 3, size=150)
    day = {"comedy": (same, (same >= 0.3) * 1.0), "horror": (surer, (surer >= 0.4) * 1.0)}
    found = {finding.column: finding for finding in prediction_drift(said, day, "a day")}
    assert set(found) == set(prediction_columns(said))
    assert _drifted(found) == {"probability horror", "selected horror"}


def test_a_genre_that_was_not_predicted_is_unknown(reference: Reference) -> None:
    said = reference.predictions
    assert said is not None
    found = prediction_drift(said, {"comedy": (np.full(40, 0.2), np.zeros(40))}, "a day")
    assert {f.column for f in found if f.status == "unknown"} == {"probability horror", "selected horror"}


def test_labels_that_sources_cannot_express_are_unknown_and_count_as_no_negatives(reference: Reference) -> None:
    said = reference.predictions
    assert said is not None
    labels = np.where(np.random.default_rng(9).random((200, len(GENRES))) < 0.3, 1.0, 0.0)
    labels[20:, GENRES.index("comedy")] = np.nan
    labels[:, GENRES.index("horror")] = 1.0
    found = {finding.column: finding for finding in label_drift(said, labels, "a day")}
    assert set(found) == set(label_columns())
    assert {column for column, f in found.items() if f.status == "unknown"} == {"label comedy", "label western"}
    assert _drifted(found) == {"label horror"}
    assert found["label comedy"].current_rows == 20


def test_the_classifier_tells_what_is_moved_along_any_direction() -> None:
    random = np.random.default_rng(2)
    reference, same, moved = (random.normal(size=(n, 40)).astype(np.float32) for n in (800, 100, 100))
    axis = random.normal(size=40)
    moved += (1.5 * axis / np.linalg.norm(axis)).astype(np.float32)
    assert domain_auc(reference, same, random).p_value > 0.01
    found = domain_auc(reference, moved, random)
    assert found.p_value < 1e-4
    assert found.score > 0.65 > 0.55 > found.expected


def test_a_reference_is_read_as_it_was_written(reference: Reference, tmp_path: Path) -> None:
    reference.save(tmp_path)
    read = Reference.stored(tmp_path)
    assert read is not None
    assert read.predictions is not None
    assert read.predictions.unseen(["t0", "t5"]).tolist() == [False, True]
    frame = titles(np.random.default_rng(3), 120, first=10_000, years=0.7)
    before, after = _found(reference, frame), _found(read, frame)
    # Embeddings are kept in half precision.
    assert {c: f for c, f in before.items() if c != "embedding"} == {c: f for c, f in after.items() if c != "embedding"}
    assert after["embedding"].score == pytest.approx(before["embedding"].score, abs=0.01)
    assert read.rows["kind"].tolist() == reference.rows["kind"].tolist()
    assert prediction_columns(read.predictions) == (
        "probability comedy",
        "selected comedy",
        "probability horror",
        "selected horror",
    )


def test_a_folder_without_a_reference_has_none_and_another_format_is_refused(tmp_path: Path) -> None:
    assert Reference.stored(tmp_path) is None
    (tmp_path / "drift_reference.json").write_text('{"format": 0}')
    with pytest.raises(ReferenceFormatError, match="format 0"):
        Reference.stored(tmp_path)
