{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_relation', 'click_id'],
    on_schema_change='fail',
) }}
{%- set links = var('machine_click_links') -%}
{%- set seconds = var('machine_click_seconds') -%}
{%- set hours = var('machine_click_hours') -%}

with clicks as (
    select
        clicks.*,
        sends.sent_at,
        sends.sent_at_basis,
        -- Clicks of nobody known are of as many people.
        coalesce(clicks.contact_id, clicks.click_id) as person_id
    from {{ ref('stg_cc_clicks__email_clicks') }} as clicks
    left join {{ ref('cc_clicks__sends') }} as sends
        on
            clicks.source_relation = sends.source_relation
            and clicks.campaign_activity_id = sends.campaign_activity_id
            and sends.sent_at_basis <> 'first_click'
            and clicks.created_time >= sends.sent_at
            and (clicks.created_time < sends.next_sent_at or sends.next_sent_at is null)
),

{% if is_incremental() -%}
-- Whoever has a click that is new, or of which something is known now.
changed as (
    select distinct
        clicks.source_relation,
        clicks.person_id
    from clicks
    left join {{ this }} as built
        on
            clicks.source_relation = built.source_relation
            and clicks.click_id = built.click_id
    where
        built.click_id is null
        or clicks.campaign_id is distinct from built.campaign_id
        or clicks.link_url is distinct from built.link_url
        or clicks.deleted_at is distinct from built.contact_deleted_at
        or clicks.sent_at is distinct from built.sent_at
        or clicks.sent_at_basis is distinct from built.sent_at_basis
),

{% endif -%}
-- A link clicked again in time is one stretch: it counts from so many seconds before its
-- first click until its last.
stretches as (
    select
        clicks.*,
        row_number() over (
            partition by clicks.source_relation, clicks.person_id
            order by clicks.created_time, clicks.click_id
        ) as click_number,
        case
            when
                clicks.url_id is not null
                and coalesce(
                    {{ dbt.dateadd('second', -seconds, 'clicks.created_time') }}
                    > lag(clicks.created_time) over (
                        partition by
                            clicks.source_relation,
                            clicks.campaign_activity_id,
                            clicks.person_id,
                            clicks.url_id
                        order by clicks.created_time, clicks.click_id
                    ),
                    true
                )
                then 1
            else 0
        end as begins,
        case
            when
                clicks.url_id is not null
                and coalesce(
                    {{ dbt.dateadd('second', seconds, 'clicks.created_time') }}
                    < lead(clicks.created_time) over (
                        partition by
                            clicks.source_relation,
                            clicks.campaign_activity_id,
                            clicks.person_id,
                            clicks.url_id
                        order by clicks.created_time, clicks.click_id
                    ),
                    true
                )
                then 1
            else 0
        end as ends
    from clicks
    {%- if is_incremental() %}
    inner join changed
        on
            clicks.source_relation = changed.source_relation
            and clicks.person_id = changed.person_id
    {%- endif %}
),

-- How many links are clicked from each click on, within so many seconds: the stretches
-- that have begun by then, less those that have ended before.
counted as (
    select
        *,
        row_number() over (
            partition by source_relation, campaign_activity_id, person_id
            order by created_time, click_id
        ) as click_number_in_email,
        sum(begins) over (
            partition by source_relation, campaign_activity_id, person_id
            order by created_time
            range between unbounded preceding and interval '{{ seconds }} seconds' following
        ) - coalesce(
            sum(ends) over (
                partition by source_relation, campaign_activity_id, person_id
                order by created_time
                range between unbounded preceding
                and interval '1 microsecond' preceding
            ),
            0
        ) as links_from_here
    from stretches
),

bursts as (
    select
        *,
        max(case when links_from_here >= {{ links }} then created_time end) over (
            partition by source_relation, campaign_activity_id, person_id
            order by created_time
            range between unbounded preceding and current row
        ) as burst_began_at
    from counted
),

-- Many clicks, few links.
addresses as (
    select
        link_url,
        lower({{ url_part('link_url', '^[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#]*@)?([^/?#:]+)', 2) }})
            as link_host,
        {{ url_part('link_url', '^[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]*(/[^?#]*)', 1) }}
            as link_path
        {%- for part in ['source', 'medium', 'campaign', 'term', 'content'] %},
        {{ url_part('link_url', '[?&]utm_' ~ part ~ '=([^&#]*)', 1) }} as utm_{{ part }}
        {%- endfor %}
    from (
        select distinct link_url
        from stretches
        where link_url is not null
    ) as distinct_links
)

select
    bursts.source_relation,
    bursts.click_id,
    bursts.campaign_activity_id,
    bursts.campaign_id,
    bursts.contact_id,
    bursts.url_id,
    bursts.link_url,
    addresses.link_host,
    addresses.link_path,
    addresses.utm_source,
    addresses.utm_medium,
    addresses.utm_campaign,
    addresses.utm_term,
    addresses.utm_content,
    bursts.created_time as clicked_at,
    bursts.device_type,
    bursts.deleted_at as contact_deleted_at,
    bursts.sent_at,
    bursts.sent_at_basis,
    cast(
        {{ dbt.datediff('bursts.sent_at', 'bursts.created_time', 'minute') }}
        as {{ dbt.type_bigint() }}
    ) as minutes_since_send,
    coalesce(
        bursts.contact_id is not null
        and bursts.burst_began_at
        >= {{ dbt.dateadd('second', -seconds, 'bursts.created_time') }}
        {%- if hours is not none %}
        and (
            bursts.sent_at is null
            or bursts.created_time <= {{ dbt.dateadd('hour', hours, 'bursts.sent_at') }}
        )
        {%- endif %},
        false
    ) as is_likely_machine,
    bursts.contact_id is not null and bursts.click_number = 1
        as is_first_click_of_contact,
    bursts.contact_id is not null and bursts.click_number_in_email = 1
        as is_first_click_in_email
from bursts
left join addresses
    on bursts.link_url = addresses.link_url
