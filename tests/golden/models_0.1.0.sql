-- The models of version 0.1.0, as dbt made them for PostgreSQL: tests/loaders/models.py.
drop schema if exists cc_clicks_before cascade;

create schema cc_clicks_before;

create view cc_clicks_before.stg_campaigns as
select
    cast(campaign_id as TEXT) as campaign_id,
    cast(name as TEXT) as name,
    cast(type as TEXT) as type,
    cast(type_code as bigint) as type_code,
    cast(current_status as TEXT) as current_status,
    cast(created_at as timestamp) as created_at,
    cast(updated_at as timestamp) as updated_at
from (
    select
        *,
        row_number() over (
            partition by campaign_id
            order by
                _sdc_batched_at desc nulls last,
                updated_at desc nulls last,
                campaign_id
        ) as copy_number
    from "tap_cc_clicks"."campaigns"
) as landed
where copy_number = 1;

create view cc_clicks_before.stg_campaign_activity_stats as
select
    cast(campaign_activity_id as TEXT) as campaign_activity_id,
    cast(campaign_id as TEXT) as campaign_id,
    cast(last_refresh_time as timestamp) as last_refresh_time,
    cast(em_sends as bigint) as em_sends,
    cast(em_opens as bigint) as em_opens,
    cast(em_opens_all as bigint) as em_opens_all,
    cast(em_opens_all_computer as bigint) as em_opens_all_computer,
    cast(em_opens_all_mobile as bigint) as em_opens_all_mobile,
    cast(em_opens_all_tablet as bigint) as em_opens_all_tablet,
    cast(em_opens_all_other as bigint) as em_opens_all_other,
    cast(em_opens_all_none as bigint) as em_opens_all_none,
    cast(em_clicks as bigint) as em_clicks,
    cast(em_clicks_all as bigint) as em_clicks_all,
    cast(em_clicks_all_computer as bigint) as em_clicks_all_computer,
    cast(em_clicks_all_mobile as bigint) as em_clicks_all_mobile,
    cast(em_clicks_all_tablet as bigint) as em_clicks_all_tablet,
    cast(em_clicks_all_other as bigint) as em_clicks_all_other,
    cast(em_clicks_all_none as bigint) as em_clicks_all_none,
    cast(em_bounces as bigint) as em_bounces,
    cast(em_bounces_blocked as bigint) as em_bounces_blocked,
    cast(em_bounces_mailbox_full as bigint) as em_bounces_mailbox_full,
    cast(em_bounces_nonexistent_address as bigint) as em_bounces_nonexistent_address,
    cast(em_bounces_other as bigint) as em_bounces_other,
    cast(em_bounces_suspended as bigint) as em_bounces_suspended,
    cast(em_bounces_undeliverable as bigint) as em_bounces_undeliverable,
    cast(em_bounces_vacation as bigint) as em_bounces_vacation,
    cast(em_forwards as bigint) as em_forwards,
    cast(em_optouts as bigint) as em_optouts,
    cast(em_abuse as bigint) as em_abuse,
    cast(em_not_opened as bigint) as em_not_opened
from (
    select
        *,
        row_number() over (
            partition by campaign_activity_id
            order by
                _sdc_batched_at desc nulls last,
                last_refresh_time desc nulls last,
                campaign_activity_id
        ) as copy_number
    from "tap_cc_clicks"."campaign_activity_stats"
) as landed
where copy_number = 1;

create view cc_clicks_before.stg_email_clicks as
select
    cast(click_id as TEXT) as click_id,
    cast(campaign_activity_id as TEXT) as campaign_activity_id,
    cast(campaign_id as TEXT) as campaign_id,
    cast(contact_id as TEXT) as contact_id,
    cast(url_id as TEXT) as url_id,
    cast(link_url as TEXT) as link_url,
    cast(created_time as timestamp) as created_time,
    cast(device_type as TEXT) as device_type,
    cast(tracking_activity_type as TEXT) as tracking_activity_type,
    cast(email_address as TEXT) as email_address,
    cast(first_name as TEXT) as first_name,
    cast(last_name as TEXT) as last_name,
    cast(deleted_at as timestamp) as deleted_at
from (
    select
        *,
        row_number() over (
            partition by click_id
            order by
                _sdc_batched_at desc nulls last,
                click_id
        ) as copy_number
    from "tap_cc_clicks"."email_clicks"
) as landed
where copy_number = 1;

create view cc_clicks_before.stg_campaign_activities as
select
    cast(campaign_activity_id as TEXT) as campaign_activity_id,
    cast(campaign_id as TEXT) as campaign_id,
    cast(role as TEXT) as role,
    cast(campaign_name as TEXT) as campaign_name,
    cast(campaign_type as TEXT) as campaign_type,
    cast(campaign_type_code as bigint) as campaign_type_code,
    cast(campaign_status as TEXT) as campaign_status,
    cast(campaign_created_at as timestamp) as campaign_created_at,
    cast(campaign_updated_at as timestamp) as campaign_updated_at,
    cast(document_id as TEXT) as document_id,
    cast(null as TEXT) as current_status,
    cast(null as bigint) as format_type,
    cast(null as TEXT) as subject,
    cast(null as TEXT) as preheader,
    cast(null as TEXT) as from_name,
    cast(null as TEXT) as from_email,
    cast(null as TEXT) as reply_to_email,
    cast(null as TEXT) as template_id,
    cast(null as TEXT) as permalink_url,
    cast(null as TEXT) as contact_list_ids,
    cast(null as TEXT) as segment_ids
from (
    select
        *,
        row_number() over (
            partition by campaign_activity_id
            order by
                _sdc_batched_at desc nulls last,
                campaign_updated_at desc nulls last,
                campaign_activity_id
        ) as copy_number
    from "tap_cc_clicks"."campaign_activities"
) as landed
where copy_number = 1;

create view cc_clicks_before.stg_email_links as
select
    cast(campaign_activity_id as TEXT) as campaign_activity_id,
    cast(url_id as TEXT) as url_id,
    cast(campaign_id as TEXT) as campaign_id,
    cast(link_url as TEXT) as link_url,
    cast(unique_clicks as bigint) as unique_clicks,
    cast(list_action as TEXT) as list_action,
    cast(list_id as TEXT) as list_id,
    cast(link_tag as TEXT) as link_tag
from (
    select
        *,
        row_number() over (
            partition by campaign_activity_id, url_id
            order by
                _sdc_batched_at desc nulls last,
                campaign_activity_id
        ) as copy_number
    from "tap_cc_clicks"."email_links"
) as landed
where copy_number = 1;

create table cc_clicks_before.dim_campaign_activities as
with first_clicks as (
    select
        campaign_activity_id,
        min(created_time) as first_clicked_at
    from cc_clicks_before."stg_email_clicks"
    group by campaign_activity_id
),
described as (
    select
        activities.campaign_activity_id,
        activities.campaign_id,
        activities.role,
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
        activities.subject,
        activities.from_name,
        activities.from_email,
        activities.contact_list_ids,
        activities.segment_ids,
        first_clicks.first_clicked_at,
        stats.em_sends as sends,
        stats.em_sends - coalesce(stats.em_bounces, 0) as delivered,
        stats.em_opens as people_opened,
        stats.em_clicks as people_clicked,
        stats.em_clicks_all as clicks_counted,
        stats.last_refresh_time as counted_at
    from cc_clicks_before."stg_campaign_activities" as activities
    left join cc_clicks_before."stg_campaigns" as campaigns
        on activities.campaign_id = campaigns.campaign_id
    left join cc_clicks_before."stg_campaign_activity_stats" as stats
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
from based;

create table cc_clicks_before.reconciliation as
with loaded as (
    select
        clicks.campaign_activity_id,
        count(*) as clicks_loaded,
        sum(case when clicks.created_time > stats.last_refresh_time then 1 else 0 end)
            as clicks_since_count
    from cc_clicks_before."stg_email_clicks" as clicks
    left join cc_clicks_before."stg_campaign_activity_stats" as stats
        on clicks.campaign_activity_id = stats.campaign_activity_id
    group by clicks.campaign_activity_id
),
compared as (
    select
        coalesce(stats.campaign_activity_id, loaded.campaign_activity_id)
            as campaign_activity_id,
        cast(coalesce(loaded.clicks_loaded, 0) as bigint)
            as clicks_loaded,
        stats.em_clicks_all as clicks_counted,
        cast(coalesce(loaded.clicks_since_count, 0) as bigint)
            as clicks_since_count,
        stats.last_refresh_time as counted_at
    from cc_clicks_before."stg_campaign_activity_stats" as stats
    full outer join loaded
        on stats.campaign_activity_id = loaded.campaign_activity_id
),
judged as (
    select
        *,
        clicks_loaded - clicks_counted as difference,
        case
            when clicks_counted is null then 'not counted'
            when clicks_loaded = clicks_counted then 'ok'
            when clicks_loaded > clicks_counted then 'ahead'
            else 'behind'
        end as verdict
    from compared
)
select
    campaign_activity_id,
    clicks_loaded,
    clicks_counted,
    difference,
    verdict,
    clicks_since_count,
    counted_at,
    case
        when verdict = 'not counted'
            then 'The service gave no count: the activity is gone, or was not asked about.'
        when verdict = 'ahead' and difference <= clicks_since_count
            then 'Clicks younger than the count; it catches up.'
        when verdict = 'ahead'
            then 'The count is late, or never holds some clicks that the report shows.'
        when verdict = 'behind'
            then 'Left out by start_date or url_ids, read before they were in the report, '
                || 'or counted and never shown.'
    end as reason
from judged;

create table cc_clicks_before.fct_email_clicks as
with clicks as (
    select * from cc_clicks_before."stg_email_clicks"
),
eager_contacts as (
    select
        campaign_activity_id,
        contact_id
    from clicks
    group by campaign_activity_id, contact_id
    having count(distinct url_id) >= 3
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
    opening.created_time + ((interval '1 second') * (10))
 as ended_at
    from eager_clicks as opening
    inner join eager_clicks as later
        on
            opening.campaign_activity_id = later.campaign_activity_id
            and opening.contact_id = later.contact_id
            and opening.created_time <= later.created_time
            and 
    opening.created_time + ((interval '1 second') * (10))
 >= later.created_time
    group by
        opening.campaign_activity_id, opening.contact_id, opening.created_time
    having count(distinct later.url_id) >= 3
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
    from cc_clicks_before."dim_campaign_activities"
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
        and (
            sends.sent_at is null
            or clicks.created_time <= 
    sends.sent_at + ((interval '1 hour') * (24))
        ),
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
        (
        (
        ((clicks.created_time)::date - (sends.sent_at)::date)
     * 24 + date_part('hour', (clicks.created_time)::timestamp) - date_part('hour', (sends.sent_at)::timestamp))
     * 60 + date_part('minute', (clicks.created_time)::timestamp) - date_part('minute', (sends.sent_at)::timestamp))
     as bigint
    ) as minutes_since_send
from clicks
left join burst_clicks
    on clicks.click_id = burst_clicks.click_id
left join sends
    on clicks.campaign_activity_id = sends.campaign_activity_id;

create table cc_clicks_before.fct_link_performance as
with clicks as (
    select
        campaign_activity_id,
        url_id,
        max(campaign_id) as campaign_id,
        max(link_url) as link_url,
        count(*) as clicks,
        count(distinct contact_id) as people,
        sum(case when is_likely_machine then 0 else 1 end) as human_clicks,
        count(distinct case when not is_likely_machine then contact_id end)
            as human_people,
        min(clicked_at) as first_clicked_at,
        max(clicked_at) as last_clicked_at
    from cc_clicks_before."fct_email_clicks"
    where url_id is not null
    group by campaign_activity_id, url_id
),
joined as (
    select
        coalesce(links.campaign_activity_id, clicks.campaign_activity_id)
            as campaign_activity_id,
        coalesce(links.url_id, clicks.url_id) as url_id,
        coalesce(links.campaign_id, clicks.campaign_id) as campaign_id,
        coalesce(links.link_url, clicks.link_url) as link_url,
        links.link_tag,
        cast(coalesce(clicks.clicks, 0) as bigint) as clicks,
        cast(coalesce(clicks.people, 0) as bigint) as people,
        cast(coalesce(clicks.human_clicks, 0) as bigint)
            as human_clicks,
        cast(coalesce(clicks.human_people, 0) as bigint)
            as human_people,
        links.unique_clicks as people_counted,
        clicks.first_clicked_at,
        clicks.last_clicked_at
    from cc_clicks_before."stg_email_links" as links
    full outer join clicks
        on
            links.campaign_activity_id = clicks.campaign_activity_id
            and links.url_id = clicks.url_id
)
select
    *,
    cast(clicks as double precision) / nullif(sum(clicks) over (partition by campaign_activity_id), 0)
        as share_of_clicks,
    cast(human_clicks as double precision) / nullif(sum(human_clicks) over (partition by campaign_activity_id), 0)
        as share_of_human_clicks
from joined;

create table cc_clicks_before.fct_campaign_activity_performance as
with clicks as (
    select
        campaign_activity_id,
        count(*) as clicks,
        count(distinct contact_id) as people,
        sum(case when is_likely_machine then 0 else 1 end) as human_clicks,
        count(distinct case when not is_likely_machine then contact_id end)
            as human_people,
        max(clicked_at) as last_clicked_at
    from cc_clicks_before."fct_email_clicks"
    group by campaign_activity_id
)
select
    activities.campaign_activity_id,
    activities.campaign_id,
    activities.sends,
    activities.delivered,
    activities.people_opened,
    activities.people_clicked,
    cast(coalesce(clicks.clicks, 0) as bigint) as clicks,
    cast(coalesce(clicks.people, 0) as bigint) as people,
    cast(coalesce(clicks.human_clicks, 0) as bigint) as human_clicks,
    cast(coalesce(clicks.human_people, 0) as bigint) as human_people,
    activities.first_clicked_at,
    clicks.last_clicked_at,
    cast(activities.people_clicked as double precision) / nullif(activities.delivered, 0)
        as click_through_rate,
    cast(activities.people_clicked as double precision) / nullif(activities.people_opened, 0)
        as click_to_open_rate,
    cast(coalesce(clicks.human_people, 0) as double precision) / nullif(activities.delivered, 0)
        as human_click_through_rate,
    cast(coalesce(clicks.human_people, 0) as double precision) / nullif(activities.people_opened, 0)
        as human_click_to_open_rate
from cc_clicks_before."dim_campaign_activities" as activities
left join clicks
    on activities.campaign_activity_id = clicks.campaign_activity_id
where activities.role in ('primary_email', 'resend');
