"""Daily tables: how an asset writes its partitions and what it says of each."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.records import Record
from trending_assets.storage.lake import Lake, Write

OWNER = "team:trending-now"


def write_days(
    context: dg.AssetExecutionContext,
    lake: Lake,
    table: str,
    build: Callable[[str], pa.Table],
    inputs: Callable[[str], Mapping[str, str]],
    describe: Callable[[str], Mapping[str, Any]] | None = None,
) -> None:
    """Writes every day of the run in order, skipping days whose inputs and code have not changed.

    Args:
        context: of an asset with a code version; each day's rows and hash become its metadata.
        lake: the lake.
        table: the table, which is the asset's key.
        build: day → rows.
        inputs: day → name and hash of each input.
        describe: day → further metadata, called after the day was written.
    """
    version = code_version_of(context, table)
    for day in sorted(context.partition_keys):
        with naming(table, day):
            write = lake.update(table, lambda day=day: build(day), version=version, inputs=inputs(day), day=day)  # type: ignore[misc]
            extra = dict(describe(day)) if describe else {}
            context.add_asset_metadata(write_metadata(write, lake) | extra, partition_key=day)


@contextmanager
def naming(table: str, day: str) -> Iterator[None]:
    """Names the day of the table in what is raised within: a run of many days has to say which of them is bad."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{table} of {day}")
        raise


def write_rows(context: dg.AssetExecutionContext, lake: Lake, table: str, rows: pa.Table, day: str) -> Write:
    """Writes rows of a day unless the same are there already.

    For a table whose days are made from many others: the rows themselves say whether any of those changed.
    """
    digest = hashlib.sha256(json.dumps(rows.to_pylist(), default=str).encode()).hexdigest()
    return lake.update(table, lambda: rows, version=code_version_of(context, table), inputs={"rows": digest}, day=day)


def code_version_of(context: dg.AssetExecutionContext, table: str) -> str:
    """The code version of the asset that writes a table."""
    version: str | None = context.assets_def.code_versions_by_key[dg.AssetKey(table.split("/"))]
    if version is None:
        raise ValueError(f"asset {table} states no code version")
    return version


def write_metadata(write: Write, lake: Lake) -> dict[str, Any]:
    """What the UI shows of a write: row count, file, hash, whether it was skipped, and the first rows."""
    path = {"path": dg.MetadataValue.path(str(lake.path(write.table, write.day)))}
    return path | rows_metadata(write, lake.read(write.table, write.day))


def rows_metadata(write: Write, rows: pa.Table) -> dict[str, Any]:
    """What the UI shows of a write wherever it went: row count, hash, whether it was skipped, and the first rows."""
    count = "dagster/partition_row_count" if write.day else "dagster/row_count"
    return {
        count: dg.MetadataValue.int(write.rows),
        "sha256": write.sha256,
        "unchanged": dg.MetadataValue.bool(write.skipped),
        "preview": dg.MetadataValue.md(_markdown(rows.slice(0, 5))),
    }


def column_schema(schema: pa.Schema, descriptions: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Definition metadata that states a table's columns."""
    columns = [
        dg.TableColumn(
            name=field.name,
            type=str(field.type),
            description=(descriptions or {}).get(field.name),
            constraints=dg.TableColumnConstraints(nullable=field.nullable),
        )
        for field in schema
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def record_schema(record: Record) -> dict[str, Any]:
    """Definition metadata that states a record's columns and what they mean."""
    return column_schema(record.schema, {column.name: column.description for column in record.columns})


def _markdown(rows: pa.Table, width: int = 80) -> str:
    def cell(value: object) -> str:
        text = "…bytes…" if isinstance(value, bytes) else str(value)
        return (text if len(text) <= width else f"{text[: width - 1]}…").replace("|", "\\|").replace("\n", " ")

    header = f"| {' | '.join(rows.schema.names)} |\n|{'---|' * rows.num_columns}"
    body = "\n".join(f"| {' | '.join(cell(v) for v in row.values())} |" for row in rows.to_pylist())
    return f"{header}\n{body}"
