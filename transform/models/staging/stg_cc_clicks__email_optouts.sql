{{ staged('email_optouts', ['optout_id'], {
    'optout_id': 'text',
    'campaign_activity_id': 'text',
    'campaign_id': 'text',
    'contact_id': 'text',
    'created_time': 'moment',
    'opt_out_reason': 'text',
    'tracking_activity_type': 'text',
    'email_address': 'text',
    'first_name': 'text',
    'last_name': 'text',
    'deleted_at': 'moment',
}) }}
