with first_clicks as (
    select
        campaign_activity_id,
        min(created_time) as first_clicked_at
    from {{ ref('stg_email_clicks') }}
    group by campaign_activity_id
),

described as (
    select
        activities.campaign_activity_id,
        activities.campaign_id,
        activities.role,
        -- A campaign that changes its status or name does not always have new activities.
        coalesce(campaigns.name, activities.campaign_name) as campaign_name,
        coalesce(campaigns.type, activities.campaign_type) as campaign_type,
        coalesce(campaigns.type_code, activities.campaign_type_code)
            as campaign_type_code,
        coalesce(campaigns.current_status, activities.campaign_status)
            as campaign_status,
        coalesce(campaigns.created_at, activities.campaign_created_at)
            as campaign_created_at,
        coalesce(campaigns.updated_at, activities.campaign_updated_at)
            as campaign_updated_at,
        details.subject,
        details.from_name,
        details.from_email,
        details.contact_list_ids,
        details.segment_ids,
        first_clicks.first_clicked_at,
        stats.em_sends as sends,
        stats.em_sends - coalesce(stats.em_bounces, 0) as delivered,
        stats.em_opens as people_opened,
        stats.em_clicks as people_clicked,
        stats.em_clicks_all as clicks_counted,
        stats.last_refresh_time as counted_at
    from {{ ref('stg_campaign_activities') }} as activities
    left join {{ ref('stg_campaigns') }} as campaigns
        on activities.campaign_id = campaigns.campaign_id
    left join {{ ref('stg_campaign_activity_details') }} as details
        on activities.campaign_activity_id = details.campaign_activity_id
    left join {{ ref('stg_campaign_activity_stats') }} as stats
        on activities.campaign_activity_id = stats.campaign_activity_id
    left join first_clicks
        on activities.campaign_activity_id = first_clicks.campaign_activity_id
),

based as (
    select
        *,
        case
            when role = 'permalink' then null
            when
                first_clicked_at < campaign_updated_at
                or (first_clicked_at is not null and campaign_updated_at is null)
                then 'first_click'
            when lower(campaign_status) in ('draft', 'scheduled', 'removed') then null
            when campaign_updated_at is not null then 'campaign_update'
        end as sent_at_basis
    from described
)

select
    *,
    case sent_at_basis
        when 'campaign_update' then campaign_updated_at
        when 'first_click' then first_clicked_at
    end as sent_at_estimate
from based
