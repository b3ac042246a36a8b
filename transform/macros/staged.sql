{#- A stream in the same form for every loader: the rows of all accounts, each key once
    (the copy loaded last), and null for columns that were not selected.

    columns: {name: text, integer, moment or json}.
    version: the column of the service by which newer rows sort after older ones, for
    loaders that do not store when a row was loaded.
    holding: keep only rows with a value in any of these columns. -#}
{% macro staged(stream, key, columns, version=none, holding=none) %}
    {%- set parts = [] -%}
    {%- for account, table in landed_tables(stream).items() -%}
        {%- set landed = landed_columns(stream, table) -%}
        {%- set held = landed.keys() | select('in', holding or landed) | list -%}
        {%- if held -%}
            {%- set wanted = held if holding else none -%}
            {%- do parts.append(
                staged_table(account, table, landed, key, columns, version, wanted)
            ) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if parts -%}
{{ parts | join('\nunion all\n') }}
    {%- else -%}
select
    cast(null as {{ dbt.type_string() }}) as source_relation,
    {%- for name, kind in columns.items() %}
    {{ as_kind(name, kind, none) }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
limit 0
    {%- endif -%}
{% endmacro %}

{#- The rows of one table. If a stream map added an account_id, it names the account. -#}
{% macro staged_table(account, table, landed, key, columns, version, wanted) %}
    {%- set marked = 'account_id' in landed -%}
    {%- set copies = holds_copies(table) -%}
    {%- set newest = ['_sdc_batched_at', '_sdc_extracted_at', '_sdc_sequence', version] -%}
select
    {%- if marked %}
    coalesce(cast(account_id as {{ dbt.type_string() }}), '{{ account }}') as source_relation,
    {%- else %}
    cast('{{ account }}' as {{ dbt.type_string() }}) as source_relation,
    {%- endif %}
    {%- for name, kind in columns.items() %}
    {{ as_kind(name, kind, landed.get(name)) }} as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- if copies %}
from (
    select
        *,
        row_number() over (
            partition by {{ ((['account_id'] if marked else []) + key) | join(', ') }}
            order by
            {%- for column in newest if column in landed %}
                {{ column }} desc nulls last,
            {%- endfor %}
                {{ key[0] }}
        ) as copy_number
    from {{ table }}
    {%- if wanted %}
    where {{ wanted | join(' is not null or ') }} is not null
    {%- endif %}
) as landed
where copy_number = 1
{%- else %}
from {{ table }}
    {%- if wanted %}
where {{ wanted | join(' is not null or ') }} is not null
    {%- endif %}
{%- endif %}
{% endmacro %}

{#- A column cast to the same type in every warehouse; null if it was not loaded. -#}
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
        {#- A JSON null, as in Snowflake's variants, becomes an SQL null. -#}
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

{#- A timestamp with a time zone, or a text, as a timestamp in UTC. -#}
{% macro default__in_utc(name) -%}
    cast({{ name }} as timestamp with time zone) at time zone 'UTC'
{%- endmacro %}

{% macro snowflake__in_utc(name) -%}
    cast(convert_timezone('UTC', cast({{ name }} as timestamp_tz)) as timestamp_ntz)
{%- endmacro %}
