"""Killing a run while it ingests, and running it again, leaves the lake of an undisturbed run."""

from pathlib import Path

import dagster as dg
import pytest

from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.killing import half_written, killed, marked_failed
from trending_assets_tests.integration.small_source import HISTORY

# Before a file is swapped in, right after, while dbt writes into its staging folder, between two of its files, and
# before what is not partitioned. Where there are two, the second attempt is killed as well.
MOMENTS = {
    "before and after a file is swapped in": (
        f"os.rename /raw/sample/day={HISTORY[1]}",
        f"open /parsed/sample/day={HISTORY[2]}",
    ),
    "while dbt writes": ("file lake/.staging/*/stg_titles/day=*/part.parquet",),
    "between dbt's files and before the catalogue": (
        f"os.rename /lake/titles/day={HISTORY[1]}",
        "os.rename /catalog_snapshot/part.parquet",
    ),
}


@pytest.mark.parametrize("moments", MOMENTS.values(), ids=MOMENTS.keys())
def test_a_killed_ingest_run_again_leaves_the_lake_of_an_undisturbed_one(
    moments: tuple[str, ...], finished: SmallHome, tmp_path: Path
) -> None:
    home = SmallHome(tmp_path / "home")
    for moment in moments:
        killed(home, "ingest", moment)
        assert half_written(home, finished) == []
        assert marked_failed(home) == [dg.DagsterRunStatus.FAILURE]
    left = home.digests()

    home.run("ingest", HISTORY)
    ingested = home.digests()
    expected = finished.digests()
    assert left.keys() < ingested.keys()
    assert differing(ingested, {path: expected[path] for path in ingested}) == []
    assert {path.split("/")[0] for path in ingested} == {
        "raw", "parsed", "quarantine", "title_identity", "stg_titles", "stg_reviews", "stg_signals",
        "titles", "reviews", "daily_activity", "catalog_snapshot",
    }  # fmt: skip
    with home.instance() as instance:
        assert all(
            set(instance.get_materialized_partitions(dg.AssetKey(name))) == set(HISTORY)
            for name in ("titles", "quarantine", "daily_activity")
        )
