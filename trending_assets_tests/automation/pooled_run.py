"""A run of one step in the pool ``duckdb``, on the instance that a ``dagster.yaml`` describes.

``python -m …automation.pooled_run HOME CONFIG RELEASE``: says ``started`` when the step has begun, and ends it when the
file RELEASE is there.
"""

import sys
import time
from pathlib import Path

import dagster as dg

from trending_assets.automation.running import open_instance, run_job
from trending_assets.resources.pools import DUCKDB
from trending_assets.storage.home import Home


def job(release: Path) -> dg.JobDefinition:
    """The job of one asset, ``pooled``."""

    @dg.asset(pool=DUCKDB)
    def pooled() -> dg.MaterializeResult[None]:
        while not release.exists():
            time.sleep(0.05)
        return dg.MaterializeResult(metadata={"rows": 3})

    return dg.Definitions(assets=[pooled], executor=dg.in_process_executor).resolve_implicit_global_asset_job_def()


def _say(step: str, state: str, seconds: float) -> None:
    if state == "start":
        sys.__stdout__.write("started\n")  # type: ignore[union-attr]
        sys.__stdout__.flush()  # type: ignore[union-attr]


def main(home: Path, config: Path, release: Path) -> None:
    """Runs it, and says the run's id."""
    with open_instance(Home(home), config) as instance:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        run_id = run_job(job(release), instance, home / "logs", progress=_say)
    sys.stdout.write(f"{run_id}\n")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
