"""The streams, declared: source and keys of each.

``tap`` may import it; it imports ``singer`` and ``sync``, and what is below.
"""

from __future__ import annotations

from tap_cc_clicks.streams.campaign_streams import (
    CampaignActivities,
    Campaigns,
    CampaignSummaries,
)
from tap_cc_clicks.streams.email_streams import (
    CampaignActivityDetails,
    CampaignActivityStats,
    EmailBounces,
    EmailClicks,
    EmailForwards,
    EmailLinks,
    EmailOpens,
    EmailOptouts,
    EmailSendHistory,
    EmailSends,
)

STREAMS = (
    Campaigns,
    CampaignSummaries,
    CampaignActivities,
    CampaignActivityDetails,
    EmailSendHistory,
    EmailClicks,
    EmailLinks,
    CampaignActivityStats,
    # In the order in which they are read.
    EmailSends,
    EmailOpens,
    EmailBounces,
    EmailOptouts,
    EmailForwards,
)
