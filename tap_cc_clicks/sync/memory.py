"""What state remembers of campaigns and of their activities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Any

import msgspec
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.wire import NEVER_SENT
from tap_cc_clicks.sync.state_format import CAMPAIGN_DONE, UNKNOWN_STATUS

# Fields of earlier versions that are not used any more.
RETIRED = ("unfinished", "check")
# For what is read once: DUE means new or changed since, ABSENT that it was not there.
NEVER_ASKED, ASKED, DUE, ABSENT = 0, 1, 2, 3
# Read once for each activity, and again after a change: two bits each.
DETAILS, HISTORY = ASKED_ONCE = 0, 1
FINGERPRINT_DIGITS = 8


def fingerprint(counts: Mapping[str, Any] | None) -> str:
    """Return a short digest of the counts of a summary or an activity."""
    encoded = msgspec.json.encode(counts or {}, order="deterministic")
    return hashlib.sha256(encoded).hexdigest()[:FINGERPRINT_DIGITS]


class CampaignMemory:
    """The campaigns that were looked up, and their activities.

    An activity is a list in state: its id, the fingerprint of its counters as last
    written (or None), its last look in seconds since 1970 (0 if unknown), and whether
    details and history were read.

    Args:
        stream_state: The state of the stream ``campaign_activities``.
    """

    def __init__(self, stream_state: dict[str, Any]) -> None:
        self._campaigns: dict[str, dict[str, Any]] = stream_state.setdefault(
            "campaigns", {}
        )
        self._items: dict[str, list[Any]] = {}
        self._campaign_of: dict[str, str] = {}
        for campaign_id, known in self._campaigns.items():
            for name in RETIRED:
                known.pop(name, None)
            if "activities" in known:
                self._recall(campaign_id, known)

    def _recall(self, campaign_id: str, known: dict[str, Any]) -> None:
        items = known["activities"]
        # Earlier versions have the id alone, or id and fingerprint.
        known["activities"] = [
            self._item(*([item] if isinstance(item, str) else item)) for item in items
        ]
        for item in known["activities"]:
            self._campaign_of[item[0]] = campaign_id

    def _item(self, activity_id: str, *known: Any) -> list[Any]:
        blank = [None, 0, NEVER_ASKED]
        item = [activity_id, *known, *blank[len(known) :]]
        return self._items.setdefault(activity_id, item)

    def __len__(self) -> int:
        """Return how many campaigns are remembered."""
        return len(self._campaigns)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the campaigns that are remembered."""
        yield from self._campaigns

    def find(self, campaign_id: str) -> Mapping[str, Any]:
        """Return what is remembered of a campaign."""
        return self._campaigns.get(campaign_id, {})

    def has(self, record: Record) -> bool:
        """Return whether a campaign is unchanged since its last look-up."""
        known = self.find(record["campaign_id"])
        if "activities" not in known:
            return str(record["current_status"]).lower() in NEVER_SENT
        status = known.get("status", CAMPAIGN_DONE)
        same_status = status in {record["current_status"], UNKNOWN_STATUS}
        return same_status and known.get("updated_at") == record["updated_at"]

    def activities(self, campaign_id: str) -> list[str]:
        """Return a campaign's activities with reports."""
        return [item[0] for item in self.find(campaign_id).get("activities", ())]

    def campaign_of(self, activity_id: str) -> str | None:
        """Return the campaign of an activity; None if unknown."""
        return self._campaign_of.get(activity_id)

    def remember(
        self, campaign_id: str, activity_ids: Iterable[str] | None = None, **values: Any
    ) -> None:
        """Update what is remembered of a campaign; None removes a value.

        Args:
            campaign_id: The campaign.
            activity_ids: Its activities with reports; None to keep them as they are.
            values: The other values.
        """
        known = {**self.find(campaign_id), **values}
        if activity_ids is not None:
            known["activities"] = [self._item(one) for one in activity_ids]
        self._campaigns[campaign_id] = {
            name: value for name, value in known.items() if value is not None
        }
        for item in known.get("activities", ()):
            self._campaign_of[item[0]] = campaign_id

    def looked(self, activity_id: str) -> int:
        """Return when an activity was last looked at, in seconds since 1970."""
        return int(self._item(activity_id)[2])

    def note_look(self, activity_id: str, at: int) -> None:
        """Remember an activity's last look, in seconds since 1970."""
        self._item(activity_id)[2] = at

    def fingerprint(self, activity_id: str) -> str | None:
        """Return the fingerprint of an activity's counters as written last."""
        known: str | None = self._item(activity_id)[1]
        return known

    def note_fingerprint(self, activity_id: str, value: str | None) -> None:
        """Remember which counters were written."""
        self._item(activity_id)[1] = value

    def asked(self, activity_id: str, once: int) -> int:
        """Return whether an activity's details, or history, were read."""
        return _flag(self._item(activity_id), once)

    def note_asked(self, activity_id: str, once: int, value: int) -> None:
        """Remember whether an activity's details, or history, were read."""
        _set_flag(self._item(activity_id), once, value)

    def note_change(self, activity_ids: Iterable[str]) -> None:
        """Note that details and histories may have changed with the campaign."""
        for item, once in product(map(self._item, activity_ids), ASKED_ONCE):
            if _flag(item, once) == ASKED:
                _set_flag(item, once, NEVER_ASKED)

    def forget_asked(self, once: int) -> None:
        """Forget which details, or histories, were read."""
        for item in self._items.values():
            _set_flag(item, once, NEVER_ASKED)

    def never_asked(self, once: int) -> int:
        """Return how many activities have not been read."""
        return sum(_flag(item, once) == NEVER_ASKED for item in self._items.values())


def _flag(item: list[Any], once: int) -> int:
    return int(item[3]) >> 2 * once & 3


def _set_flag(item: list[Any], once: int, value: int) -> None:
    item[3] = int(item[3]) & ~(3 << 2 * once) | value << 2 * once
