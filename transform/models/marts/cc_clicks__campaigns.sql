{#- A contact who clicked in an email and in its resend is counted twice. -#}
{%- set counters = [
    'sends', 'deliveries', 'opens', 'unique_opens', 'clicks', 'unique_clicks', 'bounces',
    'forwards', 'unsubscribes', 'abuse_reports', 'did_not_opens', 'loaded_clicks',
    'loaded_unique_clicks', 'loaded_human_clicks', 'loaded_human_unique_clicks',
] -%}

with emails as (
    select
        source_relation,
        campaign_id,
        max(campaign_name) as campaign_name,
        max(campaign_type) as campaign_type,
        max(campaign_type_code) as campaign_type_code,
        max(campaign_status) as campaign_status,
        max(campaign_created_at) as campaign_created_at,
        max(campaign_updated_at) as campaign_updated_at,
        count(*) as emails,
        min(sent_at) as sent_at,
        max(last_sent_at) as last_sent_at,
        {%- for name in counters %}
        cast(sum({{ name }}) as {{ dbt.type_bigint() }}) as {{ name }},
        {%- endfor %}
        max(counted_at) as counted_at,
        min(first_clicked_at) as first_clicked_at,
        max(last_clicked_at) as last_clicked_at
    from {{ ref('cc_clicks__emails') }}
    where campaign_id is not null
    group by source_relation, campaign_id
)

select
    *,
    {{ email_rates() }}
from emails
