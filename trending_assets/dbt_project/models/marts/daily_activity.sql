{{ config(sorted_by=['title_id']) }}

select
    day,
    title_id,
    count(*) as review_count,
    count(*) filter (where verdict = 'fresh') as fresh_count,
    count(*) filter (where verdict = 'rotten') as rotten_count,
    max(arrived_at) as last_arrived_at
from {{ ref('reviews') }}
group by day, title_id
