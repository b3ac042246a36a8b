with recipients as (
    select
        source_relation,
        campaign_activity_id,
        contact_id,
        max(campaign_id) as campaign_id,
        {{ moment_of('min', 'send') }} as sent_at,
        {{ count_of('open') }} as opens,
        {{ moment_of('min', 'open') }} as first_opened_at,
        {{ moment_of('max', 'open') }} as last_opened_at,
        {{ count_of('click') }} as clicks,
        {{ count_of('click', 'not is_likely_machine') }} as human_clicks,
        {{ moment_of('min', 'click') }} as first_clicked_at,
        {{ moment_of('max', 'click') }} as last_clicked_at,
        {{ moment_of('min', 'bounce') }} as bounced_at,
        max(bounce_reason) as bounce_reason,
        {{ moment_of('min', 'unsubscribe') }} as unsubscribed_at,
        {{ count_of('forward') }} as forwards
    from {{ ref('cc_clicks__events') }}
    where contact_id is not null
    group by source_relation, campaign_activity_id, contact_id
)

select
    *,
    sent_at is not null and bounced_at is null as is_delivered,
    -- Null if opens were not loaded.
    case
        when max(opens) over (partition by source_relation) > 0
            then sent_at is not null and bounced_at is null and opens = 0
    end as did_not_open
from recipients
