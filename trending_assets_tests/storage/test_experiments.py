import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trending_assets.domain.predictions.records import day_of
from trending_assets.storage.experiments import (
    ExperimentFileError,
    ExperimentRunningError,
    Experiments,
    UnknownExperimentError,
    compared,
)
from trending_assets.storage.lake import Lake
from trending_assets.storage.prediction_log import compact
from trending_assets.storage.prediction_segments import FEEDBACK, SegmentedLog, encode_record, predictions_of
from trending_assets_tests.domain.predictions.logged import DAY, NOON, feedback, prediction, scores

CHAMPION, CHALLENGER = "genre_logreg/1", "genre_xgboost/1"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def experiments(tmp_path: Path) -> Experiments:
    return Experiments(tmp_path / "experiments" / "experiments.json")


def start(experiments: Experiments, now: dt.datetime = NOON) -> str:
    made = experiments.start(CHAMPION, CHALLENGER, unit="title", share=0.0, shadow=1.0, now=now)
    return made.experiment_id


def test_one_runs_at_a_time(experiments: Experiments) -> None:
    assert experiments.running() is None
    first = start(experiments)
    with pytest.raises(ExperimentRunningError, match=first):
        start(experiments)
    assert experiments.stop(first, NOON + HOUR).stopped_at == NOON + HOUR
    assert experiments.running() is None
    second = start(experiments)
    assert [each.experiment_id for each in experiments.all()] == [first, second]
    running = experiments.running()
    assert running is not None
    assert running.experiment_id == second


def test_what_is_stopped_stays_as_it_was(experiments: Experiments) -> None:
    first = start(experiments)
    experiments.stop(first, NOON + HOUR)
    assert experiments.stop(first, NOON + 2 * HOUR).stopped_at == NOON + HOUR
    with pytest.raises(UnknownExperimentError, match="00000000"):
        experiments.stop("00000000", NOON)


def test_of_many_who_start_one_at_once_one_does(experiments: Experiments) -> None:
    def attempt(_: int) -> bool:
        try:
            start(experiments)
        except ExperimentRunningError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(16))) == 1
    assert len(experiments.all()) == 1


def test_a_file_that_is_none_is_told(experiments: Experiments) -> None:
    start(experiments)
    experiments.path.write_text('{"experiments": [{"share": 2}]}')
    with pytest.raises(ExperimentFileError, match=r"experiments\.json"):
        experiments.all()


def test_a_report_is_the_same_from_segments_and_from_the_table(experiments: Experiments, tmp_path: Path) -> None:
    lake, log = Lake(tmp_path / "lake"), tmp_path / "prediction_log"
    running = experiments.find(start(experiments))
    with SegmentedLog(log) as segments:
        for number in range(6):
            moment = NOON + number * dt.timedelta(minutes=1)
            same = {"input_sha256": f"{number:064}", "title_id": f"tt{number:07}", "version": "1"}
            served = prediction(moment, number, **same)
            shadow = same | {"model": "genre_xgboost", "variant": "shadow", "genres": scores(["war"])}
            unseen = prediction(moment, 100 + number, **shadow)
            for record in (served, unseen):
                segments.append(predictions_of(day_of(record["prediction_id"])), [encode_record(record)])
            if number < 2:
                segments.append(FEEDBACK, [encode_record(feedback(served, moment, ["war"]))])
        # Both segments are still being written.
        open_ones = compared(running, lake, log, NOON + HOUR)
    assert (open_ones.agreement.inputs, open_ones.agreement.exact_match, open_ones.shadowed) == (6, 0.0, 6)
    assert (open_ones.differences[0].outcomes, open_ones.differences[0].value) == (2, 1.0)
    assert open_ones.winner is None
    assert compared(running, lake, log, NOON + HOUR) == open_ones
    compact(lake, log, [DAY], NOON + 48 * HOUR)
    assert not list(log.glob("predictions-*"))
    assert compared(running, lake, log, NOON + HOUR) == open_ones
