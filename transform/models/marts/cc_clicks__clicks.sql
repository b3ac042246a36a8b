{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_relation', 'click_id'],
    on_schema_change='fail',
) }}
{%- set links = var('machine_click_links') -%}
{%- set seconds = var('machine_click_seconds') -%}
{%- set hours = var('machine_click_hours') -%}
{%- set sends %}
    left join {{ ref('cc_clicks__sends') }} as sends
        on
            clicks.source_relation = sends.source_relation
            and clicks.campaign_activity_id = sends.campaign_activity_id
            and sends.sent_at_basis <> 'first_click'
            and clicks.created_time >= sends.sent_at
            and (clicks.created_time < sends.next_sent_at or sends.next_sent_at is null)
{%- endset %}
{#- Clicks of nobody known are of as many people. -#}
{%- set person = 'coalesce(clicks.contact_id, clicks.click_id)' %}

with
{%- if is_incremental() %}

-- People with a click that is new, or of which something else is known now.
changed as (
    select distinct
        clicks.source_relation,
        {{ person }} as person_id
    from {{ ref('stg_cc_clicks__email_clicks') }} as clicks
    {{- sends }}
    left join {{ this }} as built
        on
            clicks.source_relation = built.source_relation
            and clicks.click_id = built.click_id
    where
        built.click_id is null
        or clicks.campaign_id is distinct from built.campaign_id
        or clicks.link_url is distinct from built.link_url
        or clicks.deleted_at is distinct from built.contact_deleted_at
        or sends.sent_at is distinct from built.sent_at
        or sends.sent_at_basis is distinct from built.sent_at_basis
),
{%- endif %}

clicks as (
    select
        clicks.*,
        sends.sent_at,
        sends.sent_at_basis,
        {{ person }} as person_id
    from {{ ref('stg_cc_clicks__email_clicks') }} as clicks
    {{- sends }}
    {%- if is_incremental() %}
    inner join changed
        on
            clicks.source_relation = changed.source_relation
            and {{ person }} = changed.person_id
    {%- endif %}
),

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

judged as (
    select
        *,
        coalesce(
            contact_id is not null
            and burst_began_at >= {{ dbt.dateadd('second', -seconds, 'created_time') }}
            {%- if hours is not none %}
            and (
                sent_at is null
                or created_time <= {{ dbt.dateadd('hour', hours, 'sent_at') }}
            )
            {%- endif %},
            false
        ) as is_likely_machine
    from bursts
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
        from clicks
        where link_url is not null
    ) as distinct_links
)

select
    judged.source_relation,
    judged.click_id,
    judged.campaign_activity_id,
    judged.campaign_id,
    judged.contact_id,
    judged.url_id,
    judged.link_url,
    addresses.link_host,
    addresses.link_path,
    addresses.utm_source,
    addresses.utm_medium,
    addresses.utm_campaign,
    addresses.utm_term,
    addresses.utm_content,
    judged.created_time as clicked_at,
    judged.device_type,
    judged.deleted_at as contact_deleted_at,
    judged.sent_at,
    judged.sent_at_basis,
    cast(
        {{ dbt.datediff('judged.sent_at', 'judged.created_time', 'minute') }}
        as {{ dbt.type_bigint() }}
    ) as minutes_since_send,
    judged.is_likely_machine,
    judged.contact_id is not null and judged.click_number = 1
        as is_first_click_of_contact,
    judged.contact_id is not null and judged.click_number_in_email = 1
        as is_first_click_in_email,
    judged.contact_id is not null
    and not judged.is_likely_machine
    and sum(case when judged.is_likely_machine then 0 else 1 end) over (
        partition by
            judged.source_relation, judged.campaign_activity_id, judged.person_id
        order by judged.created_time, judged.click_id
        rows between unbounded preceding and current row
    ) = 1 as is_first_human_click_in_email
from judged
left join addresses
    on judged.link_url = addresses.link_url
