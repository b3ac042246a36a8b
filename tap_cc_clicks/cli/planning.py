"""Estimate the cost of a run from its agenda.

A sample of new campaigns is looked up and counted: the largest, and an even sample of
the others. The bounds of the estimate depend on how much the sampled values differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from typing import TypeVar, cast

from msgspec import Struct

from tap_cc_clicks.api.pacing import PACE_MARGIN
from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.wire import NOT_ASKED, Counters, people_of
from tap_cc_clicks.cli.estimates import Figure, estimate, exactly, sample
from tap_cc_clicks.streams.base import RunTap
from tap_cc_clicks.streams.campaign_streams import CampaignActivities, Campaigns
from tap_cc_clicks.sync.agenda import Agenda
from tap_cc_clicks.sync.further import FurtherEvents
from tap_cc_clicks.sync.lookups import Activity, Campaign, Lookups
from tap_cc_clicks.sync.progress import SECONDS_PER_MINUTE
from tap_cc_clicks.sync.readahead import ReadAhead
from tap_cc_clicks.sync.reports import Deferred
from tap_cc_clicks.sync.schedule import promised_days
from tap_cc_clicks.sync.single_reports import BACKLOG_PER_DAY, Stats

T = TypeVar("T")

SAMPLE = 20
CLICKS, ACTIVITIES = "new clicks", "activities"


class Plan(Struct):
    """The estimated cost of a run.

    Attributes:
        listed: Campaigns in the part of the listing that was read.
        new: Campaigns never looked up.
        changed: Campaigns to look up again.
        unread: Known activities with a report that was never read.
        looks: Looks for change in the run.
        waiting: Looks left to later runs.
        whole_days: Days, plus a run, within which all activities are looked at; 0 if
            each run looks at all.
        backlog_days: Days needed for the one-time reports of activities known before.
        activities: Activities of new and changed campaigns.
        clicks: Counted clicks not read yet.
        requests: Number of requests by purpose.
        total: Total number of requests.
        minutes: Maximum duration at ``requests_per_second``.
        share_of_quota: Maximum share of the daily quota; 1 for all of it.
        runs: Maximum number of runs; None if they never finish within the limit.
        largest_report: Requests of the largest report.
        spent: Requests made for the plan.
    """

    listed: int = 0
    new: int = 0
    changed: int = 0
    unread: int = 0
    looks: int = 0
    waiting: int = 0
    whole_days: float = 0
    backlog_days: int = 0
    activities: Figure = Figure()
    clicks: Figure = Figure()
    requests: dict[str, Figure] = {}
    total: Figure = Figure()
    minutes: float = 0
    share_of_quota: float = 0
    runs: int | None = 1
    largest_report: int = 0
    spent: int = 0


class Planner:
    """Plans one run of a tap.

    Args:
        tap: The tap, with the state and the catalog of the run.
        sample: Maximum number of campaigns to look up, and of requests for counters;
            None for an exact plan.
    """

    def __init__(self, tap: RunTap, sample: int | None = SAMPLE) -> None:
        self._run = tap.run
        # The setting limits runs, not plans.
        self._run.gate.max_requests = None
        self._sample = sample
        self._campaigns = cast("Campaigns", tap.streams["campaigns"])
        self._summaries = tap.streams["campaign_summaries"]
        self._stream = cast("CampaignActivities", tap.streams["campaign_activities"])
        self._reports = [one.report for one in self._stream.selected_children]
        self._lookups = Lookups(self._run, self._run.service, self._run.once)
        self._plan = Plan()

    def plan(self, budget: int | None = None) -> Plan:
        """Make the plan, with a few requests.

        Args:
            budget: Maximum number of requests per run; None for the daily quota.
        """
        gate = self._run.gate
        if self._stream.selected or self._reports:
            agenda = self._stream.campaign_pass.agenda()
            self._add("lists", exactly(gate.requests))
            self._go_through(agenda)
        else:
            listing = self._stream.listing
            if self._campaigns.selected:
                self._plan.listed = len(list(listing.campaigns()))
            if self._summaries.selected:
                listing.summaries()
            self._add("lists", exactly(gate.requests))
        quota = self._run.settings.key_requests_per_day
        self._sum_up(min(budget or quota, quota))
        return self._plan

    def _go_through(self, agenda: Agenda) -> None:
        plan = self._plan
        plan.listed = sum(one.record is not None for one in agenda.campaigns.values())
        plan.new, plan.changed = len(agenda.new), len(agenda.changed)
        plan.unread, plan.looks = len(agenda.unread), len(agenda.looks)
        plan.waiting = len(agenda.candidates) - len(agenda.looks)
        backlog = sum(one.backlog for one in self._reports if isinstance(one, Deferred))
        plan.backlog_days = ceil(backlog / BACKLOG_PER_DAY)
        per_day = self._run.settings.look_requests_per_day
        total = sum(one.cost for one in agenda.candidates)
        plan.whole_days = round(promised_days(total, per_day), 1)
        self._add("look_ups", exactly(len(agenda.new) + len(agenda.changed)))
        self._add_campaigns([*agenda.changed, *agenda.new])
        looks = [one for one in agenda.others if isinstance(one, Activity)]
        known = [
            activity
            for one in agenda.campaigns.values()
            for activity in one.known_activities()
        ]
        looked = [*agenda.fresh, *agenda.unread, *looks]
        self._add_activities([*looked, *self._further(known, looked)])
        self._add_deferred(known)

    def _add(self, kind: str, figure: Figure) -> None:
        self._plan.requests[kind] = self._plan.requests.get(kind, Figure()) + figure

    def _add_campaigns(self, campaigns: list[Campaign]) -> None:
        campaigns.sort(key=lambda one: people_of(one.summary or {}), reverse=True)
        chosen, first, unseen = sample(campaigns, self._sample)
        found = self._fetched([self._lookups.look_up(one) for one in chosen])
        self._add_groups(
            [[one for one in some.activities if one.has_reports] for some in found],
            first,
            unseen,
        )
        self._plan.activities = self._plan.requests.pop(ACTIVITIES, Figure())
        low, high = self._plan.activities.low, self._plan.activities.high
        if any(one.counts_new for one in self._reports):
            each = IDS_PER_STATS_REQUEST
            self._add("stats", Figure(ceil(low / each), ceil(high / each)))

    def _add_activities(self, activities: list[Activity]) -> None:
        most = self._sample and self._sample * IDS_PER_STATS_REQUEST
        chosen, first, unseen = sample(activities, most)
        counted = sum(one.counted for one in activities)
        self._add("stats", exactly(ceil(counted / IDS_PER_STATS_REQUEST)))
        self._add_groups([[one] for one in chosen], first, unseen)
        del self._plan.requests[ACTIVITIES]
        self._plan.clicks = self._plan.requests.pop(CLICKS)

    def _add_groups(
        self, groups: list[list[Activity]], first: int, unseen: int
    ) -> None:
        """Add the cost of groups, and an estimate for ``unseen`` other ones."""
        counters = self._count([one for some in groups for one in some])
        costs = [self._cost(some, counters) for some in groups]
        # The counters' stream needs no other requests.
        streams = [one.stream for one in self._reports if not isinstance(one, Stats)]
        for kind in (ACTIVITIES, CLICKS, *streams):
            values = [cost[kind] for cost in costs]
            self._add(
                kind, estimate(values[:first], 0) + estimate(values[first:], unseen)
            )
        largest = [cost[stream] for cost in costs for stream in streams]
        self._plan.largest_report = max(self._plan.largest_report, *largest, 0)

    def _cost(
        self, activities: Sequence[Activity], counters: dict[str, Counters]
    ) -> defaultdict[str, int]:
        cost: defaultdict[str, int] = defaultdict(int)
        cost[ACTIVITIES] = len(activities)
        for activity in activities:
            counted = counters.get(activity.activity_id, NOT_ASKED)
            for report in self._reports:
                expected = report.expected(activity.activity_id, counted)
                if report.will_be_due(activity, counted):
                    cost[report.stream] += expected.requests
                    cost[CLICKS] += expected.clicks
        return cost

    def _further(
        self, known: Sequence[Activity], looked: Sequence[Activity]
    ) -> list[Activity]:
        """Return the other activities with a pending event report."""
        pending: dict[str, Activity] = {}
        for report in self._reports:
            if isinstance(report, FurtherEvents):
                for one in report.pending(known, self._stream.looks.hour):
                    counted = report.is_uncounted(one.activity_id)
                    pending.setdefault(one.activity_id, replace(one, counted=counted))
        for one in looked:
            pending.pop(one.activity_id, None)
        return list(pending.values())

    def _add_deferred(self, known: Sequence[Activity]) -> None:
        for report in self._reports:
            if isinstance(report, Deferred) and not isinstance(report, FurtherEvents):
                pending = len(list(report.pending(known, self._stream.looks.hour)))
                self._add(report.stream, exactly(pending))

    def _count(self, activities: Sequence[Activity]) -> dict[str, Counters]:
        """Request the counters of activities if a selected report uses them."""
        ids = [one.activity_id for one in activities if self._reports]
        starts = range(0, len(ids), IDS_PER_STATS_REQUEST)
        chunks = [ids[start : start + IDS_PER_STATS_REQUEST] for start in starts]
        answers = self._fetched([self._lookups.count(chunk) for chunk in chunks])
        return {name: one for answer in answers for name, one in answer.items()}

    def _fetched(self, jobs: Iterable[Iterator[T]]) -> list[T]:
        """Return the first result of each job; jobs run concurrently, as in a run."""
        ahead = ReadAhead(self._run.settings.concurrency, self._run.heartbeat)
        try:
            return [next(iter(one)) for one in [ahead.submit(job) for job in jobs]]
        finally:
            ahead.close()

    def _sum_up(self, budget: int) -> None:
        plan, settings = self._plan, self._run.settings
        plan.total = sum(plan.requests.values(), Figure())
        pace = PACE_MARGIN / settings.requests_per_second / SECONDS_PER_MINUTE
        plan.minutes = round(plan.total.high * pace, 1)
        plan.share_of_quota = plan.total.high / settings.key_requests_per_day
        plan.spent = self._run.gate.requests
        lists = plan.requests.get("lists", Figure()).high
        if plan.total.high > budget:
            enough = budget > lists + plan.largest_report
            left = plan.total.high - lists
            plan.runs = ceil(left / (budget - lists)) if enough else None
