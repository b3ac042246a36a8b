{{ staged('email_links', ['campaign_activity_id', 'url_id'], {
    'campaign_activity_id': 'text',
    'url_id': 'text',
    'campaign_id': 'text',
    'link_url': 'text',
    'unique_clicks': 'integer',
    'list_action': 'text',
    'list_id': 'text',
    'link_tag': 'text',
}) }}
