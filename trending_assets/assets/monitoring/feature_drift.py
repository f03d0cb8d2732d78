"""``feature_drift``: each day's titles against those of the two weeks before, by Evidently."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import numpy as np
import pyarrow as pa

from trending_assets.domain.drift.windows import REFERENCE_DAYS, comparable, reference_days
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.atomic import replacing
from trending_assets.storage.lake import Lake

if TYPE_CHECKING:
    import pandas as pd

TABLE = "feature_drift"
_TEXT_COLUMNS = ["title_id", "kind", "year", "word_count"]
_NUMERICAL, _CATEGORICAL = ["year", "word_count", "embedding_distance"], ["kind"]
_SCHEMA = pa.schema(
    [
        pa.field("column", pa.string(), False),
        pa.field("status", pa.string(), False),
        pa.field("method", pa.string()),
        pa.field("score", pa.float64()),
        pa.field("threshold", pa.float64()),
        pa.field("drifted", pa.bool_()),
        pa.field("current_rows", pa.int64(), False),
        pa.field("reference_rows", pa.int64(), False),
    ]
)


def _window() -> dg.TimeWindowPartitionMapping:
    return dg.TimeWindowPartitionMapping(start_offset=-REFERENCE_DAYS, allow_nonexistent_upstream_partitions=True)


@dg.asset(
    key=TABLE,
    deps=[dg.AssetDep(name, partition_mapping=_window()) for name in ("title_text", "title_embedding")],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.domain.drift"),
    group_name="monitoring",
    owners=[OWNER],
    kinds={"evidently", "parquet"},
    description=(
        f"Drift of each feature of a day's titles against the {REFERENCE_DAYS} days before it; unknown where "
        "either side has too few titles. The JSON and HTML reports lie beside the lake."
    ),
    metadata=column_schema(_SCHEMA),
)
def feature_drift(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Drift of each day of the run."""
    lake, reports = home.lake, home.paths.reports / TABLE
    newest = max(context.partition_keys)

    def inputs(day: str) -> dict[str, str]:
        days = [*reference_days(lake.days("title_embedding"), day), day]
        return lake.input_hashes(("title_text", "title_embedding"), days)

    def describe(day: str) -> dict[str, Any]:
        rows = lake.read(TABLE, day).to_pylist()
        drifted = [row["column"] for row in rows if row["drifted"]]
        found = {"drifted": drifted, "status": rows[0]["status"]}
        paths = {kind: reports / f"{day}.{kind}" for kind in ("json", "html")}
        return found | {f"report ({k})": dg.MetadataValue.path(str(p)) for k, p in paths.items() if p.is_file()}

    write_days(context, lake, TABLE, lambda day: _drift(lake, day, reports, html=day == newest), inputs, describe)


def _drift(lake: Lake, day: str, reports: Path, *, html: bool) -> pa.Table:
    reference_window = reference_days(lake.days("title_embedding"), day)
    current = _features(lake, [day])
    reference = _features(lake, reference_window) if reference_window else None
    sizes = {"current_rows": len(current), "reference_rows": 0 if reference is None else len(reference)}
    if reference is None or not comparable(len(current), len(reference)):
        rows = [{"column": c, "status": "unknown", **sizes} for c in (*_NUMERICAL, *_CATEGORICAL)]
        return pa.Table.from_pylist(rows, schema=_SCHEMA)
    found = _report(_with_distance(current, reference), _with_distance(reference, reference), day, reports, html=html)
    return pa.Table.from_pylist([{**row, "status": "measured", **sizes} for row in found], schema=_SCHEMA)


def _features(lake: Lake, days: list[str]) -> "pd.DataFrame":
    text: pd.DataFrame = lake.read_days("title_text", days, _TEXT_COLUMNS).to_pandas()
    # Arrow hands a nullable integer to pandas as float when a year is unknown: always float is one type less.
    text["year"] = text["year"].astype("float64")
    text["embedding"] = lake.read_days("title_embedding", days, ["embedding"])["embedding"].to_pylist()
    return text


def _with_distance(frame: "pd.DataFrame", reference: "pd.DataFrame") -> "pd.DataFrame":
    """The frame with each title's cosine distance to the centre of the reference's embeddings."""
    centre = np.stack(reference["embedding"].to_list()).mean(axis=0)
    vectors = np.stack(frame["embedding"].to_list())
    distance = 1 - vectors @ centre / np.linalg.norm(centre)
    return frame.assign(embedding_distance=distance)[[*_NUMERICAL, *_CATEGORICAL]]


def _report(
    current: "pd.DataFrame", reference: "pd.DataFrame", day: str, reports: Path, *, html: bool
) -> list[dict[str, Any]]:
    # Read at import: without it, every report is counted on its maker's server.
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift
    from evidently.presets import DataDriftPreset

    columns = DataDefinition(numerical_columns=_NUMERICAL, categorical_columns=_CATEGORICAL)
    data = Dataset.from_pandas(current, columns), Dataset.from_pandas(reference, columns)
    # The preset draws every column twice, which costs more than the measuring; it is for the page alone.
    measures = [ValueDrift(column=column) for column in (*_NUMERICAL, *_CATEGORICAL)]
    content = Report(measures, include_tests=True).run(*data).dict()
    failed = {
        test["metric_config"]["params"]["column"]: test["status"].upper().endswith("FAIL") for test in content["tests"]
    }
    rows = [
        {
            "column": metric["config"]["column"],
            "method": metric["config"]["method"],
            "score": float(metric["value"]),
            "threshold": float(metric["config"]["threshold"]),
            "drifted": failed[metric["config"]["column"]],
        }
        for metric in content["metrics"]
    ]
    staging = reports / ".staging"
    with replacing(reports / f"{day}.json", staging) as path:
        path.write_text(json.dumps(content, default=str, indent=1))
    # A page is 4 MB: it is written where there is something to look at.
    if html or any(row["drifted"] for row in rows):
        page = Report([DataDriftPreset()], include_tests=True).run(*data)
        with replacing(reports / f"{day}.html", staging) as path:
            page.save_html(str(path))
    return sorted(rows, key=lambda row: row["column"])
