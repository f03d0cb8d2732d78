"""Predictions over HTTP beside ``feast serve``, which answers the same features without a model.

    python -m benchmarks.serving [--titles 10000] [--seconds 10] [--connections 8] [--models logreg,xgboost,bert]

A Valkey holds the features of titles, written by the project and read by both servers, each with one worker, from this
one machine; so does the load generator, wrk, run (`apt-get install wrk`). Their texts are JustWatch's descriptions of
the folder TRENDING_BENCH_DATA, and made-up words where that is absent. The floor is one `HMGET` and the model's
arithmetic in a process, without HTTP. All figures are of one run.
"""

import argparse
import asyncio
import contextlib
import datetime as dt
import itertools
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
import redis

from benchmarks.identity import data_folder
from benchmarks.materialize import valkey
from feature_repo.repository import apply, materialize
from serving.catalog import TABLE
from serving.features import OnlineStore
from serving.predictors import online_features
from trending_assets.automation.servers import api_command
from trending_assets.domain.catalog.records import STRINGS, TIMESTAMP
from trending_assets.domain.genres.models import model_class
from trending_assets.domain.genres.predictor import GenrePredictor
from trending_assets.domain.genres.reduced_tfidf import ReducedTfIdf
from trending_assets.domain.genres.self_test import SelfTest
from trending_assets.domain.text.encoder import Encoder
from trending_assets.storage.feast_registry import read_registry_file
from trending_assets.storage.feature_store import PROJECT, FeastUrls, repo_config
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.online_reader import Layout
from trending_assets.storage.registry import ModelRef, load_predictor, open_registry

_DAY = "2025-06-02"
_NOON = dt.datetime(2025, 6, 2, 12, tzinfo=dt.UTC)
_GENRES = ("action", "comedy", "drama", "horror", "romance", "thriller", "war", "western")
_DESCRIPTIONS = "justwatch_titles.csv.gz"
_WORDS, _VOCABULARY = 60, 20_000
_LEARNED = 2000
_START_SECONDS = 120
_BATCH, _BATCH_SECONDS = 100, 10.0
_FLOOR_ROUNDS = 3000
_ENCODED, _FIRST_ASKED_A_SECOND = 200, 500
_PERCENTILE = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)\s*$", re.MULTILINE)
_COUNTER = re.compile(r'^(\w+_total)\{\w+="(\w+)"\} (\S+)$', re.MULTILINE)
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True)
class Measured:
    """What a load generator saw.

    Attributes:
        rate: requests a second.
        p50: half of them took at most so many milliseconds.
        p99: likewise of 99 in 100.
        cpu: milliseconds of the server's processor a request, which a busy machine changes little.
    """

    rate: float
    p50: float
    p99: float
    cpu: float


def plots(number: int) -> list[str]:
    """Descriptions of real titles, as often as needed, and made-up ones where the bench data is absent."""
    file = data_folder() / _DESCRIPTIONS
    if file.is_file():
        found = pd.read_csv(file, usecols=["description"])["description"].dropna().unique().tolist()
        return list(itertools.islice(itertools.cycle(found), number))
    # Words that are as unequally frequent as those of a language.
    ranks = np.random.default_rng(1).zipf(1.2, size=(number, _WORDS)) % _VOCABULARY
    return [" ".join(f"word{rank}" for rank in row) for row in ranks.tolist()]


def land(home: Path, number: int) -> pd.DataFrame:
    """Writes the catalogue and a day of features; returns what models learn from."""
    lake, random = Lake(Home(home).lake), np.random.default_rng(2)
    titles = [f"tt{i:07}" for i in range(number)]
    texts = [f"Title {i}. {plot}" for i, plot in enumerate(plots(number))]
    vectors = random.standard_normal((number, 384), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    reduction = ReducedTfIdf.fit(texts[:_LEARNED])
    tfidf = [reduction.transform(text) for text in texts]
    times = pa.array([_NOON] * number, TIMESTAMP)
    keys = {"title_id": titles, "event_timestamp": times, "created": times}
    text = {
        "text": texts,
        "kind": ["movie", "show"] * (number // 2) + ["movie"] * (number % 2),
        "year": pa.array([1950 + i % 75 for i in range(number)], pa.int64()),
        "word_count": pa.array([len(each.split()) for each in texts], pa.int64()),
        "countries": pa.array([["US", "GB"]] * number, STRINGS),
        "runtime_minutes": pa.array([80 + i % 60 for i in range(number)], pa.int64()),
        "certificate": ["PG"] * number,
        "platforms": pa.array([["netflix"]] * number, STRINGS),
    }
    lake.write("title_text", pa.table(keys | text), day=_DAY)
    floats = pa.list_(pa.float32())
    lake.write("title_embedding", pa.table(keys | {"embedding": pa.array(list(vectors), floats)}), day=_DAY)
    version = [reduction.version] * number
    lake.write("title_tfidf", pa.table(keys | {"tfidf": pa.array(tfidf, floats), "tfidf_version": version}), day=_DAY)
    lake.write(TABLE, pa.Table.from_pylist([_catalogued(*each) for each in zip(titles, texts, strict=True)]))
    return pd.DataFrame(
        {
            **{name: list(values) for name, values in text.items()},
            "countries": [["US", "GB"]] * number,
            "platforms": [["netflix"]] * number,
            "year": [1950 + i % 75 for i in range(number)],
            "word_count": [len(each.split()) for each in texts],
            "runtime_minutes": [80 + i % 60 for i in range(number)],
            "title_id": titles,
            "embedding": list(vectors),
            "tfidf": tfidf,
            "tfidf_version": reduction.version,
            "masked_text": texts,
            "labels_complete": True,
        }
    ).head(_LEARNED)


def prepare(home: Path, urls: FeastUrls, number: int) -> pd.DataFrame:
    """Lands titles and has their features online; returns what models learn from."""
    frame = land(home, number)
    apply(home, urls)
    materialize(home, {table: [_DAY] for table in ("title_text", "title_embedding", "title_tfidf")}, urls)
    return frame


def _catalogued(title_id: str, text: str) -> dict[str, Any]:
    name, _, plot = text.partition(". ")
    return {
        "title_id": title_id,
        "kind": "movie",
        "title": name,
        "original_title": name,
        "year": 2000,
        "released": dt.date(2000, 1, 1),
        "language": "en",
        "countries": ["US"],
        "genres": ["drama"],
        "label_coverage": ["drama"],
        "plot": plot,
        "runtime_minutes": 100,
        "certificate": "PG",
        "platforms": ["netflix"],
        "sources": [{"source": "generated", "source_id": title_id}],
        "aliases": [],
        "arrived_at": _NOON,
        "reviews_total": 0,
        "rating_mean": 5.0,
        "audience_rating": 5.0,
        "audience_ratings": 1,
        "as_of": dt.date.fromisoformat(_DAY),
    }


def promote(home: Path, model: str, frame: pd.DataFrame) -> ModelRef:
    """Fits a model, of which only its speed matters, and makes it the champion."""
    registry, ref = open_registry(Home(home), None), ModelRef(f"genre_{model}", "20250602-00000000")
    labels = (np.random.default_rng(3).random((len(frame), len(_GENRES))) < 0.3).astype(np.float64)
    fit = model_class(ref.model).fit
    if model == "xgboost":
        fit = partial(fit, reduction=ReducedTfIdf.fit(frame["text"].tolist()))
    if model == "bert":
        fit = partial(fit, passes=0, embedded=True)
    fitted = fit(frame, labels, _GENRES, 1)
    manifest: dict[str, Any] = {
        "trained_at": _NOON,
        "code_version": "benchmark",
        "feature_service": fitted.feature_service,
        "feature_views": {"title_text": "1"},
        "genres": list(fitted.genres),
        "thresholds": dict.fromkeys(fitted.genres, 0.5),
        "metrics": {"macro_f1": 0.5},
        "slices": {},
        "per_genre": {},
        "training_set_sha256": "0" * 64,
        "data_partitions": [_DAY],
        "run_ids": [],
        "library_versions": {},
        "seed": 1,
    }
    self_test = SelfTest.of(GenrePredictor(fitted, manifest["thresholds"]), lambda texts: Encoder().encode(texts))

    def save(folder: Path) -> None:
        fitted.save(folder)
        self_test.save(folder)

    registry.register(ref, manifest, save)
    registry.promote(ref)
    return ref


@contextlib.contextmanager
def running(command: Sequence[str], url: str, environment: Mapping[str, str], log: Path) -> Iterator[tuple[int, float]]:
    """A server's process and the seconds that it took until ``url`` answered; ends with the block.

    Raises:
        SystemExit: it did not answer.
    """
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own
            command, env=os.environ | environment, stdout=output, stderr=output, start_new_session=True
        )
    try:
        while time.perf_counter() - started < _START_SECONDS:
            if process.poll() is not None:
                break
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - http
                yield process.pid, time.perf_counter() - started
                return
            time.sleep(0.02)
        raise SystemExit(f"{' '.join(command)} does not answer:\n{log.read_text(errors='replace')[-2000:]}")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wrk(server: int, script: str, url: str, seconds: float, connections: int) -> Measured:
    """Load on a server.

    Args:
        server: its process.
        script: what wrk runs, in Lua.
        url: the server.
        seconds: for how long.
        connections: how many are open.

    Raises:
        SystemExit: wrk is missing, or a request failed.
    """
    program = shutil.which("wrk")
    if program is None:
        raise SystemExit("the load generator wrk is missing: `apt-get install wrk`, or https://github.com/wg/wrk")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        command = [program, "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout", "30s", "--latency"]
        before = processor(server)
        done = subprocess.run([*command, "-s", file.name, url], capture_output=True, text=True, check=True)  # noqa: S603
        busy = processor(server) - before
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise SystemExit(f"requests to {url} failed:\n{done.stdout}")
    percentiles = {kind: float(number) * _MILLISECONDS[unit] for kind, number, unit in _PERCENTILE.findall(done.stdout)}
    rate, count = (re.search(each, done.stdout) for each in (r"Requests/sec:\s+([\d.]+)", r"(\d+) requests in"))
    if rate is None or count is None or len(percentiles) < len(("50", "99")):
        raise SystemExit(f"wrk says what is not understood:\n{done.stdout}")
    return Measured(float(rate[1]), percentiles["50"], percentiles["99"], 1000 * busy / int(count[1]))


def processor(pid: int) -> float:
    """Seconds that a process and those that it started have run."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def known_titles(number: int) -> str:
    """A script that asks for titles at random."""
    return f"""
request = function()
  return wrk.format("GET", string.format("/v1/titles/tt%07d/genres", math.random(0, {number - 1})))
end
"""


def each_title(number: int) -> str:
    """A script that asks for one title after the other."""
    return f"""
local at = 0
request = function()
  at = (at + 1) % {number}
  return wrk.format("GET", string.format("/v1/titles/tt%07d/genres", at))
end
"""


def feast_features(number: int, service: str) -> str:
    """A script that asks ``feast serve`` for the features of titles at random."""
    return f"""
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
request = function()
  local title = string.format("tt%07d", math.random(0, {number - 1}))
  local body = '{{"feature_service": "{service}", "entities": {{"title_id": ["' .. title .. '"]}}}}'
  return wrk.format(nil, "/get-online-features", nil, body)
end
"""


def texts(number: int) -> str:
    """A script that sends so many texts in a request, not the same in any two of a hundred."""
    made = iter(plots(100 * number))
    bodies = []
    for _ in range(100):
        instances = [{"title": "Unseen", "plot": next(made), "kind": "movie", "year": 2001} for _ in range(number)]
        bodies.append(f"[==[{json.dumps({'instances': instances})}]==]")
    return f"""
wrk.method, wrk.headers["Content-Type"] = "POST", "application/json"
local bodies, at = {{ {",".join(bodies)} }}, 0
request = function()
  at = at % #bodies + 1
  return wrk.format(nil, "/v1/genres/predict", nil, bodies[at])
end
"""


def floor(home: Path, urls: FeastUrls, ref: ModelRef, number: int) -> tuple[Measured, Measured, Measured]:
    """One ``HMGET`` of what the service names, that with the model's arithmetic, and features as the server has them.

    All in this process, one after the other.
    """
    predictor = load_predictor(open_registry(Home(home), None), ref)
    service = read_registry_file(Home(home).feast / "registry.db").readable[predictor.feature_service]
    layout, random = Layout(service), np.random.default_rng(4)
    asked = [f"tt{i:07}" for i in random.integers(0, number, _FLOOR_ROUNDS).tolist()]

    async def decoded() -> tuple[list[Any], Measured]:
        store = OnlineStore(home, urls)
        stored = store.open()
        rows = await stored.read(service.name, asked)
        took, busy = [], time.process_time()
        for title in asked:
            started = time.perf_counter()
            await stored.read(service.name, [title])
            took.append((time.perf_counter() - started) * 1000)
        measured = _measured(took, time.process_time() - busy)
        await store.close()
        return [online_features(row) for row in rows], measured

    features, decoding = asyncio.run(decoded())
    keys = [layout.redis_key(title) for title in asked]
    with redis.Redis.from_url(urls.online_store) as client:

        def read(i: int) -> None:
            client.hmget(keys[i], layout.redis_fields)

        def read_and_score(i: int) -> None:
            client.hmget(keys[i], layout.redis_fields)
            predictor.predict([features[i]])

        rounds = _FLOOR_ROUNDS if "bert" not in ref.model else _FLOOR_ROUNDS // 20
        return _timed(read, rounds), _timed(read_and_score, rounds), decoding


def _timed(act: Callable[[int], None], rounds: int) -> Measured:
    took, busy = [], time.process_time()
    for i in range(rounds):
        started = time.perf_counter()
        act(i)
        took.append((time.perf_counter() - started) * 1000)
    return _measured(took, time.process_time() - busy)


def _measured(took: Sequence[float], busy: float) -> Measured:
    """Of milliseconds one after the other, and the processor's seconds of them together."""
    cuts = statistics.quantiles(took, n=100)
    return Measured(1000 * len(took) / sum(took), cuts[49], cuts[98], 1000 * busy / len(took))


def memory(pid: int) -> float:
    """Megabytes that a process holds."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmRSS:")[2].split()[0]) / 1024


def counters(url: str) -> dict[str, dict[str, float]]:
    """What a server of the project has counted: counter with one label → the label's value → how many."""
    found: dict[str, dict[str, float]] = {}
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:  # noqa: S310 - http
        for name, value, count in _COUNTER.findall(answer.read().decode()):
            found.setdefault(name, {})[value] = float(count)
    return found


def peer(folder: Path, home: Path, urls: FeastUrls, options: argparse.Namespace) -> None:
    """Measures ``feast serve``."""
    config, port = repo_config(home, urls), free_port()
    repo = folder / "feast"
    repo.mkdir()
    online = {"type": "redis", "connection_string": config.online_store.connection_string}
    settings = {
        "project": PROJECT,
        "provider": "local",
        # Read anew never: what it reads meanwhile would be measured too.
        "registry": {"registry_type": "file", "path": str(Home(home).feast / "registry.db"), "cache_ttl_seconds": 0},
        "online_store": online,
        "offline_store": {"type": "duckdb"},
        "entity_key_serialization_version": 3,
    }
    (repo / "feature_store.yaml").write_text(json.dumps(settings))
    program = Path(sys.executable).with_name("feast")
    listening = ["--host", "127.0.0.1", "--port", str(port), "--no-access-log"]
    # A worker that starts anew after a thousand requests would be measured starting.
    listening += ["--workers", "1", "--max-requests", "100000000"]
    url, log = f"http://127.0.0.1:{port}", folder / "feast.log"
    command = [str(program), "-c", str(repo), "serve", *listening]
    with running(command, f"{url}/health", {"FEAST_USAGE": "False"}, log) as (pid, _):
        for service in sorted(read_registry_file(Home(home).feast / "registry.db").readable):
            script = feast_features(options.titles, service)
            wrk(pid, script, url, 1, options.connections)
            show(f"feast serve, {service}", wrk(pid, script, url, options.seconds, options.connections))


def project(home: Path, urls: FeastUrls, model: str, log: Path, options: argparse.Namespace) -> None:
    """Measures this server with one champion."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"TRENDING_HOME": str(home), "TRENDING_ONLINE_STORE": urls.online_store}
    with running(api_command("127.0.0.1", port, 1), f"{url}/readyz", environment, log) as (pid, seconds):
        fresh = memory(pid)
        # Encoding takes milliseconds a title, so that fewer are asked for.
        titles = min(options.titles, _ENCODED) if model == "bert" else options.titles
        script = known_titles(titles)
        show(f"{model}, by id, its first 2 seconds", wrk(pid, script, url, 2, options.connections))
        # Then each was asked for once.
        wrk(pid, each_title(titles), url, max(5, titles / _FIRST_ASKED_A_SECOND), options.connections)
        show(f"{model}, by id", wrk(pid, script, url, options.seconds, options.connections))
        show(f"{model}, by id, one connection", wrk(pid, script, url, options.seconds, 1))
        show(f"{model}, by id, no answer from Valkey", _without_answers(urls, pid, script, url, options))
        show(f"{model}, one text", wrk(pid, texts(1), url, options.seconds, 1))
        show(f"{model}, {_BATCH} texts", wrk(pid, texts(_BATCH), url, max(options.seconds, _BATCH_SECONDS), 1))
        loaded, counts = memory(pid), counters(url)
    read, scored = counts["trending_feature_reads_total"], counts["trending_title_scores_total"]
    sys.stdout.write(
        f"{model}: ready after {seconds:.1f} s, {fresh:.0f} MB then, {loaded:.0f} MB after the load; "
        f"features of {read['store'] / sum(read.values()):.2%} by id came from the store, "
        f"scores of {scored['computed'] / sum(scored.values()):.1%} were computed and the others remembered\n"
    )


def _without_answers(urls: FeastUrls, pid: int, script: str, url: str, options: argparse.Namespace) -> Measured:
    """Load while the store takes commands and answers none: each title was asked for before."""
    ends = time.monotonic() + options.seconds + 2
    with redis.Redis.from_url(urls.online_store) as client:
        client.client_pause(int(1000 * (ends - time.monotonic())))
        measured = wrk(pid, script, url, options.seconds, options.connections)
        time.sleep(max(0.0, ends - time.monotonic()))
        # Answered as soon as everything is again.
        client.ping()
    # The server's breaker notices within a second.
    time.sleep(1)
    return measured


def show(what: str, it: Measured) -> None:
    """Prints a row."""
    sys.stdout.write(f"| {what} | {it.rate:,.0f} | {it.p50:.2f} | {it.p99:.2f} | {it.cpu:.2f} |\n")
    sys.stdout.flush()


def main() -> None:
    """Runs the benchmark and prints its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--titles", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--models", default="logreg,xgboost,bert")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, valkey() as url:
        folder, urls = Path(name), FeastUrls(online_store=url)
        home = folder / "home"
        frame = prepare(home, urls, options.titles)
        load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
        sys.stdout.write(f"{os.cpu_count()} processors, load of the machine before the run: {load}\n")
        sys.stdout.write("\n| what | requests/s | p50 ms | p99 ms | CPU ms |\n|---|---|---|---|---|\n")
        peer(folder, home, urls, options)
        for model in options.models.split(","):
            ref = promote(home, model, frame)
            read, scored, decoding = floor(home, urls, ref, options.titles)
            show(f"{model}, floor: HMGET", read)
            show(f"{model}, features read and decoded in process", decoding)
            show(f"{model}, floor: HMGET and model", scored)
            project(home, urls, model, folder / f"{model}.log", options)
        load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
        sys.stdout.write(f"load of the machine after the run: {load}\n")


if __name__ == "__main__":
    main()
