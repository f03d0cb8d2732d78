"""Starting a run in a process of its own, having it killed, and looking at what is left."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg

from trending_assets.automation.dead_runs import report_dead_runs
from trending_assets.storage.home import Home
from trending_assets_tests.integration.homes import SmallHome

ROOT = Path(__file__).parents[2]
DEADLINE = 300

INGESTED = ("raw", "parsed", "quarantine", "title_identity", "stg_titles", "stg_reviews", "stg_signals")
CLEANED = ("titles", "reviews", "daily_activity", "catalog_snapshot")
FEATURES = ("title_text", "title_embedding", "title_tfidf", "title_masked", "title_activity")
MONITORING = ("feature_drift", "prediction_drift", "data_quality")
TRAINED = ("genre_training_set", "genre_evaluation", "title_predictions")


def without(home: SmallHome, *tables: str) -> None:
    """Takes tables away from a home, as if they had never been computed."""
    for table in tables:
        shutil.rmtree(home.lake.root / table)


def killed(home: SmallHome, job: str, moment: str) -> str:
    """Runs a job in a process that is killed at a moment, and returns what it left running."""
    command = [sys.executable, "-m", "trending_assets_tests.integration.killed_run", str(home.folder), job, moment]
    # A session of its own: what the killed process leaves behind, such as dbt, can be ended afterwards.
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            process.wait(DEADLINE)
        finally:
            _end(process)
        said = process.stdout.read() if process.stdout else ""
    assert process.returncode == -signal.SIGKILL, f"the run was not killed at {moment}: {said[-2000:]}"
    return said


def _end(process: subprocess.Popen[str]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def marked_failed(home: SmallHome) -> list[dg.DagsterRunStatus]:
    """The states of the runs that the search for dead runs finds, after it has marked them."""
    with home.instance() as instance:
        dead = report_dead_runs(instance, time.time())
        runs = [instance.get_run_by_id(run_id) for run_id in dead]
    return [run.status for run in runs if run is not None]


def half_written(home: SmallHome, undisturbed: SmallHome) -> list[str]:
    """Files of the lake that are neither missing nor what an undisturbed run writes."""
    expected = undisturbed.digests()
    return [path for path, digest in home.digests().items() if expected.get(path) != digest]


def forget_features_online(home: SmallHome) -> None:
    """Takes Feast's registry and online store away."""
    shutil.rmtree(Home(home.folder).feast)
