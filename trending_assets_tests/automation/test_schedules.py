"""Each source that is crawled has a schedule, and those that are switched on run by themselves."""

import datetime as dt

import dagster as dg
import pytest

from trending_assets.automation import schedules
from trending_assets.definitions import build_defs
from trending_assets.ingest.registry import SOURCES

_LIVE = sorted(source.name for source in SOURCES if source.crawl)


def test_only_what_is_switched_on_runs_from_the_start() -> None:
    found = {each.name: each.default_status for each in schedules.landings(SOURCES, ["sample", "tvmaze"])}
    assert sorted(found) == [f"land_{name}" for name in _LIVE]
    running = {name for name, status in found.items() if status == dg.DefaultScheduleStatus.RUNNING}
    assert running == {"land_tvmaze"}


def test_no_two_sources_land_at_the_same_time() -> None:
    times = [each.cron_schedule for each in schedules.landings(SOURCES * 5, [])]
    assert len(set(times)) == len(times)


@pytest.mark.parametrize("source", _LIVE)
def test_the_day_before_lands_by_a_job_of_the_source_alone(source: str) -> None:
    definitions = build_defs()
    schedule = definitions.resolve_schedule_def(f"land_{source}")
    at = dt.datetime(2026, 3, 1, 2, 10, tzinfo=dt.UTC)
    repository = definitions.get_repository_def()
    context = dg.build_schedule_context(scheduled_execution_time=at, repository_def=repository)
    [request] = schedule.evaluate_tick(context).run_requests or []
    assert request.partition_key == "2026-02-28"
    keys = definitions.resolve_job_def(schedule.job_name).asset_layer.executable_asset_keys
    assert {key for key in keys if key.path[0] in {"raw", "parsed"}} == {
        dg.AssetKey(["raw", source]),
        dg.AssetKey(["parsed", source]),
    }
    assert dg.AssetKey("titles") in keys


def test_a_source_that_is_switched_on_lands_each_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRENDING_SOURCES", "sample,tvmaze")
    status = build_defs().resolve_schedule_def("land_tvmaze").default_status
    assert status == dg.DefaultScheduleStatus.RUNNING
