"""A training is a run of Weights & Biases that says what the registry says; without W&B it is registered too."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from trending_assets.resources.tracking import TrackingResource
from trending_assets.storage.registry import Manifest, ModelRef
from trending_assets_tests.integration.homes import SmallHome
from trending_assets_tests.storage.test_tracking import read_records, values

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(finished: SmallHome, tmp_path: Path) -> SmallHome:
    """A home whose keyword model is to be trained again, tracked offline."""
    copied = finished.copied_to(tmp_path / "home")
    shutil.rmtree(copied.folder / "registry" / "genre_keyword")
    tracking = TrackingResource(folder=str(copied.folder), mode="offline")
    return replace(copied, others={"tracking": tracking})


def _registered(home: SmallHome) -> Manifest:
    (version,) = home.registry.versions("genre_keyword")
    return home.registry.manifest(ModelRef("genre_keyword", version))


def _warnings(home: SmallHome, run_id: str) -> str:
    with home.instance() as instance:
        return "\n".join(entry.user_message for entry in instance.all_logs(run_id) if "W&B" in entry.user_message)


def test_a_training_is_tracked_as_the_manifest_tells_it(home: SmallHome) -> None:
    run_id = home.run("retrain", selection=["genre_keyword"])
    manifest = _registered(home)
    records = read_records(home.folder)
    (begun,) = (record["run"] for record in records if "run" in record)
    assert (begun["job_type"], begun["display_name"], begun["run_group"]) == ("training", str(manifest.ref), run_id)
    config = values([{"run": begun["config"]}], "run", "update") | values(records, "config", "update")
    days = manifest.data_partitions
    told = manifest.model_dump(mode="json")
    assert config["data_partitions"] == {"count": len(days), "first": days[0], "last": days[-1]}
    assert config["dagster_run_id"] == run_id
    same = {"code_version", "training_set_sha256", "feature_service", "feature_views", "seed", "library_versions"}
    assert {name: config[name] for name in same} == {name: told[name] for name in same}
    summary = values(records, "summary", "update")
    assert summary["test/macro_f1"] == manifest.metrics["macro_f1"]
    assert summary["test_masked/macro_f1"] == manifest.masked_metrics["macro_f1"]
    assert summary["cost/training_seconds"] == manifest.costs["training_seconds"]
    (artifact,) = (record["artifact"] for record in records if "artifact" in record)
    assert json.loads(artifact["metadata"]) == told
    assert {file["path"] for file in artifact["manifest"]["contents"]} == {
        *manifest.files,
        "manifest.json",
        "manifest.sha256",
    }
    # Trained already: nothing to track.
    home.run("retrain", selection=["genre_keyword"])
    assert len(list((home.folder / "wandb").glob("offline-run-*"))) == 1


def test_tracking_that_is_broken_is_a_warning_and_the_model_is_registered(home: SmallHome) -> None:
    (home.folder / "wandb").write_text("in the way")
    run_id = home.run("retrain", selection=["genre_keyword"])
    assert _registered(home).metrics
    assert "is not tracked" in _warnings(home, run_id)


_WITHOUT_WANDB = """
import sys
from pathlib import Path

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "wandb":
            raise ModuleNotFoundError("No module named 'wandb'", name="wandb")

sys.meta_path.insert(0, Missing())
from trending_assets.resources.tracking import TrackingResource
from trending_assets_tests.integration.homes import SmallHome
folder = Path(sys.argv[1])
tracking = TrackingResource(folder=str(folder), mode="offline")
print("run", SmallHome(folder, others={"tracking": tracking}).run("retrain", selection=["genre_keyword"]))
"""


def test_without_wandb_the_model_is_registered(home: SmallHome) -> None:
    command = [sys.executable, "-c", _WITHOUT_WANDB, str(home.folder)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert _registered(home).metrics
    assert "No module named 'wandb'" in _warnings(home, done.stdout.split()[-1])
