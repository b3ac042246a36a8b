{#- The tables of a stream by account: one for each entry of the variable
    cc_clicks_sources, or the only one. -#}
{% macro landed_tables(stream) %}
    {%- set table = source('tap_cc_clicks', stream) -%}
    {%- set tables = {} -%}
    {%- for account in var('cc_clicks_sources', []) -%}
        {%- set place = {
            'database': account.database or table.database, 'schema': account.schema,
        } -%}
        {%- do tables.update({
            account.name or account.schema: table.incorporate(path=place)
        }) -%}
    {%- endfor -%}
    {{ return(tables or {var('cc_clicks_schema', table.schema): table}) }}
{% endmacro %}

{#- The columns of a loaded table as {name: type} in lower case; empty if the stream was
    not loaded. Raises an error if it is required, or if nothing was loaded. -#}
{% macro landed_columns(stream, table) %}
    {%- set chosen = var('cc_clicks_streams', none) -%}
    {%- if not execute or (chosen is not none and stream not in chosen) -%}
        {{ return({}) }}
    {%- endif -%}
    {%- set columns = {} -%}
    {%- if load_relation(table) -%}
        {%- for column in adapter.get_columns_in_relation(table) -%}
            {%- do columns.update({column.name | lower: column.data_type | lower}) -%}
        {%- endfor -%}
    {%- elif chosen is not none
        or stream == 'email_clicks'
        and not load_relation(table.incorporate(path={'identifier': 'campaigns'})) -%}
        {{ exceptions.raise_compiler_error(
            "There is no table " ~ table ~ ". Select the stream " ~ stream
            ~ " and load it, or set DBT_SOURCE_SCHEMA or the variables of docs/warehouse.md."
        ) }}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}

{#- Whether a table can hold copies of a row: not if it has a primary key, by which the
    loader upserts. -#}
{% macro holds_copies(table) %}
    {%- set said = var('cc_clicks_deduplicate', none) -%}
    {%- if said is none and execute -%}
        {%- set query = adapter.dispatch('primary_keys', 'cc_clicks')(table) -%}
        {{ return(not (query and run_query(query).rows)) }}
    {%- endif -%}
    {{ return(said) }}
{% endmacro %}

{#- Other databases do not list primary keys, or do not enforce them. -#}
{% macro default__primary_keys(table) %}
    {{ return(none) }}
{% endmacro %}

{% macro postgres__primary_keys(table) %}
select 1
from pg_constraint
inner join pg_class on pg_constraint.conrelid = pg_class.oid
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    contype = 'p'
    and nspname = '{{ table.schema }}'
    and relname = '{{ table.identifier }}'
{% endmacro %}

{% macro duckdb__primary_keys(table) %}
select 1
from duckdb_constraints()
where
    constraint_type = 'PRIMARY KEY'
    and schema_name = '{{ table.schema }}'
    and table_name = '{{ table.identifier }}'
    {%- if table.database %}
    and database_name = '{{ table.database }}'
    {%- endif %}
{% endmacro %}
