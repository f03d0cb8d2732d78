"""SQL over a home: every table of the lake and the gate's decisions as views of an in-memory DuckDB."""

import glob
import json
from pathlib import Path
from typing import TYPE_CHECKING

from trending_assets.storage.home import Home
from trending_assets.storage.lake import Lake

if TYPE_CHECKING:
    import duckdb

    from trending_assets.storage.registry import ModelRegistry


class NotAQueryError(ValueError):
    """The text is not one SELECT statement."""


def connect(home: Home, registry: "ModelRegistry | None" = None) -> "duckdb.DuckDBPyConnection":
    """A connection that sees each table of the lake as a view: ``raw/sample`` is ``raw_sample``.

    Args:
        home: where the lake is.
        registry: the decisions that it holds, if any, are the table ``gate_decisions``.
    """
    import duckdb

    lake = Lake(home.lake)
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    files = sorted(lake.root.glob("**/part.parquet")) if lake.root.is_dir() else []
    tables = {_table(lake.root, path): path for path in files if ".staging" not in path.parts}
    for table, path in tables.items():
        daily = path.parent.name.startswith("day=")
        source = lake.glob(table) if daily else glob.escape(str(path))
        relation = connection.read_parquet(source, hive_partitioning=daily)
        # A folder above the lake may be named like a partition too: its name is no column.
        above = [part.partition("=")[0] for part in lake.root.parts if daily and "=" in part]
        relation.project(f"* exclude ({', '.join(above)})" if above else "*").create_view(table.replace("/", "_"))
    rows = registry.decisions() if registry else []
    if rows:
        connection.execute("create table gate_decisions (id varchar, candidate varchar, champion_before varchar, "
                           "promoted boolean, reasons varchar[], numbers json, run_id varchar)")  # fmt: skip
        columns = ("id", "candidate", "champion_before", "promoted", "reasons", "numbers", "run_id")
        connection.executemany(
            "insert into gate_decisions values (?, ?, ?, ?, ?, ?, ?)",
            [[json.dumps(row[c]) if c == "numbers" else row.get(c) for c in columns] for row in rows],
        )
    return connection


def query(connection: "duckdb.DuckDBPyConnection", sql: str) -> "duckdb.DuckDBPyRelation":
    """The result of one SELECT.

    Raises:
        NotAQueryError: the text is another statement, or more than one: the lake is written by assets alone.
        duckdb.Error: DuckDB cannot run it.
    """
    import duckdb

    statements = connection.extract_statements(sql)
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise NotAQueryError("give one SELECT: the lake is written by assets alone")
    return connection.sql(sql)


def _table(root: Path, path: Path) -> str:
    folder = path.parent.parent if path.parent.name.startswith("day=") else path.parent
    return folder.relative_to(root).as_posix()
