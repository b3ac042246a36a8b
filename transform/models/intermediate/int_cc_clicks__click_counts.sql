-- Counts clicks once, for emails, links and the reconciliation.
select
    clicks.source_relation,
    clicks.campaign_activity_id,
    clicks.url_id,
    max(clicks.campaign_id) as campaign_id,
    max(clicks.link_url) as link_url,
    max(clicks.link_host) as link_host,
    max(clicks.link_path) as link_path,
    count(*) as clicks,
    {%- for flag in [
        'is_first_click_in_email', 'is_first_click_on_link',
        'is_first_human_click_in_email', 'is_first_human_click_on_link',
    ] %}
    sum(case when clicks.{{ flag }} then 1 else 0 end)
        as {{ flag[3:] | replace('click', 'clicks') }},
    {%- endfor %}
    sum(case when clicks.is_likely_machine then 0 else 1 end) as human_clicks,
    min(clicks.clicked_at) as first_clicked_at,
    max(clicks.clicked_at) as last_clicked_at,
    -- Clicks later than the count.
    sum(case when clicks.clicked_at > activities.counted_at then 1 else 0 end)
        as since_count
from {{ ref('cc_clicks__clicks') }} as clicks
left join {{ ref('int_cc_clicks__activities') }} as activities
    on
        clicks.source_relation = activities.source_relation
        and clicks.campaign_activity_id = activities.campaign_activity_id
group by clicks.source_relation, clicks.campaign_activity_id, clicks.url_id
