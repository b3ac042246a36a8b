"""Campaigns and their activities."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from contextlib import ExitStack
from functools import cached_property, partial
from typing import cast

from singer_sdk.helpers.types import Context, Record
from typing_extensions import override

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.api.moments import SECONDS_PER_HOUR, moment, now
from tap_cc_clicks.streams.base import ConstantContactStream
from tap_cc_clicks.streams.report_streams import ReportStream
from tap_cc_clicks.sync.agenda import Planner
from tap_cc_clicks.sync.budget import Budget
from tap_cc_clicks.sync.campaign_pass import CampaignPass, Passed, Started
from tap_cc_clicks.sync.failures import LOOK_UPS
from tap_cc_clicks.sync.listing import Listing
from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.lookups import Lookups
from tap_cc_clicks.sync.memory import CampaignMemory
from tap_cc_clicks.sync.readahead import read_ahead
from tap_cc_clicks.sync.schedule import HOURS_PER_DAY
from tap_cc_clicks.sync.state_format import CAMPAIGN_DONE


class Campaigns(ConstantContactStream):
    """All campaigns, from «GET a Collection of Email Campaigns»."""

    name = "campaigns"
    primary_keys = ("campaign_id",)
    replication_key = "updated_at"

    @property
    def since(self) -> str:
        """The moment from which on campaigns are wanted; empty for all."""
        bookmark = self.stream_state.get("replication_key_value")
        return moment(bookmark) if bookmark and not self.reads_all else ""

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        since = self.since
        began, newest = now(), since
        activities = self._tap.streams[CampaignActivities.name]
        listing = cast("CampaignActivities", activities).listing
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
        failures = self.run.failures
        reports = [child.name for child in self.selected_children]
        failures.recall(self.stream_state.get("failed", {}), reports)
        with ExitStack() as stack:
            stack.callback(self.flush)
            stack.callback(self._remember_failures)
            for child in self.selected_children:
                child.write_schema()
                stack.enter_context(child.record_counter)
            cut: set[str] = set()
            for item in self.campaign_pass:
                if isinstance(item, Passed):
                    self._settle(item, cut)
                    continue
                if item.activity.record is not None and self.selected:
                    self.run.progress.records += 1
                    yield item.activity.record
                if not self._write(item):
                    cut.add(item.activity.campaign_id)
            if self.listing.ended and not self.run.settings.campaign_ids:
                self.stream_state["whole"] = int(self.looks.hour * SECONDS_PER_HOUR)

    def _remember_failures(self) -> None:
        """Let the next run know what to try last."""
        self.stream_state["failed"] = self.run.failures.marks()
        if not self.stream_state["failed"]:
            del self.stream_state["failed"]

    def _write(self, started: Started) -> bool:
        """Write an activity's reports, and note that it was looked at.

        Returns:
            Whether no report is due that later runs would not come back to.
        """
        written = [child.write_report(started) for child in self.selected_children]
        whole, activity = all(written), started.activity
        for child in self.selected_children:
            child.report.note(activity, started.counters)
        if not started.at:
            return not activity.has_reports
        if whole or not self.run.gate.ended:
            self.memory.note_look(activity.activity_id, started.at)
            self.looks.note(activity.looks)
            self.run.progress.looks += len(activity.looks)
        if whole and activity.told and activity.record is None:
            self.memory.remember(activity.campaign_id, sent=activity.told)
        return whole

    def _settle(self, passed: Passed, cut: Collection[str]) -> None:
        """Remember a campaign, once its activities' records are surely written.

        Not the change of one with a report that is still due: it announces that.
        """
        looks = passed.campaign.looks
        self.run.progress.campaigns += not looks
        self.run.progress.looks += len(looks)
        self.looks.note(looks)
        if passed.campaign.campaign_id in cut and not passed.campaign.is_new:
            return
        settle = partial(self._remember, passed)
        if self.batching:
            self._tap.at_end.append(settle)
        else:
            settle()

    def _remember(self, passed: Passed) -> None:
        campaign, found = passed.campaign, passed.found
        if not found.asked:
            return
        record = found.record or campaign.known
        # The status of nearly all is left out.
        status = record.get("current_status", record.get("status"))
        ids = [one.activity_id for one in found.activities if one.has_reports]
        self.memory.remember(
            campaign.campaign_id,
            ids,
            updated_at=record.get("updated_at"),
            status=None if status == CAMPAIGN_DONE else status,
            sent=campaign.told or campaign.known.get("sent"),
            looked=int(time.time()) if found.gone or not ids else None,
        )

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

    @cached_property
    def memory(self) -> CampaignMemory:
        """What earlier runs looked up."""
        memory = CampaignMemory(self.stream_state)
        if not self.selected:
            self.stream_state["unselected"] = True
        elif self.stream_state.pop("unselected", None):
            # Their records were never written.
            memory.forget_dates()
            self.stream_state["whole"] = 0
        return memory

    @cached_property
    def looks(self) -> Looks:
        """The budget for looks."""
        per_day = self.run.settings.look_requests_per_day
        return Looks(per_day, self.stream_state, time.time() / SECONDS_PER_HOUR)

    @cached_property
    def listing(self) -> Listing:
        """The listing, to be read as far as any stream of this run wants it."""
        listing = self.run.listing
        campaigns = cast("Campaigns", self._tap.streams[Campaigns.name])
        if campaigns.selected:
            listing.since = campaigns.since
        if self.selected or self.selected_children:
            listing.memory = self.memory
            # The SDK reads fractions as decimals.
            whole = self.stream_state.get("whole", 0) / SECONDS_PER_HOUR
            since = self.looks.hour - whole
            listing.whole = self.reads_all or not 0 <= since < HOURS_PER_DAY
        return listing

    @cached_property
    def campaign_pass(self) -> CampaignPass:
        """What is asked of the API, in its order."""
        run, listing = self.run, self.listing
        lookups = Lookups(run, run.service, run.once)
        reports = [child.report for child in self.selected_children]
        planner = Planner(
            self.memory,
            reports,
            self.looks,
            is_turn=partial(run.failures.is_turn, LOOK_UPS),
            left=lambda: Budget(run.gate).left,
            wanted=run.settings.campaign_ids,
            all_anew=self.reads_all,
        )
        return CampaignPass(lookups, planner, listing, reports)
