"""Metrics of served predictions: what counts as truth, and that what is not known is not made up."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest

from trending_assets.domain.catalog.taxonomy import GENRES
from trending_assets.domain.predictions.live import LabelRecord, late_labels, live_metrics
from trending_assets.domain.predictions.merging import logged_day, prediction_table
from trending_assets.domain.predictions.records import read_feedback
from trending_assets_tests.domain.predictions.logged import DAY, NOON, feedback, prediction, scores

HOUR = dt.timedelta(hours=1)
BEFORE, AFTER = NOON - HOUR, NOON + HOUR


def labelled(
    genres: Sequence[str],
    arrived_at: dt.datetime = AFTER,
    *,
    title_id: str = "tt0000000",
    source: str = "a",
    coverage: Sequence[str] = GENRES,
    complete: bool = True,
) -> LabelRecord:
    """What one record says."""
    return LabelRecord(title_id, (source, "1"), arrived_at, frozenset(genres), frozenset(coverage), complete)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ([], {}),
        ([labelled(["drama"])], {slug: slug == "drama" for slug in GENRES}),
        # What had arrived is no news, whether it came again or not, nor is what came at the same moment.
        ([labelled(["drama"], BEFORE)], {}),
        ([labelled(["drama"], NOON)], {}),
        ([labelled(["drama"], BEFORE), labelled(["drama", "war"])], {}),
        # Outside of coverage nothing is known.
        ([labelled(["drama"], coverage=["drama", "war"])], {"drama": True, "war": False}),
        ([labelled(["drama"], BEFORE, coverage=["drama"]), labelled(["war"], source="b", coverage=["drama", "war"])],
         {"war": True}),
        # A record without any genre says nothing.
        ([labelled([])], {}),
        ([labelled([], BEFORE), labelled(["war"], coverage=["war", "drama"])], {"war": True, "drama": False}),
        # Incomplete labels alone judge nothing; beside complete ones they add what they name.
        ([labelled(["war"], complete=False)], {}),
        ([labelled(["war"], complete=False, coverage=["war", "sport"]),
          labelled(["drama"], source="b", coverage=["drama"])], {"war": True, "drama": True}),
        # The newest version of a record counts.
        ([labelled(["war"], coverage=["war", "drama"]), labelled(["drama"], AFTER + HOUR, coverage=["war", "drama"])],
         {"drama": True, "war": False}),
    ],
)  # fmt: skip
def test_labels_are_truth_where_they_came_first_after_the_prediction(
    records: list[LabelRecord], expected: dict[str, bool]
) -> None:
    assert late_labels(records, NOON) == expected
    assert late_labels(reversed(records), NOON) == expected


def measured(
    predictions: Sequence[dict[str, Any]], told: Sequence[dict[str, Any]] = (), labels: Sequence[LabelRecord] = ()
) -> dict[tuple[str, ...], dict[str, Any]]:
    table, _ = prediction_table(predictions, DAY)
    rows = live_metrics(logged_day([table], map(read_feedback, told), None).rows, labels)
    return {(row["version"], row["slice"], row["metric"]): row for row in rows}


def test_what_a_shadow_said_was_served_to_nobody() -> None:
    made = [prediction(number=0), prediction(number=1, variant="shadow"), prediction(number=2, variant="challenger")]
    assert {row["predictions"] for row in measured(made, []).values()} == {2}
    assert measured([made[1]], []) == {}


def test_metrics_by_feedback_are_those_computed_by_hand() -> None:
    made = [
        prediction(number=n, genres=scores(chosen)) for n, chosen in enumerate([["drama"], ["drama", "war"], ["war"]])
    ]
    told = [
        feedback(made[0], AFTER, ["drama"]),
        feedback(made[1], AFTER, ["drama", "comedy"]),
        # The model does not know horror: that it never says so is no fault of these genres.
        feedback(made[2], AFTER, ["horror", "war"]),
    ]
    found = measured(made, told)
    value = {key[1:]: row["value"] for key, row in found.items()}
    # Drama: two hits. War: one hit, one wrong. Comedy: one missed.
    assert value["all", "micro_f1"] == pytest.approx(2 * 3 / (2 * 3 + 1 + 1))
    assert value["all", "macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert (value["genre=war", "precision"], value["genre=war", "recall"]) == (0.5, 1.0)
    assert (value["genre=comedy", "precision"], value["genre=comedy", "recall"]) == (None, 0.0)
    assert ("genre=horror", "recall") not in value
    assert {(row["predictions"], row["with_truth"], row["with_feedback"]) for row in found.values()} == {(3, 3, 3)}
    assert found["20260301-aaaaaaaa", "genre=comedy", "precision"]["status"] == "unknown"
    assert found["20260301-aaaaaaaa", "genre=drama", "precision"]["positives"] == 2


def test_without_truth_everything_is_unknown() -> None:
    found = measured([prediction(), prediction(number=1, title_id=None)], labels=[labelled(["drama"], BEFORE)])
    assert len(found) == 2 + 3 * 3
    assert {(row["value"], row["status"], row["with_truth"]) for row in found.values()} == {(None, "unknown", 0)}
    assert measured([]) == {}


def test_versions_are_measured_apart_and_labels_stand_in_for_feedback() -> None:
    made = [
        prediction(),
        prediction(number=1, version="20260302-bbbbbbbb", genres=scores(["war"])),
        prediction(number=2, version="20260302-bbbbbbbb", genres=scores(["war"])),
    ]
    labels = [labelled(["drama"], coverage=["drama"]), labelled(["war"], title_id="tt0000001")]
    found = measured(made, [feedback(made[1], AFTER, ["comedy"])], labels)
    first, second = "20260301-aaaaaaaa", "20260302-bbbbbbbb"
    assert found[first, "all", "micro_f1"]["value"] == 1.0
    assert found[first, "genre=war", "recall"]["with_truth"] == 0
    # Feedback says more of the prediction than labels of its title do; the third title's truth is unknown.
    assert found[second, "all", "micro_f1"]["value"] == 0.0
    assert (found[second, "all", "micro_f1"]["with_truth"], found[second, "all", "micro_f1"]["predictions"]) == (1, 2)
