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
{#- Each click without a contact counts as a person. -#}
{%- set person = 'coalesce(clicks.contact_id, clicks.click_id)' %}

with
{%- if is_incremental() %}

-- People with a new or changed click.
changed as (
    select
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
        clicks.source_relation,
        clicks.click_id,
        clicks.campaign_activity_id,
        clicks.campaign_id,
        clicks.contact_id,
        {{ person }} as person_id,
        clicks.url_id,
        clicks.link_url,
        clicks.created_time as clicked_at,
        clicks.device_type,
        clicks.deleted_at as contact_deleted_at,
        sends.sent_at,
        sends.sent_at_basis
    from {{ ref('stg_cc_clicks__email_clicks') }} as clicks
    {{- sends }}
    {%- if is_incremental() %}
    where
        (clicks.source_relation, {{ person }})
        in (select source_relation, person_id from changed)
    {%- endif %}
),

on_links as (
    select
        *,
        {%- for step in ['lag', 'lead'] %}
        {{ step }}(clicked_at) over (
            partition by source_relation, campaign_activity_id, person_id, url_id
            order by clicked_at, click_id
        ) as {{ step }}_clicked_at,
        {%- endfor %}
        row_number() over (
            partition by source_relation, campaign_activity_id, person_id, url_id
            order by clicked_at, click_id
        ) as click_number_on_link
    from clicks
),

-- Repeated clicks on a link within the window form one stretch, which counts from one
-- window before its first click until its last.
stretches as (
    select
        *,
        case
            when url_id is null then 0
            when lag_clicked_at >= {{ dbt.dateadd('second', '-' ~ seconds, 'clicked_at') }} then 0
            else 1
        end as begins,
        case
            when url_id is null then 0
            when lead_clicked_at <= {{ dbt.dateadd('second', seconds, 'clicked_at') }} then 0
            else 1
        end as ends
    from on_links
),

-- The number of links clicked within the window that starts at each click: the stretches
-- begun by its end minus those ended before it.
counted as (
    select
        *,
        row_number() over (
            partition by source_relation, campaign_activity_id, person_id
            order by clicked_at, click_id
        ) as click_number_in_email,
        sum(begins) over (
            partition by source_relation, campaign_activity_id, person_id
            order by clicked_at
            range between unbounded preceding
            and interval '{{ seconds }} seconds' following
        ) - coalesce(
            sum(ends) over (
                partition by source_relation, campaign_activity_id, person_id
                order by clicked_at
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
        max(case when links_from_here >= {{ links }} then clicked_at end) over (
            partition by source_relation, campaign_activity_id, person_id
            order by clicked_at
            range between unbounded preceding and current row
        ) as burst_began_at
    from counted
),

judged as (
    select
        *,
        coalesce(
            contact_id is not null
            and burst_began_at >= {{ dbt.dateadd('second', '-' ~ seconds, 'clicked_at') }}
            {%- if hours is not none %}
            and (
                sent_at is null
                or clicked_at <= {{ dbt.dateadd('hour', hours, 'sent_at') }}
            )
            {%- endif %},
            false
        ) as is_likely_machine
    from bursts
),

in_emails as (
    select
        *,
        sum(case when is_likely_machine then 0 else 1 end) over (
            partition by source_relation, campaign_activity_id, person_id
            order by clicked_at, click_id
            rows between unbounded preceding and current row
        ) as human_clicks_in_email
    from judged
),

numbered as (
    select
        *,
        sum(case when is_likely_machine then 0 else 1 end) over (
            partition by source_relation, campaign_activity_id, person_id, url_id
            order by clicked_at, click_id
            rows between unbounded preceding and current row
        ) as human_clicks_on_link,
        row_number() over (
            partition by source_relation, person_id
            order by clicked_at, click_id
        ) as click_number
    from in_emails
),

-- Distinct URLs, as there are far fewer links than clicks.
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
        from {{ 'clicks' if is_incremental() else ref('stg_cc_clicks__email_clicks') }}
        where link_url is not null
    ) as distinct_links
)

select
    numbered.source_relation,
    numbered.click_id,
    numbered.campaign_activity_id,
    numbered.campaign_id,
    numbered.contact_id,
    numbered.url_id,
    numbered.link_url,
    addresses.link_host,
    addresses.link_path,
    {%- for part in ['source', 'medium', 'campaign', 'term', 'content'] %}
    addresses.utm_{{ part }},
    {%- endfor %}
    numbered.clicked_at,
    numbered.device_type,
    numbered.contact_deleted_at,
    numbered.sent_at,
    numbered.sent_at_basis,
    cast(
        {{ dbt.datediff('numbered.sent_at', 'numbered.clicked_at', 'minute') }}
        as {{ dbt.type_bigint() }}
    ) as minutes_since_send,
    numbered.is_likely_machine,
    {%- set known = 'numbered.contact_id is not null' %}
    {{ known }} and numbered.click_number = 1 as is_first_click_of_contact,
    {{ known }} and numbered.click_number_in_email = 1 as is_first_click_in_email,
    {{ known }} and numbered.url_id is not null and numbered.click_number_on_link = 1
        as is_first_click_on_link,
    {%- set human = known ~ ' and not numbered.is_likely_machine' %}
    {{ human }} and numbered.human_clicks_in_email = 1 as is_first_human_click_in_email,
    {{ human }} and numbered.url_id is not null and numbered.human_clicks_on_link = 1
        as is_first_human_click_on_link
from numbered
left join addresses
    on numbered.link_url = addresses.link_url
