{{ staged('email_sends', ['send_event_id'], {
    'send_event_id': 'text',
    'campaign_activity_id': 'text',
    'campaign_id': 'text',
    'contact_id': 'text',
    'created_time': 'moment',
    'tracking_activity_type': 'text',
    'email_address': 'text',
    'first_name': 'text',
    'last_name': 'text',
    'deleted_at': 'moment',
}) }}
