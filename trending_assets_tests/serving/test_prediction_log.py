"""What the API answered is kept: what a record says, what it never holds, and what happens when the disk is full."""

import errno
import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from serving.observability import Metrics
from serving.prediction_log import PredictionLog
from serving.state import ServingState
from trending_assets.domain.ids import moment_of, uuid7
from trending_assets.domain.predictions.records import PREDICTION, input_sha256, prediction_row, read_feedback
from trending_assets.domain.text.features import title_features
from trending_assets.storage.home import Home
from trending_assets.storage.prediction_segments import SegmentedLog, encode_record, read_segments
from trending_assets_tests.serving.world import ARRIVED, FakeFeatures, World

SECRET = "a very private plot about nobody"
STREAM = "predictions-2026-01-01"


def kept(world: World) -> list[dict[str, Any]]:
    """All records, in the order of their segments."""
    return [record for content in read_segments(Home(world.folder).prediction_log) for record in content.records]


def test_a_prediction_by_id_is_kept_with_all_that_made_it(
    ready: TestClient, world: World, features: FakeFeatures, state: ServingState
) -> None:
    features.rows["tt0133093"] = features.row({"text": "The Matrix", "kind": "movie", "year": 1999})
    answer = ready.get("/v1/titles/moviebox:603/genres", headers={"X-Request-ID": "job-17"}).json()
    state.log.flush()
    (record,) = kept(world)
    row = prediction_row(record)
    assert set(row) == set(PREDICTION.schema.names)
    assert row["latency_ms"] > 0
    assert row | {"latency_ms": 0.0} == {
        "prediction_id": answer["prediction_id"],
        "predicted_at": moment_of(answer["prediction_id"]),
        "request_id": "job-17",
        "key_id": None,
        "title_id": "tt0133093",
        "input_sha256": input_sha256(features_of_matrix()),
        "kind": "movie",
        "source": "online",
        "model": "genre_majority",
        "version": "20250626-aaaaaaaa",
        "variant": "champion",
        "feature_service": "genre_text_v4",
        "feature_times": [{"view": "title_text", "event_timestamp": ARRIVED}],
        "as_of": ARRIVED,
        "stale": False,
        "missing": answer["features"]["missing"],
        "degraded": True,
        "abstained": False,
        "genres": answer["genres"],
        "latency_ms": 0.0,
    }


def features_of_matrix():
    return title_features("The Matrix", "", "movie", 1999)


def test_a_batch_of_texts_is_kept_without_its_texts(ready: TestClient, world: World, state: ServingState) -> None:
    instances = [{"title": SECRET, "plot": SECRET, "kind": "movie"}, {"title": "x", "kind": "show", "year": 2001}]
    answers = ready.post("/v1/genres/predict", json={"instances": instances}).json()["predictions"]
    state.log.flush()
    rows = [prediction_row(record) for record in kept(world)]
    assert [row["prediction_id"] for row in rows] == [answer["prediction_id"] for answer in answers]
    assert [(row["title_id"], row["source"], row["kind"], row["as_of"]) for row in rows] == [
        (None, "text", "movie", None),
        (None, "text", "show", None),
    ]
    assert rows[0]["input_sha256"] == input_sha256(title_features(SECRET, SECRET, "movie", None))
    assert rows[0]["input_sha256"] != rows[1]["input_sha256"]
    for path in Home(world.folder).prediction_log.iterdir():
        assert SECRET not in path.read_text()


def test_what_is_answered_with_a_problem_is_not_kept(
    ready: TestClient, world: World, state: ServingState, features: FakeFeatures
) -> None:
    assert ready.get("/v1/titles/tt0000000/genres").status_code == 404
    features.services.clear()
    assert ready.get("/v1/titles/tt0133093/genres").status_code == 503
    state.log.flush()
    assert not Home(world.folder).prediction_log.exists()


def test_feedback_is_accepted_and_kept(ready: TestClient, world: World, state: ServingState) -> None:
    prediction_id = uuid7()
    body = {"prediction_id": prediction_id.upper(), "genres": ["war", "drama"]}
    answer = ready.post("/v1/feedback", json=body)
    assert answer.status_code == 202
    assert answer.json().keys() == {"status", "prediction_id", "received_at"}
    state.log.flush()
    (record,) = kept(world)
    told = read_feedback(record)
    assert (told.prediction_id, told.genres) == (prediction_id, ("war", "drama"))
    assert record["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("changed", "location"),
    [
        ({"prediction_id": "7b1d6c0e-6d1f-4d53-9c3b-0f4f2b0f9b11"}, "body.prediction_id"),
        ({"prediction_id": "nonsense"}, "body.prediction_id"),
        ({"prediction_id": "ffffffff-ffff-7fff-bfff-ffffffffffff"}, "body.prediction_id"),
        ({"prediction_id": uuid7(time.time_ns() + 86_400 * 10**9)}, "body.prediction_id"),
        ({"genres": []}, "body.genres"),
        ({"genres": ["war", "war"]}, "body.genres"),
        ({"genres": ["war", "sci-fi"]}, "body.genres.1"),
        ({"genres": "war"}, "body.genres"),
        ({"genres": None}, "body.genres"),
        ({"note": SECRET}, "body.note"),
    ],
)
def test_bad_feedback_is_refused(
    ready: TestClient, world: World, state: ServingState, changed: dict[str, object], location: str
) -> None:
    answer = ready.post("/v1/feedback", json={"prediction_id": uuid7(), "genres": ["war"]} | changed)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert location in [error["location"] for error in answer.json()["errors"]]
    assert "ffffffff" not in answer.text
    state.log.flush()
    assert kept(world) == []


def test_an_app_that_ends_in_order_leaves_closed_segments_with_all_records(world: World, app, state) -> None:
    world.promote()
    with TestClient(app) as client:
        state.champion.refresh()
        body = {"instances": [{"title": str(number), "kind": "movie"} for number in range(128)]}
        answers = client.post("/v1/genres/predict", json=body).json()["predictions"]
    assert [record["prediction_id"] for record in kept(world)] == [answer["prediction_id"] for answer in answers]
    assert all(path.suffix == ".jsonl" for path in Home(world.folder).prediction_log.iterdir())


class FullDisk(SegmentedLog):
    """Segments on a disk that has no space until it is given some."""

    full = True

    def append(self, stream: str, lines: Iterable[bytes]) -> None:
        """Fails as the file system does."""
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        super().append(stream, lines)


@pytest.fixture
def disk(tmp_path: Path) -> FullDisk:
    return FullDisk(tmp_path / "log")


def value(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"trending_prediction_log_{name}")


def test_a_full_disk_drops_what_the_queue_cannot_hold_and_recovers(
    disk: FullDisk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = Metrics()
    log = PredictionLog(disk, metrics, capacity=5)
    lines = [encode_record({"n": number, "secret": SECRET}) for number in range(9)]
    assert [log.add(STREAM, line) for line in lines] == [True] * 5 + [False] * 4
    for _ in range(3):
        log.flush()
    assert [value(metrics, name) for name in ("queue", "dropped_total", "written_total")] == [5, 4, 0]
    disk.full = False
    log.flush()
    assert log.add(STREAM, lines[8])
    log.flush()
    assert [value(metrics, name) for name in ("queue", "dropped_total", "written_total")] == [0, 4, 6]
    records = [record for content in read_segments(tmp_path / "log") for record in content.records]
    assert [record["n"] for record in records] == [0, 1, 2, 3, 4, 8]
    told = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert [(line["event"], line.get("error"), line["dropped"]) for line in told] == [
        ("prediction_log_not_written", "OSError ENOSPC", 4),
        ("prediction_log_written_again", None, 4),
    ]
    assert SECRET not in json.dumps(told)


def test_what_is_still_there_when_a_full_disk_is_left_is_counted(disk: FullDisk) -> None:
    metrics = Metrics()
    log = PredictionLog(disk, metrics, flush_seconds=0.01)
    log.start()
    log.add(STREAM, encode_record({}))
    log.stop()
    assert [value(metrics, name) for name in ("queue", "dropped_total", "written_total")] == [0, 1, 0]


def test_feedback_that_cannot_be_kept_is_not_accepted(ready: TestClient, state: ServingState, disk: FullDisk) -> None:
    state.log.stop()
    state.log = PredictionLog(disk, state.metrics, capacity=1)
    body = {"prediction_id": uuid7(), "genres": ["war"]}
    assert ready.post("/v1/feedback", json=body).status_code == 202
    answer = ready.post("/v1/feedback", json=body)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:trending-now:problem:feedback-not-kept"
    assert answer.headers["retry-after"]
    # A prediction is worth more than its record.
    assert ready.get("/v1/titles/tt0133093/genres").status_code == 200
    assert state.metrics.registry.get_sample_value("trending_prediction_log_dropped_total") == 2
