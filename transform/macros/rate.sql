{#- One number by another, as a fraction; null where there is nothing to divide by. -#}
{% macro rate(part, whole) -%}
    cast({{ part }} as double precision) / nullif({{ whole }}, 0)
{%- endmacro %}
