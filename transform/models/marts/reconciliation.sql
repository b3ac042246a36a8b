with loaded as (
    select
        clicks.campaign_activity_id,
        count(*) as clicks_loaded,
        -- The service had not counted these when it was asked.
        sum(case when clicks.created_time > stats.last_refresh_time then 1 else 0 end)
            as clicks_since_count
    from {{ ref('stg_email_clicks') }} as clicks
    left join {{ ref('stg_campaign_activity_stats') }} as stats
        on clicks.campaign_activity_id = stats.campaign_activity_id
    group by clicks.campaign_activity_id
),

compared as (
    select
        coalesce(stats.campaign_activity_id, loaded.campaign_activity_id)
            as campaign_activity_id,
        cast(coalesce(loaded.clicks_loaded, 0) as {{ dbt.type_bigint() }})
            as clicks_loaded,
        stats.em_clicks_all as clicks_counted,
        cast(coalesce(loaded.clicks_since_count, 0) as {{ dbt.type_bigint() }})
            as clicks_since_count,
        stats.last_refresh_time as counted_at
    from {{ ref('stg_campaign_activity_stats') }} as stats
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
from judged
