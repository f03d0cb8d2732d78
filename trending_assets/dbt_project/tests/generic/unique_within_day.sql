{% test unique_within_day(model, column_name) %}
  select day, {{ column_name }}, count(*) as rows_found
  from {{ model }}
  group by all
  having count(*) > 1
{% endtest %}
