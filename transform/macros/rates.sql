{#- A quotient as a fraction; null if the divisor is 0 or null. -#}
{% macro rate(part, whole) -%}
    cast({{ part }} as double precision) / nullif({{ whole }}, 0)
{%- endmacro %}

{#- The rates of an email or a campaign. -#}
{% macro email_rates() -%}
    {{ rate('deliveries', 'sends') }} as delivery_rate,
    {{ rate('unique_opens', 'deliveries') }} as open_rate,
    {{ rate('unique_clicks', 'deliveries') }} as click_rate,
    {{ rate('unique_clicks', 'unique_opens') }} as click_to_open_rate,
    {{ rate('bounces', 'sends') }} as bounce_rate,
    {{ rate('unsubscribes', 'deliveries') }} as unsubscribe_rate,
    {{ rate('abuse_reports', 'deliveries') }} as abuse_rate,
    {{ rate('loaded_human_unique_clicks', 'deliveries') }} as loaded_human_click_rate,
    {{ rate('loaded_human_unique_clicks', 'unique_opens') }}
        as loaded_human_click_to_open_rate
{%- endmacro %}
