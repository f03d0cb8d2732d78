{{ config(sorted_by=['title_id', 'source', 'signal', 'happened_on', 'event_id']) }}

-- What tells how much a title is talked of: reviews, one an author and day; ratings and tags, one each; page views and
-- places in lists of what is popular, one number a page or list entry and day. A copied review and one that sells
-- something say nothing of a title. What a source dates after its arrival happened when it arrived.
with said as (
    select
        day, title_id, source, 'reviews' as signal, event_time, coalesce(author_hash, review_id) as event_id,
        1.0 as events, arrived_at, document_sha256
    from {{ ref('reviews') }}
    where near_duplicate_of is null and not list_has_any(flags, ['link_only', 'spam', 'repeated'])
),

counted as (
    select
        day, title_id, source,
        case name
            when 'user_rating' then 'ratings' when 'tags' then 'tags' when 'views' then 'views' else 'ranks'
        end as signal,
        event_time,
        if(name in ('user_rating', 'tags'), document_sha256, source_title_id) as event_id,
        case name when 'user_rating' then 1.0 when 'trending_rank' then 100 / value else value end as events,
        arrived_at, document_sha256
    from {{ ref('stg_signals') }}
    where name in ('user_rating', 'tags', 'views', 'trending_rank')
)

select
    day,
    title_id,
    source,
    signal,
    least(cast(event_time as date), day) as happened_on,
    event_id,
    arg_max(events, (arrived_at, document_sha256)) as events,
    max(arrived_at) as arrived_at
from (select * from said union all select * from counted)
group by day, title_id, source, signal, happened_on, event_id
