"""Running the demo again reuses what is there."""

import shutil
from pathlib import Path

from trending_assets.automation.running import open_instance
from trending_assets.storage.home import Home
from trending_assets_tests.behaviour.conftest import demo


def test_a_second_demo_computes_nothing_again(sample_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "again"
    shutil.copytree(sample_home, home)
    with open_instance(Home(home)) as instance:
        before = {run.run_id for run in instance.get_runs()}
    done = demo(home)
    assert done.returncode == 0, done.stderr
    assert "26 days have landed already" in done.stdout
    assert "nothing has changed since the last training" in done.stdout
    assert "champion: genre_" in done.stdout
    with open_instance(Home(home)) as instance:
        assert {run.run_id for run in instance.get_runs()} == before


def test_the_demo_leaves_a_drift_report_and_two_days_to_land(sample_home: Path) -> None:
    reports = sorted((sample_home / "reports" / "feature_drift").glob("*.html"))
    assert reports[-1].name == "2025-06-27.html"
    assert b"<html" in reports[-1].read_bytes()[:1000].lower()
    days = {path.parent.name for path in (sample_home / "lake" / "titles").glob("day=*/part.parquet")}
    assert len(days) == 26
    assert not {"day=2025-06-28", "day=2025-06-29"} & days
