"""Which run wrote which file of the lake: one line a write, beside the lake and never in it.

The lake's files are the same whoever writes them, so what says who wrote them has its own place:
``<folder>/<table>/day=YYYY-MM-DD.jsonl``, and ``<folder>/<table>/table.jsonl`` for a table that is not partitioned. A
line is added just before the file is swapped in and names the file's hash: where a process is killed in between, the
hash fits no file, and nobody takes the run for the writer of what is there.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class NotedWrite:
    """A write that a run was about to do.

    Attributes:
        run_id: the Dagster run.
        sha256: hash of the file's bytes.
        written_at: when it was noted.
    """

    run_id: str
    sha256: str
    written_at: datetime


class WriteJournal:
    """The journal of a home."""

    def __init__(self, folder: Path, run_id: str | None = None) -> None:
        """The journal in a folder, which is created with the first line.

        Args:
            folder: where it is.
            run_id: the run whose writes are noted; None notes nothing.
        """
        self._folder, self._run_id = folder, run_id

    def note(self, table: str, day: str | None, sha256: str) -> None:
        """Adds a line, where there is a run.

        It is not synced: what a loss of power takes is unknown then, and not wrong.
        """
        if self._run_id is None:
            return
        line = {"run_id": self._run_id, "sha256": sha256, "written_at": datetime.now(UTC).isoformat()}
        path = self._path(table, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def writes(self, table: str, day: str | None = None) -> list[NotedWrite]:
        """What is noted of a table, or of one of its days, oldest first; a line that was cut short is passed over."""
        try:
            lines = self._path(table, day).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [noted for noted in map(_read, lines) if noted is not None]

    def _path(self, table: str, day: str | None) -> Path:
        return self._folder / table / ("table.jsonl" if day is None else f"day={day}.jsonl")


def _read(line: str) -> NotedWrite | None:
    try:
        held = json.loads(line)
        return NotedWrite(held["run_id"], held["sha256"], datetime.fromisoformat(held["written_at"]))
    except (ValueError, KeyError, TypeError):
        return None
