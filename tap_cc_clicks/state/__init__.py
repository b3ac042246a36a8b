"""State: a bookmark per activity, found at once, written at a measured pace.

Its format, version 1::

    {"version": 1, "bookmarks": {
      "campaigns": {"replication_key": "updated_at", "replication_key_value": "…Z"},
      "campaign_activities": {"campaigns": {"<campaign_id>": {
        "updated_at": "…Z", "activities": [["<campaign_activity_id>", "1e19c23a"]]}}},
      "email_links": {"clicks": {"<campaign_activity_id>": 12}},
      "email_clicks": {"replication_key": "created_time", "partitions": [{
        "context": {"campaign_activity_id": "…"}, "replication_key_value": "…Z",
        "clicks": 12, "window": 3, "search": [1, 1, 0, 498746]}]}}}
"""

from __future__ import annotations

from tap_cc_clicks.state.editing import (
    KnownActivity,
    campaigns_of,
    forget_activity,
    forget_campaign,
    forget_links,
    known_activities,
)
from tap_cc_clicks.state.format import (
    DEFAULT_LOOKBACK,
    MOST,
    Bookmark,
    CampaignMemory,
    Search,
    load,
    stamp,
    with_prints,
)
from tap_cc_clicks.state.keeping import ActivityBookmarks, OwnState, PacedStateWriter

__all__ = [
    "DEFAULT_LOOKBACK",
    "MOST",
    "ActivityBookmarks",
    "Bookmark",
    "CampaignMemory",
    "KnownActivity",
    "OwnState",
    "PacedStateWriter",
    "Search",
    "campaigns_of",
    "forget_activity",
    "forget_campaign",
    "forget_links",
    "known_activities",
    "load",
    "stamp",
    "with_prints",
]
