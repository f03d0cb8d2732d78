"""Tables that break what must hold for them stop the run, and neither features nor models are made from them."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from trending_assets.automation.running import RunFailedError
from trending_assets.automation.sensors import features_on_landing, retrain_on_new_partitions
from trending_assets_tests.integration.homes import SmallHome, differing
from trending_assets_tests.integration.planting import Rows, rewrite
from trending_assets_tests.integration.small_source import HISTORY, NEW_DAY, film_document, small_source


def _requests(home: SmallHome, sensor: dg.SensorDefinition) -> tuple[list[dg.RunRequest], str]:
    """What a first tick of a sensor requests, and why not more."""
    with home.instance() as instance:
        result = sensor.evaluate_tick(dg.build_sensor_context(instance, definitions=home.definitions))
    return list(result.run_requests or []), result.skip_message or ""


def _a_plot_of_five_letters(home: SmallHome) -> SmallHome:
    bad = film_document(NEW_DAY, 700_001, "A Short Story", "Dull.", ["Drama"])
    return home.with_source(small_source().adding(NEW_DAY, [bad]))


def _a_genre_that_the_source_cannot_express(home: SmallHome) -> SmallHome:
    def plant(rows: Rows) -> Rows:
        title = next(title for row in rows for title in row["titles"] if title["kind"] == "movie")
        title["genres"] = ["reality"]
        return rows

    home.run("ingest", [NEW_DAY], ["raw/sample", "parsed/sample", "quarantine"])
    rewrite(home, "parsed/sample", NEW_DAY, plant)
    return home


@pytest.mark.parametrize(
    ("break_it", "column"),
    [(_a_plot_of_five_letters, "plot"), (_a_genre_that_the_source_cannot_express, "uncovered_genres")],
)
def test_titles_that_break_an_expectation_go_no_further(
    break_it: Callable[[SmallHome], SmallHome], column: str, finished: SmallHome, tmp_path: Path
) -> None:
    home = break_it(finished.copied_to(tmp_path / "home"))
    with pytest.raises(RunFailedError, match=f"titles_meet_expectations of titles failed: .*{column}"):
        home.run("ingest", [NEW_DAY])

    lake = home.lake
    # The table is there for people to look at, but nothing was made of it.
    assert lake.exists("titles", NEW_DAY)
    assert lake.sha256("catalog_snapshot") == finished.lake.sha256("catalog_snapshot")
    assert not lake.exists("title_text", NEW_DAY)

    requests, why = _requests(home, features_on_landing)
    assert requests == []
    assert NEW_DAY in why
    assert _requests(home, retrain_on_new_partitions)[0] == []


def test_a_range_with_a_bad_day_computes_no_features_in_a_backfill(finished: SmallHome, tmp_path: Path) -> None:
    home = _a_plot_of_five_letters(finished.copied_to(tmp_path / "home"))
    with pytest.raises(RunFailedError, match="titles_meet_expectations"):
        home.backfill([HISTORY[-1], NEW_DAY])
    assert not home.lake.exists("title_text", NEW_DAY)
    with home.instance() as instance:
        assert NEW_DAY not in instance.get_materialized_partitions(dg.AssetKey("online_store"))


def test_the_next_good_landing_of_a_day_is_taken(finished: SmallHome, tmp_path: Path) -> None:
    home = _a_plot_of_five_letters(finished.copied_to(tmp_path / "home"))
    with pytest.raises(RunFailedError):
        home.run("ingest", [NEW_DAY])
    mended = home.with_source(small_source())
    # The documents of a mended source have another version, and so are fetched anew.
    mended = mended.with_source(type(small_source())(small_source().days, version="small-2"))
    mended.run("ingest", [NEW_DAY])
    requests, _ = _requests(mended, features_on_landing)
    assert [request.partition_key for request in requests] == [NEW_DAY]


def test_a_failing_dbt_test_leaves_the_lake_as_it_was(finished: SmallHome, tmp_path: Path) -> None:
    home, day = finished.copied_to(tmp_path / "home"), HISTORY[1]

    def arrive_a_day_late(rows: Rows) -> Rows:
        title = next(title for row in rows for title in row["titles"])
        title["arrived_at"] += timedelta(days=1)
        return rows

    rewrite(home, "parsed/sample", day, arrive_a_day_late)
    before = home.digests()
    with pytest.raises(RunFailedError, match="arrived_on_its_day"):
        home.run("ingest", [day])
    changed = differing(home.digests(), before)
    # Identity is computed from what was planted, before dbt; of what dbt writes nothing has changed.
    assert changed in ([], [f"title_identity/day={day}/part.parquet"])
    assert list(home.lake.staging.glob("*/*")) == []
