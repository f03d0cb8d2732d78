"""``title_identity``: which title each record speaks of, how that is known and how sure it is."""

from collections import Counter

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.identity import identify
from trending_assets.domain.catalog.records import IDENTITY
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, record_schema, write_days
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version


@dg.asset(
    key="title_identity",
    deps=[dg.AssetKey(["parsed", "sample"])],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "trending_assets.domain.catalog"),
    group_name="cleaned",
    owners=[OWNER],
    kinds={"python", "parquet"},
    description="Which title each record speaks of: one row a record, with the method and its confidence.",
    metadata=record_schema(IDENTITY),
)
def title_identity(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Identities found on each day."""
    lake = home.lake

    def build(day: str) -> pa.Table:
        parsed = lake.read("parsed/sample", day, ["titles", "reviews", "signals"])
        return pa.Table.from_pylist(identify(parsed.to_pylist()), schema=IDENTITY.schema)

    write_days(
        context,
        lake,
        "title_identity",
        build=build,
        inputs=lambda day: lake.input_hashes("parsed/sample", [day]),
        describe=lambda day: {"methods": dict(Counter(lake.read("title_identity", day)["method"].to_pylist()))},
    )
