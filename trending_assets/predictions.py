"""Predictions for files in the layouts that the archive source reads."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from serving.batch import BadLineError, Row, checked_instance, rows_of_json_lines
from trending_assets.ingest.archive_files import ArchiveError, opened
from trending_assets.ingest.archive_mappings import Mapping, Titles, load_mapping, mapping_for
from trending_assets.ingest.archive_parser import headers, parse
from trending_assets.ingest.archive_reader import read_archive
from trending_assets.ingest.documents import Document, MalformedRecordError

_NOT_READ = ("original_title", "language", "genres", "labels", "imdb_id")
_READ = ("title", "plot", "kind", "year", "countries", "runtime_minutes", "certificate", "platforms")
# What helps where a file has it.
_OPTIONAL = ("countries", "runtime", "certificate", "platforms")
_PLAIN = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def titles_in(path: Path, mapping: str | None = None) -> Iterator[Row]:
    """The titles in a file, in order: their ids, which are the catalogue's own, and what models read of them.

    JSON lines hold a title_id and what the API takes of a title. Any other file, and any for which a mapping is named,
    is read as an archive's.

    Args:
        path: the file.
        mapping: a mapping's name or file; without it the file's name chooses a shipped one.

    Raises:
        ArchiveError: no mapping fits, or the file has not its columns.
        BadLineError: a row is not a title.
    """
    if mapping is None and path.name.lower().endswith(_PLAIN):
        return rows_of_json_lines(path)
    chosen = load_mapping(mapping) if mapping is not None else mapping_for(path.name)
    if chosen is None or chosen.titles is None:
        raise ArchiveError(f"{path.name}: no mapping of titles is for a file of that name; name one with --mapping")
    return _rows_of_archive(path, chosen, chosen.titles)


def _rows_of_archive(path: Path, mapping: Mapping, titles: Titles) -> Iterator[Row]:
    # Nothing is asked of a file but what models read: one to be predicted need not have labels.
    kept = titles.model_copy(update=dict.fromkeys(_NOT_READ) | {"external_ids": {}})
    columns = _columns(path)
    for name in _OPTIONAL:
        without = kept.model_copy(update={name: None})
        if _of(mapping, kept).required - _of(mapping, without).required - columns:
            kept = without
    needed, bare = _of(mapping, kept), headers(_of(mapping, kept.model_copy(update=dict.fromkeys(_OPTIONAL))))
    for number, document in enumerate(read_archive(path, needed, ingest_day=datetime.now(UTC).date()), start=1):
        where = f"{path}, row {number}"
        try:
            yield _row(document, where)
        except BadLineError:
            if document.headers != headers(needed):
                raise
            # What is optional and makes no sense is as good as unknown.
            yield _row(replace(document, headers=bare), where)


def _row(document: Document, where: str) -> Row:
    try:
        (title,) = parse(document).titles
    except MalformedRecordError as error:
        raise BadLineError(f"{where}: {error}") from None
    row = {key: title[key] for key in _READ}
    return title["source_id"], checked_instance(row, where)


def _of(mapping: Mapping, titles: Titles) -> Mapping:
    return Mapping(name=f"{mapping.name}_to_predict", source=mapping.source, titles=titles)


def _columns(path: Path) -> frozenset[str]:
    """The columns of a file; of JSON lines, whatever any of them has."""
    with opened(path) as rows:
        if rows.columns is not None:
            return frozenset(rows.columns)
        return frozenset().union(*(row.values or () for row in rows.each))
