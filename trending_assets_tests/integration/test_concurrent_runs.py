"""Two processes that materialise two days at the same time both land, and nothing of either is lost."""

import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pyarrow as pa
import pytest

from trending_assets.assets.cleaned import catalog
from trending_assets.assets.cleaned.catalog import snapshot
from trending_assets.storage.lake import Lake
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.killing import DEADLINE, FEATURES, ROOT, TRAINED
from trending_assets_tests.integration.online import online_values, titles_of
from trending_assets_tests.integration.small_source import HISTORY

FIRST, SECOND = HISTORY[:2]


def _at_the_same_time(home: SmallHome, job: str) -> None:
    """Runs a job over two days in two processes, which begin together."""
    with ExitStack() as stack:
        processes = []
        for day in (FIRST, SECOND):
            command = [sys.executable, "-m", "trending_assets_tests.integration.landing", str(home.folder), job, day]
            process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
            processes.append(stack.enter_context(process))
            stack.callback(process.kill)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in processes:
            _, said = process.communicate(timeout=DEADLINE)
            assert process.returncode == 0, said[-3000:]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    """A home in which two days were ingested at the same time, and then their features computed likewise."""
    home = SmallHome(tmp_path_factory.mktemp("together") / "home")
    _at_the_same_time(home, "ingest")
    assert home.lake.read("catalog_snapshot").equals(snapshot(home.lake))
    _at_the_same_time(home, "features")
    return home


def _of_two_days(home: SmallHome, *left_out: str) -> dict[str, str]:
    """Digests of the daily tables of both days."""
    return {
        path: digest
        for path, digest in home.digests().items()
        if any(f"day={day}" in path for day in (FIRST, SECOND)) and path.split("/")[0] not in left_out
    }


def test_both_days_land(together: SmallHome, finished: SmallHome) -> None:
    # What a day's drift and quality are measured against, and which titles its records are known to be, depends on
    # which days have landed before it.
    left_out = ("feature_drift", "data_quality", "title_identity", *TRAINED)
    assert differing(_of_two_days(together, *left_out), _of_two_days(finished, *left_out)) == []
    assert {path.split("/")[0] for path in _of_two_days(together)} >= set(FEATURES)
    with together.instance() as instance:
        for asset in ("titles", "quarantine", "title_embedding", "online_store"):
            assert set(instance.get_materialized_partitions(dg.AssetKey(asset))) == {FIRST, SECOND}
        statuses = [run.status for run in instance.get_runs()]
    assert statuses == [dg.DagsterRunStatus.SUCCESS] * 4


def test_the_catalogue_and_the_online_store_know_both_days(together: SmallHome) -> None:
    expected = {row for day in (FIRST, SECOND) for row in together.lake.read("titles", day)["title_id"].to_pylist()}
    assert set(titles_of(together)) == expected
    online = online_values(together.folder, sorted(expected))
    assert [title for title, values in online.items() if values["text"] is None or values["embedding"] is None] == []


def test_one_further_run_over_both_days_gives_the_sequential_lake(together: SmallHome, finished: SmallHome) -> None:
    together.run("ingest", [FIRST, SECOND])
    together.run("features", [FIRST, SECOND])
    assert differing(_of_two_days(together), _of_two_days(finished)) == []


def test_a_day_that_lands_while_the_catalogue_is_computed_is_in_it(
    finished: SmallHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = finished.copied_to(tmp_path / "home")
    late = [home.lake.path(table, HISTORY[-1]).parent for table in ("titles", "reviews", "title_identity")]
    for folder in late:
        shutil.move(folder, tmp_path / folder.parent.name)

    def landing_behind_it(lake: Lake) -> pa.Table:
        computed = snapshot(lake)
        for folder in late:
            if not folder.exists():
                shutil.move(tmp_path / folder.parent.name, folder)
        return computed

    monkeypatch.setattr(catalog, "snapshot", landing_behind_it)
    home.run("ingest", selection=["catalog_snapshot"])
    assert home.lake.read("catalog_snapshot").equals(finished.lake.read("catalog_snapshot"))
