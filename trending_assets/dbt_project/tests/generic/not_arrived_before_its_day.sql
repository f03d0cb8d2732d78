{% test arrived_on_its_day(model, column_name) %}
  select day, {{ column_name }} from {{ model }} where cast({{ column_name }} as date) <> day
{% endtest %}
