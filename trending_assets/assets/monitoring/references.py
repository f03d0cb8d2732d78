"""What a day is compared with: the titles that the champion was trained on, or the days before."""

from dataclasses import asdict
from typing import Any

import dagster as dg
import pyarrow as pa

from trending_assets.domain.drift.decisions import Finding
from trending_assets.domain.drift.reference import Reference, ReferenceFormatError
from trending_assets.resources.home import HomeResource
from trending_assets.storage.registry import ModelRef

SCHEMA = pa.schema(
    [
        pa.field("family", pa.string(), False),
        pa.field("column", pa.string(), False),
        pa.field("status", pa.string(), False),
        pa.field("why", pa.string(), False),
        pa.field("method", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("expected", pa.float64()),
        pa.field("p_value", pa.float64()),
        pa.field("p_adjusted", pa.float64()),
        pa.field("drifted", pa.bool_()),
        pa.field("current_rows", pa.int64(), False),
        pa.field("reference_rows", pa.int64(), False),
        pa.field("reference", pa.string(), False),
        pa.field("basis", pa.string(), False),
    ]
)
DESCRIPTIONS = {
    "family": "The columns that are judged together.",
    "column": "What is compared.",
    "status": "`measured` or `unknown`.",
    "why": "Why it is unknown; empty otherwise.",
    "method": "The distance.",
    "score": "The distance to the reference.",
    "expected": "The mean of the distance on as many rows where nothing has changed.",
    "p_value": "How often it is as large where nothing has changed.",
    "p_adjusted": "The same, adjusted for the number of columns in the family.",
    "drifted": "Whether it is unlike the reference by more than chance and by more than a trifle.",
    "current_rows": "Rows of the day.",
    "reference_rows": "Rows of the reference.",
    "reference": "The model version whose training set it is compared with, or the days before.",
    "basis": "What the day's rows are.",
}


def champion_reference(context: dg.AssetExecutionContext, home: HomeResource) -> tuple[ModelRef, Reference] | None:
    """The champion and the reference that was kept with it; None where there is no champion, or it has none."""
    champion = home.registry.aliases().get("champion")
    if champion is None:
        return None
    try:
        reference = Reference.stored(home.registry.verified(champion))
    except ReferenceFormatError as error:
        context.log.warning("the champion's reference is passed over: %s", error)
        return None
    return None if reference is None else (champion, reference)


def table_of(findings: dict[str, list[Finding]], reference: str) -> pa.Table:
    """Findings as rows of a table of drift.

    Args:
        findings: what the day's rows are → what was found of them.
        reference: what they were compared with.
    """
    rows = [
        {**asdict(finding), "reference": reference, "basis": basis}
        for basis, found in findings.items()
        for finding in found
    ]
    return pa.Table.from_pylist(sorted(rows, key=lambda row: (row["family"], row["column"])), schema=SCHEMA)


def described(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """What the UI shows of a day's rows."""
    unknown = sorted({row["why"] for row in rows if row["status"] == "unknown"})
    return {
        "reference": rows[0]["reference"],
        "drifted": [row["column"] for row in rows if row["drifted"]],
        "measured columns": sum(row["status"] == "measured" for row in rows),
        "unknown because": unknown,
    }
