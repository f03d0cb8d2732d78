"""What a home holds, as far as a killed command run again has to end with the same."""

import contextlib
import hashlib
import json
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trending_assets.assets.models.genres import LATENCY, LATENCY_P99
from trending_assets.automation.dead_runs import report_dead_runs
from trending_assets.automation.running import open_instance
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.model_files import MANIFEST, SEAL
from trending_assets.storage.query import connect
from trending_assets.storage.registry import ModelRef, open_registry

# What says when, by which run and how fast a version was trained; the file names the hashes of all others.
_COSTS = (LATENCY, LATENCY_P99, "size_mb")
_OF_A_RUN = ("trained_at", "run_ids", "costs")
# Ids sort by time, and a decision names its run.
_OF_A_DECISION = ("id", "run_id", "numbers")
_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class State:
    """A home's lake and registry, its online store, and what Feast's registry knows.

    Attributes:
        lake: path → sha-256 of each file outside of staging.
        registry: path → sha-256 of each file of a version, the manifest as far as it says nothing of its run.
        aliases: the registry's aliases.
        decisions: the gate's decisions and people's, in order, without their ids, runs and timings.
        online: view, entity and feature → sha-256 of the value that is online and of its times.
        applied: view or service of Feast's registry → sha-256 of a service's definition, nothing of a view.
    """

    lake: dict[str, str]
    registry: dict[str, str]
    aliases: dict[str, ModelRef]
    decisions: list[dict[str, Any]]
    online: dict[str, str]
    applied: dict[str, str]


def state_of(folder: Path) -> State:
    """The state of a home."""
    home = Home(folder)
    registry = open_registry(home, None)
    decisions = [{k: v for k, v in d.items() if k not in _OF_A_DECISION} for d in registry.decisions()]
    applied = _applied(home.feast / "registry.db")
    return State(_lake(home), _versions(home.registry), registry.aliases(), decisions, _online(home), applied)


def _online(home: Home) -> dict[str, str]:
    path, found = home.feast / "online_store.db", {}
    if not path.is_file():
        return found
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = connection.execute(f'select entity_key, feature_name, value, event_ts, created_ts from "{table}"')
            for entity, feature, *stored in rows:
                found[f"{table}/{entity.hex()}/{feature}"] = hashlib.sha256(repr(stored).encode()).hexdigest()
    return found


def _applied(path: Path) -> dict[str, str]:
    from feast.protos.feast.core.Registry_pb2 import Registry

    if not path.is_file():
        return {}
    registry = Registry.FromString(path.read_bytes())
    # A view notes which days each run wrote, and what a source was at first; what is online is compared by itself.
    views = {f"view {each.spec.name}": "" for each in registry.feature_views}
    return views | {f"service {each.spec.name}": _digest(each.spec) for each in registry.feature_services}


def _digest(spec: Any) -> str:
    from google.protobuf.json_format import MessageToDict

    return hashlib.sha256(repr(_without_times(MessageToDict(spec))).encode()).hexdigest()


def _without_times(spec: Any) -> Any:
    """A definition without what says when its sources were registered."""
    if isinstance(spec, dict):
        return {name: _without_times(value) for name, value in sorted(spec.items()) if name != "meta"}
    return [_without_times(value) for value in spec] if isinstance(spec, list) else spec


def _lake(home: Home) -> dict[str, str]:
    lake = Lake(home.lake)
    files = [path for path in lake.root.rglob("*") if path.is_file() and lake.staging not in path.parents]
    return {str(path.relative_to(lake.root)): hashlib.sha256(comparable(path)).hexdigest() for path in sorted(files)}


def comparable(path: Path) -> bytes:
    """The bytes of a file of the lake; of the evaluation those of what does not say how fast a version is."""
    if path.parent.name != "genre_evaluation":
        return path.read_bytes()
    rows = pq.read_table(path).filter(~pc.field("metric").isin(_COSTS))
    with pa.BufferOutputStream() as stream:
        pq.write_table(rows, stream)
        return bytes(stream.getvalue())


def _versions(root: Path) -> dict[str, str]:
    found = {}
    for manifest in sorted(path for path in root.glob(f"*/*/{MANIFEST}") if ".staging" not in path.parts):
        for path in sorted(manifest.parent.rglob("*")):
            # The hash of what differs from run to run differs too.
            content = path.read_bytes() if path.is_file() and path.name != SEAL else b""
            if path == manifest:
                said = {k: v for k, v in json.loads(content).items() if k not in _OF_A_RUN}
                content = json.dumps(said, sort_keys=True).encode()
            found[str(path.relative_to(root))] = hashlib.sha256(content).hexdigest()
    return found


def torn(folder: Path, before: State, after: State) -> list[str]:
    """What is wrong with a home that a command was killed on, between two states that are right.

    Every file of the lake has to be one of before or of after, byte for byte, and to read to its end; a query sees no
    other tables; each version has to be whole, and each alias to lead to one.
    """
    wrong = []
    home, now = Home(folder), state_of(folder)
    for path, digest in now.lake.items():
        if digest not in (before.lake.get(path), after.lake.get(path)):
            wrong.append(f"lake/{path} is neither what it was nor what it becomes")
    wrong += [f"lake/{path} is gone" for path in before.lake.keys() - now.lake.keys()]
    for value, digest in now.online.items():
        if digest not in (before.online.get(value), after.online.get(value)):
            wrong.append(f"online, {value} is neither what it was nor what it becomes")
    wrong += [f"online, {value} is gone" for value in before.online.keys() - now.online.keys()]
    for path in now.lake:
        try:
            pq.ParquetFile(home.lake / path).read()
        except (OSError, ValueError) as error:
            wrong.append(f"lake/{path} does not read: {error}")
    with connect(home) as connection:
        views = connection.execute("select view_name from duckdb_views() where not internal").fetchall()
    known = {path.partition("/day=")[0].removesuffix("/part.parquet").replace("/", "_") for path in after.lake}
    wrong += [f"{table} is a table that nothing writes" for table in sorted({name for (name,) in views} - known)]
    for path, digest in now.registry.items():
        if digest not in (before.registry.get(path), after.registry.get(path)):
            wrong.append(f"registry/{path} is neither what it was nor what it becomes")
    registry = open_registry(home, None)
    for model in registry.models():
        for version in registry.versions(model):
            registry.verified(ModelRef(model, version))
    for alias, ref in now.aliases.items():
        registry.verified(ref)
        if ref not in (before.aliases.get(alias), after.aliases.get(alias)):
            wrong.append(f"{alias} is {ref}")
    return wrong


def differences(now: State, expected: State) -> list[str]:
    """In what two states differ."""
    found = [
        f"{name}/{path}"
        for name, ours, theirs in (
            ("lake", now.lake, expected.lake),
            ("registry", now.registry, expected.registry),
            ("online", now.online, expected.online),
            ("feast", now.applied, expected.applied),
        )
        for path in sorted(ours.keys() | theirs.keys())
        if ours.get(path) != theirs.get(path)
    ]
    if now.aliases != expected.aliases:
        found.append(f"aliases: {now.aliases}, not {expected.aliases}")
    if now.decisions != expected.decisions:
        found.append(f"decisions: {now.decisions}, not {expected.decisions}")
    return found


@dataclass(frozen=True)
class Tick:
    """What the search for dead runs found after a kill.

    Attributes:
        step: the step that was running, ``between steps``, or ``outside of a run``.
        still_running: runs that are shown as running after it.
    """

    step: str
    still_running: list[str]


def tick(folder: Path) -> Tick:
    """Looks for dead runs, as the sensor does every five seconds and every command before it starts."""
    with open_instance(Home(folder)) as instance:
        dead = report_dead_runs(instance, time.time())
        step = _step(instance, dead[-1]) if dead else "outside of a run"
        left = [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=_UNDER_WAY))]
    return Tick(step, left)


def _step(instance: dg.DagsterInstance, run_id: str) -> str:
    started: dict[str, None] = {}
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        if event is None or event.step_key is None:
            continue
        if event.event_type == dg.DagsterEventType.STEP_START:
            started[event.step_key] = None
        elif event.event_type in (dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE):
            started.pop(event.step_key, None)
    return next(reversed(started), "between steps")
