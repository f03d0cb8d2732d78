"""The right to erasure: removing what a person wrote from raw documents and from all that was made of them."""

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from rich.console import Console
from rich.table import Table

from trending_assets.automation.cursors import ranges
from trending_assets.automation.pipeline import Pipeline
from trending_assets.domain.text.personal import pseudonym
from trending_assets.ingest.archive import SOURCE as ARCHIVE
from trending_assets.ingest.archive_inbox import ArchiveInbox
from trending_assets.ingest.registry import SOURCES, source_named
from trending_assets.ingest.source import Source
from trending_assets.partitions import days_between
from trending_assets.storage.home import Home, read_or_create_key
from trending_assets.storage.lake import Lake
from trending_assets.storage.ledgers import Erasures


@dataclass(frozen=True)
class Erased:
    """What was erased of a source.

    Attributes:
        source: the source.
        documents: (arrival day, hash of the payload, pseudonym) of each document.
        of_others: reviews by other people in the same documents, which went with them.
    """

    source: str
    documents: tuple[tuple[str, str, str], ...]
    of_others: int


def erase_author(pipeline: Pipeline, console: Console, author: str, names: Iterable[str] = ()) -> list[Erased]:
    """Erases an author's reviews everywhere, and leaves rows in the table ``erasures`` that name nobody.

    The documents that hold them are removed whole from where raw documents are kept, from the inbox of archives and
    from quarantine; unfinished crawls begin anew; the days are read and cleaned again. From then on such a document
    does not land and a review by the author is not parsed, whenever a source gives it again.

    Args:
        pipeline: runs what has to be run.
        console: told what was erased.
        author: the name as the source writes it, whatever its case.
        names: of sources; all where none is given.

    Raises:
        UnknownSourceError: there is no source of a name.
        RunFailedError: a step or a blocking check failed; the documents are gone, and the next landing reads the
            days again.
    """
    home = Home(pipeline.folder)
    done = [_erase(pipeline, home, source, author) for source in [source_named(name) for name in names] or SOURCES]
    table = Table()
    for column in ("source", "documents erased", "days", "reviews by others that went with them"):
        table.add_column(column)
    for one in done:
        days = len({day for day, _, _ in one.documents})
        table.add_row(one.source, str(len(one.documents)), str(days), str(one.of_others))
    console.print(table)
    return done


def _erase(pipeline: Pipeline, home: Home, source: Source, author: str) -> Erased:
    lake = Lake(home.lake)
    key = read_or_create_key(home.pseudonym_key)
    parsed = f"parsed/{source.name}"
    documents: set[tuple[str, str, str]] = set()
    pseudonyms = {source.name: pseudonym(author, source.name, key)}
    of_others = 0
    for day in lake.days(parsed):
        for row in lake.read(parsed, day, ["source", "document_sha256", "outcome", "reviews"]).to_pylist():
            own = pseudonyms.setdefault(row["source"], pseudonym(author, row["source"], key))
            by_author = [review["author_hash"] == own for review in row["reviews"]]
            if any(by_author):
                documents.add((day, row["document_sha256"], own))
                of_others += by_author.count(False)
        documents |= {(day, sha256, pseudonyms[name]) for name, sha256 in _unreadable(lake, day, author, pseudonyms)}
    # First who and what, so that nothing comes back if the rest is cut off; run again, it goes on.
    now = datetime.now(UTC)
    nothing = [(None, None, own) for own in sorted(pseudonyms.values())]
    rows: Sequence[tuple[str | None, str | None, str]] = sorted(documents) or nothing
    Erasures(lake).add(
        {
            "erased_at": now,
            "source": source.name,
            "author_hash": own,
            "day": date.fromisoformat(day) if day else None,
            "document_sha256": sha256,
        }
        for day, sha256, own in rows
    )
    unwanted = {sha256 for _, sha256, _ in documents}
    if source.name == ARCHIVE.name:
        ArchiveInbox(home.archive).erase(lambda document: document.sha256 in unwanted)
    if source.crawl:
        shutil.rmtree(home.crawls / source.name, ignore_errors=True)
    days = sorted({day for day, _, _ in documents})
    for day in days:
        pipeline.raw.erase(source.name, day, unwanted)
    for first, last in ranges(days):
        pipeline.parse_again(source, days_between(date.fromisoformat(first), date.fromisoformat(last)))
    return Erased(source.name, tuple(sorted(documents)), of_others)


def _unreadable(lake: Lake, day: str, author: str, catalogues: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Catalogue and hash of the day's quarantined documents that hold the author's name, however it is written."""
    if not lake.exists("quarantine", day):
        return
    wanted = {author.casefold(), json.dumps(author).strip('"').casefold()}
    for row in lake.read("quarantine", day, ["source", "document_sha256", "payload"]).to_pylist():
        text = row["payload"].decode("utf-8", "replace").casefold()
        if row["source"] in catalogues and any(name in text for name in wanted):
            yield row["source"], row["document_sha256"]
