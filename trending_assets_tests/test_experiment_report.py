"""What the report of an experiment says to people."""

import io
from datetime import datetime

import pytest
from rich.console import Console

from trending_assets.domain.predictions.comparison import NEEDED_UNITS, Agreement, Arm, Comparison, Difference
from trending_assets.experiments import show_comparison
from trending_assets_tests.domain.predictions.test_comparison import STOPPED
from trending_assets_tests.domain.predictions.test_experiments import experiment


def reported(difference: Difference, stopped_at: datetime | None = STOPPED) -> str:
    nothing = Arm(0, 0, 0, None, None)
    found = Comparison(
        {"champion": nothing, "challenger": nothing}, 0, 0, Agreement(0, None, None), (difference,), None, "unknown"
    )
    written = io.StringIO()
    show_comparison(Console(file=written, width=300), experiment(stopped_at=stopped_at), found)
    return written.getvalue()


@pytest.mark.parametrize(
    ("units", "interval"),
    [(1, "unknown of 1 units"), (NEEDED_UNITS - 1, "unknown of 29 units"), (NEEDED_UNITS, "-1.0000 to -0.5000")],
)
def test_an_interval_of_a_handful_of_units_is_unknown(units: int, interval: str) -> None:
    told = reported(Difference("paired bootstrap over inputs", units, units, -1.0, -1.0, -0.5))
    assert f"95 % interval {interval}, paired" in told
    assert "-1.0000 macro-F1" in told


def test_no_interval_is_told_while_an_experiment_runs() -> None:
    told = reported(Difference("paired bootstrap over inputs", 100, 100, -1.0, -1.25, -0.75), None)
    assert "-1.0000 macro-F1, 95 % interval told when it was stopped" in told
    assert "-1.25" not in told
