"""The streams, declared: where each comes from, and what it is known by."""

from __future__ import annotations

from tap_cc_clicks.streams.campaigns import CampaignActivities, Campaigns
from tap_cc_clicks.streams.reports import (
    CampaignActivityStats,
    EmailClicks,
    EmailLinks,
)

__all__ = [
    "STREAMS",
    "CampaignActivities",
    "CampaignActivityStats",
    "Campaigns",
    "EmailClicks",
    "EmailLinks",
]

STREAMS = (
    Campaigns,
    CampaignActivities,
    EmailClicks,
    EmailLinks,
    CampaignActivityStats,
)
