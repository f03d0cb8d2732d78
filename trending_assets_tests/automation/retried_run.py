"""A code location whose one job is killed in its second step, the first time that it runs.

The folder that TRENDING_HOME names tells which steps have run, one a line of ``steps``.
"""

import os
import signal
from pathlib import Path

import dagster as dg

from trending_assets.automation.sensors import dead_runs

STEPS = "steps"


def _says(step: str) -> list[str]:
    path = Path(os.environ["TRENDING_HOME"]) / STEPS
    with path.open("a") as file:
        file.write(f"{step}\n")
    return path.read_text().split()


@dg.op(out=dg.Out(dg.Nothing))
def ends() -> None:
    """A step that is not to run again."""
    _says("ends")


@dg.op(ins={"after": dg.In(dg.Nothing)})
def is_killed() -> None:
    """A step whose process is killed the first time."""
    if _says("is_killed").count("is_killed") == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@dg.job(executor_def=dg.in_process_executor)
def killed_once() -> None:
    """The job."""
    is_killed(after=ends())


defs = dg.Definitions(jobs=[killed_once], sensors=[dead_runs])
