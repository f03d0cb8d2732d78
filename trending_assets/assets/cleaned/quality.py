"""``identity_quality``: how well the rules by name would find the titles of records whose ids are known."""

from typing import Any

import dagster as dg
import duckdb
import pyarrow as pa

from trending_assets.domain.catalog.identity_quality import IdentityQuality, measure_identity
from trending_assets.domain.catalog.records import IDENTITY_QUALITY
from trending_assets.resources.daily import OWNER, code_version_of, record_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake, MissingPartitionError

_TABLE, _INPUT = "identity_quality", "stg_titles"
_READ = "source, source_id, kind, title, original_title, year, runtime_minutes, imdb_id, external_ids, arrived_at"
_DESCRIBED = f"""
select {_READ}, document_sha256, [] as matches from titles where imdb_id is not null
qualify row_number() over (partition by source, source_id order by arrived_at desc, document_sha256) = 1
order by source, source_id
"""  # noqa: S608 - the names above alone


@dg.asset(
    key=_TABLE,
    deps=[dg.AssetKey(_INPUT)],
    code_version=code_version(__name__, "trending_assets.domain.catalog"),
    group_name="cleaned",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description=(
        "Of each source the records whose IMDb id is known, matched by name alone with what the other sources "
        "describe: precision and recall of the rules that records without ids depend on."
    ),
    metadata=record_schema(IDENTITY_QUALITY),
)
def identity_quality(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """Precision and recall by source and rule; unknown where there is nothing to compare with."""
    lake = home.lake
    days = lake.days(_INPUT)
    if not days:
        raise MissingPartitionError(f"{_INPUT}: no day has landed, so that there are no titles to match")
    write = lake.update(
        _TABLE,
        lambda: pa.Table.from_pylist(measure(lake), schema=IDENTITY_QUALITY.schema),
        version=code_version_of(context, _TABLE),
        inputs=lake.input_hashes(_INPUT, days),
    )
    shares = {
        f"{name} of {row['source']}": "unknown" if row[name] is None else round(row[name], 4)
        for row in lake.read(_TABLE).to_pylist()
        if row["rule"] is None
        for name in ("precision", "recall")
    }
    return dg.MaterializeResult(metadata=write_metadata(write, lake) | shares)


def measure(lake: Lake) -> list[dict[str, Any]]:
    """Rows of ``records.IDENTITY_QUALITY`` over all landed days."""
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        connection.from_parquet(lake.glob(_INPUT)).create_view("titles")
        rows = connection.execute(_DESCRIBED).to_arrow_table().to_pylist()
    found = []
    for source in sorted({row["source"] for row in rows}):
        others = [row for row in rows if row["source"] != source]
        quality = measure_identity(others, (row for row in rows if row["source"] == source))
        found.append(_row(source, None, quality))
        found += [_row(source, rule, answers) for rule, answers in quality.rules().items()]
    return found


def _row(source: str, rule: str | None, quality: IdentityQuality) -> dict[str, Any]:
    return {
        "source": source,
        "rule": rule,
        "labelled": len(quality.answers),
        "in_catalogue": quality.in_catalogue,
        "matched": quality.matched,
        "right": quality.right,
        "precision": quality.precision,
        # A rule's share of what could have been found says nothing by itself.
        "recall": quality.recall if rule is None else None,
    }
