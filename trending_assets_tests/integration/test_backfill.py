"""A backfill of a range in one run gives the bytes of day-by-day runs, and running it again changes none."""

import os
import subprocess
import sys
from datetime import date

import pytest

from trending_assets.ingest.registry import source_named
from trending_assets.partitions import UnknownPartitionError, days_between
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.killing import ROOT, TRAINED
from trending_assets_tests.integration.online import online_values, titles_of
from trending_assets_tests.integration.small_source import HISTORY


@pytest.fixture(scope="module")
def day_by_day(tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    """A home whose days landed by the jobs that the UI starts: one, one more, and then two at once."""
    home = SmallHome(tmp_path_factory.mktemp("day by day") / "home")
    for days in (HISTORY[:1], HISTORY[1:2], HISTORY[2:]):
        home.run("ingest", days)
        home.run("features", days)
    return home


def _daily(home: SmallHome) -> dict[str, str]:
    return {path: digest for path, digest in home.digests().items() if path.split("/")[0] not in TRAINED}


def test_one_run_over_a_range_gives_the_bytes_of_day_by_day_runs(day_by_day: SmallHome, finished: SmallHome) -> None:
    assert differing(_daily(day_by_day), _daily(finished)) == []
    assert len(_daily(day_by_day)) == 18 * len(HISTORY) + 1


def test_one_run_over_a_range_puts_the_same_features_online(day_by_day: SmallHome, finished: SmallHome) -> None:
    titles = titles_of(finished)
    ours, theirs = (online_values(home.folder, titles) for home in (day_by_day, finished))
    assert differing(ours, theirs) == []


def test_running_again_changes_no_byte(day_by_day: SmallHome) -> None:
    before = _daily(day_by_day)
    day_by_day.backfill(HISTORY[1:3])
    assert differing(_daily(day_by_day), before) == []


def test_a_group_alone_can_be_computed_again(day_by_day: SmallHome) -> None:
    before = _daily(day_by_day)
    lake = day_by_day.lake
    for day in HISTORY[:2]:
        lake.path("quarantine", day).unlink()
        lake.path("parsed/sample", day).unlink()
    day_by_day.backfill(HISTORY[:2], "parsed")
    assert differing(_daily(day_by_day), before) == []


def test_a_backfill_from_the_command_line_is_a_run_that_the_ui_shows(day_by_day: SmallHome) -> None:
    before = _daily(day_by_day)
    command = [sys.executable, "-m", "trending_assets", "backfill", "--from", HISTORY[0], "--to", HISTORY[1], "--again"]
    environment = os.environ | {"TRENDING_HOME": str(day_by_day.folder), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--select", "monitoring"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "done    feature_drift" in done.stdout
    with day_by_day.instance() as instance:
        run = instance.get_run_by_id(done.stdout.split()[-1])
    assert run is not None
    assert run.is_success
    assert differing(_daily(day_by_day), before) == []


@pytest.mark.parametrize(
    ("first", "last"), [("2025-06-01", "2025-06-03"), ("2025-06-28", "2025-06-30"), ("2025-06-04", "2025-06-03")]
)
def test_a_range_that_leaves_the_partitions_is_refused(first: str, last: str) -> None:
    with pytest.raises(UnknownPartitionError, match=f"{first} to {last}"):
        days_between(date.fromisoformat(first), date.fromisoformat(last), [source_named("sample")])


@pytest.mark.parametrize(("first", "last"), [("1994-12-31", "1995-01-03"), ("2025-06-28", "2999-06-30")])
def test_where_a_source_goes_on_only_the_partitions_end(first: str, last: str) -> None:
    sources = [source_named("sample"), source_named("tvmaze")]
    assert len(days_between(date(2025, 6, 1), date(2025, 7, 2), sources)) == 32
    with pytest.raises(UnknownPartitionError, match="leaves the partitions 1995-01-01 to "):
        days_between(date.fromisoformat(first), date.fromisoformat(last), sources)
