"""A day of the log is the same, however its records came in."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trending_assets.domain.predictions.merging import logged_day, prediction_table
from trending_assets.domain.predictions.records import (
    PREDICTION,
    PREDICTION_LOG,
    UnreadableRecordError,
    input_sha256,
    prediction_row,
    read_feedback,
)
from trending_assets.domain.text.features import title_features
from trending_assets_tests.domain.predictions.logged import DAY, NOON, feedback, prediction

_MADE = [prediction(NOON + dt.timedelta(seconds=number), number) for number in range(6)]
_TOLD = [
    feedback(_MADE[number], NOON + dt.timedelta(hours=hours), genres)
    for number, hours, genres in [(0, 3, ["war"]), (0, 1, ["drama"]), (2, 2, ["comedy", "war"]), (5, 2, ["drama"])]
]


def _day(predictions, told, before=None):
    table, unreadable = prediction_table(predictions, DAY)
    assert unreadable == 0
    return logged_day([table], map(read_feedback, told), before)


@settings(deadline=None)
@given(st.permutations(_MADE), st.permutations(_TOLD), st.integers(0, 6), st.integers(0, 4), st.booleans())
def test_parts_in_any_order_give_the_same_day(predictions, told, split, told_split, overlap: bool) -> None:
    whole = _day(_MADE, _TOLD)
    first = _day(predictions[:split], told[:told_split])
    # Segments that were not removed are read again.
    rest, told_rest = (predictions, told) if overlap else (predictions[split:], told[told_split:])
    # Feedback that came before its prediction was compacted is still in its segment.
    kept = [each for each in told if each["prediction_id"] in {p["prediction_id"] for p in predictions[split:]}]
    second = _day(rest, [*told_rest, *kept], first.rows)
    assert second.rows.equals(whole.rows)
    assert second.duplicates == (split if overlap else 0)


def test_the_newest_feedback_is_joined_and_the_rest_has_none() -> None:
    day = _day(_MADE, [*_TOLD, feedback(prediction(NOON, 99), NOON, ["war"])])
    assert day.rows.schema.equals(PREDICTION_LOG.schema)
    assert day.rows["prediction_id"].to_pylist() == [record["prediction_id"] for record in _MADE]
    assert day.rows["feedback_genres"].to_pylist() == [["war"], None, ["comedy", "war"], None, None, ["drama"]]
    assert day.rows["feedback_at"].to_pylist()[:2] == [NOON + dt.timedelta(hours=3), None]
    assert (day.duplicates, day.unmatched) == (0, 1)


def test_a_day_without_predictions_has_no_rows() -> None:
    day = _day([], _TOLD)
    assert (len(day.rows), day.unmatched) == (0, 3)


def test_the_columns_are_those_that_readers_rely_on() -> None:
    types = {field.name: (str(field.type), field.nullable) for field in PREDICTION_LOG.schema}
    assert types == {
        "prediction_id": ("string", False),
        "predicted_at": ("timestamp[us, tz=UTC]", False),
        "request_id": ("string", True),
        "key_id": ("string", True),
        "title_id": ("string", True),
        "input_sha256": ("string", False),
        "kind": ("string", False),
        "source": ("string", False),
        "model": ("string", False),
        "version": ("string", False),
        "variant": ("string", False),
        "feature_service": ("string", False),
        "feature_times": (
            "list<item: struct<view: string, event_timestamp: timestamp[us, tz=UTC]>>",
            False,
        ),
        "as_of": ("timestamp[us, tz=UTC]", True),
        "stale": ("bool", False),
        "missing": ("list<item: string>", False),
        "degraded": ("bool", False),
        "abstained": ("bool", False),
        "genres": (
            "list<item: struct<genre: string, probability: double, threshold: double, selected: bool>>",
            False,
        ),
        "latency_ms": ("double", False),
        "feedback_genres": ("list<item: string>", True),
        "feedback_at": ("timestamp[us, tz=UTC]", True),
    }


@pytest.mark.parametrize(
    "changed",
    [
        {"prediction_id": "x"},
        {"prediction_id": None},
        {"model": None},
        {"as_of": "yesterday"},
        {"feature_times": [{}]},
        {"feature_times": None},
    ],
)
def test_what_is_no_prediction_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(UnreadableRecordError):
        prediction_row(prediction(**changed))


def test_one_bad_record_costs_the_others_nothing() -> None:
    another_day = prediction(NOON + dt.timedelta(days=1), 7)
    bad = [{}, another_day, prediction(number=8, latency_ms="fast"), prediction(number=9, kind=None)]
    table, unreadable = prediction_table([*bad, *_MADE], DAY)
    assert table.schema.equals(PREDICTION.schema)
    assert (len(table), unreadable) == (len(_MADE), 4)


@pytest.mark.parametrize("changed", [{"prediction_id": "x"}, {"genres": None}, {"received_at": None}])
def test_what_is_no_feedback_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(UnreadableRecordError):
        read_feedback(_TOLD[0] | changed)
    with pytest.raises(UnreadableRecordError):
        read_feedback({})


def test_the_hash_of_an_input_changes_with_each_fact_and_not_with_how_it_was_written() -> None:
    told = ("Heat", "A thief and a detective.", "movie", 1995, ["US"], 170, "R")
    same = input_sha256(title_features("Heat ", "A  thief and a detective.", *told[2:]))
    assert same == input_sha256(title_features(*told))
    others = [
        (*told[:place], other, *told[place + 1 :])
        for place, other in enumerate(["Cold", "Another.", "show", 1996, [], None, "PG"])
    ]
    assert len({same, *(input_sha256(title_features(*each)) for each in others)}) == 8
