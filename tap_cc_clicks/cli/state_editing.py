"""Read and change a state outside a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from tap_cc_clicks.api.timestamps import timestamp
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.streams.campaign_streams import ID_DIGITS
from tap_cc_clicks.sync.memory import ASKED_ONCE, DUE, CampaignMemory
from tap_cc_clicks.sync.state_format import key_of


@dataclass(frozen=True)
class KnownActivity:
    """A bookmark in a state, and its activity.

    Attributes:
        campaign_id: The campaign; None if unknown.
        url_id: The link of ``url_ids``; None for all links.
        bookmark: The bookmark; None if the clicks were never read.
        looked: The last look, in seconds since 1970; 0 if unknown.
    """

    campaign_activity_id: str
    campaign_id: str | None
    url_id: str | None = None
    bookmark: Bookmark | None = None
    looked: int = 0


def known_activities(state: Mapping[str, Any]) -> Iterator[KnownActivity]:
    """Yield the activities of a valid state."""
    campaign_of = dict(_activities_of_campaigns(state))
    unread = dict(campaign_of)
    memory = campaigns_of(state)
    for partition in _bookmark(state, "email_clicks").get("partitions", ()):
        activity_id, url_id = key_of(partition["context"])
        unread.pop(activity_id, None)
        campaign_id = campaign_of.get(activity_id)
        bookmark = Bookmark.from_partition(partition)
        looked = memory.looked(activity_id)
        yield KnownActivity(activity_id, campaign_id, url_id, bookmark, looked)
    for activity_id, campaign_id in unread.items():
        looked = memory.looked(activity_id)
        yield KnownActivity(activity_id, campaign_id, looked=looked)


def campaigns_of(state: Mapping[str, Any]) -> CampaignMemory:
    """Return the campaigns in a state."""
    return CampaignMemory(_bookmark(state, "campaign_activities"))


def forget_activity(state: dict[str, Any], campaign_activity_id: str) -> None:
    """Make the next run read all reports of an activity completely."""
    clicks = _bookmark(state, "email_clicks")
    if "partitions" in clicks:
        clicks["partitions"] = [
            partition
            for partition in clicks["partitions"]
            if partition["context"]["campaign_activity_id"] != campaign_activity_id
        ]
    for bookmark in state.get("bookmarks", {}).values():
        bookmark.get("read", {}).pop(campaign_activity_id, None)
    forget_links(state, campaign_activity_id)
    memory = campaigns_of(state)
    memory.note_fingerprint(campaign_activity_id, None)
    for once in ASKED_ONCE:
        memory.note_asked(campaign_activity_id, once, DUE)


def forget_links(state: dict[str, Any], campaign_activity_id: str) -> None:
    """Make the next run read only the links of an activity again."""
    _bookmark(state, "email_links").get("clicks", {}).pop(campaign_activity_id, None)


def forget_campaign(state: dict[str, Any], campaign_id: str) -> list[str]:
    """Make the next run look a campaign up again and read all its reports.

    The state keeps its activities: a removed campaign can no longer be looked up, but
    its reports can be read.

    Returns:
        The activities to read again.
    """
    memory = campaigns_of(state)
    known = memory.find(campaign_id)
    activities = memory.activities(campaign_id)
    _move_back(_bookmark(state, "campaigns"), known.get("updated_at"))
    _bookmark(state, "campaign_activities").pop("whole", None)
    memory.remember(campaign_id, updated_at=None)
    written = _bookmark(state, "campaign_summaries").get("written", {})
    written.pop(campaign_id[:ID_DIGITS], None)
    for activity_id in activities:
        forget_activity(state, activity_id)
    return activities


def _move_back(bookmark: dict[str, Any], to: str | None) -> None:
    """Make the next run write campaigns from this time on again."""
    value = bookmark.get("replication_key_value")
    if value and to:
        bookmark["replication_key_value"] = min(timestamp(value), to)


def _bookmark(state: Mapping[str, Any], stream: str) -> dict[str, Any]:
    return cast("dict[str, Any]", state.get("bookmarks", {}).get(stream, {}))


def _activities_of_campaigns(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    memory = campaigns_of(state)
    for campaign_id in memory:
        for activity_id in memory.activities(campaign_id):
            yield activity_id, campaign_id
