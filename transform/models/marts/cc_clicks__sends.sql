with activities as (
    select
        *,
        -- The summary has the last send of a campaign: that of a resend, if any.
        row_number() over (
            partition by source_relation, campaign_id
            order by case role when 'resend' then 0 else 1 end, campaign_activity_id
        ) = 1 as is_last_of_campaign
    from {{ ref('int_cc_clicks__activities') }}
    where is_sent
),

history as (
    select
        source_relation,
        campaign_activity_id,
        send_id,
        run_date as sent_at,
        count as recipients
    from {{ ref('stg_cc_clicks__email_send_history') }}
    where {{ went_out() }}
),

summarised as (
    select
        activities.source_relation,
        activities.campaign_activity_id,
        summaries.last_sent_date as sent_at
    from activities
    inner join {{ ref('stg_cc_clicks__campaign_summaries') }} as summaries
        on
            activities.source_relation = summaries.source_relation
            and activities.campaign_id = summaries.campaign_id
    left join history
        on
            activities.source_relation = history.source_relation
            and activities.campaign_activity_id = history.campaign_activity_id
    where
        activities.is_last_of_campaign
        and summaries.last_sent_date is not null
        and history.campaign_activity_id is null
),

-- Emails without a known send, or with clicks before the send in the summary.
estimated as (
    select
        activities.source_relation,
        activities.campaign_activity_id,
        activities.first_clicked_at,
        activities.campaign_updated_at,
        case
            when
                activities.first_clicked_at < activities.campaign_updated_at
                or (
                    activities.first_clicked_at is not null
                    and activities.campaign_updated_at is null
                )
                then 'first_click'
            when lower(activities.campaign_status) in ('draft', 'scheduled', 'removed')
                then null
            when activities.campaign_updated_at is not null then 'campaign_update'
        end as sent_at_basis
    from activities
    left join history
        on
            activities.source_relation = history.source_relation
            and activities.campaign_activity_id = history.campaign_activity_id
    left join summarised
        on
            activities.source_relation = summarised.source_relation
            and activities.campaign_activity_id = summarised.campaign_activity_id
    where
        history.campaign_activity_id is null
        and (
            summarised.campaign_activity_id is null
            or activities.first_clicked_at < summarised.sent_at
        )
),

sends as (
    select
        source_relation,
        campaign_activity_id,
        send_id,
        sent_at,
        'send_history' as sent_at_basis,
        recipients
    from history
    union all
    select
        source_relation,
        campaign_activity_id,
        null as send_id,
        sent_at,
        'campaign_summary' as sent_at_basis,
        null as recipients
    from summarised
    union all
    select
        source_relation,
        campaign_activity_id,
        null as send_id,
        case sent_at_basis
            when 'campaign_update' then campaign_updated_at
            else first_clicked_at
        end as sent_at,
        sent_at_basis,
        null as recipients
    from estimated
    where sent_at_basis is not null
)

select
    *,
    row_number() over (
        partition by source_relation, campaign_activity_id
        order by sent_at, send_id
    ) as send_number,
    lead(sent_at) over (
        partition by source_relation, campaign_activity_id
        order by sent_at, send_id
    ) as next_sent_at
from sends
