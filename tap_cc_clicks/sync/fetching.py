"""Which reports of an activity are read, and their jobs in threads."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.api.errors import GoneError
from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR, hour_of
from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.sync.budget import Budget
from tap_cc_clicks.sync.event_reports import Events
from tap_cc_clicks.sync.failures import COUNTERS, Failures
from tap_cc_clicks.sync.findings import UNCOUNTED
from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.lookups import Activity, Lookups
from tap_cc_clicks.sync.memory import CampaignMemory
from tap_cc_clicks.sync.readahead import Job, ReadAhead
from tap_cc_clicks.sync.reports import Deferred, Report


@dataclass(frozen=True)
class StartedActivity:
    """An activity whose reports are being fetched.

    Attributes:
        at: When the counters were requested, in seconds since 1970; 0 if they were not.
        reads: The jobs by stream; each yields pages and BookmarkUpdates.
        left: The streams whose reports should be read, but are not being fetched.
    """

    activity: Activity
    counters: Counters = NOT_ASKED
    at: int = 0
    reads: Mapping[str, Job[Any]] = field(default_factory=dict)
    left: Collection[str] = ()


@dataclass(frozen=True)
class CountersResult:
    """Counters of up to ten activities; unreadable ones are left out.

    Attributes:
        at: When they were requested, in seconds since 1970.
    """

    counters: Mapping[str, Counters]
    at: int


@dataclass(frozen=True)
class ReportRequest:
    """A report to read, and how many requests that is expected to take."""

    report: Report
    activity: Activity
    counters: Counters
    requests: int

    @classmethod
    def of(
        cls, report: Report, activity: Activity, counters: Counters
    ) -> ReportRequest:
        """Return the request for a report, with its expected cost."""
        expected = report.expected(activity.activity_id, counters)
        return cls(report, activity, counters, expected.requests)


@dataclass
class ReportFetcher:
    """Fetches the reports of activities that have been counted.

    Attributes:
        lookups: Counts activities again; has the clients.
        reports: The selected reports.
        looks: Charges looks.
        memory: Knows when activities were looked at.
        budget: Requests are reserved here.
        ahead: Has the threads.
        large: The reports that did not fit into the budget.
    """

    lookups: Lookups
    reports: Sequence[Report]
    looks: Looks
    memory: CampaignMemory
    budget: Budget
    ahead: ReadAhead
    large: list[ReportRequest] = field(default_factory=list)

    @property
    def _failures(self) -> Failures:
        return self.lookups.run.failures

    def start(self, activity: Activity, counted: CountersResult) -> StartedActivity:
        """Start to fetch the reports of an activity that are due."""
        if not activity.has_reports:
            self.budget.release(activity.kept)
            return StartedActivity(activity)
        counters = counted.counters.get(activity.activity_id, NOT_ASKED)
        if counters is not NOT_ASKED and counters.clicks is None:
            self._note_uncounted(activity, counters)
        recovered = self._failures.is_retry(COUNTERS, activity.activity_id)
        if counters is not NOT_ASKED and recovered:
            # Earlier looks of this run had no counters: read what these show.
            activity = replace(activity, only=None)
        if activity.counted and counters is NOT_ASKED and activity.looks:
            reports = max(1, sum(isinstance(one, Events) for one in self.reports))
            looks = self.looks.uncounted(activity.looks, reports)
            if not looks:
                return StartedActivity(activity)
            activity = replace(activity, looks=looks)
        due = self._due(activity, counters)
        reads = {
            one.report.stream: self.fetch(one)
            for one in self._reserved(due, activity.kept)
        }
        left = {one.report.stream for one in due} - reads.keys()
        at = 0 if activity.only is not None else counted.at
        return StartedActivity(activity, counters, at, reads, left)

    def fetch(self, wanted: ReportRequest) -> Job[Any]:
        """Fetch a report whose requests were reserved."""
        return self.ahead.submit(self._read(wanted))

    def started_again(self, large: ReportRequest) -> StartedActivity:
        """Start to fetch a report that did not fit before.

        Its activity was written, and its look charged.
        """
        activity = replace(large.activity, record=None, looks=())
        reads = {large.report.stream: self.fetch(large)}
        return StartedActivity(activity, large.counters, int(time.time()), reads)

    def _reserved(
        self, due: Iterable[ReportRequest], kept: int
    ) -> Iterator[ReportRequest]:
        """Yield the reports that fit into the budget; keep the others for later."""
        for one in due:
            if self.budget.reserve(one.requests, kept):
                yield one
            else:
                self.large.append(one)
            kept = 0
        self.budget.release(kept)

    def _note_uncounted(self, activity: Activity, counters: Counters) -> None:
        if counters.stats or activity.campaign.is_settled:
            lacking = "em_clicks_all" if counters.stats else "counters"
            self.lookups.run.anomalies.note(UNCOUNTED, f"without {lacking}")

    def _due(self, activity: Activity, counters: Counters) -> list[ReportRequest]:
        """Return the reports to read, the largest first."""
        due = [
            ReportRequest.of(one, activity, counters)
            for one in self.reports
            if self._failures.is_turn(one.stream, activity.activity_id)
            and self._is_due(one, activity, counters)
        ]
        return sorted(due, key=lambda one: one.requests, reverse=True)

    def _is_due(self, report: Report, activity: Activity, counters: Counters) -> bool:
        if activity.only is not None and report.stream not in activity.only:
            return False
        if self._failures.is_retry(report.stream, activity.activity_id):
            return True
        if report.is_due(activity, counters):
            return True
        stale = activity.campaign.is_recent and self._is_stale(activity, counters)
        return is_events(report) and (stale or activity.is_last)

    def _is_stale(self, activity: Activity, counters: Counters) -> bool:
        """Whether counters are older than the last look."""
        looked = self.memory.looked(activity.activity_id)
        return hour_of(counters.refreshed) * SECONDS_PER_HOUR < looked

    def _read(self, wanted: ReportRequest) -> Iterator[Any]:
        stream, activity_id = wanted.report.stream, wanted.activity.activity_id
        try:
            with self._failures.asking(stream, activity_id):
                yield from self._records(wanted)
        finally:
            self.budget.release(wanted.requests)

    def _records(self, wanted: ReportRequest) -> Iterator[Any]:
        report, activity, lookups = wanted.report, wanted.activity, self.lookups
        retried = self._failures.is_retry(report.stream, activity.activity_id)
        service = lookups.once if retried else lookups.service
        try:
            yield from report.read(service, activity, wanted.counters)
        except GoneError as error:
            if wanted.counters is NOT_ASKED and self._is_counted_now(wanted):
                # It should exist.
                raise FatalAPIError(str(error)) from None
            raise

    def _is_counted_now(self, wanted: ReportRequest) -> bool:
        """Whether the service counts clicks of a report that was never read."""
        activity_id = wanted.activity.activity_id
        if not (is_events(wanted.report) and wanted.report.is_new(activity_id)):
            return False
        counters = next(self.lookups.count([activity_id]))
        return bool(counters.get(activity_id, NOT_ASKED).clicks)


def is_events(report: Report) -> TypeGuard[Events]:
    """Whether a report is an event report that is read with each look."""
    return isinstance(report, Events) and not isinstance(report, Deferred)
