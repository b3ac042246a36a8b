{#- The match of a regular expression's group in a URL; null if empty. -#}
{% macro url_part(column, pattern, group) -%}
    nullif({{ adapter.dispatch('found', 'cc_clicks')(column, pattern, group) }}, '')
{%- endmacro %}

{% macro default__found(column, pattern, group) -%}
    regexp_extract({{ column }}, '{{ pattern }}', {{ group }})
{%- endmacro %}

{% macro postgres__found(column, pattern, group) -%}
    (regexp_match({{ column }}, '{{ pattern }}'))[{{ group }}]
{%- endmacro %}

{% macro snowflake__found(column, pattern, group) -%}
    regexp_substr({{ column }}, '{{ pattern }}', 1, 1, 'e', {{ group }})
{%- endmacro %}
