{{ staged('email_opens', ['open_id'], {
    'open_id': 'text',
    'campaign_activity_id': 'text',
    'campaign_id': 'text',
    'contact_id': 'text',
    'created_time': 'moment',
    'device_type': 'text',
    'tracking_activity_type': 'text',
    'email_address': 'text',
    'first_name': 'text',
    'last_name': 'text',
    'deleted_at': 'moment',
}) }}
