"""What the pass asks of the account: the API where it must, state where it can."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.activities import Activity, Campaign
from tap_cc_clicks.changes import Counters, is_hot
from tap_cc_clicks.client import GoneError
from tap_cc_clicks.limits import RunEndedError
from tap_cc_clicks.parsing import moment_or_none
from tap_cc_clicks.state import with_prints

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Sequence

    from tap_cc_clicks.reports import ReportStream
    from tap_cc_clicks.run import Run
    from tap_cc_clicks.state import CampaignMemory
    from tap_cc_clicks.summaries import Summaries

NEVER_SENT = frozenset({"draft", "scheduled"})
# The listing has a campaign as sent, and its own address has none: one of them is
# wrong, so it is asked for again until so many runs in a row were told the same.
BELIEVED_GONE = 3
ROLES_WITH_REPORTS = frozenset({"primary_email", "resend"})
# What «GET an Email Campaign Activity» alone knows of an activity.
DETAILS = (
    "current_status",
    "format_type",
    "subject",
    "preheader",
    "from_name",
    "from_email",
    "reply_to_email",
    "template_id",
    "permalink_url",
    "contact_list_ids",
    "segment_ids",
)


class Listing(Protocol):
    """Where all campaigns are asked for."""

    @property
    def logger(self) -> logging.Logger:
        """Where what is missing is told."""

    @property
    def run(self) -> Run:
        """What all streams of this run share."""

    def listing(self) -> Iterator[dict[str, Any]]:
        """Yield each campaign's record once."""


class Endpoint(Protocol):
    """Where one object is asked for."""

    def fetch(self, context: dict[str, str]) -> dict[str, Any]:
        """Return the object."""


@dataclass(frozen=True)
class Endpoints:
    """The streams that the pass reads from, listed in the catalog or not."""

    campaigns: Listing
    activities: Endpoint
    details: Endpoint
    stats: Endpoint
    summaries: Summaries


class Account:
    """Campaigns, their activities, and what the service counts of them.

    Args:
        endpoints: Where to ask.
        memory: What earlier runs looked up.
        readers: The child streams that are selected.
        wants_details: Whether a property that only an activity's own endpoint gives is
            selected.
        all_anew: Whether to look up every campaign, changed or not.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        memory: CampaignMemory,
        readers: Sequence[ReportStream],
        *,
        wants_details: bool,
        all_anew: bool,
    ) -> None:
        """Ask nothing yet."""
        self.run: Run = endpoints.campaigns.run
        self._endpoints = endpoints
        self._memory = memory
        self._readers = readers
        self._wants_details = wants_details
        self._all_anew = all_anew

    def campaigns(self) -> Iterator[Campaign]:
        """Yield the campaigns that may have been sent."""
        for row in self._endpoints.campaigns.listing():
            campaign = self._campaign(row)
            if campaign is not None:
                self.run.progress.campaigns_known += 1
                campaign.read_before = self._was_read(campaign)
                yield campaign

    def summaries(self) -> Iterator[dict[str, dict[str, Any]]]:
        """Yield all campaigns' summaries at once, if they are wanted."""
        yield self._endpoints.summaries.by_campaign()

    def _campaign(self, row: dict[str, Any]) -> Campaign | None:
        known = self._memory.find(row["campaign_id"])
        never_sent = str(row["current_status"]).lower() in NEVER_SENT
        if never_sent and "activities" not in known:
            return None
        # A campaign without that moment is looked up each time.
        changed = row["updated_at"] is None or (
            known.get("updated_at") != row["updated_at"]
        )
        ids, prints = self._memory.activities(row["campaign_id"])
        return Campaign(
            row=row,
            look_up=(changed or self._all_anew) and not never_sent,
            activity_ids=ids,
            prints=prints,
            known="activities" in known,
            missed=known.get("missed", 0),
        )

    def _was_read(self, campaign: Campaign) -> bool:
        return campaign.known and all(
            reader.has_read(campaign, activity_id)
            for reader in self._readers
            for activity_id in campaign.activity_ids
        )

    def remembered(self, campaign: Campaign) -> list[Activity]:
        """Return a campaign's activities as state has them.

        None, where its summary says that there is nothing new.
        """
        if self._was_read(campaign) and self._unchanged(campaign):
            campaign.checked = False
            return []
        return [
            Activity(campaign, activity_id, hot=self._is_hot(campaign))
            for activity_id in campaign.activity_ids
        ]

    def unfinished(self, campaign: Campaign) -> list[dict[str, Any]] | None:
        """Return the rows of a campaign's activities, if an earlier run left them."""
        rows = self._memory.find(campaign.campaign_id).get("unfinished") or {}
        if rows and rows["updated_at"] == campaign.row["updated_at"]:
            return list(rows["activities"])
        return None

    def _unchanged(self, campaign: Campaign) -> bool:
        remembered = self._memory.find(campaign.campaign_id)
        return not self._is_hot(campaign) and self._endpoints.summaries.unchanged(
            remembered.get("check"), campaign.summary
        )

    def _is_hot(self, campaign: Campaign) -> bool:
        sent = (campaign.summary or {}).get("last_sent_date")
        moments = [campaign.row["updated_at"], moment_or_none(sent)]
        return is_hot(moments, self.run.settings.hot_days)

    def look_up(self, campaign: Campaign) -> Iterator[list[Activity]]:
        """Yield a campaign's activities, as the API has them now."""
        try:
            rows = self._rows(campaign)
        except GoneError:
            if not campaign.removed:
                self._warn("Campaign %s is gone (404); skipped", campaign.campaign_id)
                campaign.missed += 1
            yield self.remembered(campaign)
            return
        campaign.missed = 0
        try:
            yield self.activities(campaign, rows)
        except RunEndedError:
            campaign.unfinished = rows
            raise

    def _rows(self, campaign: Campaign) -> list[dict[str, Any]]:
        """Return the rows of a campaign's activities, if need be by a request."""
        unfinished = self.unfinished(campaign)
        if unfinished is not None:
            return unfinished
        answer = self._endpoints.activities.fetch({"campaign_id": campaign.campaign_id})
        return answer["campaign_activities"] or []

    def activities(
        self, campaign: Campaign, rows: list[dict[str, Any]]
    ) -> list[Activity]:
        """Return a campaign's activities from its rows of them."""
        return [self._activity(campaign, row) for row in rows]

    def _activity(self, campaign: Campaign, row: dict[str, Any]) -> Activity:
        activity_id = row.get("campaign_activity_id")
        if not activity_id:
            message = f"Campaign {campaign.campaign_id} has an activity without id"
            raise FatalAPIError(message)
        return Activity(
            campaign,
            str(activity_id),
            has_reports=str(row.get("role")) in ROLES_WITH_REPORTS,
            record=self._record(campaign, str(activity_id), row.get("role")),
            hot=self._is_hot(campaign),
        )

    def _record(
        self, campaign: Campaign, activity_id: str, role: str | None
    ) -> dict[str, Any] | None:
        if campaign.removed and campaign.known and self._wants_details:
            # Its details cannot be had any more: keep those loaded before.
            return None
        row = campaign.row
        return {
            "campaign_activity_id": activity_id,
            "campaign_id": campaign.campaign_id,
            "role": role,
            "campaign_name": row["name"],
            "campaign_type": row["type"],
            "campaign_type_code": row["type_code"],
            "campaign_status": row["current_status"],
            "campaign_created_at": row["created_at"],
            "campaign_updated_at": row["updated_at"],
            **self._details(campaign, activity_id),
        }

    def _details(self, campaign: Campaign, activity_id: str) -> dict[str, Any]:
        if not self._wants_details or campaign.removed:
            return {}
        try:
            answer = self._endpoints.details.fetch(
                {"campaign_activity_id": activity_id}
            )
        except GoneError:
            self._warn("Activity %s is gone (404); its details stay empty", activity_id)
            return {}
        details = {name: answer.get(name) for name in DETAILS}
        for name in ("contact_list_ids", "segment_ids"):
            ids = details[name]
            details[name] = (
                [str(item) for item in ids] if isinstance(ids, list) else None
            )
        return details

    def count(self, activity_ids: list[str]) -> Iterator[dict[str, Counters]]:
        """Yield the counters of up to ten activities; those without are left out."""
        try:
            yield self._counters(activity_ids)
        except GoneError:
            # One id that the service does not take spoils the whole request.
            counters: dict[str, Counters] = {}
            for activity_id in activity_ids if len(activity_ids) > 1 else ():
                counters.update(next(self.count([activity_id])))
            yield counters

    def _counters(self, activity_ids: list[str]) -> dict[str, Counters]:
        ids = ",".join(activity_ids)
        answer = self._endpoints.stats.fetch({"campaign_activity_ids": ids})
        return {
            str(result.get("campaign_activity_id")): Counters.from_result(result)
            for result in _objects(answer.get("results"))
        }

    def remember(self, campaign: Campaign) -> None:
        """Remember a campaign whose activities all went by, or how far they did."""
        updated_at = campaign.row["updated_at"]
        values: dict[str, Any] = {}
        if campaign.unfinished is not None:
            rows = campaign.unfinished
            values["unfinished"] = {"updated_at": updated_at, "activities": rows}
        else:
            values["activities"] = with_prints(campaign.activity_ids, campaign.prints)
            if 0 < campaign.missed < BELIEVED_GONE:
                values["missed"] = campaign.missed
            elif campaign.look_up:
                values.update(updated_at=updated_at, unfinished=None, missed=None)
        if campaign.checked and not campaign.cut:
            values["check"] = self._endpoints.summaries.check(campaign.summary)
        self._memory.remember(campaign.campaign_id, **values)

    def forget(self, activity: Activity) -> None:
        """Ask no more for an activity that is gone."""
        campaign = activity.campaign
        activity_id = activity.campaign_activity_id
        if activity_id in campaign.activity_ids:
            campaign.activity_ids.remove(activity_id)
        activities = with_prints(campaign.activity_ids, campaign.prints)
        self._memory.remember(campaign.campaign_id, activities=activities)

    def _warn(self, message: str, *args: object) -> None:
        self._endpoints.campaigns.logger.warning(message, *args)


def _objects(rows: object) -> list[dict[str, Any]]:
    """Return the objects in what should be a list of them."""
    listed = rows if isinstance(rows, list) else []
    return [row for row in listed if isinstance(row, dict)]
