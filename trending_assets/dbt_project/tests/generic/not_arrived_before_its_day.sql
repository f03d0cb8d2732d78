{# A live source that is asked about a past day answers later, and what it says arrives then. #}
{% test not_arrived_before_its_day(model, column_name) %}
  select day, {{ column_name }} from {{ model }} where cast({{ column_name }} as date) < day
{% endtest %}
