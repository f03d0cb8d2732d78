{#
  The window of a run comes through environment variables that are read only while executing: a changed
  --vars would parse the whole project again, and env_var() in a config() is baked in at parse.
    TRENDING_LAKE      the lake's root
    TRENDING_STAGING   where this run's files are written before they are swapped into the lake
    TRENDING_DAYS      the days to compute, separated by commas
    TRENDING_LANDED    models whose days are all in the lake, for runs that compute only some models
#}
{% macro window_days() %}
  {{ return(env_var('TRENDING_DAYS', '').split(',') | select | list) }}
{% endmacro %}

{# Rows of a lake table that another asset wrote, for the days of the window, with the column `day`. #}
{% macro landed(relation, table) %}
  {%- if execute -%}
    {%- set files = [] -%}
    {%- for day in window_days() -%}
      {%- do files.append("'" ~ env_var('TRENDING_LAKE') | replace("'", "''") ~ "/" ~ table ~ "/day=" ~ day ~ "/part.parquet'") -%}
    {%- endfor -%}
    read_parquet([{{ files | join(', ') }}], hive_partitioning = true)
  {%- else -%}
    {{ relation }}
  {%- endif -%}
{% endmacro %}

{# Models that a run does not compute are read as they stand in the lake. #}
{% macro landed_models() %}
  {%- if execute -%}
    {%- for name in env_var('TRENDING_LANDED', '').split(',') | select -%}
      create or replace view {{ name }} as select * from {{ landed(none, name) }};
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{#
  One Parquet file a day, sorted by the model's key, so that the same rows give the same bytes however many
  days a run computes. Files land in the staging folder; the asset swaps them into the lake one by one after
  the tests have passed. DuckDB's COPY is not atomic, and a partitioned COPY reorders rows inside a day.
#}
{% materialization daily_parquet, adapter='duckdb' %}
  {%- set key = config.require('sorted_by') -%}
  {%- set folder = env_var('TRENDING_STAGING') ~ '/' ~ model.name -%}
  {%- set target = api.Relation.create(identifier=model.name, schema=schema, database=database, type='view') -%}

  {{ run_hooks(pre_hooks) }}
  {% call statement('main') %}
    create or replace temp table {{ model.name }}__window as ({{ sql }})
  {% endcall %}
  {# One statement for all days: dbt logs and hooks each, which takes longer than the writing. #}
  {% call statement('copies') %}
    {%- for day in window_days() %}
      copy (
        select * exclude (day) from {{ model.name }}__window where day = date '{{ day }}' order by {{ key | join(', ') }}
      ) to '{{ folder | replace("'", "''") }}/day={{ day }}/part.parquet' (format parquet, compression zstd, row_group_size 100000);
    {%- endfor %}
  {% endcall %}
  {% call statement('view') %}
    create or replace view {{ target }} as
      select * from read_parquet('{{ folder | replace("'", "''") }}/day=*/part.parquet', hive_partitioning = true)
  {% endcall %}
  {{ run_hooks(post_hooks) }}
  {% do adapter.commit() %}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}
