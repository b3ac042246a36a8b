"""What a run would cost, from the decisions that the run itself would take.

The listing is read, and state is asked as a run asks it. Where a run would look up a
campaign or ask for counters, a plan does so for a sample, and scales up: by each
campaign's number of people who clicked, which summaries tell 500 at a time.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from statistics import mean
from typing import Any, TypeVar, cast

from msgspec import Struct
from typing_extensions import override

from tap_cc_clicks.api.pacing import PACE_MARGIN
from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST, Service
from tap_cc_clicks.api.wire import UNKNOWN, Counters, people_of
from tap_cc_clicks.streams import CampaignActivities, Campaigns
from tap_cc_clicks.streams.base import RunTap
from tap_cc_clicks.sync.campaign_pass import is_due
from tap_cc_clicks.sync.lookups import Activity, Campaign
from tap_cc_clicks.sync.progress import SECONDS_PER_MINUTE
from tap_cc_clicks.sync.readahead import ReadAhead
from tap_cc_clicks.sync.reports import Report

T = TypeVar("T")

SAMPLE = 20
# The first of so many in a sample are those that matter most.
FIRST_IN_SAMPLE = 4
# What campaigns are estimated to have, besides requests by stream.
ACTIVITIES = "activities"
DETAILS = "details"
CLICKS = "new clicks"


class Figure(Struct, frozen=True):
    """A number, and whether it is one that was counted or an estimate."""

    value: int
    exact: bool = True

    def __str__(self) -> str:
        """Write it as people read it."""
        return f"{self.value:,}" if self.exact else f"about {self.value:,}"


class Plan(Struct):
    """What a run would cost.

    Attributes:
        listed: Campaigns in the listing.
        sent: Those of them that the run goes through.
        known: Those of these that were looked up before.
        new: Those that never were.
        changed: Those that were, and have changed since.
        activities: Activities with reports that the run goes through.
        clicks: Clicks that the service has counted and that were not read.
        requests: By endpoint.
        total: Of requests.
        minutes: How long it takes at ``requests_per_second``.
        share_of_quota: Of a day's requests, 1 for all of them.
        runs: How many runs it takes; None if no number of them will do.
        days: How many days' quotas these runs take.
        looked_up: Campaigns that the plan looked up.
        counted: Activities whose counters it asked for.
        largest_report: Requests of the report that takes most.
        spent: Requests that the plan itself made.
    """

    listed: int = 0
    sent: int = 0
    known: int = 0
    new: int = 0
    changed: int = 0
    activities: Figure = Figure(0)
    clicks: Figure = Figure(0)
    requests: dict[str, Figure] = {}
    total: Figure = Figure(0)
    minutes: float = 0
    share_of_quota: float = 0
    runs: int | None = 1
    days: int | None = 1
    looked_up: int = 0
    counted: int = 0
    largest_report: int = 0
    spent: int = 0


class _WithoutDetails(Service):
    """Notes which activities' details would be asked for, instead of asking."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.asked: set[str] = set()

    @override
    def details(self, activity_id: str) -> dict[str, Any]:
        self.asked.add(activity_id)
        return {}


@dataclass
class _Estimate:
    """Sums by kind, and which of the kinds are no more than estimated."""

    sums: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    unsure: set[str] = field(default_factory=set)
    largest: int = 0

    def add(self, other: _Estimate, times: float = 1) -> None:
        """Add another one so many times."""
        for kind, value in other.sums.items():
            self.sums[kind] += value * times
        self.unsure |= other.unsure
        self.largest = max(self.largest, other.largest)

    def correct(self, supposed: _Estimate, actual: _Estimate) -> None:
        """Correct each kind by as much as another one of its sort was wrong."""
        for kind, value in supposed.sums.items():
            self.sums[kind] *= actual.sums[kind] / value if value else 1

    def figure(self, kind: str) -> Figure:
        """Return the sum of a kind."""
        return Figure(round(self.sums[kind]), kind not in self.unsure)


class Planner:
    """Plans one run of a tap.

    Args:
        tap: The tap, with the state and the catalog that the run would have.
        sample: How many campaigns to look up at most, and how many requests to make for
            counters; None for as many as an exact plan takes.
    """

    def __init__(self, tap: RunTap, sample: int | None = SAMPLE) -> None:
        self._run = tap.run
        # The run's budget is not the plan's.
        self._run.gate.max_requests = None
        self._sample = sample
        self._campaigns = cast("Campaigns", tap.streams["campaigns"])
        self._stream = cast("CampaignActivities", tap.streams["campaign_activities"])
        self._reports = self._stream.lookups.reports
        self._service = _WithoutDetails(
            self._run.client(), self._run.settings.page_size
        )
        self._lookups = replace(self._stream.lookups, service=self._service)
        self._counters: dict[str, Counters] = {}
        self._people: dict[str, int] = {}
        self._clicks_by_people: list[tuple[float, float]] = []
        self._plan = Plan()

    def plan(self, budget: int | None = None) -> Plan:
        """Make the plan, with the few requests it takes.

        Args:
            budget: The requests that a run may make; None for a day's.
        """
        if self._stream.selected or self._reports:
            self._go_through()
        elif self._campaigns.selected:
            self._plan.listed = len(list(self._run.listing.campaigns()))
            self._plan.requests = {"campaigns": Figure(self._run.gate.requests)}
        quota = self._run.settings.key_requests_per_day
        self._sum_up(min(budget or quota, quota))
        return self._plan

    def _go_through(self) -> None:
        campaigns = list(self._lookups.campaigns())
        listing = self._run.gate.requests
        summaries = next(self._lookups.summaries())
        campaigns = [
            replace(one, summary=summaries.get(one.campaign_id)) for one in campaigns
        ]
        self._plan.requests = {
            "campaigns": Figure(listing),
            "summaries": Figure(self._run.gate.requests - listing),
        }
        self._count_campaigns(campaigns)
        self._fill_in(self._estimate(campaigns, summaries))

    def _count_campaigns(self, campaigns: list[Campaign]) -> None:
        plan = self._plan
        plan.listed = len(list(self._run.listing.campaigns()))
        plan.sent = len(campaigns)
        plan.known = sum(campaign.known for campaign in campaigns)
        plan.new = plan.sent - plan.known
        plan.changed = sum(one.look_up and one.known for one in campaigns)
        plan.requests["look_ups"] = Figure(
            sum(one.look_up and not self._is_free(one) for one in campaigns)
        )

    def _is_free(self, campaign: Campaign) -> bool:
        """Tell whether an earlier run left what a look-up would tell."""
        return self._lookups.unfinished(campaign) is not None

    def _estimate(
        self, campaigns: list[Campaign], summaries: dict[str, dict[str, Any]]
    ) -> _Estimate:
        costly = [one for one in campaigns if one.look_up and not self._is_free(one)]
        if self._sample is not None and len(costly) > self._sample and self._reports:
            told = summaries or self._run.listing.summaries()
            self._people = {one: people_of(summary) for one, summary in told.items()}
            costly.sort(key=lambda one: (-self._people_in(one), one.removed))
        largest, typical = _sample(costly, self._sample)
        sampled = [*largest, *typical]
        chosen = {one.campaign_id for one in sampled}
        unseen = [one for one in costly if one.campaign_id not in chosen]
        free = [one for one in campaigns if one.look_up and self._is_free(one)]
        looked_up = self._looked_up([*sampled, *free])
        self._plan.looked_up = len(sampled)
        total = self._of_known([*looked_up, *self._remembered(campaigns)])
        if unseen:
            total.add(self._of_unseen(typical, unseen, looked_up))
        return total

    def _looked_up(self, campaigns: list[Campaign]) -> list[Activity]:
        """Look campaigns up, and return their activities."""
        answers = self._fetched([self._lookups.look_up(one) for one in campaigns])
        return [activity for answer in answers for activity in answer.activities]

    def _fetched(self, jobs: list[Iterator[T]]) -> list[T]:
        """Return what each of the jobs yields, done side by side as a run does them."""
        ahead = ReadAhead(self._run.settings.concurrency, self._run.beat)
        try:
            return [next(iter(one)) for one in [ahead.submit(job) for job in jobs]]
        finally:
            ahead.close()

    def _remembered(self, campaigns: list[Campaign]) -> list[Activity]:
        """Return the activities of campaigns that are not looked up, newest first."""
        kept = [one for one in campaigns if not one.look_up]
        kept.sort(key=lambda one: str(one.record["updated_at"]), reverse=True)
        found = [self._lookups.remembered(one) for one in kept]
        return [activity for one in found for activity in one.activities]

    def _of_known(self, activities: list[Activity]) -> _Estimate:
        """Return the cost of activities known one by one.

        The newest of them, of which most have new clicks, are all asked for; of the
        others, some, evenly spread.
        """
        most = self._sample and self._sample * IDS_PER_STATS_REQUEST
        with_reports = [activity for activity in activities if activity.has_reports]
        first, spread = _sample(with_reports, most)
        self._count([*first, *spread])
        total = self._of_activities(activities)
        total.add(self._of_reports(first))
        if spread:
            others = self._of_reports(spread)
            total.add(others, (len(with_reports) - len(first)) / len(spread))
            total.unsure |= {CLICKS, *(report.stream for report in self._reports)}
        return total

    def _of_unseen(
        self,
        typical: list[Campaign],
        unseen: list[Campaign],
        looked_up: list[Activity],
    ) -> _Estimate:
        """Return the cost of campaigns that were not looked up.

        Each is taken for one with a single activity and clicks by its people; by how
        much that is wrong, the typical ones tell, which were looked up.
        """
        chosen = {one.campaign_id for one in typical}
        seen = [one for one in looked_up if one.campaign_id in chosen]
        self._clicks_by_people = self._curve(looked_up)
        estimate = self._supposed(unseen)
        estimate.unsure = {ACTIVITIES, CLICKS, *(one.stream for one in self._reports)}
        if estimate.sums[DETAILS]:
            estimate.unsure.add(DETAILS)
        estimate.correct(self._supposed(typical), self._cost(seen))
        return estimate

    def _curve(self, looked_up: list[Activity]) -> list[tuple[float, float]]:
        """Return how many clicks go with how many people, from few to many of them.

        The most eager people click in the largest emails more than once.
        """
        clicks: dict[str, int] = {}
        for one in looked_up:
            campaign_id = one.campaign_id
            counted = self._counters_of(one).clicks or 0
            clicks[campaign_id] = clicks.get(campaign_id, 0) + counted
        by_people: dict[int, list[int]] = {}
        for campaign_id, counted in clicks.items():
            people = self._people.get(campaign_id, 0)
            by_people.setdefault(people, []).append(counted)
        return sorted((people, mean(counts)) for people, counts in by_people.items())

    def _supposed(self, campaigns: list[Campaign]) -> _Estimate:
        return self._cost([one for each in campaigns for one in self._suppose(each)])

    def _suppose(self, campaign: Campaign) -> Iterator[Activity]:
        """Yield a campaign's activities as they were last, or a single one."""
        ids = campaign.activity_ids or [campaign.campaign_id]
        rows = [
            {"campaign_activity_id": one, "role": "primary_email", "document_id": None}
            for one in ids
        ]
        clicks = _between(self._clicks_by_people, self._people_in(campaign)) / len(ids)
        for activity in self._lookups.activities(campaign, rows):
            self._counters[activity.activity_id] = Counters(round(clicks))
            yield activity

    def _counters_of(self, activity: Activity) -> Counters:
        return self._counters.get(activity.activity_id, UNKNOWN)

    def _people_in(self, campaign: Campaign) -> int:
        return self._people.get(campaign.campaign_id, 0)

    def _count(self, activities: list[Activity]) -> None:
        """Ask for activities' counters, ten by ten, if anything depends on them."""
        if not self._reports:
            return
        ids = [activity.activity_id for activity in activities]
        starts = range(0, len(ids), IDS_PER_STATS_REQUEST)
        chunks = [ids[start : start + IDS_PER_STATS_REQUEST] for start in starts]
        for answer in self._fetched([self._lookups.count(chunk) for chunk in chunks]):
            self._counters.update(answer)
        self._plan.counted = len(activities)

    def _cost(self, activities: list[Activity]) -> _Estimate:
        estimate = self._of_activities(activities)
        estimate.add(self._of_reports(activities))
        return estimate

    def _of_activities(self, activities: list[Activity]) -> _Estimate:
        estimate = _Estimate()
        for activity in activities:
            asked = activity.activity_id in self._service.asked
            estimate.sums[ACTIVITIES] += activity.has_reports
            estimate.sums[DETAILS] += asked
        return estimate

    def _of_reports(self, activities: list[Activity]) -> _Estimate:
        estimate = _Estimate()
        for activity in activities:
            for report in self._due(activity):
                expected = report.expected(activity, self._counters_of(activity))
                estimate.sums[report.stream] += expected.requests
                estimate.sums[CLICKS] += expected.clicks
                estimate.largest = max(estimate.largest, expected.requests)
                if not expected.sure:
                    estimate.unsure.add(report.stream)
                if not expected.clicks_sure:
                    estimate.unsure.add(CLICKS)
        return estimate

    def _due(self, activity: Activity) -> list[Report]:
        """Return the reports that the run would start, which may not count."""
        counting = self._stream.counting
        counters = self._counters_of(activity) if counting else UNKNOWN
        return [one for one in self._reports if is_due(one, activity, counters)]

    def _fill_in(self, total: _Estimate) -> None:
        plan = self._plan
        plan.activities = total.figure(ACTIVITIES)
        plan.clicks = total.figure(CLICKS)
        plan.largest_report = total.largest
        stats = ceil(plan.activities.value / IDS_PER_STATS_REQUEST)
        stats = stats if self._stream.counting else 0
        exact = plan.activities.exact or not self._stream.counting
        plan.requests["details"] = total.figure(DETAILS)
        plan.requests["stats"] = Figure(stats, exact)
        for report in self._reports:
            plan.requests[report.stream] = total.figure(report.stream)

    def _sum_up(self, budget: int) -> None:
        plan, settings = self._plan, self._run.settings
        figures = plan.requests.values()
        plan.total = Figure(
            sum(figure.value for figure in figures),
            all(figure.exact for figure in figures),
        )
        pace = PACE_MARGIN / settings.requests_per_second / SECONDS_PER_MINUTE
        plan.minutes = round(plan.total.value * pace, 1)
        plan.share_of_quota = plan.total.value / settings.key_requests_per_day
        plan.spent = self._run.gate.requests
        self._count_runs(budget)

    def _count_runs(self, budget: int) -> None:
        """Say how many runs of so many requests it takes; each lists campaigns anew."""
        plan = self._plan
        if plan.total.value <= budget:
            return
        each = sum(
            plan.requests[name].value
            for name in ("campaigns", "summaries")
            if name in plan.requests
        )
        plan.runs = plan.days = None
        if budget > each + plan.largest_report:
            plan.runs = ceil((plan.total.value - each) / (budget - each))
            requests = plan.total.value + (plan.runs - 1) * each
            plan.days = ceil(requests / self._run.settings.key_requests_per_day)


def _sample(items: Sequence[T], most: int | None) -> tuple[list[T], list[T]]:
    """Return the first few of the items, and some of the others, evenly spread.

    Args:
        items: Those that matter most come first.
        most: How many to return; None for all.
    """
    if most is None or len(items) <= most:
        return list(items), []
    first = most // FIRST_IN_SAMPLE
    rest, spread = items[first:], most - first
    places = [(2 * place + 1) * len(rest) // (2 * spread) for place in range(spread)]
    return list(items[:first]), [rest[place] for place in places]


def _between(points: Sequence[tuple[float, float]], x: float) -> float:
    """Return y at x on the line through points, sorted by x, and through the origin."""
    place = bisect_left(points, (x, 0.0))
    left = points[place - 1] if place else (0.0, 0.0)
    if place == len(points):
        return left[1] * x / left[0] if left[0] else left[1]
    right = points[place]
    span = right[0] - left[0]
    return left[1] + (right[1] - left[1]) * (x - left[0]) / span if span else right[1]
