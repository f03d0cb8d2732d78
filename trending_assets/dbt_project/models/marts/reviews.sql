{{ config(sorted_by=['title_id', 'review_id']) }}

-- A review that arrives twice on a day, word for word, counts once.
select *
from {{ ref('stg_reviews') }}
qualify row_number() over (
    partition by day, review_id
    order by arrived_at, document_sha256
) = 1
