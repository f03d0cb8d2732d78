"""Predictions for files in the layouts that the archive source reads."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from serving.batch import BadLineError, Row, checked_instance, rows_of_json_lines
from trending_assets.ingest.archive_files import ArchiveError, opened
from trending_assets.ingest.archive_mappings import Mapping, Name, Titles, load_mapping, mapping_for, shipped
from trending_assets.ingest.archive_parser import headers, parse
from trending_assets.ingest.archive_reader import read_archive
from trending_assets.ingest.documents import Document, MalformedRecordError

_NOT_READ = ("original_title", "language", "genres", "labels", "imdb_id")
_READ = ("title", "plot", "kind", "year", "countries", "runtime_minutes", "certificate", "platforms")
# What helps where a row has it and it makes sense.
_FACTS = ("year", "released", "countries", "runtime", "certificate", "platforms")
_PLAIN = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def titles_in(path: Path, mapping: str | None = None, left_out: list[str] | None = None) -> Iterator[Row]:
    """The titles in a file, in order: their ids, which are the catalogue's own, and what models read of them.

    JSON lines hold a title_id and what the API takes of a title. Any other file, and any for which a mapping is named,
    is read as an archive's: a year, countries, running time, certificate or platforms that make no sense are as good
    as unknown, and so is a name where there is a plot.

    Args:
        path: the file.
        mapping: a mapping's name or file; without it the file's name chooses a shipped one, or else its columns do.
        left_out: gets a line for each row of an archive of which something was taken for unknown.

    Raises:
        ArchiveError: no mapping fits, or the file has not its columns.
        BadLineError: a row is not a title.
    """
    if mapping is None and path.name.lower().endswith(_PLAIN):
        return rows_of_json_lines(path)
    by_file = mapping_for(path.name) if mapping is None else load_mapping(mapping)
    chosen = by_file or _mapping_for_columns(_columns(path))
    if chosen is None or chosen.titles is None:
        raise ArchiveError(
            f"{path.name}: no mapping of titles is for a file of that name or of its columns; name one with --mapping"
        )
    return _rows_of_archive(path, chosen, chosen.titles, [] if left_out is None else left_out)


def _mapping_for_columns(columns: frozenset[str]) -> Mapping | None:
    """The shipped mapping of which a file has all that a prediction needs and the most else; None where no one has."""
    found: dict[int, list[Mapping]] = {}
    for mapping in shipped().values():
        if mapping.titles is None or mapping.titles.plot is None:
            continue
        needed = mapping.titles.model_copy(update=dict.fromkeys((*_NOT_READ, *_FACTS)) | {"external_ids": {}})
        if _of(mapping, needed).required <= columns:
            found.setdefault(len(mapping.required & columns), []).append(mapping)
    best = found[max(found)] if found else []
    return best[0] if len(best) == 1 else None


def _rows_of_archive(path: Path, mapping: Mapping, titles: Titles, left_out: list[str]) -> Iterator[Row]:
    # Nothing is asked of a file but what models read: one to be predicted need not have labels.
    kept = titles.model_copy(update=dict.fromkeys(_NOT_READ) | {"external_ids": {}})
    columns = _columns(path)
    for name in _FACTS:
        without = kept.model_copy(update={name: None})
        if _of(mapping, kept).required - _of(mapping, without).required - columns:
            kept = without
    needed = _of(mapping, kept)
    for number, document in enumerate(read_archive(path, needed, ingest_day=datetime.now(UTC).date()), start=1):
        where = f"{path}, row {number}"
        try:
            yield _row(document, where)
        except BadLineError as error:
            # A row that could not be read has headers of its own, which say so.
            if document.headers != headers(needed):
                raise
            usable = _usable(document, mapping, kept, where)
            left_out.append(str(error))
            yield usable


def _usable(document: Document, mapping: Mapping, titles: Titles, where: str) -> Row:
    """A row without those of its facts that make no sense, and without a name where it has only a plot."""

    def read(described: Titles, *, named: bool = True) -> Row:
        return _row(replace(document, headers=headers(_of(mapping, described))), where, named=named)

    bare = titles.model_copy(update=dict.fromkeys(_FACTS))
    # A record needs a name, and the API does not: the plot stands in for it while the record is read.
    told = bare.model_copy(update={"title": Name(column=titles.plot.column)}) if titles.plot else bare
    named = _reads(lambda: read(bare)) or not _reads(lambda: read(told, named=False))
    described = bare if named else told
    for name in _FACTS:
        known = described.model_copy(update={name: getattr(titles, name)})
        if _reads(partial(read, known, named=named)):
            described = known
    return read(described, named=named)


def _reads(read: Callable[[], Row]) -> bool:
    try:
        read()
    except BadLineError:
        return False
    return True


def _row(document: Document, where: str, *, named: bool = True) -> Row:
    try:
        (title,) = parse(document).titles
    except MalformedRecordError as error:
        raise BadLineError(f"{where}: {error}") from None
    row = {key: title[key] for key in _READ} | ({} if named else {"title": ""})
    return title["source_id"], checked_instance(row, where)


def _of(mapping: Mapping, titles: Titles) -> Mapping:
    return Mapping(name=f"{mapping.name}_to_predict", source=mapping.source, titles=titles)


def _columns(path: Path) -> frozenset[str]:
    """The columns of a file; of JSON lines, whatever any of them has."""
    with opened(path) as rows:
        if rows.columns is not None:
            return frozenset(rows.columns)
        return frozenset().union(*(row.values or () for row in rows.each))
