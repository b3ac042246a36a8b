"""The pass over all campaigns: from their listing to the reports worth reading.

Each stage runs ahead of the next, in threads that only fetch::

    listing → activities of new or changed campaigns → counters, ten by ten → reports

Campaigns never read come before those read before, so that a budget or a day's quota
that ends the run is spent on what is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from tap_cc_clicks.api.errors import RunEndedError
from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import UNKNOWN, Counters
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
        cut: Whether the run ended before its counters came.
        reads: The reports under way, by stream; each a job of pages and Moved.
    """

    activity: Activity
    counters: Counters = UNKNOWN
    counted: bool = False
    cut: bool = False
    reads: Mapping[str, Ahead[Any]] = field(default_factory=dict)


Item: TypeAlias = "Activity | Passed"
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
        self._ahead = ReadAhead(self._run.settings.concurrency, self._run.beat)

    def __iter__(self) -> Iterator[Started | Passed]:
        """Yield activities, their reports under way, each campaign after its own."""
        buffered, threads = self._ahead.buffered, self._run.settings.concurrency
        between = ITEMS_BETWEEN_STAGES * threads
        try:
            looked_up = buffered(self._looked_up(), between)
            counted = buffered(self._counted(self._activities(looked_up)), between)
            yield from buffered(self._started(counted), ITEMS_BEFORE_READER * threads)
        finally:
            self._ahead.close()

    def _looked_up(self) -> Iterator[tuple[Campaign, Ahead[LookUp] | None]]:
        try:
            for campaign in self._ordered():
                if self._run.gate.ended:
                    return
                look_up = self._lookups.look_up(campaign)
                job = self._ahead.submit(look_up) if campaign.look_up else None
                yield campaign, job
        except RunEndedError as reason:
            self._run.tell_end(reason)

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

    def _activities(
        self, looked_up: Iterable[tuple[Campaign, Ahead[LookUp] | None]]
    ) -> Iterator[Item]:
        for campaign, job in looked_up:
            if job is None:
                found = self._lookups.remembered(campaign)
            elif (answer := self._answer(job)) is not None:
                found = answer
            else:
                continue
            yield from found.activities
            yield Passed(campaign, found)

    def _counted(self, items: Iterable[Item]) -> Iterator[Chunk]:
        chunk: list[Item] = []
        ids: list[str] = []
        for item in items:
            chunk.append(item)
            if isinstance(item, Activity) and self._counting and item.has_reports:
                ids.append(item.activity_id)
            if len(ids) == IDS_PER_STATS_REQUEST or not self._counting:
                yield chunk, self._count(ids)
                chunk, ids = [], []
        yield chunk, self._count(ids)

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
        reads = {
            report.stream: self._ahead.submit(self._read(report, activity, counted))
            for report in due(activity, counted, self._lookups.reports)
        }
        return Started(activity, counted, counted=self._counting, reads=reads)

    def _read(
        self, report: Report, activity: Activity, counters: Counters
    ) -> Iterator[Any]:
        self._run.failures.check(report.stream)
        yield from report.read(activity, counters)

    def _answer(self, job: Ahead[Any]) -> Any:
        """Return a job's only item, or None if the run ended before it."""
        try:
            return next(iter(job))
        except RunEndedError as reason:
            self._run.tell_end(reason)
            return None


def due(
    activity: Activity, counters: Counters, reports: Iterable[Report]
) -> list[Report]:
    """Return the reports of an activity that are to be read."""
    return [
        report
        for report in reports
        if activity.has_reports and report.is_due(activity, counters)
    ]
