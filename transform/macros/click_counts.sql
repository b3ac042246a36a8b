{#- Sums of int_cc_clicks__click_counts, with unique clicks in_email or on_link. -#}
{% macro click_counts(where) -%}
    {%- for name, counted in {
        'clicks': 'clicks',
        'unique_clicks': 'first_clicks_' ~ where,
        'human_clicks': 'human_clicks',
        'human_unique_clicks': 'first_human_clicks_' ~ where,
    }.items() %}
    cast(sum({{ counted }}) as {{ dbt.type_bigint() }}) as loaded_{{ name }},
    {%- endfor %}
    min(first_clicked_at) as first_clicked_at,
    max(last_clicked_at) as last_clicked_at
{%- endmacro %}

{#- The same columns from a left join. -#}
{% macro click_columns(clicks) -%}
    {%- for name in ['clicks', 'unique_clicks', 'human_clicks', 'human_unique_clicks'] %}
    coalesce({{ clicks }}.loaded_{{ name }}, 0) as loaded_{{ name }},
    {%- endfor %}
    {{ clicks }}.first_clicked_at,
    {{ clicks }}.last_clicked_at
{%- endmacro %}
