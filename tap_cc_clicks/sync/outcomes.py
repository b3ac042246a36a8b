"""What came of a campaign: kept in state once its records are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tap_cc_clicks.sync.lookups import Campaign, LookUp
from tap_cc_clicks.sync.state_format import CAMPAIGN_DONE, CampaignMemory
from tap_cc_clicks.sync.summaries import checked_now


@dataclass(frozen=True)
class CampaignOutcome:
    """What came of a campaign and all its activities.

    Attributes:
        cut: Whether something of its reports is left for the next run.
    """

    campaign: Campaign
    found: LookUp
    cut: bool


def remember(memory: CampaignMemory, outcome: CampaignOutcome, *, checks: bool) -> None:
    """Remember a campaign whose activities all went by, or how far they did.

    Args:
        memory: Where to.
        outcome: The campaign's.
        checks: Whether to note that its counters were checked now.
    """
    campaign, found = outcome.campaign, outcome.found
    updated_at = campaign.record["updated_at"]
    # The status of nearly all is left out; what is looked up again is one that was not.
    status = campaign.record["current_status"]
    status = None if status == CAMPAIGN_DONE else status
    values: dict[str, Any] = {}
    ids = None
    if found.unfinished is not None:
        rows = [
            {name: row[name] for name in ("campaign_activity_id", "role")}
            for row in found.unfinished
        ]
        values["unfinished"] = {"updated_at": updated_at, "activities": rows}
    elif found.whole:
        ids = found.activity_ids
        values = {"updated_at": updated_at, "status": status, "unfinished": None}
    elif found.activity_ids or campaign.known:
        # What could not be looked up is looked up again by the next run.
        ids = found.activity_ids
        values = {} if campaign.look_up else {"status": status}
    if checks and found.checked and not outcome.cut:
        values["check"] = checked_now(campaign.summary)
    if values or ids is not None:
        memory.remember(campaign.campaign_id, ids, **values)
