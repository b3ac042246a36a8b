with clicks as (
    select
        campaign_activity_id,
        count(*) as clicks,
        count(distinct contact_id) as people,
        sum(case when is_likely_machine then 0 else 1 end) as human_clicks,
        count(distinct case when not is_likely_machine then contact_id end)
            as human_people,
        max(clicked_at) as last_clicked_at
    from {{ ref('fct_email_clicks') }}
    group by campaign_activity_id
)

select
    activities.campaign_activity_id,
    activities.campaign_id,
    activities.sends,
    activities.delivered,
    activities.people_opened,
    activities.people_clicked,
    cast(coalesce(clicks.clicks, 0) as {{ dbt.type_bigint() }}) as clicks,
    cast(coalesce(clicks.people, 0) as {{ dbt.type_bigint() }}) as people,
    cast(coalesce(clicks.human_clicks, 0) as {{ dbt.type_bigint() }}) as human_clicks,
    cast(coalesce(clicks.human_people, 0) as {{ dbt.type_bigint() }}) as human_people,
    activities.first_clicked_at,
    clicks.last_clicked_at,
    {{ rate('activities.people_clicked', 'activities.delivered') }}
        as click_through_rate,
    {{ rate('activities.people_clicked', 'activities.people_opened') }}
        as click_to_open_rate,
    {{ rate('coalesce(clicks.human_people, 0)', 'activities.delivered') }}
        as human_click_through_rate,
    {{ rate('coalesce(clicks.human_people, 0)', 'activities.people_opened') }}
        as human_click_to_open_rate
from {{ ref('dim_campaign_activities') }} as activities
left join clicks
    on activities.campaign_activity_id = clicks.campaign_activity_id
where activities.role in ('primary_email', 'resend')
