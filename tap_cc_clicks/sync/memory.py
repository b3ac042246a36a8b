"""What state remembers of campaigns and of their activities."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.wire import NEVER_SENT
from tap_cc_clicks.sync.state_format import CAMPAIGN_DONE, UNKNOWN_STATUS

# What versions before kept of a campaign, and nothing needs any more.
RETIRED = ("unfinished", "check")
# Whether an activity's details were asked for; DUE is what is new or has changed since.
NEVER_ASKED, ASKED, DUE = 0, 1, 2
FINGERPRINT_DIGITS = 8


def fingerprint(counts: Mapping[str, Any] | None) -> str:
    """Return a short digest of all that a summary or an activity's counters say."""
    told = msgspec.json.encode(counts or {}, order="deterministic")
    return hashlib.sha256(told).hexdigest()[:FINGERPRINT_DIGITS]


class CampaignMemory:
    """Which campaigns were looked up, as they were then, and their activities.

    An activity is a list in state: its id, the fingerprint of its counters as they were
    written last (None if they never were), when it was last looked at, in seconds since
    1970 (0 if that is not known), and whether its details were asked for.

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
        # Versions before knew less: the id alone, or id and fingerprint.
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
        """Tell whether a campaign is as it was when it was looked up last."""
        known = self.find(record["campaign_id"])
        status = record["current_status"]
        if "activities" not in known:
            return str(status).lower() in NEVER_SENT
        return bool(
            known.get("updated_at") == record["updated_at"]
            and known.get("status", CAMPAIGN_DONE) in {status, UNKNOWN_STATUS}
        )

    def activities(self, campaign_id: str) -> list[str]:
        """Return a campaign's activities with reports."""
        return [item[0] for item in self.find(campaign_id).get("activities", ())]

    def campaign_of(self, activity_id: str) -> str | None:
        """Return the campaign of an activity; None if it is not remembered."""
        return self._campaign_of.get(activity_id)

    def remember(
        self, campaign_id: str, activity_ids: Iterable[str] | None = None, **values: Any
    ) -> None:
        """Remember these values of a campaign, besides those known; forget Nones.

        Args:
            campaign_id: The campaign.
            activity_ids: Its activities with reports, as a look-up told; None to leave
                them.
            values: The rest.
        """
        known = {**self.find(campaign_id), **values}
        if activity_ids is not None:
            known["activities"] = items = [self._item(one) for one in activity_ids]
            for item in items:
                # They may have changed with the campaign.
                item[3] = DUE if item[3] == DUE else NEVER_ASKED
        self._campaigns[campaign_id] = {
            name: value for name, value in known.items() if value is not None
        }
        for item in known.get("activities", ()):
            self._campaign_of[item[0]] = campaign_id

    def looked(self, activity_id: str) -> int:
        """Return when an activity was last looked at, in seconds since 1970."""
        return int(self._item(activity_id)[2])

    def note_look(self, activity_id: str, at: int) -> None:
        """Remember when an activity was looked at."""
        self._item(activity_id)[2] = at

    def fingerprint(self, activity_id: str) -> str | None:
        """Return the fingerprint of an activity's counters as written last."""
        known: str | None = self._item(activity_id)[1]
        return known

    def note_fingerprint(self, activity_id: str, value: str | None) -> None:
        """Remember which counters were written."""
        self._item(activity_id)[1] = value

    def details(self, activity_id: str) -> int:
        """Tell whether an activity's details were asked for."""
        return int(self._item(activity_id)[3])

    def note_details(self, activity_id: str, value: int) -> None:
        """Remember whether an activity's details were asked for."""
        self._item(activity_id)[3] = value

    def forget_details(self) -> None:
        """Note that no details were asked for."""
        for item in self._items.values():
            item[3] = NEVER_ASKED

    @property
    def never_detailed(self) -> int:
        """How many activities there are whose details were never asked for."""
        return sum(item[3] == NEVER_ASKED for item in self._items.values())
