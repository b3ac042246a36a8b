with clicks as (
    select
        campaign_activity_id,
        url_id,
        max(campaign_id) as campaign_id,
        max(link_url) as link_url,
        count(*) as clicks,
        count(distinct contact_id) as people,
        sum(case when is_likely_machine then 0 else 1 end) as human_clicks,
        count(distinct case when not is_likely_machine then contact_id end)
            as human_people,
        min(clicked_at) as first_clicked_at,
        max(clicked_at) as last_clicked_at
    from {{ ref('fct_email_clicks') }}
    where url_id is not null
    group by campaign_activity_id, url_id
),

-- Links that nobody clicked, and clicks on links that the links report does not show.
joined as (
    select
        coalesce(links.campaign_activity_id, clicks.campaign_activity_id)
            as campaign_activity_id,
        coalesce(links.url_id, clicks.url_id) as url_id,
        coalesce(links.campaign_id, clicks.campaign_id) as campaign_id,
        coalesce(links.link_url, clicks.link_url) as link_url,
        links.link_tag,
        cast(coalesce(clicks.clicks, 0) as {{ dbt.type_bigint() }}) as clicks,
        cast(coalesce(clicks.people, 0) as {{ dbt.type_bigint() }}) as people,
        cast(coalesce(clicks.human_clicks, 0) as {{ dbt.type_bigint() }})
            as human_clicks,
        cast(coalesce(clicks.human_people, 0) as {{ dbt.type_bigint() }})
            as human_people,
        links.unique_clicks as people_counted,
        clicks.first_clicked_at,
        clicks.last_clicked_at
    from {{ ref('stg_email_links') }} as links
    full outer join clicks
        on
            links.campaign_activity_id = clicks.campaign_activity_id
            and links.url_id = clicks.url_id
)

select
    *,
    {{ rate('clicks', 'sum(clicks) over (partition by campaign_activity_id)') }}
        as share_of_clicks,
    {{ rate('human_clicks', 'sum(human_clicks) over (partition by campaign_activity_id)') }}
        as share_of_human_clicks
from joined
