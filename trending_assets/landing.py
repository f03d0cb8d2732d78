"""Landing documents from the command line: a source's days, a page, or a user's files; and what became of them."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from trending_assets.automation.cursors import ranges
from trending_assets.automation.pipeline import Pipeline
from trending_assets.ingest.archive import files_of
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.archive_mappings import RecordKind
from trending_assets.ingest.live import with_hosts
from trending_assets.ingest.registry import SOURCES, dispatch, source_named
from trending_assets.partitions import days_between
from trending_assets.resources.sources import options_of
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.query import connect, query

# A run costs half a minute to begin with, and an empty day a third of a second.
_LONGEST_GAP = 90


class NothingToIngestError(ValueError):
    """What was asked for names nothing that can be ingested."""


@dataclass
class Landed:
    """What became of the documents of one catalogue.

    Attributes:
        read: documents.
        kept: documents whose records were taken.
        duplicates: documents that repeat another.
        quarantined: reason → documents.
        titles: titles that the catalogue describes, on all days.
        merged: titles among them that another record describes too.
    """

    read: int = 0
    kept: int = 0
    duplicates: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)
    titles: int = 0
    merged: int = 0


def land_days(pipeline: Pipeline, console: Console, source: str, days: Sequence[str]) -> None:
    """Lands days of a source and prints what became of them."""
    pipeline.ingest(source_named(source), days)
    report(pipeline.folder, console, source, days)


def land_page(pipeline: Pipeline, console: Console, url: str) -> None:
    """Lands one page today, by the source that owns its URL."""
    source = dispatch(url, [with_hosts(source, options_of(source)) for source in SOURCES])
    today = datetime.now(UTC).date()
    days = days_between(today, today)
    pipeline.ingest(source, days, url=url)
    report(pipeline.folder, console, source.name, days)


def land_files(
    pipeline: Pipeline, console: Console, path: Path, mapping: str | None, kind: RecordKind | None, day: datetime
) -> None:
    """Takes a user's files in, lands the days that they hold, and prints what became of them.

    Raises:
        NothingToIngestError: no mapping is for any of the files.
    """
    inbox = ArchiveInbox(Home(pipeline.folder).archive)
    days: set[str] = set()
    for file, chosen in files_of(path, mapping):
        if chosen is None:
            console.print(f"  {file.name}: no mapping is for it, left out")
            continue
        if chosen.skip:
            console.print(f"  {file.name}: left out: {chosen.skip}", markup=False)
            continue
        taken = inbox.add(file, chosen, day.date(), kind)
        days.update(taken.days)
        console.print(f"  {file.name}: {taken.rows} rows by the mapping {chosen.name}, of {_count(taken.days)}")
    if not days:
        raise NothingToIngestError(f"{path}: no file was taken in")
    for first, last in ranges(sorted(days), _LONGEST_GAP):
        span = days_between(date.fromisoformat(first), date.fromisoformat(last))
        console.print(f"landing {_count([day for day in days if first <= day <= last])} from {first} to {last}")
        pipeline.ingest(source_named("archive"), span)
    report(pipeline.folder, console, "archive", sorted(days))


def _count(days: Collection[str]) -> str:
    return "1 day" if len(days) == 1 else f"{len(days)} days"


def report(folder: Path, console: Console, source: str, days: Sequence[str]) -> None:
    """Prints what became of the documents of days: read, kept, quarantined by reason, merged."""
    landed = what_landed(Home(folder), source, days)
    table = Table()
    for column in ("catalogue", "read", "kept", "duplicates", "quarantined", "titles", "merged"):
        table.add_column(column, justify="left" if column == "catalogue" else "right")
    for name, counts in sorted(landed.items()):
        numbers = (
            counts.read,
            counts.kept,
            counts.duplicates,
            counts.quarantined.total(),
            counts.titles,
            counts.merged,
        )
        table.add_row(name, *map(str, numbers))
    console.print(table)
    for name, counts in sorted(landed.items()):
        for reason, number in counts.quarantined.most_common(10):
            console.print(f"  {name}: {number} quarantined: {reason}", markup=False)


# A title is merged where a record of another catalogue, or another record of its own, describes it too.
_MERGED = """
with described as (
    select distinct source, source_id, title_id from title_identity where kind is not null
),
records as (select title_id, count(*) as records from described group by title_id)
select source, count(distinct title_id), count(distinct title_id) filter (where records > 1)
from described join records using (title_id) group by source
"""


def what_landed(home: Home, source: str, days: Sequence[str]) -> dict[str, Landed]:
    """Catalogue → what became of its documents of the given days."""
    lake = Lake(home.lake)
    landed: dict[str, Landed] = {}
    for day in days:
        rows = lake.read(f"parsed/{source}", day, ["source", "outcome", "reason"]).to_pylist()
        for row in rows:
            counts = landed.setdefault(row["source"], Landed())
            counts.read += 1
            counts.kept += row["outcome"] == "kept"
            counts.duplicates += row["outcome"] == "duplicate"
            if row["outcome"] == "quarantined":
                counts.quarantined[row["reason"]] += 1
    with connect(home) as connection:
        for name, titles, merged in query(connection, _MERGED).fetchall():
            if name in landed:
                landed[name].titles, landed[name].merged = titles, merged
    return landed
