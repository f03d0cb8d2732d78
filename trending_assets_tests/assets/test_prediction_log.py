"""The prediction log in the graph: what the API left becomes days, metrics and runs."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest

from trending_assets.automation import schedules
from trending_assets.automation.sensors import RANGE_END, RANGE_START
from trending_assets.domain.predictions.records import day_of
from trending_assets.resources.home import HomeResource
from trending_assets.storage.home import Home
from trending_assets.storage.prediction_segments import FEEDBACK, SegmentedLog, encode_record, predictions_of
from trending_assets_tests.checks import rows
from trending_assets_tests.domain.predictions.logged import DAY, NOON, feedback, prediction
from trending_assets_tests.integration.homes import SmallHome

NEXT_DAY, LATER = "2026-03-15", "2026-03-20"
ONE_DAY = dt.timedelta(days=1)
MADE = [
    prediction(number=0),
    prediction(number=1, degraded=True),
    prediction(NOON + ONE_DAY, 2, version="20260302-bbbbbbbb"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    """A home with two days that were served."""
    made = SmallHome(tmp_path_factory.mktemp("log") / "home")
    leave(made, MADE)
    return made


def leave(home: SmallHome, predictions: Sequence[dict[str, Any]], told: Sequence[dict[str, Any]] = ()) -> None:
    """Leaves closed segments, as a server that has ended does."""
    with SegmentedLog(Home(home.folder).prediction_log) as log:
        for record in predictions:
            log.append(predictions_of(day_of(record["prediction_id"])), [encode_record(record)])
        log.append(FEEDBACK, map(encode_record, told))


def metadata(home: SmallHome, asset: str, day: str) -> dict[str, Any]:
    """What the UI shows of a day."""
    with home.instance() as instance:
        filtered = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[day])
        (record, *_) = instance.fetch_materializations(filtered, limit=1).records
    assert record.asset_materialization is not None
    return {name: value.value for name, value in record.asset_materialization.metadata.items()}


def macro_f1(home: SmallHome, day: str) -> dict[str, tuple[float | None, str, int]]:
    """Version → macro F1, its status, and how many predictions have a truth."""
    return {
        row["version"]: (row["value"], row["status"], row["with_truth"])
        for row in home.lake.read("live_metrics", day).to_pylist()
        if row["metric"] == "macro_f1"
    }


def requested(schedule: dg.ScheduleDefinition, home: SmallHome, at: dt.datetime) -> list[tuple[str | None, str | None]]:
    """The first and last day of each run that a tick asks for."""
    with dg.build_schedule_context(
        scheduled_execution_time=at, resources={"home": HomeResource(folder=str(home.folder))}
    ) as context:
        asked = schedule(context)
    if isinstance(asked, dg.SkipReason):
        return []
    return [
        (run.partition_key, run.partition_key)
        if run.partition_key
        else (run.tags.get(RANGE_START), run.tags.get(RANGE_END))
        for run in ([asked] if isinstance(asked, dg.RunRequest) else asked)
    ]


def test_days_are_compacted_in_one_run_and_measured_once_the_truth_is_known(home: SmallHome) -> None:
    at = NOON + 2 * ONE_DAY
    assert requested(schedules.compaction, home, at) == [(DAY, NEXT_DAY)]
    home.run("compact_predictions", [DAY, NEXT_DAY])
    # Both days are long over.
    assert list(Home(home.folder).prediction_log.iterdir()) == []
    assert requested(schedules.compaction, home, at) == []
    found = metadata(home, "prediction_log", DAY)
    assert found["dagster/partition_row_count"] == 2
    assert found["versions that answered"] == {"genre_logreg 20260301-aaaaaaaa": 2}
    assert (found["degraded share"], found["torn records skipped"]) == (0.5, 0)
    assert macro_f1(home, DAY) == {"20260301-aaaaaaaa": (None, "unknown", 0)}
    assert macro_f1(home, NEXT_DAY) == {"20260302-bbbbbbbb": (None, "unknown", 0)}
    digests = home.digests()
    home.run("compact_predictions", [DAY, NEXT_DAY])
    assert home.digests() == digests
    # Labels that arrive later judge the title that had none.
    label = next(iter(rows.titles()))
    late = {"title_id": "tt0000001", "label_coverage": ["drama", "war"], "arrived_at": NOON + 6 * ONE_DAY}
    table = pa.Table.from_pylist([label | late | {"genres": ["drama"]}], schema=rows.SCHEMAS["titles"])
    home.lake.write("stg_titles", table, day=LATER)
    assert requested(schedules.delayed_truth, home, NOON + 7 * ONE_DAY) == [(DAY, NEXT_DAY)]
    home.run("judge_predictions", [DAY, NEXT_DAY])
    assert macro_f1(home, DAY) == {"20260301-aaaaaaaa": (1.0, "measured", 1)}
    # So does feedback, whose day is then due again, and only that.
    leave(home, [], [feedback(MADE[0], NOON + 8 * ONE_DAY, ["war"])])
    assert requested(schedules.compaction, home, NOON + 8 * ONE_DAY) == [(DAY, DAY)]
    home.run("compact_predictions", [DAY])
    # Of drama one hit and one wrong, of war one missed.
    assert macro_f1(home, DAY) == {"20260301-aaaaaaaa": (pytest.approx((2 / 3 + 0) / 2), "measured", 2)}
    assert metadata(home, "prediction_log", DAY)["predictions with feedback"] == 1
    assert requested(schedules.compaction, home, NOON + 8 * ONE_DAY) == []
    assert requested(schedules.delayed_truth, home, NOON + 60 * ONE_DAY) == []
    # What was answered is compared once its day is over.
    assert requested(schedules.served_yesterday, home, NOON + ONE_DAY) == [(DAY, DAY)]
    assert requested(schedules.served_yesterday, home, NOON + 5 * ONE_DAY) == []


def test_a_day_without_predictions_succeeds_and_leaves_no_file(tmp_path: Path) -> None:
    home = SmallHome(tmp_path / "home")
    home.run("compact_predictions", [DAY])
    assert home.digests() == {}
    found = metadata(home, "prediction_log", DAY)
    assert (found["dagster/partition_row_count"], found["degraded share"]) == (0, "unknown")
    assert requested(schedules.compaction, home, NOON) == []


def test_feedback_for_a_day_before_the_partitions_asks_for_nothing(tmp_path: Path) -> None:
    home = SmallHome(tmp_path / "home")
    leave(home, [prediction(dt.datetime(1990, 1, 1, tzinfo=dt.UTC))])
    assert requested(schedules.compaction, home, NOON) == []
