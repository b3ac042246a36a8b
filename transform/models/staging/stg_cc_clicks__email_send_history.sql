{{ staged('email_send_history', ['campaign_activity_id', 'send_id'], {
    'campaign_activity_id': 'text',
    'send_id': 'integer',
    'campaign_id': 'text',
    'run_date': 'moment',
    'count': 'integer',
    'send_status': 'text',
    'reason_code': 'integer',
    'reason': 'text',
    'contact_list_ids': 'json',
    'segment_ids': 'json',
}) }}
