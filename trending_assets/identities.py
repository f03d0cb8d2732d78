"""Identities from the command line: why records are one title, and how a match that is wrong is undone."""

from datetime import UTC, datetime

import dagster as dg
from rich.console import Console
from rich.table import Table

from trending_assets.automation.pipeline import Pipeline
from trending_assets.domain.catalog.identity import alias_of
from trending_assets.partitions import days_between
from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake
from trending_assets.storage.ledgers import UndoneMatches
from trending_assets.storage.query import connect

# The newest row of each record that speaks of a title, under the id that it has now or had.
_RECORDS = """
with newest as (
    select * from title_identity qualify row_number() over (partition by source, source_id order by day desc) = 1
),
names as (
    select title_id as alias, title_id from catalog_snapshot
    union all select unnest(aliases), title_id from catalog_snapshot
)
select source, source_id, title_id, method, confidence, day from newest
where title_id in (
    select alias from names where title_id in (select title_id from names where alias = $title)
    union all select title_id from names where alias = $title
) or title_id = $title
order by day, source, source_id
"""


class NoSuchMatchError(LookupError):
    """No record was matched with that title, or nothing is known of it."""


def show_identity(home: Home, console: Console, title_id: str) -> None:
    """Prints the records that speak of a title: how each was matched, how sure that is, and since when.

    Raises:
        NoSuchMatchError: nothing speaks of it.
    """
    found = _records(home, title_id)
    if not found:
        raise NoSuchMatchError(f"nothing is known of a title {title_id}")
    table = Table()
    for column in ("record", "title", "method", "confidence", "since"):
        table.add_column(column)
    for source, source_id, title, method, confidence, day in found:
        table.add_row(f"{source}:{source_id}", title, method, f"{confidence:.2f}", str(day))
    console.print(table)


def undo_match(pipeline: Pipeline, record: str, title_id: str, reason: str) -> None:
    """Parts a record from a title that it was matched with, from today on; identities of earlier days stay.

    The record is found anew, by its other ids or by name, or stands by itself. The match is not made again.

    Args:
        pipeline: runs what has to be run.
        record: ``<source>:<id there>``, or the id of a title that was found to be another.
        title_id: the title that it is not.
        reason: why, for whoever looks later.

    Raises:
        NoSuchMatchError: the record is not of that title.
        RunFailedError: a step or a blocking check failed; the match is undone at the next landing.
    """
    home = Home(pipeline.folder)
    source, _, source_id = record.partition(":")
    pairs = {(row[0], row[1]) for row in _records(home, title_id)}
    chosen = next((pair for pair in ((source, source_id), alias_of(record)) if pair in pairs), None)
    if chosen is None:
        raise NoSuchMatchError(f"{record} is not matched with {title_id}: see `trending identity show {title_id}`")
    now = datetime.now(UTC)
    row = {"undone_at": now, "source": chosen[0], "source_id": chosen[1], "title_id": title_id, "reason": reason}
    UndoneMatches(Lake(home.lake)).add([row])
    keys = [dg.AssetKey("title_identity"), dg.AssetKey("catalog_snapshot")]
    pipeline.run(
        pipeline.definitions.resolve_implicit_global_asset_job_def(), days_between(now.date(), now.date()), keys
    )


def _records(home: Home, title_id: str) -> list[tuple[str, str, str, str, float, object]]:
    if not Lake(home.lake).exists("catalog_snapshot"):
        return []
    with connect(home) as connection:
        found: list[tuple[str, str, str, str, float, object]] = connection.execute(
            _RECORDS, {"title": title_id}
        ).fetchall()
    return found
