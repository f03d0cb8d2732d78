"""``feast_registry`` and ``online_store``: what Feast knows of the features, and their newest values online."""

import dagster as dg
import pyarrow as pa

from trending_assets.domain.catalog.records import TIMESTAMP
from trending_assets.partitions import DAILY
from trending_assets.resources.daily import OWNER, column_schema
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import FEAST_REGISTRY
from trending_assets.resources.versions import code_version

FEATURE_TABLES = ("title_text", "title_embedding", "title_tfidf", "title_masked", "title_activity")
# What is only learned from and judged by is not asked for online.
ONLINE_TABLES = ("title_text", "title_embedding", "title_tfidf", "title_activity")
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
    pool=FEAST_REGISTRY,
    description="Entities, feature views and feature services, registered with Feast.",
    metadata=column_schema(_REGISTERED),
)
def feast_registry(home: HomeResource) -> dg.MaterializeResult[None]:
    """Applies the feature repository."""
    from feature_repo.repository import apply

    urls = home.feast_urls
    registered = apply(home.paths.folder, urls)
    rows = sum(len(names) for names in registered.values())
    # A URL may hold a password.
    where = "PostgreSQL" if urls.registry else str(home.paths.feast)
    return dg.MaterializeResult(metadata={"dagster/row_count": dg.MetadataValue.int(rows), **registered, "path": where})


@dg.asset(
    key="online_store",
    deps=[dg.AssetKey("feast_registry"), *(dg.AssetKey(name) for name in ONLINE_TABLES)],
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
    code_version=code_version(
        __name__,
        "feature_repo",
        "trending_assets.storage.online_codec",
        "trending_assets.storage.online_redis",
        "trending_assets.storage.online_rows",
        "trending_assets.storage.online_sqlite",
        "trending_assets.storage.online_store",
    ),
    group_name="features",
    owners=[OWNER],
    kinds={"feast"},
    pool=FEAST_REGISTRY,
    description=(
        "The newest value of every feature, where the API reads it. A run writes its own days, in any order: a row "
        "never takes the place of one with a newer event time, nor of one as old that was created later."
    ),
    metadata=column_schema(_ONLINE),
)
def online_store(context: dg.AssetExecutionContext, home: HomeResource) -> None:
    """Writes the days of the run to the online store, which keeps what it holds newer."""
    from feature_repo.repository import materialize

    lake, days = home.lake, sorted(context.partition_keys)
    wanted = dict.fromkeys(ONLINE_TABLES, days)
    # What was fitted since the last run changed the rows of all days, and they keep their times.
    fitted = home.fitted_tfidf
    refilled = fitted.pending("online_store") and not fitted.pending("title_tfidf")
    if refilled:
        wanted["title_tfidf"] = sorted({*days, *lake.days("title_tfidf")})
    written = materialize(home.paths.folder, wanted, home.feast_urls)
    if refilled:
        fitted.done("online_store")
    run = {f"{view} written by the run": f"{each.written} of {each.rows}" for view, each in written.items()}
    for day in days:
        rows = {f"{name} rows": lake.read(name, day, ["title_id"]).num_rows for name in ONLINE_TABLES}
        total = {"dagster/partition_row_count": dg.MetadataValue.int(sum(rows.values()))}
        context.add_asset_metadata(total | rows | run, partition_key=day)
