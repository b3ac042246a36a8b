{%- set columns = {
    'campaign_activity_id': 'text',
    'campaign_id': 'text',
    'document_id': 'text',
    'current_status': 'text',
    'format_type': 'integer',
    'subject': 'text',
    'preheader': 'text',
    'from_name': 'text',
    'from_email': 'text',
    'reply_to_email': 'text',
    'template_id': 'text',
    'permalink_url': 'text',
    'contact_list_ids': 'json',
    'segment_ids': 'json',
} -%}
{%- set key = ['campaign_activity_id'] -%}
{%- set shared = key + ['campaign_id', 'document_id'] -%}

with details as (
    {{ staged('campaign_activity_details', key, columns) }}
),

-- Version 0.1.0 of the tap loaded details as columns of campaign_activities.
before as (
    {{ staged(
        'campaign_activities', key, columns, version='campaign_updated_at',
        holding=columns.keys() | reject('in', shared) | list
    ) }}
)

select
    coalesce(details.source_relation, before.source_relation) as source_relation,
    {%- for name in columns %}
    coalesce(details.{{ name }}, before.{{ name }}) as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from details
full outer join before
    on
        details.source_relation = before.source_relation
        and details.campaign_activity_id = before.campaign_activity_id
