{{ staged('campaigns', ['campaign_id'], {
    'campaign_id': 'text',
    'name': 'text',
    'type': 'text',
    'type_code': 'integer',
    'current_status': 'text',
    'created_at': 'moment',
    'updated_at': 'moment',
}, version='updated_at') }}
