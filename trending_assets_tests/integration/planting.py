"""Planting faults in a lake: a file is rewritten as its asset would have left it."""

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from trending_assets_tests.integration.homes import SmallHome

Rows = list[dict[str, Any]]


def rewrite(home: SmallHome, table: str, day: str, change: Callable[[Rows], Rows]) -> None:
    """Rewrites the rows of a day under the fingerprint of the file that is there, so that it counts as current."""
    lake = home.lake
    stored, computed_from = lake.read(table, day), lake.fingerprint(table, day)
    assert computed_from is not None
    rows = change(stored.to_pylist())
    lake.write(table, pa.Table.from_pylist(rows, schema=stored.schema), day=day, computed_from=computed_from)
