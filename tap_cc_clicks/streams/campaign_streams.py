"""Campaigns and their activities."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import cast

from singer_sdk.helpers.types import Context, Record
from typing_extensions import override

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR, now, timestamp
from tap_cc_clicks.api.wire import summary_record
from tap_cc_clicks.streams.base import ConstantContactStream
from tap_cc_clicks.streams.report_streams import ReportStream
from tap_cc_clicks.sync.agenda import Planner
from tap_cc_clicks.sync.budget import Budget
from tap_cc_clicks.sync.campaign_pass import CampaignPass, FinishedCampaign
from tap_cc_clicks.sync.fetching import StartedActivity
from tap_cc_clicks.sync.listing import Listing
from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.lookups import Campaign, Lookups
from tap_cc_clicks.sync.memory import CampaignMemory, fingerprint
from tap_cc_clicks.sync.readahead import read_ahead
from tap_cc_clicks.sync.schedule import DAILY_HOURS
from tap_cc_clicks.sync.single_reports import Backlog
from tap_cc_clicks.sync.state_format import kept_status

ID_DIGITS = 8


class Campaigns(ConstantContactStream):
    """All campaigns, from «GET a Collection of Email Campaigns»."""

    name = "campaigns"
    primary_keys = ("campaign_id",)
    replication_key = "updated_at"

    @property
    def since(self) -> str:
        """The bookmark; empty for all campaigns."""
        bookmark = self.stream_state.get("replication_key_value")
        return timestamp(bookmark) if bookmark and not self.reads_all else ""

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        since = self.since
        began, newest = now(), since
        activities = self._tap.streams[CampaignActivities.name]
        listing = cast("CampaignActivities", activities).listing
        try:
            for record in read_ahead(listing.campaigns(), self.run.heartbeat):
                updated_at = record["updated_at"] or ""
                newest = max(newest, updated_at)
                restated = self._is_restated(record)
                if updated_at >= since or not updated_at or restated:
                    self.run.progress.records += 1
                    yield dict(record)
                if restated:
                    self.settle(partial(self._keep_status, record))
            # With campaign_ids, the bookmark would hide other campaigns later.
            some = listing.incomplete or self.run.settings.campaign_ids
            if newest and not self.reads_all and not some:
                self.stream_state["replication_key"] = self.replication_key
                self.stream_state["replication_key_value"] = min(newest, began)
        except RunEndedError as reason:
            self.run.log_end(reason)
        finally:
            self.flush()

    def _is_restated(self, record: Record) -> bool:
        """Whether the status is not the one written last: its date may stay the same.

        State keeps a status by the start of the id, and none for the usual one.
        """
        known = self.stream_state.get("statuses", {})
        written = known.get(record["campaign_id"][:ID_DIGITS])
        return bool(written != kept_status(record["current_status"]))

    def _keep_status(self, record: Record) -> None:
        known = self.stream_state.setdefault("statuses", {})
        key, status = record["campaign_id"][:ID_DIGITS], record["current_status"]
        known[key] = kept_status(status)
        if known[key] is None:
            del known[key]


class CampaignSummaries(ConstantContactStream):
    """Last send and counts, from «GET an Email Campaigns Summary Report»."""

    name = "campaign_summaries"
    primary_keys = ("campaign_id",)

    @property
    def written(self) -> dict[str, str]:
        """The fingerprints of summaries as last written, by the start of their id.

        Two ids with the same start cost a repeated record.
        """
        kept: dict[str, str] = self.stream_state.setdefault("written", {})
        return kept

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield changed summaries. The pass reads them anyway."""
        activities = self._tap.streams[CampaignActivities.name]
        listing = cast("CampaignActivities", activities).listing
        try:
            asked = map(Listing.summaries, [listing])
            (summaries,) = read_ahead(asked, self.run.heartbeat)
            yield from self._changed(map(summary_record, summaries.values()))
        except RunEndedError as reason:
            self.run.log_end(reason)

    def _changed(self, records: Iterable[Record]) -> Iterator[Record]:
        wanted = self.run.settings.campaign_ids
        for record in records:
            campaign_id, digest = record["campaign_id"], fingerprint(record)
            if not campaign_id or (wanted and campaign_id not in wanted):
                continue
            key = campaign_id[:ID_DIGITS]
            if self.written.get(key) != digest:
                self.run.progress.records += 1
                yield record
                self.settle(partial(self.written.__setitem__, key, digest))


class CampaignActivities(ConstantContactStream):
    """The activities of campaigns that were sent, from «GET an Email Campaign»."""

    name = "campaign_activities"
    primary_keys = ("campaign_activity_id",)
    replication_key = "campaign_updated_at"

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield new and changed activities, and write reports in between."""
        failures = self.run.failures
        reports = [child.name for child in self.selected_children]
        failures.recall(self.stream_state.get("failed", {}), reports)
        with ExitStack() as stack:
            stack.callback(self.flush)
            stack.callback(self._remember_failures)
            for child in self.selected_children:
                child.write_schema()
                stack.enter_context(child.record_counter)
            for item in self.campaign_pass:
                if isinstance(item, FinishedCampaign):
                    self._finish(item)
                    continue
                if item.activity.record is not None and self.selected:
                    self.run.progress.records += 1
                    yield item.activity.record
                self._write(item)
            if self.listing.ended and not self.run.settings.campaign_ids:
                self.stream_state["whole"] = int(self.looks.hour * SECONDS_PER_HOUR)

    def _remember_failures(self) -> None:
        """Keep failures in state for the next run."""
        self.stream_state["failed"] = self.run.failures.marks()
        if not self.stream_state["failed"]:
            del self.stream_state["failed"]

    def _write(self, started: StartedActivity) -> None:
        """Write an activity's reports, and note its look."""
        activity, counters = started.activity, started.counters
        read = {
            child.name: child.write_report(started) for child in self.selected_children
        }
        for child in self.selected_children:
            child.report.note(activity, counters)
        if started.at or activity.record is not None:
            # Also for streams that are not selected in this run.
            for child in self.known_children:
                whole = read.get(child.name, False)
                child.report.put_off(activity, counters, read=whole)
        if started.at:
            self.memory.note_look(activity.activity_id, started.at)
            self.looks.note(activity.looks)
            self.run.progress.looks += len(activity.looks)
            campaign = activity.campaign
            if activity.record is None and campaign.after_look:
                self.memory.remember(campaign.campaign_id, **campaign.after_look)

    def _finish(self, passed: FinishedCampaign) -> None:
        """Remember a campaign, after its activities' records were written."""
        looks = passed.campaign.looks
        self.run.progress.campaigns += not looks
        self.run.progress.looks += len(looks)
        self.looks.note(looks)
        if passed.found.asked:
            self.memory.note_change(passed.found.ids)
        self.settle(partial(self._remember, passed))

    def _remember(self, passed: FinishedCampaign) -> None:
        campaign, found = passed.campaign, passed.found
        if not found.asked:
            return
        record = found.record or campaign.known
        status = record.get("current_status", record.get("status"))
        ids = found.ids
        again = found.gone or not ids or _is_late(campaign, ids)
        unwritten = None if self.selected else True
        if any(one.record is None for one in found.activities):
            # Known, and not in this answer.
            unwritten = unwritten or campaign.known.get("unwritten")
        self.memory.remember(
            campaign.campaign_id,
            ids,
            updated_at=record.get("updated_at"),
            status=kept_status(status),
            sent=campaign.summary_mark or campaign.known.get("sent"),
            looked=int(time.time()) if again else None,
            unwritten=unwritten,
        )

    @override
    def generate_child_contexts(
        self, record: Record, context: Context | None
    ) -> Iterable[Context | None]:
        """Yield none: children follow activities; only changed ones have records."""
        return ()

    @cached_property
    def selected_children(self) -> list[ReportStream]:
        """The selected streams of reports."""
        return [
            child
            for child in self.child_streams
            if isinstance(child, ReportStream) and child.selected
        ]

    @cached_property
    def known_children(self) -> list[ReportStream]:
        """Those streams, and others that are in state."""
        return [
            child
            for child in self.child_streams
            if isinstance(child, ReportStream) and (child.selected or child.has_state)
        ]

    @cached_property
    def memory(self) -> CampaignMemory:
        """What state remembers of campaigns."""
        return CampaignMemory(self.stream_state)

    @cached_property
    def looks(self) -> Looks:
        """The budget for looks."""
        per_day = self.run.settings.look_requests_per_day
        return Looks(per_day, self.stream_state, time.time() / SECONDS_PER_HOUR)

    @cached_property
    def backlog(self) -> Backlog:
        """The daily limit for older activities."""
        bookmarks = self.tap_state.get("bookmarks", {}).values()
        return Backlog(bookmarks, int(self.looks.hour))

    @cached_property
    def listing(self) -> Listing:
        """The listing, read as far as the selected streams need it."""
        listing = self.run.listing
        campaigns = cast("Campaigns", self._tap.streams[Campaigns.name])
        if campaigns.selected:
            listing.since = campaigns.since
        passes = self.selected or bool(self.selected_children)
        summaries = cast("CampaignSummaries", self._tap.streams[CampaignSummaries.name])
        if summaries.selected:
            # Until all were written once, or if state does not show it.
            listing.all_summaries = not (summaries.written and passes)
        if passes:
            listing.memory = self.memory
            # The SDK reads fractions as decimals.
            whole = self.stream_state.get("whole", 0) / SECONDS_PER_HOUR
            since = self.looks.hour - whole
            listing.whole = self.reads_all or not 0 <= since < DAILY_HOURS
        return listing

    @cached_property
    def campaign_pass(self) -> CampaignPass:
        """The pass over all campaigns."""
        run, listing = self.run, self.listing
        lookups = Lookups(run, run.service, run.once)
        reports = [child.report for child in self.selected_children]
        planner = Planner(
            self.memory,
            reports,
            self.looks,
            is_turn=run.failures.is_turn,
            left=lambda: Budget(run.gate).left,
            wanted=run.settings.campaign_ids,
            all_anew=self.reads_all,
            writes=self.selected,
        )
        return CampaignPass(lookups, planner, listing, reports)


def _is_late(campaign: Campaign, ids: Sequence[str]) -> bool:
    """Return whether a look-up shows no new activity although there was a send."""
    known = [one.activity_id for one in campaign.known_activities()]
    return campaign.is_announced and set(ids) <= set(known)
