{%- set links = var('machine_click_links') -%}
{%- set seconds = var('machine_click_seconds') -%}
{%- set hours = var('machine_click_hours') -%}

with clicks as (
    select * from {{ ref('stg_email_clicks') }}
),

-- Few contacts click so many links of one email at all: only they are looked at closely.
eager_contacts as (
    select
        campaign_activity_id,
        contact_id
    from clicks
    group by campaign_activity_id, contact_id
    having count(distinct url_id) >= {{ links }}
),

eager_clicks as (
    select clicks.*
    from clicks
    inner join eager_contacts
        on
            clicks.campaign_activity_id = eager_contacts.campaign_activity_id
            and clicks.contact_id = eager_contacts.contact_id
),

bursts as (
    select
        opening.campaign_activity_id,
        opening.contact_id,
        opening.created_time as started_at,
        {{ dbt.dateadd('second', seconds, 'opening.created_time') }} as ended_at
    from eager_clicks as opening
    inner join eager_clicks as later
        on
            opening.campaign_activity_id = later.campaign_activity_id
            and opening.contact_id = later.contact_id
            and opening.created_time <= later.created_time
            and {{ dbt.dateadd('second', seconds, 'opening.created_time') }} >= later.created_time
    group by
        opening.campaign_activity_id, opening.contact_id, opening.created_time
    having count(distinct later.url_id) >= {{ links }}
),

burst_clicks as (
    select distinct eager_clicks.click_id
    from eager_clicks
    inner join bursts
        on
            eager_clicks.campaign_activity_id = bursts.campaign_activity_id
            and eager_clicks.contact_id = bursts.contact_id
            and eager_clicks.created_time between bursts.started_at and bursts.ended_at
),

sends as (
    select
        campaign_activity_id,
        sent_at_estimate as sent_at
    from {{ ref('dim_campaign_activities') }}
    where sent_at_basis = 'campaign_update'
)

select
    clicks.click_id,
    clicks.campaign_activity_id,
    clicks.campaign_id,
    clicks.contact_id,
    clicks.url_id,
    clicks.link_url,
    clicks.created_time as clicked_at,
    clicks.device_type,
    clicks.deleted_at as contact_deleted_at,
    coalesce(
        burst_clicks.click_id is not null
        {%- if hours is not none %}
        and (
            sends.sent_at is null
            or clicks.created_time <= {{ dbt.dateadd('hour', hours, 'sends.sent_at') }}
        )
        {%- endif %},
        false
    ) as is_likely_machine,
    row_number() over (
        partition by clicks.contact_id
        order by clicks.created_time, clicks.click_id
    ) = 1 as is_first_click_of_contact,
    row_number() over (
        partition by clicks.campaign_activity_id, clicks.contact_id
        order by clicks.created_time, clicks.click_id
    ) = 1 as is_first_click_in_activity,
    cast(
        {{ dbt.datediff('sends.sent_at', 'clicks.created_time', 'minute') }} as {{ dbt.type_bigint() }}
    ) as minutes_since_send
from clicks
left join burst_clicks
    on clicks.click_id = burst_clicks.click_id
left join sends
    on clicks.campaign_activity_id = sends.campaign_activity_id
