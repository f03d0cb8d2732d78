"""A source that is crawled and switched on is fresh, or late by so many days; of any other nothing is claimed."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.checks.freshness import due, freshness_checks
from trending_assets.domain.catalog.records import PARSED
from trending_assets.ingest.source import Source
from trending_assets.resources.home import HomeResource
from trending_assets_tests.checks.evaluating import lake_of, run_of, said
from trending_assets_tests.checks.sources import FILES, LIVE


def _land(folder: Path, source: Source, *days: str) -> None:
    for day in days:
        lake_of(folder).write(f"parsed/{source.name}", PARSED.schema.empty_table(), day=day)


def _evaluate(
    folder: Path, now: datetime, source: Source = LIVE, on: Sequence[str] = ("live",)
) -> dg.AssetCheckEvaluation:
    checks = freshness_checks([source], on, now=lambda: now)
    return run_of(folder, checks, ["2025-06-02"])[0]["is_fresh"]


@pytest.mark.parametrize(
    ("now", "passed"),
    [
        (datetime(2025, 6, 10, 0, 1, tzinfo=UTC), True),
        (datetime(2025, 6, 11, 23, 59, tzinfo=UTC), True),
        (datetime(2025, 6, 12, 11, 59, tzinfo=UTC), True),
        (datetime(2025, 6, 12, 12, 0, tzinfo=UTC), False),
        (datetime(2025, 9, 1, tzinfo=UTC), False),
    ],
)
def test_the_next_day_is_due_twelve_hours_after_its_end(tmp_path: Path, now: datetime, passed: bool) -> None:
    _land(tmp_path, LIVE, "2025-06-02", "2025-06-10")
    evaluation = _evaluate(tmp_path, now)
    assert evaluation.passed is passed
    assert said(evaluation)["newest landed day"] == "2025-06-10"
    assert said(evaluation)["next day due by"] == "2025-06-12T12:00:00+00:00"


@pytest.mark.parametrize(("hours", "late"), [(0, 1), (23, 1), (24, 2), (24 * 6, 7)])
def test_what_is_late_is_counted_and_only_warns(tmp_path: Path, hours: int, late: int) -> None:
    _land(tmp_path, LIVE, "2025-06-10")
    evaluation = _evaluate(tmp_path, due(date(2025, 6, 10)) + timedelta(hours=hours))
    assert not evaluation.passed
    assert evaluation.severity == dg.AssetCheckSeverity.WARN
    assert said(evaluation)["why"] == f"{late} {'day has' if late == 1 else 'days have'} not landed in time"


def test_a_source_that_is_switched_on_and_never_landed_is_late(tmp_path: Path) -> None:
    evaluation = _evaluate(tmp_path, datetime(2025, 6, 12, tzinfo=UTC))
    assert not evaluation.passed
    assert "no day of it has landed" in said(evaluation)["why"]


@pytest.mark.parametrize(
    ("source", "on", "why"),
    [(LIVE, ["files"], "not switched on"), (FILES, ["files"], "reads files")],
    ids=["off", "files"],
)
def test_where_nothing_can_be_late_nothing_is_claimed(tmp_path: Path, source: Source, on: list[str], why: str) -> None:
    _land(tmp_path, source, "2025-06-02")
    evaluation = _evaluate(tmp_path, datetime(2026, 6, 2, tzinfo=UTC), source, on)
    assert evaluation.passed
    assert why in said(evaluation)["not judged"]


def test_freshness_is_judged_by_a_job_of_checks_alone_when_nothing_lands(tmp_path: Path) -> None:
    _land(tmp_path, LIVE, "2025-06-10")
    checks = freshness_checks([LIVE, FILES], ["live"], now=lambda: datetime(2025, 7, 1, tzinfo=UTC))
    assets = [dg.AssetSpec(["parsed", name]) for name in ("live", "files")]
    definitions = dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[dg.define_asset_job("freshness", selection=dg.AssetSelection.checks(*checks))],
        resources={"home": HomeResource(folder=str(tmp_path))},
    )
    result = definitions.resolve_job_def("freshness").execute_in_process()
    passed = {e.asset_key.to_user_string(): e.passed for e in result.get_asset_check_evaluations()}
    assert passed == {"parsed/live": False, "parsed/files": True}
