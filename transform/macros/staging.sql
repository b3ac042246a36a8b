{#- The columns of a landed table as {name: type}, in small letters; none, or an error, if
    there is no such table. -#}
{% macro landed_columns(table, optional=false) %}
    {%- set columns = {} -%}
    {%- if execute and load_relation(table) -%}
        {%- for column in adapter.get_columns_in_relation(table) -%}
            {%- do columns.update({column.name | lower: column.data_type | lower}) -%}
        {%- endfor -%}
    {%- elif execute and not optional -%}
        {{ exceptions.raise_compiler_error(
            "There is no table " ~ table ~ ". Select the stream " ~ table.identifier
            ~ " and load it, or set DBT_SOURCE_SCHEMA to the loader's schema."
        ) }}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}

{#- A stream as the tap describes it, whatever the loader made of it: each key once (the
    copy that was loaded last), columns that were not selected as null.

    columns: {name: text, integer, moment or json}.
    version: the column by which the service itself tells newer rows from older ones, for
    loaders that do not note when they loaded what.
    optional: whether the stream need not have been loaded.
    holding: only rows with a value in any of these columns; none if none of them landed. -#}
{% macro staged(stream, key, columns, version=none, optional=false, holding=none) %}
    {%- set table = source('tap_cc_clicks', stream) -%}
    {%- set landed = landed_columns(table, optional) -%}
    {%- set held = landed.keys() | select('in', holding or landed) | list -%}
    {%- set newest = ['_sdc_batched_at', '_sdc_extracted_at', '_sdc_sequence', version] -%}
select
    {%- for name, kind in columns.items() %}
    {{ as_kind(name, kind, landed.get(name) if held else none) }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- if held %}
from (
    select
        *,
        row_number() over (
            partition by {{ key | join(', ') }}
            order by
            {%- for column in newest if column in landed %}
                {{ column }} desc nulls last,
            {%- endfor %}
                {{ key[0] }}
        ) as copy_number
    from {{ table }}
    {%- if holding %}
    where {{ held | join(' is not null or ') }} is not null
    {%- endif %}
) as landed
where copy_number = 1
{%- else %}
limit 0
{%- endif %}
{% endmacro %}

{#- A landed column in the type that it has in every warehouse; null if it did not land. -#}
{% macro as_kind(name, kind, landed_type) %}
    {%- set types = {
        'text': dbt.type_string(),
        'integer': dbt.type_bigint(),
        'moment': dbt.type_timestamp(),
        'json': dbt.type_string(),
    } -%}
    {%- set naive = is_naive(landed_type or '') -%}
    {%- if landed_type is none -%}
        cast(null as {{ types[kind] }})
    {%- elif kind == 'moment' and not naive -%}
        {{ adapter.dispatch('in_utc', 'cc_clicks')(name) }}
    {%- elif kind == 'json' -%}
        {#- A null within JSON, as in Snowflake's variants, is one in SQL too. -#}
        {%- set json = name if is_text(landed_type) else 'to_json(' ~ name ~ ')' -%}
        nullif(cast({{ json }} as {{ types[kind] }}), 'null')
    {%- else -%}
        cast({{ name }} as {{ types[kind] }})
    {%- endif -%}
{% endmacro %}

{% macro is_naive(landed_type) %}
    {%- set zoned = ['with time zone', 'timestamptz', '_tz', '_ltz'] -%}
    {{ return(
        landed_type == 'date' or landed_type.startswith('timestamp')
        and not zoned | select('in', landed_type) | list
    ) }}
{% endmacro %}

{% macro is_text(landed_type) %}
    {%- set names = ['text', 'varchar', 'character varying', 'string'] -%}
    {{ return(names | select('in', landed_type) | list | length > 0 and '[]' not in landed_type) }}
{% endmacro %}

{#- A moment with a zone, or written as text, as a timestamp in UTC. -#}
{% macro default__in_utc(name) -%}
    cast({{ name }} as timestamp with time zone) at time zone 'UTC'
{%- endmacro %}

{% macro snowflake__in_utc(name) -%}
    cast(convert_timezone('UTC', cast({{ name }} as timestamp_tz)) as timestamp_ntz)
{%- endmacro %}
