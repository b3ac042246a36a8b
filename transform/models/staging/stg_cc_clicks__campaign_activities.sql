{{ staged('campaign_activities', ['campaign_activity_id'], {
    'campaign_activity_id': 'text',
    'campaign_id': 'text',
    'role': 'text',
    'campaign_name': 'text',
    'campaign_type': 'text',
    'campaign_type_code': 'integer',
    'campaign_status': 'text',
    'campaign_created_at': 'moment',
    'campaign_updated_at': 'moment',
    'document_id': 'text',
}, version='campaign_updated_at') }}
