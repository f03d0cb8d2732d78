"""Real servers that are killed, ended in order, or have no room left: what they had answered is still known."""

import resource
import signal
import time
from collections import Counter
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from serving.prediction_log import CAPACITY
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.prediction_log import compact, pending_days
from trending_assets.storage.prediction_segments import read_segments
from trending_assets_tests.serving.processes import Asker, Server, serving, wait_until
from trending_assets_tests.serving.world import World

MOST_LOST_SECONDS = 2.0


@pytest.fixture
def home(world: World) -> Path:
    """A home that predicts from text."""
    world.promote()
    return world.folder


def logged(home: Path) -> Counter[str]:
    """How often each prediction is in the log."""
    contents = read_segments(Home(home).prediction_log, lambda segment: segment.day is not None)
    return Counter(record["prediction_id"] for content in contents for record in content.records)


def test_a_kill_under_load_loses_the_last_two_seconds_at_most(home: Path) -> None:
    with serving(home) as server:
        asker = Asker(server)
        wait_until(lambda: server.metric("written_total") > 100)
        time.sleep(MOST_LOST_SECONDS)
        killed_at = time.monotonic()
        server.kill(signal.SIGKILL)
        asker.stop()
    kept = logged(home)
    old = {name for name, at in asker.acknowledged.items() if at < killed_at - MOST_LOST_SECONDS}
    assert len(old) > 50
    assert not old - kept.keys()
    assert set(kept.values()) == {1}


def test_workers_that_end_in_order_lose_nothing(home: Path) -> None:
    with serving(home, workers=2) as server:
        asker = Asker(server)
        wait_until(lambda: len(asker.acknowledged) > 100)
        with httpx.Client(timeout=10) as client:
            told = server.predict(client)
            feedback = {"prediction_id": told, "genres": ["war", "drama"]}
            assert client.post(f"{server.url}/v1/feedback", json=feedback).status_code == 202
        server.kill(signal.SIGTERM)
        asker.stop()
    kept = logged(home)
    assert not asker.acknowledged.keys() - kept.keys()
    assert set(kept.values()) == {1}
    segments = list(Home(home).prediction_log.iterdir())
    assert len(segments) >= 2
    assert {path.suffix for path in segments} == {".jsonl"}
    _compacted(home, asker.acknowledged.keys() | {told}, told)


def _compacted(home: Path, answered: AbstractSet[str], told: str) -> None:
    """Looks whether a day or two hold all that was answered, and what was told of one."""
    lake, folder = Lake(Home(home).lake), Home(home).prediction_log
    days = pending_days(lake, folder)
    found = compact(lake, folder, days, datetime.now(UTC))
    assert all(each.torn == each.unreadable == each.logged.unmatched == 0 for each in found.values())
    rows = {row["prediction_id"]: row for day in days for row in lake.read("prediction_log", day).to_pylist()}
    assert answered <= rows.keys()
    assert [name for name, row in rows.items() if row["feedback_genres"]] == [told]
    assert rows[told]["feedback_genres"] == ["war", "drama"]


def test_a_full_disk_does_not_hold_up_predictions_and_nothing_is_torn(home: Path) -> None:
    with serving(home) as server, httpx.Client(timeout=10) as client:
        wait_until(lambda: server.metric("written_total") > 0)
        _limit_files(server, 1)
        refused = [server.predict(client) for _ in range(50)]
        wait_until(lambda: server.metric("queue") == len(refused))
        time.sleep(1)
        assert server.metric("queue") == len(refused)
        assert not set(refused) & logged(home).keys()
        # As many more as the queue can hold are dropped, and answered all the same.
        batch = {"instances": [{"title": "x", "kind": "show"}] * 128}
        for _ in range(CAPACITY // 128 + 2):
            assert client.post(f"{server.url}/v1/genres/predict", json=batch).status_code == 200
        assert server.metric("queue") == CAPACITY
        assert server.metric("dropped_total") == 50 + (CAPACITY // 128 + 2) * 128 - CAPACITY
        _limit_files(server, resource.RLIM_INFINITY)
        wait_until(lambda: server.metric("queue") == 0)
        refused.append(server.predict(client))
        server.kill(signal.SIGTERM)
    assert set(refused) <= logged(home).keys()
    assert sum(content.torn for content in read_segments(Home(home).prediction_log)) == 0


def _limit_files(server: Server, size: int) -> None:
    """Lets the server write files up to a size, as a disk that is full does."""
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
