"""``trending``, killed by SIGKILL at a stated moment: ``python -m …chaos.dying MOMENT RECORD ARGUMENT…``.

A moment is ``rename N`` or ``after-rename N``: just before or just after the N-th file or folder of the home is moved
to its place; ``move NEEDLE``: just before the first is moved whose path holds the needle; ``step N``: once the N-th
event of a step is in Dagster's log; ``begins KEY`` or ``ends KEY``: once the log says so of a step; or ``never``. What
was counted up to the end is written to the file RECORD, so that moments can be drawn from an undisturbed run.

``python -m …chaos.dying serve`` runs one command after another, each in a forked child, so that ten kills cost one
start of Python: it reads one JSON object a line and answers with the child's exit status.
"""

import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_STEP = "STEP_"
_MEANT = {"STEP_START": "begins", "STEP_SUCCESS": "ends"}


class _Counter:
    """Counts what a command does, and kills its process at the moment."""

    def __init__(self, moment: str, home: str) -> None:
        self._kind, _, self._of = moment.partition(" ")
        self._number, self._home = int(self._of) if self._of.isdecimal() else 0, home
        self._due = False
        self.renames: list[str] = []
        self.steps: list[str] = []
        self.first_step_seconds: float | None = None
        self._began = time.monotonic()

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python's audit hook."""
        if self._due:
            # Killing is audited too.
            self._due = False
            _die()
        # Of Dagster's own folder nothing is moved that is compared afterwards.
        if event != "os.rename" or not str(arguments[1]).startswith(self._home):
            return
        self.renames.append(str(arguments[1])[len(self._home) + 1 :])
        if self._kind == "move" and self._of in self.renames[-1]:
            _die()
        if len(self.renames) == self._number:
            if self._kind == "rename":
                _die()
            self._due = self._kind == "after-rename"

    def step(self, event: Any) -> None:
        """Called with each entry that Dagster has stored."""
        found = event.dagster_event
        if found is None or not found.event_type_value.startswith(_STEP):
            return
        if self.first_step_seconds is None:
            self.first_step_seconds = time.monotonic() - self._began
        self.steps.append(f"{found.event_type_value} {found.step_key}")
        if self._kind == "step" and len(self.steps) == self._number:
            _die()
        if f"{self._kind} {self._of}" == f"{_MEANT.get(found.event_type_value)} {found.step_key}":
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _watch_steps(counter: _Counter) -> None:
    from trending_assets.automation.event_log import BatchEventLogStorage

    class Watched(BatchEventLogStorage):
        def store_event(self, event: Any) -> None:
            super().store_event(event)
            counter.step(event)

    import trending_assets.automation.event_log as module

    module.BatchEventLogStorage = Watched  # type: ignore[misc]


def command(moment: str, record: str, arguments: list[str]) -> None:
    """Runs ``trending`` in this process, or as far as it gets."""
    counter = _Counter(moment, os.environ["TRENDING_HOME"])
    _watch_steps(counter)
    sys.addaudithook(counter.audit)
    sys.argv = ["trending", *arguments]
    from trending_assets.cli import main

    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
    counted = {"renames": counter.renames, "steps": counter.steps, "first_step_seconds": counter.first_step_seconds}
    Path(record).write_text(json.dumps(counted))


def _preload() -> None:
    import feast  # noqa: F401
    import great_expectations  # noqa: F401
    import matplotlib.pyplot  # noqa: F401
    import sklearn.linear_model  # noqa: F401

    import feature_repo.repository  # noqa: F401
    import trending_assets.definitions  # noqa: F401
    from trending_assets.automation import pipeline  # noqa: F401


def _serve() -> None:
    _preload()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        asked = json.loads(line)
        with tempfile.TemporaryFile() as said:
            child = os.fork()
            if child == 0:
                # What it leaves behind, such as dbt, can be ended by its group.
                os.setsid()
                os.dup2(said.fileno(), 1)
                os.dup2(said.fileno(), 2)
                status = 1
                try:
                    command(asked["moment"], asked["record"], asked["arguments"])
                    status = 0
                except SystemExit as ended:
                    status = int(ended.code or 0)
                finally:
                    sys.stdout.flush()
                    sys.stderr.flush()
                    os._exit(status)
            _, ended = os.waitpid(child, 0)
            said.seek(0)
            text = said.read().decode(errors="replace")
        sys.stdout.write(json.dumps({"pid": child, "status": os.waitstatus_to_exitcode(ended), "said": text}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve()
    else:
        command(sys.argv[1], sys.argv[2], sys.argv[3:])
