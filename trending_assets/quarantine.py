"""The quarantine from the command line: what lies in it, why, and how it is read again after a parser was mended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.table import Table

from trending_assets.automation.cursors import ranges
from trending_assets.automation.pipeline import Pipeline
from trending_assets.ingest.registry import SOURCES, source_named
from trending_assets.ingest.source import Source
from trending_assets.partitions import days_between
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.query import connect

_SHOWN_BYTES = 2_000


class NotInQuarantineError(LookupError):
    """No document in quarantine has this hash."""


@dataclass(frozen=True)
class Replay:
    """What reading a source's quarantined documents again gave.

    Attributes:
        source: the source.
        days: the days on which some were quarantined.
        before: documents in quarantine before.
        after: documents in quarantine after.
    """

    source: str
    days: list[str]
    before: int
    after: int


def show_reasons(home: Home, console: Console, catalogue: str | None = None) -> None:
    """Prints how many documents are in quarantine, by catalogue, type and reason."""
    table = Table()
    for column in ("catalogue", "type", "reason", "documents", "first day", "last day", "for example"):
        table.add_column(column)
    for row in _reasons(home, catalogue):
        table.add_row(*map(str, row))
    console.print(table if table.row_count else "nothing is in quarantine")


def _reasons(home: Home, catalogue: str | None) -> list[tuple[object, ...]]:
    if not Lake(home.lake).days("quarantine"):
        return []
    with connect(home) as connection:
        rows: list[tuple[object, ...]] = connection.execute(
            "select source, document_type, reason, count(*), min(day), max(day), min(document_sha256)[:12] "
            "from quarantine where $catalogue is null or source = $catalogue "
            "group by all order by count(*) desc, source, reason",
            {"catalogue": catalogue},
        ).fetchall()
    return rows


def explain(home: Home, console: Console, sha256: str) -> None:
    """Prints what is known of a quarantined document: why, where it came from, and how it begins.

    Args:
        home: the home.
        console: printed to.
        sha256: the hash of its payload, or how that begins.

    Raises:
        NotInQuarantineError: no such document is there.
    """
    found = []
    if Lake(home.lake).days("quarantine"):
        with connect(home) as connection:
            found = connection.execute(
                "select source, document_type, source_id, url, arrived_at, reason, document_sha256, payload "
                "from quarantine where starts_with(document_sha256, $sha256) order by arrived_at",
                {"sha256": sha256},
            ).fetchall()
    if not found:
        raise NotInQuarantineError(f"no document in quarantine has the hash {sha256}")
    names = ("catalogue", "type", "id", "came from", "arrived", "reason", "sha-256")
    for *values, payload in found:
        for name, value in zip(names, values, strict=True):
            console.print(f"{name:10} {value}", markup=False)
        console.print(payload[:_SHOWN_BYTES].decode("utf-8", "backslashreplace"), markup=False)


def replay(pipeline: Pipeline, names: Iterable[str] = ()) -> list[Replay]:
    """Reads quarantined documents again from raw, and all that was made of their days.

    Args:
        pipeline: runs what has to be run.
        names: of sources; all that have something in quarantine where none is given.

    Raises:
        UnknownSourceError: there is no source of a name.
        RunFailedError: a step or a blocking check failed.
    """
    lake = Lake(Home(pipeline.folder).lake)
    done = []
    for source in [source_named(name) for name in names] or SOURCES:
        days, before = _quarantined(lake, source)
        for first, last in ranges(days):
            pipeline.parse_again(source, days_between(date.fromisoformat(first), date.fromisoformat(last)))
        if days:
            done.append(Replay(source.name, days, before, _quarantined(lake, source)[1]))
    return done


def _quarantined(lake: Lake, source: Source) -> tuple[list[str], int]:
    table = f"parsed/{source.name}"
    outcomes = {day: lake.read(table, day, ["outcome"])["outcome"].to_pylist() for day in lake.days(table)}
    counts = {day: found.count("quarantined") for day, found in outcomes.items()}
    return [day for day, count in counts.items() if count], sum(counts.values())
