{#- The number of events of a type in cc_clicks__events. -#}
{% macro count_of(type, also='true') -%}
    cast(
        sum(case when event_type = '{{ type }}' and {{ also }} then 1 else 0 end)
        as {{ dbt.type_bigint() }}
    )
{%- endmacro %}

{#- The time of the first (min) or last (max) event of a type. -#}
{% macro moment_of(which, type) -%}
    {{ which }}(case when event_type = '{{ type }}' then occurred_at end)
{%- endmacro %}

{#- Whether a row of email_send_history is a send to at least one contact. -#}
{% macro went_out() -%}
    run_date is not null
    and coalesce(upper(send_status), '') <> 'ERRORED'
    and coalesce(count, 1) > 0
{%- endmacro %}
