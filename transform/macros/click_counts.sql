{#- What is counted of cc_clicks__clicks: in_email or on_link. -#}
{% macro click_counts(where) -%}
    count(*) as loaded_clicks,
    sum(case when is_first_click_{{ where }} then 1 else 0 end) as loaded_unique_clicks,
    sum(case when is_likely_machine then 0 else 1 end) as loaded_human_clicks,
    sum(case when is_first_human_click_{{ where }} then 1 else 0 end)
        as loaded_human_unique_clicks,
    min(clicked_at) as first_clicked_at,
    max(clicked_at) as last_clicked_at
{%- endmacro %}

{#- The same columns of a join in which there need not be a click. -#}
{% macro click_columns(clicks) -%}
    {%- for name in ['clicks', 'unique_clicks', 'human_clicks', 'human_unique_clicks'] %}
    cast(coalesce({{ clicks }}.loaded_{{ name }}, 0) as {{ dbt.type_bigint() }})
        as loaded_{{ name }},
    {%- endfor %}
    {{ clicks }}.first_clicked_at,
    {{ clicks }}.last_clicked_at
{%- endmacro %}
