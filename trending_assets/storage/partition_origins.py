"""Which run wrote a file of the lake that was there at a moment, by the journal of writes and the file itself."""

import datetime as dt

from trending_assets.domain.predictions.lineage import PartitionLineage
from trending_assets.storage.lake import Lake
from trending_assets.storage.unknowns import tried
from trending_assets.storage.write_journal import NotedWrite, WriteJournal

_NOT_NOTED = "Which run wrote it was not noted."


class PartitionOrigins:
    """The origins of the files of one lake."""

    def __init__(self, lake: Lake, journal: WriteJournal) -> None:
        self._lake, self._journal = lake, journal

    def at(self, table: str, day: str | None, moment: dt.datetime) -> PartitionLineage:
        """A table, or a day of one, as it was at a moment."""
        noted = self._journal.writes(table, day)
        before = [each for each in noted if each.written_at <= moment]
        since = noted[len(before) :]
        held, why = tried("Its file cannot be read", lambda: self._lake.sha256(table, day))
        fitting = [each for each in before if each.sha256 == held]
        if since or held is None:
            write = before[-1] if before else None
            why = why or (
                None if write else "It has been written again since, and what was there before was not noted."
            )
        else:
            # A process that was killed may have noted a write, and not have done it.
            write = fitting[-1] if fitting else None
            why = None if write else _NOT_NOTED
        sha256 = write.sha256 if write else None if since else held
        return _told(table, day, write, sha256, sha256 == held if write and held else None, why)

    def with_hash(self, table: str, sha256: str) -> PartitionLineage:
        """A table that is not partitioned as it was when its file had a hash."""
        write = next((each for each in reversed(self._journal.writes(table)) if each.sha256 == sha256), None)
        held, _ = tried("", lambda: self._lake.sha256(table))
        return _told(table, None, write, sha256, held == sha256 if held else None, None if write else _NOT_NOTED)


def _told(
    table: str, day: str | None, write: NotedWrite | None, sha256: str | None, current: bool | None, why: str | None
) -> PartitionLineage:
    return PartitionLineage(
        table=table,
        day=dt.date.fromisoformat(day) if day else None,
        sha256=sha256,
        run_id=write.run_id if write else None,
        written_at=write.written_at if write else None,
        current=current,
        unknown=why,
    )
