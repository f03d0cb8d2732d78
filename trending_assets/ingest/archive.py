"""The ``archive`` source: files that a user has.

What its files hold is said by mappings. Each mapping belongs to a catalogue of its own, whose name is the
``source`` of its documents and records, so that two files of one catalogue speak of the same titles.
"""

from pathlib import Path

from trending_assets.ingest.archive_files import ArchiveError
from trending_assets.ingest.archive_mappings import Mapping, load_mapping, mapping_for, shipped
from trending_assets.ingest.archive_parser import parse
from trending_assets.ingest.source import DataCard, Source

_SUFFIXES = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")


def files_of(path: Path, mapping: str | None = None) -> list[tuple[Path, Mapping | None]]:
    """The files that a path names, each with the mapping to read it with.

    Args:
        path: a file, or a folder whose files are taken in the order of their names.
        mapping: a mapping's name or file for all of them; without it each file's name chooses a shipped one.

    Returns:
        Files with their mappings; None for a file that no mapping is for.

    Raises:
        ArchiveError: the path or the mapping does not exist, or a file's name fits more than one mapping.
    """
    if not path.exists():
        raise ArchiveError(f"{path} does not exist")
    files = [path] if path.is_file() else sorted(file for file in path.iterdir() if _is_data(file))
    if not files:
        raise ArchiveError(f"{path} holds no file that ends in {', '.join(_SUFFIXES)} or one of these and .gz")
    chosen = load_mapping(mapping) if mapping is not None else None
    return [(file, chosen or mapping_for(file.name)) for file in files]


def _is_data(file: Path) -> bool:
    return file.is_file() and file.name.lower().removesuffix(".gz").endswith(_SUFFIXES)


def _section(mapping: Mapping) -> str:
    card = mapping.card
    if card is None:
        return ""
    taken = (
        f"Nothing is taken: {mapping.skip}"
        if mapping.skip
        else f"Gives {', '.join(mapping.kinds)} of the catalogue `{mapping.source}`."
    )
    said = {
        "Origin": card.origin,
        "Licence": card.licence,
        "Fields": card.fields,
        "Known biases": card.known_biases,
        "Personal data": card.personal_data,
    }
    points = "\n".join(f"- **{name}.** {text}" for name, text in said.items())
    return f"### {card.title} (`{mapping.name}`)\n\n{taken}\n\n{points}"


SOURCE = Source(
    name="archive",
    card=DataCard(
        title="Archives",
        origin="Files that a user has: CSV, TSV, JSONL or Parquet, gzipped or not, each read with a mapping.",
        licence="Each file's own, which whoever ingests it sees to; the project ships mappings, never the data.",
        documents={
            "titles": "A row that describes a film or show, with what it counts.",
            "reviews": "A row that holds one review.",
            "signals": "A row that counts something of a title.",
        },
        known_biases=(
            "An archive shows a catalogue as it was when the file was made.",
            "Rows without a date all arrive on the day of ingestion.",
        ),
        personal_data=(
            "Rows may name or number the people who wrote or rated. Only the column of authors is ever read, and only "
            "as a keyed pseudonym; user numbers are in raw documents alone."
        ),
        notes="\n\n".join(section for mapping in shipped().values() if (section := _section(mapping))),
    ),
    label_maps={name: label_map for mapping in shipped().values() for name, label_map in mapping.label_maps.items()},
    parse=parse,
    modules=(
        "trending_assets.ingest.archive_files",
        "trending_assets.ingest.archive_mappings",
        "trending_assets.ingest.archive_parser",
        "trending_assets.ingest.archive_reader",
        "trending_assets.ingest.archive_values",
        "trending_assets.ingest.mappings",
    ),
)
