"""``catalog_snapshot``: the read model that lists and search are served from."""

from datetime import date

import dagster as dg
import duckdb
import pyarrow as pa

from trending_assets.domain.catalog.records import CATALOG
from trending_assets.resources.daily import OWNER, code_version_of, record_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake

_INPUTS = ("titles", "reviews", "title_identity")

# The newest record of a title says what it is; reviews are counted once each, however often they arrived.
_SNAPSHOT = """
with newest as (
    select * from titles
    qualify row_number() over (partition by title_id order by arrived_at desc, source, source_id) = 1
),
sources as (
    select title_id, list_sort(list_distinct(list({'source': source, 'source_id': source_id}))) as sources
    from titles group by title_id
),
aliases as (
    select title_id, list_sort(list_distinct(list(source || ':' || source_id))) as aliases
    from title_identity where source || ':' || source_id <> title_id group by title_id
),
reviewed as (
    select title_id, review_id, min(day) as day, any_value(rating order by arrived_at) as rating
    from reviews group by title_id, review_id
),
activity as (
    select
        title_id,
        count(*) filter (where day = $as_of) as reviews_1d,
        count(*) filter (where day > $as_of - interval 7 days) as reviews_7d,
        count(*) as reviews_total,
        avg(rating) as rating_mean
    from reviewed group by title_id
)
select
    newest.title_id, newest.source, newest.source_id, kind, title, original_title, year, released, language, countries,
    genres, label_coverage, plot, runtime_minutes, sources.sources, coalesce(aliases.aliases, []) as aliases,
    arrived_at, coalesce(reviews_1d, 0) as reviews_1d, coalesce(reviews_7d, 0) as reviews_7d,
    coalesce(reviews_total, 0) as reviews_total, rating_mean, $as_of as as_of
from newest
join sources using (title_id)
left join aliases using (title_id)
left join activity using (title_id)
order by title_id
"""


@dg.asset(
    key="catalog_snapshot",
    deps=[dg.AssetKey(name) for name in _INPUTS],
    code_version=code_version(__name__, "trending_assets.domain.catalog.records"),
    group_name="cleaned",
    owners=[OWNER],
    kinds={"duckdb", "parquet"},
    description="Every title as it stands at the newest landed day, with its sources, aliases and review counts.",
    metadata=record_schema(CATALOG),
)
def catalog_snapshot(context: dg.AssetExecutionContext, home: HomeResource) -> dg.MaterializeResult[None]:
    """The catalogue at the newest landed day."""
    lake = home.lake
    version = code_version_of(context, "catalog_snapshot")
    hashes = None
    # Another run may land a day meanwhile, and its snapshot may be the one that this one replaces.
    while (landed := _input_hashes(lake)) != hashes:
        hashes = landed
        write = lake.update("catalog_snapshot", lambda: snapshot(lake), version=version, inputs=hashes)
    as_of = lake.days("titles")[-1]
    return dg.MaterializeResult(metadata=write_metadata(write, lake) | {"as_of": as_of})


def _input_hashes(lake: Lake) -> dict[str, str]:
    return {k: v for name in _INPUTS for k, v in lake.input_hashes(name, lake.days(name)).items()}


def snapshot(lake: Lake) -> pa.Table:
    """The catalogue over every landed day: the columns of ``records.CATALOG``, one row a title.

    Raises:
        MissingPartitionError: no day of titles has landed.
    """
    days = {name: lake.days(name) for name in _INPUTS}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name in _INPUTS:
            # An empty list would make an unreadable query; reading it says which table has not landed.
            lake.read_days(name, days[name][:1])
            paths = [str(lake.path(name, day)) for day in days[name]]
            connection.from_parquet(paths, hive_partitioning=True).create_view(name)
        rows = connection.execute(_SNAPSHOT, {"as_of": date.fromisoformat(days["titles"][-1])}).to_arrow_table()
    return rows.select(CATALOG.schema.names).cast(CATALOG.schema)
