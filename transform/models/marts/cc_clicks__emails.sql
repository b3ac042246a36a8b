with clicks as (
    select
        source_relation,
        campaign_activity_id,
        {{- click_counts('in_email') }}
    from {{ ref('int_cc_clicks__click_counts') }}
    group by source_relation, campaign_activity_id
),

sends as (
    select
        source_relation,
        campaign_activity_id,
        min(sent_at) as sent_at,
        max(case when send_number = 1 then sent_at_basis end) as sent_at_basis,
        max(sent_at) as last_sent_at,
        count(*) as times_sent
    from {{ ref('cc_clicks__sends') }}
    group by source_relation, campaign_activity_id
),

first_emails as (
    select
        source_relation,
        campaign_id,
        min(campaign_activity_id) as campaign_activity_id
    from {{ ref('int_cc_clicks__activities') }}
    where role = 'primary_email'
    group by source_relation, campaign_id
),

joined as (
    select
        activities.source_relation,
        activities.campaign_activity_id,
        activities.campaign_id,
        activities.campaign_name,
        activities.campaign_type,
        activities.campaign_type_code,
        activities.campaign_status,
        activities.campaign_created_at,
        activities.campaign_updated_at,
        activities.role,
        case when activities.role = 'resend' then first_emails.campaign_activity_id end
            as resend_of,
        activities.subject,
        activities.preheader,
        activities.from_name,
        activities.from_email,
        activities.contact_list_ids,
        activities.segment_ids,
        sends.sent_at,
        sends.sent_at_basis,
        sends.last_sent_at,
        sends.times_sent,
        activities.sends,
        activities.deliveries,
        activities.opens,
        activities.unique_opens,
        activities.clicks,
        activities.unique_clicks,
        activities.bounces,
        activities.forwards,
        activities.unsubscribes,
        activities.abuse_reports,
        activities.did_not_opens,
        activities.counted_at,
        {{ click_columns('clicks') }}
    from {{ ref('int_cc_clicks__activities') }} as activities
    left join sends
        on
            activities.source_relation = sends.source_relation
            and activities.campaign_activity_id = sends.campaign_activity_id
    left join first_emails
        on
            activities.source_relation = first_emails.source_relation
            and activities.campaign_id = first_emails.campaign_id
    left join clicks
        on
            activities.source_relation = clicks.source_relation
            and activities.campaign_activity_id = clicks.campaign_activity_id
    where activities.is_sent
)

select
    *,
    {{ email_rates() }}
from joined
