{%- macro counted(type, also='true') -%}
    cast(sum(case when event_type = '{{ type }}' and {{ also }} then 1 else 0 end)
        as {{ dbt.type_bigint() }})
{%- endmacro -%}
{%- macro moment(which, type) -%}
    {{ which }}(case when event_type = '{{ type }}' then occurred_at end)
{%- endmacro -%}

with recipients as (
    select
        source_relation,
        campaign_activity_id,
        contact_id,
        max(campaign_id) as campaign_id,
        {{ moment('min', 'send') }} as sent_at,
        {{ counted('open') }} as opens,
        {{ moment('min', 'open') }} as first_opened_at,
        {{ moment('max', 'open') }} as last_opened_at,
        {{ counted('click') }} as clicks,
        {{ counted('click', 'not is_likely_machine') }} as human_clicks,
        {{ moment('min', 'click') }} as first_clicked_at,
        {{ moment('max', 'click') }} as last_clicked_at,
        {{ moment('min', 'bounce') }} as bounced_at,
        max(bounce_reason) as bounce_reason,
        {{ moment('min', 'unsubscribe') }} as unsubscribed_at,
        {{ counted('forward') }} as forwards
    from {{ ref('cc_clicks__events') }}
    where contact_id is not null
    group by source_relation, campaign_activity_id, contact_id
)

select
    *,
    sent_at is not null and bounced_at is null as is_delivered,
    sent_at is not null and bounced_at is null and opens = 0 as did_not_open
from recipients
