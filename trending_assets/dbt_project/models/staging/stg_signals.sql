{{ config(sorted_by=['title_id', 'source', 'name', 'document_sha256']) }}

with parsed as (
    select day, unnest(signals) as signal
    from {{ landed(source('parsed', 'records'), 'parsed/*') }}
),

identity as (
    select day, source, source_id, title_id
    from {{ landed(source('lake', 'title_identity'), 'title_identity') }}
)

select
    parsed.day,
    identity.title_id,
    parsed.signal.source,
    parsed.signal.source_title_id,
    parsed.signal.name,
    parsed.signal.value,
    parsed.signal.event_time,
    parsed.signal.arrived_at,
    parsed.signal.document_sha256
from parsed
inner join identity
    on parsed.day = identity.day
    and parsed.signal.source = identity.source
    and parsed.signal.source_title_id = identity.source_id
