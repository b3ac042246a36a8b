-- Activities with reports, sent or not, with all their data except clicks.
with clicked as (
    select
        source_relation,
        campaign_activity_id,
        max(campaign_id) as campaign_id,
        min(created_time) as first_clicked_at
    from {{ ref('stg_cc_clicks__email_clicks') }}
    group by source_relation, campaign_activity_id
),

history as (
    select distinct
        source_relation,
        campaign_activity_id
    from {{ ref('stg_cc_clicks__email_send_history') }}
    where {{ went_out() }}
),

-- If only clicks were loaded, activities are known from them.
known as (
    select
        source_relation,
        campaign_activity_id
    from {{ ref('stg_cc_clicks__campaign_activities') }}
    union
    select
        source_relation,
        campaign_activity_id
    from {{ ref('stg_cc_clicks__campaign_activity_stats') }}
    union
    select
        source_relation,
        campaign_activity_id
    from clicked
)

select
    known.source_relation,
    known.campaign_activity_id,
    coalesce(activities.campaign_id, stats.campaign_id, clicked.campaign_id)
        as campaign_id,
    -- Prefer campaigns: rows of activities may be older than the last change.
    coalesce(campaigns.name, activities.campaign_name) as campaign_name,
    coalesce(campaigns.type, activities.campaign_type) as campaign_type,
    coalesce(campaigns.type_code, activities.campaign_type_code) as campaign_type_code,
    coalesce(campaigns.current_status, activities.campaign_status) as campaign_status,
    coalesce(campaigns.created_at, activities.campaign_created_at)
        as campaign_created_at,
    coalesce(campaigns.updated_at, activities.campaign_updated_at)
        as campaign_updated_at,
    activities.role,
    details.subject,
    details.preheader,
    details.from_name,
    details.from_email,
    details.contact_list_ids,
    details.segment_ids,
    clicked.first_clicked_at,
    stats.em_sends as sends,
    stats.em_sends - coalesce(stats.em_bounces, 0) as deliveries,
    stats.em_opens_all as opens,
    stats.em_opens as unique_opens,
    stats.em_clicks_all as clicks,
    stats.em_clicks as unique_clicks,
    stats.em_bounces as bounces,
    stats.em_forwards as forwards,
    stats.em_optouts as unsubscribes,
    stats.em_abuse as abuse_reports,
    stats.em_not_opened as did_not_opens,
    stats.last_refresh_time as counted_at,
    coalesce(
        stats.em_sends > 0
        or clicked.first_clicked_at is not null
        or history.campaign_activity_id is not null
        or (
            stats.em_sends is null
            and activities.role = 'primary_email'
            and lower(coalesce(campaigns.current_status, activities.campaign_status))
            in ('done', 'executing')
        ),
        false
    ) as is_sent
from known
left join {{ ref('stg_cc_clicks__campaign_activities') }} as activities
    on
        known.source_relation = activities.source_relation
        and known.campaign_activity_id = activities.campaign_activity_id
left join {{ ref('stg_cc_clicks__campaigns') }} as campaigns
    on
        activities.source_relation = campaigns.source_relation
        and activities.campaign_id = campaigns.campaign_id
left join {{ ref('stg_cc_clicks__campaign_activity_details') }} as details
    on
        known.source_relation = details.source_relation
        and known.campaign_activity_id = details.campaign_activity_id
left join {{ ref('stg_cc_clicks__campaign_activity_stats') }} as stats
    on
        known.source_relation = stats.source_relation
        and known.campaign_activity_id = stats.campaign_activity_id
left join clicked
    on
        known.source_relation = clicked.source_relation
        and known.campaign_activity_id = clicked.campaign_activity_id
left join history
    on
        known.source_relation = history.source_relation
        and known.campaign_activity_id = history.campaign_activity_id
where coalesce(activities.role, '') <> 'permalink'
