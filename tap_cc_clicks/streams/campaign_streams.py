"""Campaigns and their activities."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from functools import cached_property, partial

from singer_sdk.helpers.types import Context, Record
from typing_extensions import override

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.api.moments import moment, now
from tap_cc_clicks.api.wire import DETAILS
from tap_cc_clicks.streams.base import ConstantContactStream
from tap_cc_clicks.streams.report_streams import ReportStream
from tap_cc_clicks.sync.campaign_pass import CampaignPass, Passed, Started
from tap_cc_clicks.sync.lookups import Lookups
from tap_cc_clicks.sync.outcomes import CampaignOutcome, remember
from tap_cc_clicks.sync.readahead import read_ahead
from tap_cc_clicks.sync.state_format import CampaignMemory


class Campaigns(ConstantContactStream):
    """All campaigns, from «GET a Collection of Email Campaigns»."""

    name = "campaigns"
    primary_keys = ("campaign_id",)
    replication_key = "updated_at"

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        bookmark = self.stream_state.get("replication_key_value")
        since = moment(bookmark) if bookmark and not self.reads_all else ""
        began, newest = now(), since
        listing = self.run.listing
        try:
            for record in read_ahead(listing.campaigns(), self.run.beat):
                updated_at = record["updated_at"] or ""
                newest = max(newest, updated_at)
                restated = record["campaign_id"] in listing.restated
                if updated_at >= since or not updated_at or restated:
                    self.run.progress.records += 1
                    yield dict(record)
            # Read for some campaigns only, the bookmark would hide the others later.
            partial = listing.incomplete or self.run.settings.campaign_ids
            if newest and not self.reads_all and not partial:
                self.stream_state["replication_key"] = self.replication_key
                self.stream_state["replication_key_value"] = min(newest, began)
        except RunEndedError as reason:
            self.run.tell_end(reason)
        finally:
            self.flush()


class CampaignActivities(ConstantContactStream):
    """The activities of campaigns that were sent, from «GET an Email Campaign»."""

    name = "campaign_activities"
    primary_keys = ("campaign_activity_id",)
    replication_key = "campaign_updated_at"

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield new and changed activities, and write the reports of all on the way."""
        cut = False
        failures = self.run.failures
        reports = [child.name for child in self.selected_children]
        failures.recall(self.stream_state.get("failed", {}), reports)
        with ExitStack() as stack:
            stack.callback(self.flush)
            stack.callback(self._remember_failures)
            for child in self.selected_children:
                child.write_schema()
                stack.enter_context(child.record_counter)
            for item in CampaignPass(self.lookups, counting=self.counting):
                if isinstance(item, Passed):
                    self._settle(CampaignOutcome(item.campaign, item.found, cut))
                    cut = False
                    continue
                if item.activity.record is not None and self.selected:
                    self.run.progress.records += 1
                    yield item.activity.record
                cut = not self._written(item) or cut

    def _remember_failures(self) -> None:
        """Let the next run know what to try last."""
        self.stream_state["failed"] = self.run.failures.marks()
        if not self.stream_state["failed"]:
            del self.stream_state["failed"]

    def _written(self, started: Started) -> bool:
        """Write an activity's reports, whether or not it has a record of its own.

        Returns:
            Whether nothing is left for the next run.
        """
        whole = [child.write_report(started) for child in self.selected_children]
        return all(whole) and not started.cut

    def _settle(self, outcome: CampaignOutcome) -> None:
        """Remember a campaign, once its activities' records are surely written."""
        self.run.progress.campaigns += 1
        self.run.progress.new += not outcome.campaign.read_before
        checks = self.run.settings.change_detection == "fast"
        settle = partial(remember, self.memory, outcome, checks=checks)
        if self.batching:
            self._tap.at_end.append(settle)
        else:
            settle()

    @override
    def generate_child_contexts(
        self, record: Record, context: Context | None
    ) -> Iterable[Context | None]:
        """Yield none: children follow activities; only changed ones have records."""
        return ()

    @cached_property
    def selected_children(self) -> list[ReportStream]:
        """The streams of reports to be read."""
        return [
            child
            for child in self.child_streams
            if isinstance(child, ReportStream) and child.selected
        ]

    @property
    def counting(self) -> bool:
        """Whether counters are asked for."""
        detecting = self.run.settings.change_detection != "off"
        return any(
            detecting or child.report.needs_counters for child in self.selected_children
        )

    @cached_property
    def memory(self) -> CampaignMemory:
        """What earlier runs looked up."""
        return CampaignMemory(self.stream_state)

    @cached_property
    def lookups(self) -> Lookups:
        """What the pass asks."""
        return Lookups(
            self.run,
            self.run.service,
            self.run.once,
            self.memory,
            [child.report for child in self.selected_children],
            wants_details=self.selected
            and any(self.mask["properties", name] for name in DETAILS),
            all_anew=self.reads_all,
        )
