"""The pass over all campaigns: from their listing to their reports.

Each stage runs ahead of the next, in threads that only fetch::

    agenda → look-ups → counters, ten by ten → reports

Clicks come first: of changed and fresh campaigns, of new ones, then of the scheduled
looks. Next come reports that exceed the remaining budget, then items that failed in an
earlier run, and last the deferred reports: counters of new activities, details,
histories, links and other events.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import people_of
from tap_cc_clicks.sync.agenda import Agenda, Planner
from tap_cc_clicks.sync.budget import Budget
from tap_cc_clicks.sync.failures import COUNTERS
from tap_cc_clicks.sync.fetching import (
    CountersResult,
    ReportFetcher,
    ReportRequest,
    StartedActivity,
    is_events,
)
from tap_cc_clicks.sync.listing import Listing
from tap_cc_clicks.sync.lookups import Activity, Campaign, LookupResult, Lookups
from tap_cc_clicks.sync.readahead import Job, ReadAhead
from tap_cc_clicks.sync.reports import Deferred, Report
from tap_cc_clicks.sync.schedule import left_out, turn
from tap_cc_clicks.sync.single_reports import Stats

# Items per thread that may wait between two stages, and before the reader.
ITEMS_BETWEEN_STAGES = 2
ITEMS_BEFORE_READER = 16
# A look-up, and the report that follows.
WITH_REPORT = 2
# Enough for counters, a look-up and some reports.
LEAST_FOR_REPORTS = 5
# Not all of them need counters.
MOST_IN_CHUNK = 10 * IDS_PER_STATS_REQUEST


@dataclass(frozen=True)
class FinishedCampaign:
    """A campaign that was looked up, after all its activities."""

    campaign: Campaign
    found: LookupResult


Item: TypeAlias = "Activity | FinishedCampaign"
# An activity, or a campaign and the job that looks it up.
Task: TypeAlias = "Activity | tuple[Campaign, Job[LookupResult]]"
Chunk: TypeAlias = "tuple[list[Item], Job[CountersResult] | None]"


class CampaignPass:
    """One pass over all campaigns, in reading order."""

    def __init__(
        self,
        lookups: Lookups,
        planner: Planner,
        listing: Listing,
        reports: Iterable[Report],
    ) -> None:
        self._lookups = lookups
        self._planner = planner
        self._listing = listing
        self._run = lookups.run
        self._failures = self._run.failures
        self._all = list(reports)
        self._reports = [one for one in self._all if not isinstance(one, Deferred)]
        self._deferred = [one for one in self._all if isinstance(one, Deferred)]
        self._memory = planner.memory
        self._agenda = Agenda()
        self._budget = Budget(self._run.gate)
        self._found: dict[str, list[str]] = {}
        self._ahead = ReadAhead(self._run.settings.concurrency, self._run.heartbeat)
        self._fetcher = ReportFetcher(
            lookups, self._all, planner.looks, self._memory, self._budget, self._ahead
        )

    def __iter__(self) -> Iterator[StartedActivity | FinishedCampaign]:
        """Yield activities being fetched, each campaign after its activities."""
        try:
            self._agenda = self.agenda()
            yield from self._staged(self._tasks())
            yield from self._large_ones()
            yield from self._failed_before()
            yield from self._staged(self._uncounted())
            yield from self._ahead.buffered(
                self._deferred_reports(), ITEMS_BEFORE_READER
            )
        except RunEndedError as reason:
            self._run.log_end(reason)
        finally:
            self._ahead.close()

    def agenda(self) -> Agenda:
        listing = self._listing
        try:
            (summaries,) = self._ahead.buffered(map(Listing.summaries, [listing]))
            listed = {
                record["campaign_id"]: record
                for record in self._ahead.buffered(listing.campaigns())
            }
        finally:
            self._warn_small_budget()
        agenda = self._planner.agenda(listed, summaries)
        progress = self._run.progress
        progress.campaigns_known = len(agenda.changed) + len(agenda.new)
        progress.looks_known = len(agenda.looks)
        progress.waiting = len(agenda.candidates) - len(agenda.looks)
        if short := left_out(agenda.candidates, agenda.looks):
            self._run.logger.warning("%s", short)
        return agenda

    def _warn_small_budget(self) -> None:
        """Warn if the listing alone has nearly used up the budget."""
        left, made = self._budget.left, self._run.gate.requests
        if left is not None and left < LEAST_FOR_REPORTS:
            self._run.logger.warning(
                "The listing of campaigns took %d of %d max_requests, and little or "
                "nothing can be read with the rest: set max_requests to at least %d",
                made,
                self._run.gate.max_requests,
                made + LEAST_FOR_REPORTS,
            )

    def _staged(
        self, tasks: Iterable[Task]
    ) -> Iterator[StartedActivity | FinishedCampaign]:
        """Run each stage ahead of the next one."""
        buffered, threads = self._ahead.buffered, self._run.settings.concurrency
        between = ITEMS_BETWEEN_STAGES * threads
        tasks = buffered(self._until_the_end(tasks), between)
        counted = buffered(self._counted(self._items(tasks)), between)
        yield from buffered(self._started(counted), ITEMS_BEFORE_READER * threads)

    def _until_the_end(self, tasks: Iterable[Task]) -> Iterator[Task]:
        for task in tasks:
            if self._run.gate.ended:
                return
            yield task

    def _tasks(self) -> Iterator[Task]:
        agenda = self._agenda
        yield from map(self._look_up, agenda.changed)
        yield from agenda.fresh
        # In one order: a campaign that was looked up is read next, whatever the budget.
        never_read: list[Campaign | Activity] = [*agenda.new, *agenda.unread]
        for one in sorted(never_read, key=_latest, reverse=True):
            if isinstance(one, Campaign):
                yield self._look_up(one)
                continue
            yield self._unscheduled(one)
        for one in agenda.others:
            yield one if isinstance(one, Activity) else self._look_up(one)

    def _look_up(self, campaign: Campaign) -> Task:
        """Look up a campaign as soon as the budget has room for its report too."""
        self._budget.wait(WITH_REPORT, self._is_over)
        return campaign, self._ahead.submit(self._lookups.look_up(campaign))

    def _is_over(self) -> bool:
        return self._ahead.room.closed or self._run.gate.ended is not None

    def _unscheduled(self, activity: Activity) -> Activity:
        """Return an activity that is read anyway: the schedule leaves it out.

        It is searched, too, and counted first, unless it was never read.
        """
        events = list(filter(is_events, self._reports))
        unread = any(one.is_new(activity.activity_id) for one in events)
        known = any(one.known(activity.activity_id) for one in events)
        counted = known or not unread or self._counts_first(activity.campaign)
        return replace(activity, counted=counted, search=True)

    def _counts_first(self, campaign: Campaign) -> bool:
        """Whether counters are requested before a first read.

        They are needed if settings filter clicks, or to see whether a report fits the
        budget.
        """
        if any(one.needs_counters_first for one in self._reports if is_events(one)):
            return True
        page = self._run.settings.page_size
        small = campaign.summary is not None and people_of(campaign.summary) * 2 < page
        return self._run.settings.max_requests is not None and not small

    def _large_ones(self) -> Iterator[StartedActivity]:
        """Yield the reports that did not fit into the budget and now do."""
        refused = []
        for large in sorted(self._fetcher.large, key=lambda one: one.requests):
            if self._run.gate.ended:
                return
            # With no budget left, the first of them ends the run.
            if not self._budget.reserve(large.requests) and self._budget.left:
                refused.append(large)
                continue
            yield self._fetcher.started_again(large)
        if refused:
            self._warn_refused(refused)

    def _warn_refused(self, refused: list[ReportRequest]) -> None:
        """Name the largest of the reports that do not fit."""
        large, others = refused[-1], len(refused) - 1
        most = self._run.gate.max_requests or 0
        advice = (
            f"set max_requests to at least {large.requests + self._run.gate.requests:,}"
            if large.requests > most
            else "the next run tries again"
        )
        self._run.logger.warning(
            "%s of activity %s needs about %s requests, and %s of max_requests are "
            "left: not read%s; %s",
            large.report.stream,
            large.activity.activity_id,
            f"{large.requests:,}",
            f"{self._budget.left:,}",
            f", nor are {others:,} smaller ones" if others else "",
            advice,
        )

    def _failed_before(self) -> Iterator[StartedActivity | FinishedCampaign]:
        """Yield the items that failed in earlier runs and are retried now."""
        if self._run.gate.ended:
            return
        for item in self._failures.before:
            campaign = self._campaign_of(item)
            self._failures.excuse([item] if campaign and campaign.removed else ())
        if self._listing.ended and not self._run.settings.campaign_ids:
            self._failures.forget_missing(self._is_there)
        while retried := self._failures.retry(self._is_there):
            yield from self._staged(self._again(retried))

    def _is_there(self, item: str) -> bool:
        return self._campaign_of(item) is not None

    def _campaign_of(self, item: str) -> Campaign | None:
        """Return a campaign by its own id, or by an activity's."""
        campaign_id = self._memory.campaign_of(item) or item
        return self._agenda.campaigns.get(campaign_id)

    def _again(self, retried: Iterable[str]) -> Iterator[Task]:
        for item in retried:
            campaign = self._campaign_of(item)
            if campaign and campaign.campaign_id == item:
                yield self._look_up(campaign)
            elif campaign:
                counted = self._failures.is_retry(COUNTERS, item)
                only = frozenset(
                    one.stream
                    for one in self._all
                    if self._failures.is_retry(one.stream, item)
                    or (counted and isinstance(one, Stats))
                )
                yield Activity(campaign, item, counted=True, only=only)

    def _uncounted(self) -> Iterator[Activity]:
        """Yield the activities whose counters were never requested."""
        stats = frozenset(one.stream for one in self._all if isinstance(one, Stats))
        for activity in self._newest_first():
            if any(one.is_uncounted(activity.activity_id) for one in self._all):
                yield replace(activity, counted=True, only=stats)

    def _deferred_reports(self) -> Iterator[StartedActivity]:
        activities = list(self._newest_first())
        refused = []
        for wanted in self._wanted_later(activities):
            fits = self._budget.wait(wanted.requests, self._is_over)
            if self._run.gate.ended:
                return
            # With no budget left, the first of them ends the run.
            if not fits and self._budget.left:
                refused.append(wanted)
                continue
            reads = {wanted.report.stream: self._fetcher.fetch(wanted)}
            yield StartedActivity(wanted.activity, reads=reads)
        if refused:
            self._warn_refused(sorted(refused, key=lambda one: one.requests))

    def _wanted_later(self, activities: Sequence[Activity]) -> list[ReportRequest]:
        """Return the deferred reports to read: first what was never read.

        With a budget, the others take turns, or some would never be reached.
        """
        hour = self._planner.looks.hour
        new: list[ReportRequest] = []
        known: list[ReportRequest] = []
        for report in self._deferred:
            for activity in report.pending(activities, hour):
                activity_id = activity.activity_id
                if self._failures.is_turn(report.stream, activity_id):
                    counters = report.counters(activity_id)
                    wanted = known if report.was_read(activity_id) else new
                    wanted.append(ReportRequest.of(report, activity, counters))
        if self._budget.left is not None:
            known.sort(key=lambda one: turn(one.activity.activity_id, hour))
        return new + known

    def _newest_first(self) -> Iterator[Activity]:
        campaigns = sorted(
            self._agenda.campaigns.values(),
            key=lambda one: one.latest,
            reverse=True,
        )
        for campaign in campaigns:
            known = self._memory.activities(campaign.campaign_id)
            found = self._found.get(campaign.campaign_id, ())
            for activity_id in dict.fromkeys([*known, *found]):
                yield Activity(campaign, activity_id)

    def _items(self, tasks: Iterable[Task]) -> Iterator[Item]:
        for task in tasks:
            if isinstance(task, Activity):
                yield task
                continue
            campaign, job = task
            found = self._result(job)
            kept = WITH_REPORT - 1
            self._budget.release(1 if found else WITH_REPORT)
            # Memory learns them when the campaign's records are written.
            self._found[campaign.campaign_id] = found.ids if found else []
            for activity in found.activities if found else ():
                # Also if it was not found any more (404), as when it was removed.
                last = found.asked and campaign.is_at_rest
                yield replace(self._unscheduled(activity), kept=kept, is_last=last)
                kept = 0
            self._budget.release(kept)
            if found:
                self._run.progress.looked_up += not campaign.looks
                yield FinishedCampaign(campaign, found)

    def _counted(self, items: Iterable[Item]) -> Iterator[Chunk]:
        chunk: list[Item] = []
        ids: list[str] = []
        for item in items:
            chunk.append(item)
            if isinstance(item, Activity) and self._is_counted(item):
                ids.append(item.activity_id)
            full = len(ids) == IDS_PER_STATS_REQUEST or len(chunk) >= MOST_IN_CHUNK
            # The next look-up may wait for requests that this one reserved.
            kept = isinstance(item, FinishedCampaign) and self._budget.left is not None
            if full or kept or not ids:
                yield chunk, self._count(ids)
                chunk, ids = [], []
        yield chunk, self._count(ids)

    def _is_counted(self, activity: Activity) -> bool:
        return (
            activity.counted
            and activity.has_reports
            and any(one.follows_clicks for one in self._all)
            and self._failures.is_turn(COUNTERS, activity.activity_id)
        )

    def _count(self, ids: list[str]) -> Job[CountersResult] | None:
        return self._ahead.submit(self._count_now(ids)) if ids else None

    def _count_now(self, ids: list[str]) -> Iterator[CountersResult]:
        at = int(time.time())
        for counters in self._lookups.count(ids):
            yield CountersResult(counters, at)

    def _started(
        self, chunks: Iterable[Chunk]
    ) -> Iterator[StartedActivity | FinishedCampaign]:
        for chunk, job in chunks:
            counted = self._result(job) if job else CountersResult({}, int(time.time()))
            for item in chunk:
                if isinstance(item, FinishedCampaign):
                    yield item
                elif counted is None:
                    # The run has ended: only the records are written.
                    yield StartedActivity(
                        item, left=[one.stream for one in self._reports]
                    )
                else:
                    yield self._fetcher.start(item, counted)

    def _result(self, job: Job[Any]) -> Any:
        """Return a job's only item, or None if the run ended first."""
        try:
            return next(iter(job))
        except RunEndedError as reason:
            self._run.log_end(reason)
            return None


def _latest(one: Campaign | Activity) -> str:
    """Return when a campaign, or an activity's, was last changed or sent."""
    return one.latest if isinstance(one, Campaign) else one.campaign.latest
