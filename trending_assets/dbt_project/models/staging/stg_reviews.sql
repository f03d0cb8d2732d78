{{ config(sorted_by=['review_id', 'document_sha256']) }}

with parsed as (
    select day, unnest(reviews) as review
    from {{ landed(source('parsed', 'records'), 'parsed/*') }}
),

identity as (
    select day, source, source_id, title_id
    from {{ landed(source('lake', 'title_identity'), 'title_identity') }}
)

select
    parsed.day,
    parsed.review.review_id,
    identity.title_id,
    parsed.review.source,
    parsed.review.source_title_id,
    parsed.review.author_hash,
    parsed.review.text,
    parsed.review.language,
    parsed.review.rating,
    parsed.review.rating_raw,
    parsed.review.verdict,
    parsed.review.flags,
    parsed.review.near_duplicate_of,
    parsed.review.event_time,
    parsed.review.arrived_at,
    parsed.review.document_sha256
from parsed
inner join identity
    on parsed.day = identity.day
    and parsed.review.source = identity.source
    and parsed.review.source_title_id = identity.source_id
