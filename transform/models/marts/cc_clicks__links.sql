with clicks as (
    select
        source_relation,
        campaign_activity_id,
        url_id,
        max(campaign_id) as campaign_id,
        max(link_url) as link_url,
        max(link_host) as link_host,
        max(link_path) as link_path,
        {{- click_counts('on_link') }}
    from {{ ref('int_cc_clicks__click_counts') }}
    where url_id is not null
    group by source_relation, campaign_activity_id, url_id
),

-- Includes links without clicks, and clicked links missing in the links report.
joined as (
    select
        coalesce(links.source_relation, clicks.source_relation) as source_relation,
        coalesce(links.campaign_activity_id, clicks.campaign_activity_id)
            as campaign_activity_id,
        coalesce(links.url_id, clicks.url_id) as url_id,
        coalesce(links.campaign_id, clicks.campaign_id) as campaign_id,
        coalesce(links.link_url, clicks.link_url) as link_url,
        clicks.link_host,
        clicks.link_path,
        links.link_tag,
        links.unique_clicks,
        {{ click_columns('clicks') }}
    from {{ ref('stg_cc_clicks__email_links') }} as links
    full outer join clicks
        on
            links.source_relation = clicks.source_relation
            and links.campaign_activity_id = clicks.campaign_activity_id
            and links.url_id = clicks.url_id
)

select
    *,
    {%- for kind in ['clicks', 'human_clicks'] %}
    {{ rate(
        'loaded_' ~ kind,
        'sum(loaded_' ~ kind ~ ') over (partition by source_relation, campaign_activity_id)',
    ) }} as loaded_share_of_{{ kind }}{{ ',' if not loop.last }}
    {%- endfor %}
from joined
