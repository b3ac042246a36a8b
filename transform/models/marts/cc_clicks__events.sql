{{ config(
    materialized='incremental',
    incremental_strategy='delete+insert',
    unique_key=['source_relation', 'event_type', 'event_id'],
    on_schema_change='fail',
) }}
{#- Free text is personal data, as names are. -#}
{%- set wrote = ['opt_out_reason'] if var('cc_clicks_personal_data', false) else [] -%}
{#- Each event type with its table, its key and its additional columns. -#}
{%- set reports = {
    'send': ('email_sends', 'send_event_id', []),
    'open': ('email_opens', 'open_id', ['device_type']),
    'bounce': ('email_bounces', 'bounce_id', ['bounce_code', 'bounce_reason']),
    'unsubscribe': ('email_optouts', 'optout_id', wrote),
    'forward': ('email_forwards', 'forward_id', []),
} -%}
{%- set some = ['device_type', 'bounce_code', 'bounce_reason', 'opt_out_reason'] -%}

with reports as (
    {%- for type, (stream, key, own) in reports.items() %}
    select
        source_relation,
        cast('{{ type }}' as {{ dbt.type_string() }}) as event_type,
        {{ key }} as event_id,
        campaign_activity_id,
        campaign_id,
        contact_id,
        created_time as occurred_at,
        {%- for name in some %}
        {{ name if name in own else 'cast(null as ' ~ dbt.type_string() ~ ')' }} as {{ name }},
        {%- endfor %}
        cast(null as {{ dbt.type_string() }}) as url_id,
        cast(null as {{ dbt.type_string() }}) as link_url,
        cast(null as boolean) as is_likely_machine,
        deleted_at as contact_deleted_at
    from {{ ref('stg_cc_clicks__' ~ stream) }}
    {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

-- If only clicks were loaded, this model is empty: cc_clicks__clicks has them.
events as (
    select * from reports
    union all
    select
        source_relation,
        cast('click' as {{ dbt.type_string() }}) as event_type,
        click_id as event_id,
        campaign_activity_id,
        campaign_id,
        contact_id,
        clicked_at as occurred_at,
        device_type,
        cast(null as {{ dbt.type_string() }}) as bounce_code,
        cast(null as {{ dbt.type_string() }}) as bounce_reason,
        cast(null as {{ dbt.type_string() }}) as opt_out_reason,
        url_id,
        link_url,
        is_likely_machine,
        contact_deleted_at
    from {{ ref('cc_clicks__clicks') }}
    where exists (select 1 from reports)
)

select events.*
from events
{%- if is_incremental() %}
left join {{ this }} as built
    on
        events.source_relation = built.source_relation
        and events.event_type = built.event_type
        and events.event_id = built.event_id
where
    built.event_id is null
    {%- for name in some + [
        'campaign_id', 'link_url', 'is_likely_machine', 'contact_deleted_at',
    ] %}
    or events.{{ name }} is distinct from built.{{ name }}
    {%- endfor %}
{%- endif %}
