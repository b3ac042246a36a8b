{{ staged('campaign_summaries', ['campaign_id'], {
    'campaign_id': 'text',
    'campaign_type': 'text',
    'last_sent_date': 'moment',
    'sends': 'integer',
    'opens': 'integer',
    'clicks': 'integer',
    'forwards': 'integer',
    'optouts': 'integer',
    'abuse': 'integer',
    'bounces': 'integer',
    'not_opened': 'integer',
}) }}
