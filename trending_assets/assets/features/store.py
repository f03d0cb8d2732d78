"""``feast_registry`` and ``online_store``: what Feast knows of the features, and their newest values online."""

from datetime import date

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version

FEATURE_TABLES = ("title_text", "title_embedding", "title_tfidf", "title_masked", "title_activity")
# What is only learned from and judged by is not asked for online.
ONLINE_TABLES = ("title_text", "title_embedding", "title_tfidf", "title_activity")
POOL = "feast_registry"
_REGISTERED = pa.schema([pa.field("name", pa.string(), False), pa.field("type", pa.string(), False)])
_ONLINE = pa.schema(
    [
        pa.field("title_id", pa.string(), False),
        pa.field("feature_view", pa.string(), False),
        pa.field("feature", pa.string(), False),
        pa.field("value", pa.binary()),
        pa.field("event_timestamp", TIMESTAMP, False),
        pa.field("created", TIMESTAMP),
    ]
)


@dg.asset(
    key="feast_registry",
    deps=[dg.AssetKey(name) for name in FEATURE_TABLES],
    code_version=code_version(__name__, "feature_repo"),
    group_name="features",
    owners=[OWNER],
    kinds={"feast"},
    pool=POOL,
    description="Entities, feature views and feature services, registered with Feast.",
    metadata=column_schema(_REGISTERED),
)
def feast_registry(home: HomeResource) -> dg.MaterializeResult[None]:
    """Applies the feature repository."""
    from feature_repo.repository import apply

    registered = apply(home.paths.folder)
    rows = sum(len(names) for names in registered.values())
    return dg.MaterializeResult(
        metadata={"dagster/row_count": dg.MetadataValue.int(rows), **registered, "path": str(home.paths.feast)}
    )


@dg.asset(
    key="online_store",
    deps=[dg.AssetKey("feast_registry"), *(dg.AssetKey(name) for name in ONLINE_TABLES)],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(__name__, "feature_repo"),
    group_name="features",
    owners=[OWNER],
    kinds={"feast", "sqlite"},
    pool=POOL,
    description="The newest value of every feature, where the API reads it. An old day never overwrites a newer one.",
    metadata=column_schema(_ONLINE),
)
def online_store(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Materialises the days of the run, and whatever landed after them, to the online store."""
    from feature_repo.repository import materialize

    lake, days = home.lake, sorted(context.partition_keys)
    newest = max(days[-1], *(lake.days(name)[-1] for name in ONLINE_TABLES))
    # What was fitted since the last run changed the rows of days before this one.
    fitted = home.fitted_tfidf
    refilled = fitted.pending("online_store") and not fitted.pending("title_tfidf")
    first = min(days[0], lake.days("title_tfidf")[0]) if refilled else days[0]
    materialize(home.paths.folder, date.fromisoformat(first), date.fromisoformat(newest))
    if refilled:
        fitted.done("online_store")
    for day in days:
        rows = {f"{name} rows": lake.read(name, day, ["title_id"]).num_rows for name in ONLINE_TABLES}
        total = {"dagster/partition_row_count": dg.MetadataValue.int(sum(rows.values()))}
        context.add_asset_metadata(total | rows | {"written_up_to": newest}, partition_key=day)
