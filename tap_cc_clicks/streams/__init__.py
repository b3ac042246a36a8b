"""The streams, declared: where each comes from, and what it is known by.

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
    EmailClicks,
    EmailLinks,
    EmailSendHistory,
)

__all__ = [
    "STREAMS",
    "CampaignActivities",
    "CampaignActivityDetails",
    "CampaignActivityStats",
    "CampaignSummaries",
    "Campaigns",
    "EmailClicks",
    "EmailLinks",
    "EmailSendHistory",
]

STREAMS = (
    Campaigns,
    CampaignSummaries,
    CampaignActivities,
    CampaignActivityDetails,
    EmailSendHistory,
    EmailClicks,
    EmailLinks,
    CampaignActivityStats,
)
