"""The pass over all campaigns: from their listing to the reports worth reading.

Each stage runs ahead of the next, in threads that only fetch::

    listing → activities of new or changed campaigns → counters, ten by ten → reports

Campaigns never read come before those read before, so that a budget or a day's quota
that ends the run is spent on what is missing. Reports that need more than what is left
of the budget come after those that fit. What failed in an earlier run comes last, in a
small pass of its own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import UNKNOWN, Counters
from tap_cc_clicks.sync.budget import Budget
from tap_cc_clicks.sync.failures import COUNTERS
from tap_cc_clicks.sync.findings import UNCOUNTED
from tap_cc_clicks.sync.lookups import Activity, Campaign, LookUp, Lookups
from tap_cc_clicks.sync.readahead import Ahead, ReadAhead
from tap_cc_clicks.sync.reports import Report

# For each thread, how many items may wait between two stages; and before the reader,
# which a single long report can hold up while many short ones are fetched.
ITEMS_BETWEEN_STAGES = 2
ITEMS_BEFORE_READER = 16


@dataclass(frozen=True)
class Passed:
    """A campaign, once all its activities went by."""

    campaign: Campaign
    found: LookUp


@dataclass(frozen=True)
class Started:
    """An activity, with its reports under way.

    Attributes:
        counters: What the service counts of it.
        counted: Whether it was asked for that.
        cut: Whether something of it is left: the run ended before its counters came, or
            a report has its turn later.
        reads: The reports under way, by stream; each a job of pages and Moved.
    """

    activity: Activity
    counters: Counters = UNKNOWN
    counted: bool = False
    cut: bool = False
    reads: Mapping[str, Ahead[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """A report to be read, and how many requests that is expected to take."""

    report: Report
    activity: Activity
    counters: Counters
    requests: int


Item: TypeAlias = "Activity | Passed"
# A campaign, and the job that looks its activities up or what is known of them.
Looked: TypeAlias = "tuple[Campaign, Ahead[LookUp] | LookUp]"
Chunk: TypeAlias = "tuple[list[Item], Ahead[dict[str, Counters]] | None]"


class CampaignPass:
    """One pass over all campaigns, in the order in which they are to be read.

    Args:
        lookups: Asks the API, or state.
        counting: Whether counters are wanted.
    """

    def __init__(self, lookups: Lookups, *, counting: bool) -> None:
        self._lookups = lookups
        self._counting = counting
        self._run = lookups.run
        self._failures = self._run.failures
        self._failed_before: dict[str, tuple[Campaign, LookUp]] = {}
        # Streams and activities: a pass over what failed before reads none twice.
        self._read_now: set[tuple[str, str]] = set()
        self._budget = Budget(self._run.gate)
        self._large: list[Wanted] = []
        self._ahead = ReadAhead(self._run.settings.concurrency, self._run.beat)

    def __iter__(self) -> Iterator[Started | Passed]:
        """Yield activities, their reports under way, each campaign after its own."""
        try:
            yield from self._staged(self._looked_up())
            yield from self._large_ones()
            if not self._run.gate.ended:
                if not self._run.listing.incomplete:
                    self._failures.forget_missing()
                while retried := self._failures.retry():
                    yield from self._staged(self._again(retried))
        finally:
            self._ahead.close()

    def _staged(self, looked_up: Iterable[Looked]) -> Iterator[Started | Passed]:
        """Let each stage run ahead of the next one."""
        buffered, threads = self._ahead.buffered, self._run.settings.concurrency
        between = ITEMS_BETWEEN_STAGES * threads
        looked_up = buffered(looked_up, between)
        counted = buffered(self._counted(self._activities(looked_up)), between)
        yield from buffered(self._started(counted), ITEMS_BEFORE_READER * threads)

    def _looked_up(self) -> Iterator[Looked]:
        lookups = self._lookups
        try:
            for campaign in self._ordered():
                if self._run.gate.ended:
                    return
                if campaign.look_up and lookups.is_turn(campaign):
                    yield campaign, self._ahead.submit(lookups.look_up(campaign))
                else:
                    yield campaign, lookups.remembered(campaign)
        except RunEndedError as reason:
            self._run.tell_end(reason)

    def _large_ones(self) -> Iterator[Started]:
        """Yield the reports that did not fit into the budget, if they do now."""
        refused = []
        for large in sorted(self._large, key=lambda one: one.requests):
            if self._run.gate.ended:
                return
            if not self._budget.reserve(large.requests):
                refused.append(large)
                continue
            # Its record is written.
            activity = replace(large.activity, record=None)
            reads = {large.report.stream: self._submit(large)}
            yield Started(activity, large.counters, counted=True, reads=reads)
        if refused:
            self._tell_refused(refused)

    def _tell_refused(self, refused: list[Wanted]) -> None:
        """Name the largest of the reports that do not fit."""
        large, others = refused[-1], len(refused) - 1
        most = self._run.gate.max_requests or 0
        advice = (
            f"set max_requests to at least {large.requests + self._run.gate.requests:,}"
            if large.requests > most or not self._read_now
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

    def _again(self, retried: frozenset[str]) -> Iterator[Looked]:
        """Yield the campaigns of which something failed before and has its turn now."""
        for campaign, found in list(self._failed_before.values()):
            if retried.isdisjoint([campaign.campaign_id, *found.activity_ids]):
                continue
            self._run.progress.campaigns_known += 1
            if self._lookups.is_retry(campaign):
                yield campaign, self._ahead.submit(self._lookups.look_up(campaign))
            else:
                left = [
                    replace(one, record=None)
                    for one in found.activities
                    if one.activity_id in retried
                ]
                yield campaign, replace(found, activities=left)

    def _ordered(self) -> Iterator[Campaign]:
        """Yield the campaigns never read first, those read before after them.

        Without a budget, those read before fill the time in which the listing is
        waited for.
        """
        budgeted = self._run.settings.max_requests is not None
        # Both are chains of pages: side by side they take half the time.
        listing = self._ahead.buffered(self._lookups.campaigns())
        summaries = next(iter(self._ahead.submit(self._lookups.summaries())))
        read_before: deque[Campaign] = deque()
        for listed in listing:
            campaign = replace(listed, summary=summaries.get(listed.campaign_id))
            if campaign.read_before:
                read_before.append(campaign)
            else:
                yield campaign
            while read_before and listing.waiting and not budgeted:
                yield read_before.popleft()
        yield from read_before

    def _activities(self, looked_up: Iterable[Looked]) -> Iterator[Item]:
        for campaign, job in looked_up:
            found = job if isinstance(job, LookUp) else self._answer(job)
            if found is None:
                continue
            self._run.progress.looked_up += 1
            yield from found.activities
            ids = [campaign.campaign_id, *found.activity_ids]
            if self._failures.concern(ids):
                # What is tried again comes by here once more.
                known = (campaign, found)
                self._failed_before.setdefault(campaign.campaign_id, known)
                self._failures.excuse(ids if campaign.removed else ())
            yield Passed(campaign, found)

    def _counted(self, items: Iterable[Item]) -> Iterator[Chunk]:
        chunk: list[Item] = []
        ids: list[str] = []
        for item in items:
            chunk.append(item)
            if isinstance(item, Activity) and self._is_counted(item):
                ids.append(item.activity_id)
            if len(ids) == IDS_PER_STATS_REQUEST or not self._counting:
                yield chunk, self._count(ids)
                chunk, ids = [], []
        yield chunk, self._count(ids)

    def _is_counted(self, activity: Activity) -> bool:
        return (
            self._counting
            and activity.has_reports
            and self._failures.is_turn(COUNTERS, activity.activity_id)
        )

    def _count(self, ids: list[str]) -> Ahead[dict[str, Counters]] | None:
        return self._ahead.submit(self._lookups.count(ids)) if ids else None

    def _started(self, chunks: Iterable[Chunk]) -> Iterator[Started | Passed]:
        for chunk, job in chunks:
            counters = self._answer(job) if job else {}
            for item in chunk:
                if isinstance(item, Passed):
                    yield item
                else:
                    yield self._start(item, counters)

    def _start(
        self, activity: Activity, counters: dict[str, Counters] | None
    ) -> Started:
        if not activity.has_reports or counters is None:
            return Started(activity, cut=activity.has_reports)
        counted = counters.get(activity.activity_id, UNKNOWN)
        if activity.activity_id in counters and counted.clicks is None:
            self._note_uncounted(activity, counted)
        reads: dict[str, Ahead[Any]] = {}
        wanted = self._wanted(activity, counted)
        for one in wanted:
            if not self._failures.is_turn(one.report.stream, activity.activity_id):
                continue
            if self._budget.reserve(one.requests):
                reads[one.report.stream] = self._submit(one)
            else:
                self._large.append(one)
        return Started(
            activity,
            counted,
            counted=self._counting,
            cut=len(reads) < len(wanted),
            reads=reads,
        )

    def _note_uncounted(self, activity: Activity, counters: Counters) -> None:
        if counters.stats or activity.settled:
            lacking = "em_clicks_all" if counters.stats else "counters"
            self._run.oddities.note(UNCOUNTED, f"without {lacking}")

    def _wanted(self, activity: Activity, counters: Counters) -> list[Wanted]:
        return [
            Wanted(
                report,
                activity,
                counters,
                report.expected(activity, counters).requests,
            )
            for report in self._lookups.reports
            if self._failures.is_retry(report.stream, activity.activity_id)
            or (
                self._is_news(report, activity, counters)
                and is_due(report, activity, counters)
            )
        ]

    def _is_news(self, report: Report, activity: Activity, counters: Counters) -> bool:
        """Tell whether this run has not read a report, or not knowing its counter."""
        counted = counters.clicks is not None and (
            self._failures.is_retry(COUNTERS, activity.activity_id)
        )
        return counted or (report.stream, activity.activity_id) not in self._read_now

    def _submit(self, wanted: Wanted) -> Ahead[Any]:
        if wanted.requests:
            self._read_now.add((wanted.report.stream, wanted.activity.activity_id))
        return self._ahead.submit(self._read(wanted))

    def _read(self, wanted: Wanted) -> Iterator[Any]:
        report, activity = wanted.report, wanted.activity
        try:
            self._failures.check(report.stream)
            retried = self._failures.is_retry(report.stream, activity.activity_id)
            service = self._lookups.once if retried else self._lookups.service
            yield from report.read(service, activity, wanted.counters)
        finally:
            self._budget.release(wanted.requests)

    def _answer(self, job: Ahead[Any]) -> Any:
        """Return a job's only item, or None if the run ended before it."""
        try:
            return next(iter(job))
        except RunEndedError as reason:
            self._run.tell_end(reason)
            return None


def is_due(report: Report, activity: Activity, counters: Counters) -> bool:
    """Tell whether a report of an activity is to be read."""
    return activity.has_reports and report.is_due(activity, counters)
