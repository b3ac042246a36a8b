"""Campaigns and their activities."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from singer_sdk.exceptions import FatalAPIError, FatalSyncError
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_cc_clicks.account import DETAILS, Account, Endpoint, Endpoints
from tap_cc_clicks.activities import ActivityPass, Campaign
from tap_cc_clicks.client import ConstantContactStream
from tap_cc_clicks.limits import RunEndedError
from tap_cc_clicks.parsing import moment, moment_or_none, now
from tap_cc_clicks.reports import ReportStream
from tap_cc_clicks.state import CampaignMemory
from tap_cc_clicks.summaries import Summaries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Context, Record

    from tap_cc_clicks.activities import Activity
    from tap_cc_clicks.changes import Counters


class Campaigns(ConstantContactStream):
    """All campaigns, from «GET a Collection of Email Campaigns»."""

    name = "campaigns"
    path = "/emails"
    primary_keys = ("campaign_id",)
    replication_key = "updated_at"
    records_key = "campaigns"

    _listed: list[Record] | None = None

    def listing(self) -> Iterator[Record]:
        """Yield each campaign once, asking the API once for whoever wants to know."""
        if self._listed is not None:
            yield from self._listed
            return
        wanted = self.settings.campaign_ids
        listed: dict[str, Record] = {}
        for page in self.reachable_pages():
            for row in page:
                record = campaign_record(row)
                campaign_id = record["campaign_id"]
                if campaign_id not in listed and (not wanted or campaign_id in wanted):
                    listed[campaign_id] = record
                    yield record
            if wanted and len(listed) == len(wanted):
                break
        for campaign_id in sorted(wanted - listed.keys()) * (not self.incomplete):
            self.logger.warning("There is no campaign %s (campaign_ids)", campaign_id)
        self._listed = list(listed.values())

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        incremental = self.replication_method != REPLICATION_FULL_TABLE
        bookmark = self.stream_state.get("replication_key_value")
        since = moment(bookmark) if bookmark and incremental else ""
        began, newest = now(), since
        try:
            for record in self.listing():
                self.run.beat()
                updated_at = record["updated_at"] or ""
                newest = max(newest, updated_at)
                if updated_at >= since or not updated_at:
                    yield dict(record)
        except RunEndedError as reason:
            self.run.tell_end(reason)
            return
        # Read for some campaigns only, the bookmark would hide the others later.
        partial = self.incomplete or self.settings.campaign_ids
        if incremental and newest and not partial:
            self.stream_state["replication_key"] = self.replication_key
            self.stream_state["replication_key_value"] = min(newest, began)


class CampaignActivities(ConstantContactStream):
    """The activities of campaigns that were sent, from «GET an Email Campaign»."""

    name = "campaign_activities"
    path = "/emails/{campaign_id}"
    primary_keys = ("campaign_activity_id",)
    replication_key = "campaign_updated_at"
    records_key = "campaign_activities"
    paged = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Have nothing to remember yet."""
        super().__init__(*args, **kwargs)
        self._written_later: list[Campaign] = []

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield new and changed activities, and sync the reports of all on the way."""
        for reader in self.readers:
            reader.write_schema_once()
        for item in ActivityPass(self._account, self.readers, counting=self.counting):
            if isinstance(item, Campaign):
                self._settle(item)
                continue
            if item.record is not None and self.selected:
                yield item.record
            self._sync_reports(item)

    def _sync_reports(self, activity: Activity) -> None:
        """Sync an activity's reports, whether or not it has a record of its own."""
        for reader in self.readers:
            reader.expect(activity)
            if reader.name not in activity.reads:
                reader.skip(activity)
        if activity.reads:
            self._sync_children(activity.context)
        if activity.gone and self.counting and activity.counters.clicks is None:
            self._account.forget(activity)
        elif activity.gone:
            # Its counters say that it is there, or nobody asked: read it again.
            activity.campaign.cut = True

    def count(self, activity_ids: list[str]) -> dict[str, Counters]:
        """Return what the service counts of up to ten activities."""
        return next(self._account.count(activity_ids))

    def _settle(self, campaign: Campaign) -> None:
        """Remember a campaign, once its activities' records are surely written."""
        self.run.progress.campaigns += 1
        if self.get_batch_config(self.config):
            self._written_later.append(campaign)
        else:
            self._account.remember(campaign)

    @override
    def finalize_state_progress_markers(
        self, state: dict[str, Any] | None = None
    ) -> None:
        for campaign in self._written_later:
            self._account.remember(campaign)
        self._written_later.clear()
        super().finalize_state_progress_markers(state)

    @override
    def log_sync_costs(self) -> None:
        """End the run's report; fail if some activities could not be read.

        Raises:
            FatalSyncError: What went wrong was logged when it did.
        """
        super().log_sync_costs()
        self.run.progress.finish()
        if self.run.failures:
            message = (
                f"{self.run.failures} activities could not be read; all others were. "
                "See the errors above"
            )
            raise FatalSyncError(message)

    @override
    def generate_child_contexts(
        self, record: Record, context: Context | None
    ) -> Iterable[Context | None]:
        """Yield none: children follow activities; only changed ones have records."""
        return ()

    @property
    def readers(self) -> list[ReportStream]:
        """The reports to be read."""
        return [
            child
            for child in self.child_streams
            if isinstance(child, ReportStream) and child.selected
        ]

    @property
    def counting(self) -> bool:
        """Whether counters are asked for."""
        detecting = self.settings.change_detection != "off"
        return any(detecting or reader.needs_counters for reader in self.readers)

    @cached_property
    def _account(self) -> Account:
        return self.account(ActivityDetails(self._tap))

    @cached_property
    def summaries(self) -> Summaries:
        """All campaigns' summaries."""
        return Summaries(self._tap)

    def account(self, details: Endpoint) -> Account:
        """Return what the pass asks.

        Args:
            details: Where to ask for an activity's details.
        """
        tap = self._tap
        endpoints = Endpoints(
            campaigns=cast("Campaigns", tap.streams["campaigns"]),
            activities=self,
            details=details,
            stats=cast("Endpoint", tap.streams["campaign_activity_stats"]),
            summaries=self.summaries,
        )
        return Account(
            endpoints,
            CampaignMemory(self.stream_state),
            self.readers,
            wants_details=self.selected
            and any(self.mask["properties", name] for name in DETAILS),
            all_anew=self.replication_method == REPLICATION_FULL_TABLE,
        )


class ActivityDetails(ConstantContactStream):
    """One activity's own endpoint, from «GET an Email Campaign Activity»."""

    name = "campaign_activity_details"
    path = "/emails/activities/{campaign_activity_id}"
    paged = False


def campaign_record(row: Record) -> Record:
    """Return a row of the campaign listing as a record.

    Raises:
        FatalAPIError: The row has no id.
    """
    if not row.get("campaign_id"):
        message = "The listing of campaigns has a campaign without campaign_id"
        raise FatalAPIError(message)
    return {
        "campaign_id": str(row["campaign_id"]),
        **{name: row.get(name) for name in ("name", "type", "type_code")},
        "current_status": row.get("current_status"),
        **{
            name: moment_or_none(row.get(name)) for name in ("created_at", "updated_at")
        },
    }
