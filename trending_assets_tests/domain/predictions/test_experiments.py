import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trending_assets.domain.predictions.experiments import Experiment
from trending_assets_tests.domain.predictions.logged import NOON, prediction_id

UNITS = [f"tt{number:07}" for number in range(4000)]


def experiment(experiment_id: str = "0a1b2c3d", **changed: Any) -> Experiment:
    fields = {
        "experiment_id": experiment_id,
        "unit": "title",
        "share": 0.3,
        "shadow": 0.1,
        "champion": "genre_logreg/1",
        "challenger": "genre_xgboost/1",
        "started_at": NOON,
    }
    return Experiment(**fields | changed)


def challenged(made: Experiment) -> set[str]:
    return {unit for unit in UNITS if made.variant_of(unit) == "challenger"}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5])
def test_a_share_of_the_units_gets_the_challenger(share: float) -> None:
    # 4000 draws: five standard deviations are less than 0.04.
    assert len(challenged(experiment(share=share))) / len(UNITS) == pytest.approx(share, abs=0.04 if share else 0)


def test_a_unit_keeps_its_variant_and_another_experiment_draws_anew() -> None:
    first, second = challenged(experiment()), challenged(experiment("ffffffff"))
    assert challenged(experiment()) == first
    # Of those whom the first gave to the challenger, the second gives it as many as of all.
    assert len(first & second) / len(first) == pytest.approx(0.3, abs=0.07)


@given(st.text(), st.floats(0, 0.99))
def test_a_larger_share_takes_nobody_from_the_challenger(unit: str, share: float) -> None:
    if experiment(share=share).variant_of(unit) == "challenger":
        assert experiment(share=0.999999).variant_of(unit) == "challenger"


@pytest.mark.parametrize("shadow", [0.0, 0.25, 1.0])
def test_a_share_of_the_answers_is_shadowed(shadow: float) -> None:
    ids = [prediction_id(NOON + dt.timedelta(milliseconds=number), number) for number in range(4000)]
    found = sum(map(experiment(shadow=shadow).shadows, ids)) / len(ids)
    assert found == pytest.approx(shadow, abs=0.04 if 0 < shadow < 1 else 0)


@pytest.mark.parametrize(
    "changed",
    [
        {"share": 1.0},
        {"share": -0.1},
        {"shadow": 1.1},
        {"share": float("nan")},
        {"share": 0.0, "shadow": 0.0},
        {"challenger": "genre_logreg/1"},
        {"unit": "session"},
        {"experiment_id": "../../x"},
    ],
)
def test_what_cannot_be_compared_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        experiment(**changed)
