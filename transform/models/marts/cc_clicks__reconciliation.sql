{#- The counter of each kind. Clicks, opens and sends count events, the others people. -#}
{%- set counters = {
    'click': 'em_clicks_all',
    'open': 'em_opens_all',
    'send': 'em_sends',
    'bounce': 'em_bounces',
    'unsubscribe': 'em_optouts',
    'forward': 'em_forwards',
} -%}

with loaded as (
    select
        source_relation,
        campaign_activity_id,
        'click' as kind,
        sum(clicks) as loaded,
        sum(since_count) as since_count
    from {{ ref('int_cc_clicks__click_counts') }}
    group by source_relation, campaign_activity_id
    union all
    select
        events.source_relation,
        events.campaign_activity_id,
        events.event_type as kind,
        case
            when events.event_type in ('open', 'send') then count(*)
            else count(distinct coalesce(events.contact_id, events.event_id))
        end as loaded,
        -- Events later than the count.
        sum(case when events.occurred_at > stats.last_refresh_time then 1 else 0 end)
            as since_count
    from {{ ref('cc_clicks__events') }} as events
    left join {{ ref('stg_cc_clicks__campaign_activity_stats') }} as stats
        on
            events.source_relation = stats.source_relation
            and events.campaign_activity_id = stats.campaign_activity_id
    where events.event_type <> 'click'
    group by events.source_relation, events.campaign_activity_id, events.event_type
),

counted as (
    {%- for kind, counter in counters.items() %}
    select
        source_relation,
        campaign_activity_id,
        '{{ kind }}' as kind,
        {{ counter }} as counted,
        last_refresh_time as counted_at
    from {{ ref('stg_cc_clicks__campaign_activity_stats') }}
    {%- if kind != 'click' %}
    -- Skip kinds that an account never loaded.
    where source_relation in (select source_relation from loaded where kind = '{{ kind }}')
    {%- endif %}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

compared as (
    select
        coalesce(counted.source_relation, loaded.source_relation) as source_relation,
        coalesce(counted.campaign_activity_id, loaded.campaign_activity_id)
            as campaign_activity_id,
        coalesce(counted.kind, loaded.kind) as kind,
        cast(coalesce(loaded.loaded, 0) as {{ dbt.type_bigint() }}) as loaded,
        counted.counted,
        cast(coalesce(loaded.since_count, 0) as {{ dbt.type_bigint() }}) as since_count,
        counted.counted_at
    from counted
    full outer join loaded
        on
            counted.source_relation = loaded.source_relation
            and counted.campaign_activity_id = loaded.campaign_activity_id
            and counted.kind = loaded.kind
),

judged as (
    select
        *,
        loaded - counted as difference,
        case
            when counted is null then 'not counted'
            when loaded = counted then 'ok'
            when loaded > counted then 'ahead'
            else 'behind'
        end as verdict
    from compared
)

select
    source_relation,
    campaign_activity_id,
    kind,
    loaded,
    counted,
    difference,
    verdict,
    since_count,
    counted_at,
    case
        when verdict = 'not counted'
            then 'The service gave no count: the activity is gone, or was not asked about.'
        when verdict = 'ahead' and difference <= since_count
            then 'Younger than the count; it catches up.'
        when verdict = 'ahead'
            then 'The count is late, or never holds some rows that the report shows.'
        when verdict = 'behind'
            then 'Left out by start_date or url_ids, read before they were in the report, '
                || 'or counted and never shown.'
    end as reason
from judged
