{%- set counters = [
    'sends', 'deliveries', 'opens', 'unique_opens', 'clicks', 'unique_clicks', 'bounces',
    'forwards', 'unsubscribes', 'abuse_reports', 'did_not_opens',
] -%}

with clicks as (
    select
        source_relation,
        campaign_id,
        {{ click_counts() }}
    from {{ ref('cc_clicks__clicks') }}
    group by source_relation, campaign_id
),

emails as (
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
        max(counted_at) as counted_at
    from {{ ref('cc_clicks__emails') }}
    where campaign_id is not null
    group by source_relation, campaign_id
),

joined as (
    select
        emails.*,
        {{ click_columns('clicks') }}
    from emails
    left join clicks
        on
            emails.source_relation = clicks.source_relation
            and emails.campaign_id = clicks.campaign_id
)

select
    *,
    {{ email_rates() }}
from joined
