"""What came of a campaign: kept in state once its records are written."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tap_cc_clicks.sync.lookups import Campaign, LookUp
from tap_cc_clicks.sync.state_format import CampaignMemory
from tap_cc_clicks.sync.summaries import checked_now

# The listing has a campaign as sent, and its own address has none: one of them is
# wrong, so it is asked for again until so many runs in a row were told the same.
BELIEVED_GONE = 3


@dataclass(frozen=True)
class ActivityOutcome:
    """What came of an activity's reports.

    Attributes:
        cut: Whether something of it is left for the next run.
        gone: Whether the API knows it neither by its reports nor by its counters.
    """

    activity_id: str
    cut: bool = False
    gone: bool = False


@dataclass(frozen=True)
class CampaignOutcome:
    """What came of a campaign and all its activities."""

    campaign: Campaign
    found: LookUp
    activities: Collection[ActivityOutcome]


def remember(memory: CampaignMemory, outcome: CampaignOutcome, *, checks: bool) -> None:
    """Remember a campaign whose activities all went by, or how far they did.

    Args:
        memory: Where to.
        outcome: The campaign's.
        checks: Whether to note that its counters were checked now.
    """
    campaign, found = outcome.campaign, outcome.found
    values: dict[str, Any] = {}
    ids = None
    if found.unfinished is not None:
        rows = [
            {"campaign_activity_id": activity_id, "role": role}
            for activity_id, role in found.unfinished
        ]
        updated_at = campaign.record["updated_at"]
        values["unfinished"] = {"updated_at": updated_at, "activities": rows}
    else:
        gone = {one.activity_id for one in outcome.activities if one.gone}
        ids = [one for one in found.activity_ids if one not in gone]
        values.update(_looked_up(campaign, found))
    if checks and found.checked and not any(one.cut for one in outcome.activities):
        values["check"] = checked_now(campaign.summary)
    memory.remember(campaign.campaign_id, ids, **values)


def _looked_up(campaign: Campaign, found: LookUp) -> dict[str, Any]:
    missed = campaign.missed + 1 if found.gone and not campaign.removed else 0
    if not campaign.look_up:
        return {}
    if 0 < missed < BELIEVED_GONE:
        return {"missed": missed}
    updated_at = campaign.record["updated_at"]
    return {"updated_at": updated_at, "unfinished": None, "missed": None}
