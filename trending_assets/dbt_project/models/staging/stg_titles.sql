{{ config(sorted_by=['title_id', 'source', 'source_id']) }}

with parsed as (
    select day, unnest(titles) as title
    from {{ landed(source('parsed', 'records'), 'parsed/*') }}
),

identity as (
    select day, source, source_id, title_id
    from {{ landed(source('lake', 'title_identity'), 'title_identity') }}
)

select
    parsed.day,
    identity.title_id,
    parsed.title.source,
    parsed.title.source_id,
    parsed.title.kind,
    parsed.title.title,
    parsed.title.original_title,
    parsed.title.year,
    parsed.title.released,
    parsed.title.language,
    parsed.title.countries,
    parsed.title.genres,
    parsed.title.label_coverage,
    parsed.title.labels_complete,
    parsed.title.plot,
    parsed.title.runtime_minutes,
    parsed.title.certificate,
    parsed.title.platforms,
    parsed.title.imdb_id,
    parsed.title.external_ids,
    parsed.title.event_time,
    parsed.title.arrived_at,
    parsed.title.document_sha256
from parsed
inner join identity
    on parsed.day = identity.day
    and parsed.title.source = identity.source
    and parsed.title.source_id = identity.source_id
