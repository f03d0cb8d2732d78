"""``catalog_snapshot``: the read model that lists and search are served from."""

from datetime import date

import dagster as dg
import duckdb
import pyarrow as pa

from trending_assets.domain.catalog.records import CATALOG
from trending_assets.resources.daily import OWNER, code_version_of, record_schema, write_metadata
from trending_assets.resources.home import HomeResource
from trending_assets.resources.pools import DUCKDB
from trending_assets.resources.versions import code_version
from trending_assets.storage.lake import Lake

_INPUTS = ("stg_titles", "stg_signals", "reviews", "title_identity")
# A title is held to be as good as all others until this many have rated it.
_PRIOR_RATINGS = 25

# Of each of a title's records the newest version counts, and of each property the newest record that states it.
# Reviews are counted once each, however often they arrived.
_NEWEST = "order by arrived_at desc, source, source_id"
_NEWEST_SIGNAL = "order by arrived_at desc, document_sha256"


def _stated(*columns: str) -> str:
    return ", ".join(f"first({c} {_NEWEST}) filter (where {c} is not null) as {c}" for c in columns)


# A title that was found to be another leads to it from then on; its own id becomes an alias.
_SNAPSHOT = f"""
with recursive identities as (
    select * from title_identity
    qualify row_number() over (partition by source, source_id order by day desc) = 1
),
leads as (
    select source_id as alias, title_id from identities where source in ('imdb', 'title') and source_id <> title_id
),
followed as (
    select alias, title_id from leads
    union
    select followed.alias, leads.title_id from followed join leads on followed.title_id = leads.alias
),
current as (
    select alias, title_id from followed where title_id not in (select alias from leads)
),
-- What the newest identity says of a record counts: a match may have been undone since it arrived.
owners as (
    select source, source_id, coalesce(current.title_id, identities.title_id) as title_id
    from identities left join current on identities.title_id = current.alias
),
records as (
    select stg_titles.* replace (owners.title_id as title_id)
    from stg_titles join owners using (source, source_id)
    qualify row_number() over (
        partition by owners.title_id, source, source_id order by arrived_at desc, document_sha256
    ) = 1
),
merged as (
    select
        title_id, max(arrived_at) as arrived_at,
        {_stated("source", "source_id", "kind", "title", "original_title", "year", "released", "language")},
        coalesce(first(countries {_NEWEST}) filter (where len(countries) > 0), []) as countries,
        list_sort(list_distinct(flatten(list(genres)))) as genres,
        list_sort(list_distinct(flatten(list(label_coverage)))) as label_coverage,
        {_stated("plot", "runtime_minutes", "certificate")},
        list_sort(list_distinct(flatten(list(platforms)))) as platforms,
        list_sort(list_distinct(list({{'source': source, 'source_id': source_id}}))) as sources
    from records group by title_id
),
ids as (
    select title_id, if(source in ('imdb', 'title'), source_id, source || ':' || source_id) as alias from owners
),
aliases as (
    select title_id, list_sort(list_distinct(list(alias))) as aliases from ids where alias <> title_id group by title_id
),
reviewed as (
    select owners.title_id, review_id, any_value(rating order by arrived_at) as rating
    from reviews join owners on reviews.source = owners.source and reviews.source_title_id = owners.source_id
    group by all
),
counted as (
    select title_id, count(*) as reviews_total, avg(rating) as rating_mean from reviewed group by title_id
),
signals as (
    select owners.title_id, stg_signals.source, source_title_id, name, value, arrived_at, document_sha256
    from stg_signals join owners on stg_signals.source = owners.source and source_title_id = owners.source_id
    where name in ('user_rating', 'rating', 'votes')
),
-- What a source says of all that its users gave counts as that many; a mean of unknown many counts as one.
rated as (
    select title_id, rating, cast(1 as double) as ratings from reviewed where rating is not null
    union all
    select title_id, any_value(value order by arrived_at), cast(1 as double)
    from signals where name = 'user_rating' group by title_id, source, source_title_id, document_sha256
    union all
    select title_id, rating, ratings from (
        select
            title_id, first(value {_NEWEST_SIGNAL}) filter (where name = 'rating') as rating,
            coalesce(first(value {_NEWEST_SIGNAL}) filter (where name = 'votes'), cast(1 as double)) as ratings
        from signals where name <> 'user_rating' group by title_id, source, source_title_id
    ) where rating is not null and ratings > 0
),
audience as (
    select title_id, sum(rating * ratings) as points, sum(ratings) as ratings from rated group by title_id
),
-- Bayesian mean: each title starts with some ratings as good as the mean title.
weighed as (
    select
        title_id, cast(ratings as bigint) as audience_ratings,
        (points + {_PRIOR_RATINGS} * avg(points / ratings) over ()) / (ratings + {_PRIOR_RATINGS}) as audience_rating
    from audience
)
select
    merged.*, coalesce(aliases.aliases, []) as aliases, coalesce(reviews_total, 0) as reviews_total, rating_mean,
    audience_rating, coalesce(audience_ratings, 0) as audience_ratings, $as_of as as_of
from merged
left join aliases using (title_id)
left join counted using (title_id)
left join weighed using (title_id)
order by title_id
"""  # noqa: S608 - put together from the names above alone


@dg.asset(
    key="catalog_snapshot",
    # What breaks an expectation for titles goes no further than that.
    deps=[dg.AssetKey(name) for name in (*_INPUTS, "titles")],
    code_version=code_version(__name__, "trending_assets.domain.catalog.records"),
    group_name="cleaned",
    owners=[OWNER],
    kinds={"duckdb", "parquet"},
    pool=DUCKDB,
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
    as_of = lake.days("stg_titles")[-1]
    return dg.MaterializeResult(metadata=write_metadata(write, lake) | {"as_of": as_of})


def _input_hashes(lake: Lake) -> dict[str, str]:
    return {k: v for name in _INPUTS for k, v in lake.input_hashes(name, lake.days(name)).items()}


def snapshot(lake: Lake) -> pa.Table:
    """The catalogue over every landed day: the columns of ``records.CATALOG``, one row a title.

    Raises:
        MissingPartitionError: no day has landed.
    """
    days = {name: lake.days(name) for name in _INPUTS}
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'UTC'")
        for name in _INPUTS:
            # An empty list would make an unreadable query; reading it says which table has not landed.
            lake.read_days(name, days[name][:1])
            paths = [str(lake.path(name, day)) for day in days[name]]
            # A column may be younger than a day.
            connection.from_parquet(paths, hive_partitioning=True, union_by_name=True).create_view(name)
        rows = connection.execute(_SNAPSHOT, {"as_of": date.fromisoformat(days["stg_titles"][-1])}).to_arrow_table()
    return rows.select(CATALOG.schema.names).cast(CATALOG.schema)
