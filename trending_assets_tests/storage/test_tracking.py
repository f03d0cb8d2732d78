"""Tracked runs are whole, tell nothing of who made them, and never stop what they track."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from trending_assets.storage.tracking import Mode, TrackedRun, Tracker, tracking_mode
from trending_assets.storage.tracking_upload import UploadError, upload_runs, waiting_runs
from trending_assets_tests.storage.tracking_server import KEY, TrackingServer, tracking_server

_PERSONAL = {
    "WANDB_API_KEY": KEY,
    "WANDB_HOST": "a-host-of-mine",
    "WANDB_USERNAME": "somebody-by-name",
    "WANDB_USER_EMAIL": "somebody@example.org",
}


@pytest.fixture
def said() -> list[str]:
    """The warnings."""
    return []


@pytest.fixture
def server() -> Iterator[TrackingServer]:
    with tracking_server() as running:
        yield running


@contextmanager
def _run(home: Path, said: list[str], mode: Mode = "offline", name: str = "trial 1") -> Iterator[TrackedRun]:
    with Tracker(home, mode, said.append).run(kind="trial", name=name, group="search", config={"c": 0.5}) as run:
        yield run


def _model(folder: Path) -> Path:
    folder.mkdir()
    (folder / "model.json").write_text("{}")
    return folder


def read_records(home: Path) -> list[dict[str, Any]]:
    """What the only run of a home that has ended holds."""
    (file,) = waiting_runs(home)
    deadline = time.monotonic() + 60
    # wandb's service writes the last of a run a moment after it said that it ended.
    while "exit" not in {kind for record in _read(file) for kind in record}:
        assert time.monotonic() < deadline, "the run has no end"
        time.sleep(0.05)
    return _read(file)


def _read(file: Path) -> list[dict[str, Any]]:
    from google.protobuf.json_format import MessageToDict
    from wandb.proto.wandb_internal_pb2 import Record
    from wandb.sdk.internal.datastore import DataStore

    store = DataStore()
    store.open_for_scan(str(file))
    found = []
    while (data := store.scan_data()) is not None:
        record = Record()
        record.ParseFromString(data)
        found.append(MessageToDict(record, preserving_proto_field_name=True))
    return found


def values(records: list[dict[str, Any]], kind: str, part: str) -> dict[str, Any]:
    """The values that such records set, by their keys."""
    updates = [u for record in records for u in record.get(kind, {}).get(part, [])]
    return {u.get("key") or u["nested_key"][0]: json.loads(u["value_json"]) for u in updates}


def test_an_offline_run_holds_parameters_metrics_and_the_hashes_of_its_files(tmp_path: Path, said: list[str]) -> None:
    with _run(tmp_path / "home", said) as run:
        run.config({"passes": 2})
        for step, loss in enumerate((0.7, 0.4)):
            run.log({"loss": loss}, step=step)
        run.summary({"test/macro_f1": 0.6})
        run.artifact(_model(tmp_path / "model"), "genre_logreg", "v1", {"seed": 7})
    records = read_records(tmp_path / "home")
    (begun,) = (record["run"] for record in records if "run" in record)
    assert (begun["display_name"], begun["job_type"], begun["run_group"]) == ("trial 1", "trial", "search")
    assert "host" not in begun
    assert values([{"run": begun["config"]}], "run", "update")["c"] == 0.5
    assert values(records, "config", "update") == {"passes": 2}
    points = [values([record], "history", "item") for record in records if "history" in record]
    assert [point["loss"] for point in points] == [0.7, 0.4]
    assert values(records, "summary", "update")["test/macro_f1"] == 0.6
    (artifact,) = (record["artifact"] for record in records if "artifact" in record)
    assert (artifact["name"], artifact["type"]) == ("genre_logreg", "model")
    assert sorted(artifact["aliases"]) == ["latest", "v1"]
    assert json.loads(artifact["metadata"]) == {"seed": 7}
    (file,) = artifact["manifest"]["contents"]
    # The file itself stays where it is.
    assert (file["path"], file["local_path"]) == ("model.json", str(tmp_path / "model" / "model.json"))
    assert said == []


def test_a_run_tells_neither_secrets_nor_who_made_it_where(
    tmp_path: Path, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in _PERSONAL.items():
        monkeypatch.setenv(name, value)
    with _run(tmp_path, said) as run:
        run.log({"loss": 0.5})
    read_records(tmp_path)
    files = [path for path in (tmp_path / "wandb").rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    assert b"loss" in content
    assert [value for value in _PERSONAL.values() if value.encode() in content] == []
    unwanted = {"wandb-metadata.json", "requirements.txt", "output.log", "diff.patch"}
    assert unwanted & {path.name for path in files} == set()


def test_runs_at_the_same_time_do_not_mix(tmp_path: Path, said: list[str]) -> None:
    with _run(tmp_path, said, name="outer") as outer, _run(tmp_path, said, name="inner") as inner:
        inner.summary({"which": 2})
        outer.summary({"which": 1})
    assert len(waiting_runs(tmp_path)) == 2
    assert said == []


def test_what_goes_wrong_in_the_block_is_raised_and_the_run_kept(tmp_path: Path, said: list[str]) -> None:
    with pytest.raises(ZeroDivisionError), _run(tmp_path, said):
        _ = 1 / 0
    (exited,) = (record["exit"] for record in read_records(tmp_path) if "exit" in record)
    assert exited["exit_code"] == 1


def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, said: list[str]) -> None:
    (tmp_path / "wandb").write_text("in the way")
    with _run(tmp_path, said) as run:
        run.log({"loss": 0.5})
        run.artifact(_model(tmp_path / "model"), "genre_logreg", "v1", {})
        assert not run.tracked
    assert len(said) == 1
    assert "trial 1 is not tracked" in said[0]
    assert (tmp_path / "wandb").read_text() == "in the way"


def test_what_wandb_does_not_take_ends_the_tracking_alone(tmp_path: Path, said: list[str]) -> None:
    with _run(tmp_path, said) as run:
        run.artifact(_model(tmp_path / "model"), "a name / with a slash", "v1", {})
        assert not run.tracked
        run.log({"loss": 0.5})
    assert len(said) == 1
    assert "not tracked any further" in said[0]


def test_off_neither_writes_nor_loads_anything(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trending_assets.storage.tracking import Tracker\n"
        "with Tracker(Path(sys.argv[1]), 'off', print).run(kind='trial', name='n', group='g', config={}) as run:\n"
        "    run.log({'loss': 1})\n"
        "print(run.tracked, 'wandb' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "environment", "mode"),
    [
        ("auto", {}, "offline"),
        ("auto", {"WANDB_API_KEY": KEY}, "online"),
        ("auto", {"WANDB_API_KEY": ""}, "offline"),
        ("auto", {"WANDB_API_KEY": KEY, "WANDB_MODE": "online"}, "online"),
        ("auto", {"WANDB_API_KEY": KEY, "WANDB_MODE": "offline"}, "offline"),
        ("auto", {"WANDB_API_KEY": KEY, "WANDB_MODE": "disabled"}, "off"),
        ("off", {"WANDB_API_KEY": KEY}, "off"),
    ],
)
def test_a_key_makes_it_live_unless_somebody_says_otherwise(
    setting: str, environment: dict[str, str], mode: Mode
) -> None:
    found, why = tracking_mode(setting, environment)
    assert found == mode
    assert KEY not in why


def test_a_run_that_was_kept_is_uploaded_once(tmp_path: Path, said: list[str], server: TrackingServer) -> None:
    with _run(tmp_path / "home", said) as run:
        run.log({"loss": 0.25})
        run.artifact(_model(tmp_path / "model"), "genre_logreg", "v1", {"seed": 7})
    read_records(tmp_path / "home")
    environment = os.environ | {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url}
    with _run(tmp_path / "home", said, name="still going on"):
        done = upload_runs(tmp_path / "home", environment)
    assert (done.uploaded, done.being_written, done.cut_off) == (1, 1, 0)
    assert list(server.runs.values()) == ["trial 1"]
    assert [point["loss"] for point in server.history] == [0.25]
    assert json.loads(server.artifacts[0]["metadata"]) == {"seed": 7}
    # The other one has ended since, and the first is not sent again.
    read_records(tmp_path / "home")
    assert upload_runs(tmp_path / "home", environment).uploaded == 1
    assert sorted(server.runs.values()) == ["still going on", "trial 1"]
    assert len(server.history) == 1
    assert waiting_runs(tmp_path / "home") == []


def test_runs_that_a_server_refuses_are_kept_and_said(tmp_path: Path, said: list[str], server: TrackingServer) -> None:
    with _run(tmp_path, said):
        pass
    read_records(tmp_path)
    server.refuses = {"UpsertBucket"}
    with pytest.raises(UploadError, match=r"1 of 1 runs could not be uploaded and are kept: .*UpsertBucket is refused"):
        upload_runs(tmp_path, os.environ | {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url})
    assert len(waiting_runs(tmp_path)) == 1


def test_without_a_key_nothing_is_uploaded(tmp_path: Path) -> None:
    with pytest.raises(UploadError, match="WANDB_API_KEY is not set"):
        upload_runs(tmp_path, {})


_KILLED = """
import os, signal, sys
from pathlib import Path
from trending_assets.storage.tracking import Tracker
with Tracker(Path(sys.argv[1]), sys.argv[2], print).run(kind="trial", name="killed", group="g", config={}) as run:
    run.log({"loss": 0.125}, step=0)
    run.log({"loss": 0.0625}, step=1)
    if sys.argv[3] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def _elsewhere(home: Path, mode: Mode, how: str, environment: dict[str, str]) -> str:
    """What a process of its own says that tracks a run."""
    command = [sys.executable, "-c", _KILLED, str(home), mode, how]
    # wandb's service of this process would outlive the other.
    inherited = {key: value for key, value in os.environ.items() if key != "WANDB_SERVICE"}
    done = subprocess.run(command, env=inherited | environment, capture_output=True, text=True, check=False)
    assert done.returncode == (-9 if how == "killed" else 0), done.stderr
    return done.stdout


def test_what_a_killed_process_cut_off_is_left_and_said(tmp_path: Path) -> None:
    _elsewhere(tmp_path, "offline", "killed", {})
    done = upload_runs(tmp_path, {"WANDB_API_KEY": KEY})
    assert (done.uploaded, done.being_written, done.cut_off) == (0, 0, 1)
    assert len(list((tmp_path / "wandb").glob("offline-run-*"))) == 1


def test_online_a_run_goes_to_the_server_and_waits_for_nothing(tmp_path: Path, server: TrackingServer) -> None:
    assert _elsewhere(tmp_path, "online", "whole", {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": server.url}) == ""
    assert list(server.runs.values()) == ["killed"]
    assert [point["loss"] for point in server.history] == [0.125, 0.0625]
    assert waiting_runs(tmp_path) == []


def test_a_server_that_is_away_leaves_the_run_offline(tmp_path: Path) -> None:
    away = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    assert "killed is kept offline" in _elsewhere(tmp_path, "online", "whole", away)
    (waiting,) = waiting_runs(tmp_path)
    assert waiting.parent.name.startswith("offline-run-")
