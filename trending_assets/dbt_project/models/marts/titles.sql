{{ config(sorted_by=['title_id']) }}

-- What was learned of a title on a day: the newest record of that day, whatever its source.
select *
from {{ ref('stg_titles') }}
qualify row_number() over (
    partition by day, title_id
    order by arrived_at desc, source, source_id
) = 1
