{{ config(sorted_by=['title_id']) }}

-- What was learned of a title on a day, of all sources: of each property the newest record that states it, and
-- the genres that any record gives. A slug is unknown only where no record's source can express it.
{% set newest = "order by arrived_at desc, source, source_id" %}
select
    day,
    title_id,
    {% for column in ['source', 'source_id', 'kind', 'title'] -%}
    first({{ column }} {{ newest }}) as {{ column }},
    {% endfor -%}
    {% for column in ['original_title', 'year', 'released', 'language'] -%}
    first({{ column }} {{ newest }}) filter (where {{ column }} is not null) as {{ column }},
    {% endfor -%}
    coalesce(first(countries {{ newest }}) filter (where len(countries) > 0), []) as countries,
    list_sort(list_distinct(flatten(list(genres)))) as genres,
    list_sort(list_distinct(flatten(list(label_coverage)))) as label_coverage,
    {% for column in ['plot', 'runtime_minutes', 'certificate', 'imdb_id'] -%}
    first({{ column }} {{ newest }}) filter (where {{ column }} is not null) as {{ column }},
    {% endfor -%}
    list_sort(list_distinct(flatten(list(platforms)))) as platforms,
    list_sort(list_distinct(flatten(list(external_ids)))) as external_ids,
    {% for column in ['event_time', 'arrived_at', 'document_sha256'] -%}
    first({{ column }} {{ newest }}) as {{ column }}{{ "," if not loop.last }}
    {% endfor %}
from {{ ref('stg_titles') }}
group by day, title_id
