"""Processes and threads that apply the feature repository and write days online, all at once."""

import datetime as dt
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa

from trending_assets.domain.catalog.records import STRINGS, TIMESTAMP
from trending_assets.storage.feature_store import FeastUrls
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

TABLES = ("title_text", "title_embedding")
ALL_TABLES = (*TABLES, "title_tfidf", "title_activity")
PROCESSES, THREADS = 4, 5
DAYS = [f"2025-06-{day:02}" for day in range(1, PROCESSES * THREADS + 1)]


def fill(home: Path) -> None:
    """Lands days of the online feature tables: ``tt1`` has a row in each, and every day has a title of its own."""
    lake = Lake(Home(home).lake)
    for day in DAYS:
        noon = dt.datetime.fromisoformat(f"{day}T12:00:00+00:00")
        titles = ["tt1", f"tt-{day}"]
        times = pa.array([noon, noon], TIMESTAMP)
        keys = {"title_id": titles, "event_timestamp": times, "created": times}
        text = {
            "text": [f"{title} on {day}" for title in titles],
            "kind": ["movie", "show"],
            "year": pa.array([2000, None], pa.int64()),
            "word_count": pa.array([3, 3], pa.int64()),
            "countries": pa.array([["US"], []], STRINGS),
            "runtime_minutes": pa.array([None, 30], pa.int64()),
            "certificate": pa.array(["PG", None], pa.string()),
            "platforms": pa.array([["hulu"], []], STRINGS),
        }
        vectors = pa.array([[float(day[-2:])] * 384] * 2, pa.list_(pa.float32()))
        lake.write("title_text", pa.table(keys | text), day=day)
        tfidf = pa.array([[1.0] * 32] * 2, pa.list_(pa.float32()))
        parts = ("score", "momentum_points", "volume_points")
        activity = {"reviews_1d": [1, 2], "reviews_7d": [3, 4], "coverage": [1.0, 0.5]} | {
            f"{part}_{window}": [50.0, 0.5] for part in parts for window in ("day", "week")
        }
        lake.write("title_embedding", pa.table(keys | {"embedding": vectors}), day=day)
        lake.write("title_tfidf", pa.table(keys | {"tfidf": tfidf, "tfidf_version": ["v", "v"]}), day=day)
        lake.write("title_activity", pa.table(keys | activity), day=day)


def write_at_once(home: Path, urls: FeastUrls) -> list[int]:
    """Applies and writes each day in a thread of its own, in several processes; returns their exit codes."""
    context = multiprocessing.get_context("forkserver")
    # Feast takes seconds to import, and is not to be forked from a process with threads.
    context.set_forkserver_preload(["feature_repo.repository"])
    shares = [DAYS[process::PROCESSES] for process in range(PROCESSES)]
    processes = [context.Process(target=_write, args=(home, urls, days)) for days in shares]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    return [process.exitcode or 0 for process in processes]


def _write(home: Path, urls: FeastUrls, days: Sequence[str]) -> None:
    from feature_repo.repository import apply, materialize

    def one(day: str) -> None:
        apply(home, urls)
        materialize(home, {table: [day] for table in TABLES}, urls)

    with ThreadPoolExecutor(len(days)) as pool:
        for _ in pool.map(one, days):
            pass
