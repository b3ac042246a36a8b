{%- set streams = [
    'email_clicks', 'email_sends', 'email_opens', 'email_bounces', 'email_optouts',
    'email_forwards',
] -%}
{%- set personal = var('cc_clicks_personal_data', false) -%}

with contacts as (
    select
        source_relation,
        contact_id,
        count(sent_at) as emails_sent,
        sum(case when is_delivered then 1 else 0 end) as emails_delivered,
        sum(case when opens > 0 then 1 else 0 end) as emails_opened,
        sum(case when clicks > 0 then 1 else 0 end) as emails_clicked,
        sum(opens) as opens,
        sum(clicks) as clicks,
        sum(human_clicks) as human_clicks,
        count(bounced_at) as emails_bounced,
        min(sent_at) as first_sent_at,
        max(sent_at) as last_sent_at,
        max(last_opened_at) as last_opened_at,
        max(last_clicked_at) as last_clicked_at,
        max(bounced_at) as last_bounced_at,
        max(unsubscribed_at) as unsubscribed_at
    from {{ ref('cc_clicks__recipients') }}
    group by source_relation, contact_id
)
{%- if personal %},

named as (
    select
        *,
        row_number() over (
            partition by source_relation, contact_id
            order by created_time desc
        ) as from_newest
    from (
        {%- for stream in streams %}
        select
            source_relation,
            contact_id,
            created_time,
            email_address,
            first_name,
            last_name
        from {{ ref('stg_cc_clicks__' ~ stream) }}
        {{- '\n        union all' if not loop.last }}
        {%- endfor %}
    ) as told
)
{%- endif %}

select
    contacts.source_relation,
    contacts.contact_id,
    {%- for name in ['email_address', 'first_name', 'last_name'] %}
    {%- if personal %}
    named.{{ name }},
    {%- else %}
    cast(null as {{ dbt.type_string() }}) as {{ name }},
    {%- endif %}
    {%- endfor %}
    {%- for name in [
        'emails_sent', 'emails_delivered', 'emails_opened', 'emails_clicked', 'opens',
        'clicks', 'human_clicks', 'emails_bounced',
    ] %}
    cast(contacts.{{ name }} as {{ dbt.type_bigint() }}) as {{ name }},
    {%- endfor %}
    contacts.first_sent_at,
    contacts.last_sent_at,
    contacts.last_opened_at,
    contacts.last_clicked_at,
    contacts.last_bounced_at,
    contacts.unsubscribed_at
from contacts
{%- if personal %}
left join named
    on
        contacts.source_relation = named.source_relation
        and contacts.contact_id = named.contact_id
        and named.from_newest = 1
{%- endif %}
