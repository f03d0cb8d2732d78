"""What an experiment found: no winner without outcomes, and the right one with them."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from trending_assets.domain.predictions.comparison import (
    NEEDED_OUTCOMES,
    NEEDED_UNITS,
    Collected,
    Comparison,
)
from trending_assets.domain.predictions.experiments import Experiment
from trending_assets.domain.predictions.live import LabelRecord
from trending_assets_tests.domain.predictions.logged import GENRES, NOON, scores
from trending_assets_tests.domain.predictions.test_experiments import experiment

SECOND = dt.timedelta(seconds=1)
STOPPED = NOON + 10_000 * SECOND
VERSIONS = {"champion": ("genre_logreg", "1"), "challenger": ("genre_xgboost", "1")}


def row(arm: str, number: int, selected: Sequence[str], truth: Sequence[str] | None = None, **changed: Any) -> dict:
    """What one model said of one title, after so many seconds."""
    model, version = VERSIONS[arm]
    return {
        "predicted_at": NOON + number * SECOND,
        "key_id": None,
        "title_id": f"tt{number:07}",
        "input_sha256": f"{number:064}",
        "model": model,
        "version": version,
        "variant": arm,
        "genres": scores(selected),
        "feedback_genres": None if truth is None else list(truth),
        "feedback_at": None if truth is None else NOON + number * SECOND,
    } | changed


def compared(rows: Iterable[dict], made: Experiment | None = None, labels: Iterable[LabelRecord] = ()) -> Comparison:
    collected = Collected(made or experiment(stopped_at=STOPPED))
    collected.add(rows)
    return collected.compared(labels)


def pairs(number: int, right: str, *, truth: bool = True) -> list[dict]:
    """Titles that both models answered, one of them rightly each time and the other half of the time."""
    found = []
    for i in range(number):
        has = [GENRES[i % len(GENRES)]]
        wrong = has if i % 2 else [GENRES[(i + 1) % len(GENRES)]]
        told = has if truth else None
        for arm in VERSIONS:
            variant = "shadow" if arm == "challenger" else arm
            found.append(
                row(arm, i, has if arm == right else wrong, told if arm == "champion" else None, variant=variant)
            )
    return found


def test_without_outcomes_agreement_is_known_and_nothing_else() -> None:
    found = compared(pairs(300, "challenger", truth=False))
    assert (found.agreement.inputs, found.agreement.exact_match, found.agreement.jaccard) == (300, 0.5, 0.5)
    assert (found.winner, found.differences) == (None, ())
    assert found.reason.startswith("unknown: there are no outcomes")
    assert str(NEEDED_OUTCOMES) in found.reason
    assert [arm.macro_f1 for arm in found.arms.values()] == [None, None]
    assert found.shadowed == 300


@pytest.mark.parametrize("better", ["champion", "challenger"])
def test_the_better_one_wins_where_outcomes_suffice(better: str) -> None:
    found = compared(pairs(NEEDED_OUTCOMES, better))
    difference = found.differences[0]
    assert (found.winner, difference.outcomes) == (better, NEEDED_OUTCOMES)
    assert difference.low <= difference.value <= difference.high
    assert difference.value == pytest.approx(0.5 if better == "challenger" else -0.5, abs=0.01)


def test_one_outcome_less_and_nobody_wins() -> None:
    found = compared(pairs(NEEDED_OUTCOMES - 1, "challenger"))
    assert found.winner is None
    assert f"{NEEDED_OUTCOMES - 1} outcomes" in found.reason
    # What is known is told all the same.
    assert found.differences[0].value == pytest.approx(0.5, abs=0.02)


def test_nobody_wins_while_it_runs() -> None:
    found = compared(pairs(NEEDED_OUTCOMES, "challenger"), experiment())
    assert found.winner is None
    assert found.reason.startswith("none yet")
    # Not even what would have decided.
    assert "interval +" not in found.reason


def test_models_that_are_alike_have_no_winner() -> None:
    rows = [
        row(arm, i, [GENRES[i % 3]], [GENRES[0]], variant="champion" if arm == "champion" else "shadow")
        for i in range(200)
        for arm in VERSIONS
    ]
    found = compared(rows)
    assert (found.winner, found.agreement.exact_match, found.differences[0].value) == (None, 1.0, 0.0)
    assert found.reason.startswith("none: the interval")


def test_groups_are_compared_where_no_input_was_answered_by_both() -> None:
    made = experiment(stopped_at=STOPPED, share=0.5)
    rows = []
    for i in range(600):
        arm, has = made.variant_of(f"tt{i:07}"), [GENRES[i % 3]]
        rows.append(row(arm, i, has if arm == "challenger" or i % 2 else ["war"], has))
    found = compared(rows, made)
    assert found.agreement.exact_match is None
    assert found.winner == "challenger"
    assert [each.method for each in found.differences] == ["two-sample bootstrap over units"]
    assert sum(arm.units for arm in found.arms.values()) == 600
    assert found.strays == 0


def test_many_answers_to_few_keys_are_few_units() -> None:
    made = experiment(stopped_at=STOPPED, share=0.5, unit="key")
    rows = []
    for i in range(600):
        key = f"{i % (NEEDED_UNITS - 1):08x}"
        arm, has = made.variant_of(key), [GENRES[i % 3]]
        rows.append(row(arm, i, has if arm == "challenger" else ["war"], has, key_id=key))
    found = compared(rows, made)
    assert found.winner is None
    assert "units are needed" in found.reason


def test_an_interval_over_units_is_wider_than_one_over_answers_that_are_alike() -> None:
    made = experiment(stopped_at=STOPPED, share=0.5, unit="key")
    rng = np.random.default_rng(1)
    right = {f"{key:08x}": bool(rng.random() < 0.5) for key in range(80)}

    def width(answers: int) -> float:
        rows = []
        for number, (key, is_right) in enumerate(pair for pair in right.items() for _ in range(answers)):
            has = [GENRES[number % 3]]
            arm = made.variant_of(key)
            rows.append(row(arm, number, has if is_right else [GENRES[(number + 1) % 3]], has, key_id=key))
        (difference,) = compared(rows, made).differences
        return difference.high - difference.low

    # Ten times the answers of the same keys are hardly more evidence.
    assert width(30) > 0.7 * width(3)


def test_what_is_none_of_the_experiment_is_passed_over() -> None:
    made = experiment(stopped_at=STOPPED)
    unit = next(f"tt{i:07}" for i in range(100) if made.variant_of(f"tt{i:07}") == "challenger")
    rows = [
        row("champion", 1, ["drama"], predicted_at=NOON - SECOND),
        row("champion", 1, ["drama"], predicted_at=STOPPED + SECOND),
        row("champion", 1, ["drama"], version="2"),
        # The challenger was not loaded yet, and a text is no title.
        row("champion", 2, ["drama"], title_id=unit),
        row("champion", 3, ["drama"], title_id=None),
    ]
    found = compared(rows, made)
    assert ([arm.predictions for arm in found.arms.values()], found.strays) == ([0, 0], 1)


def test_labels_that_came_later_are_outcomes_and_feedback_goes_first() -> None:
    record = LabelRecord("tt0000001", ("a", "1"), NOON + 100 * SECOND, frozenset({"war"}), frozenset(GENRES), True)
    early = LabelRecord("tt0000002", ("a", "2"), NOON - SECOND, frozenset({"war"}), frozenset(GENRES), True)
    rows = [row("champion", i, ["drama"], variant="champion") for i in (1, 2)]
    rows += [row("challenger", i, ["war"], variant="shadow") for i in (1, 2)]
    collected = Collected(experiment(stopped_at=STOPPED))
    collected.add(rows)
    assert collected.awaiting_labels == {"tt0000001", "tt0000002"}
    (difference,) = collected.compared([record, early]).differences
    assert (difference.outcomes, difference.value) == (1, 1.0)
    (corrected,) = compared([*rows, row("champion", 1, ["drama"], ["drama"])], labels=[record]).differences
    assert corrected.value == -1.0
