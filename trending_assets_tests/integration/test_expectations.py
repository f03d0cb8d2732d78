"""Tables that break what must hold for them stop the run, and neither features nor models are made from them."""

from dataclasses import replace
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
        resources = {"training": (home.definitions.resources or {})["training"]}
        result = sensor.evaluate_tick(
            dg.build_sensor_context(instance, definitions=home.definitions, resources=resources)
        )
    return list(result.run_requests or []), result.skip_message or ""


def _stopped(home: SmallHome, finished: SmallHome) -> None:
    """The new day's titles are there for people to look at, and nothing was made of them, nor is it asked for."""
    lake = home.lake
    assert lake.exists("titles", NEW_DAY)
    assert lake.sha256("catalog_snapshot") == finished.lake.sha256("catalog_snapshot")
    assert not lake.exists("title_text", NEW_DAY)
    requests, why = _requests(home, features_on_landing)
    assert requests == []
    assert NEW_DAY in why
    assert _requests(home, retrain_on_new_partitions)[0] == []


@pytest.fixture(scope="module")
def long_plot(finished: SmallHome, tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    """A home in which a title landed whose plot is too long to be one."""
    bad = film_document(NEW_DAY, 700_001, "A Long Story", "Dull. " * 9_000, ["Drama"])
    source = small_source().adding(NEW_DAY, [bad])
    home = finished.copied_to(tmp_path_factory.mktemp("long plot") / "home", source)
    with pytest.raises(RunFailedError, match=r"titles_meet_expectations of titles failed: .*plot"):
        home.run("ingest", [NEW_DAY])
    return home


def test_titles_that_break_an_expectation_go_no_further(long_plot: SmallHome, finished: SmallHome) -> None:
    _stopped(long_plot, finished)


def test_the_next_good_landing_of_a_day_is_taken(long_plot: SmallHome, tmp_path: Path) -> None:
    mended = long_plot.copied_to(tmp_path / "home", replace(small_source(), state="small-2"))
    mended.run("ingest", [NEW_DAY])
    requests, _ = _requests(mended, features_on_landing)
    assert [request.partition_key for request in requests] == [NEW_DAY]


def test_a_genre_that_the_source_cannot_express_stops_a_backfill_before_its_features(
    finished: SmallHome, tmp_path: Path
) -> None:
    home = finished.copied_to(tmp_path / "home")

    def plant(rows: Rows) -> Rows:
        title = next(title for row in rows for title in row["titles"] if title["kind"] == "movie")
        title["genres"] = ["reality"]
        return rows

    home.run("ingest", [NEW_DAY], ["raw/sample", "parsed/sample", "quarantine"])
    rewrite(home, "parsed/sample", NEW_DAY, plant)
    with pytest.raises(RunFailedError, match=r"titles_meet_expectations of titles failed: .*uncovered_genres"):
        home.backfill([HISTORY[-1], NEW_DAY])
    _stopped(home, finished)
    with home.instance() as instance:
        assert NEW_DAY not in instance.get_materialized_partitions(dg.AssetKey("online_store"))


def test_a_failing_dbt_test_leaves_the_lake_as_it_was(finished: SmallHome, tmp_path: Path) -> None:
    home, day = finished.copied_to(tmp_path / "home"), HISTORY[1]

    def arrive_a_day_early(rows: Rows) -> Rows:
        title = next(title for row in rows for title in row["titles"])
        title["arrived_at"] -= timedelta(days=1)
        return rows

    rewrite(home, "parsed/sample", day, arrive_a_day_early)
    before = home.digests()
    with pytest.raises(RunFailedError, match="not_arrived_before_its_day"):
        home.run("ingest", [day])
    # What Python computes before dbt may follow what was planted; of what dbt writes nothing has changed.
    changed = {path.split("/")[0] for path in differing(home.digests(), before)}
    assert changed <= {"quarantine", "title_identity"}
    assert list(home.lake.staging.glob("*/*")) == []
