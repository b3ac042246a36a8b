"""The agenda of a run: computed once, from listing, summaries and state.

New and changed campaigns are looked up, and reports that were never read are read. The
schedule selects what else is looked at for change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST
from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR, hour_of
from tap_cc_clicks.sync.event_reports import Events
from tap_cc_clicks.sync.failures import LOOK_UPS
from tap_cc_clicks.sync.looks import Looks
from tap_cc_clicks.sync.lookups import Activity, Campaign
from tap_cc_clicks.sync.memory import CampaignMemory
from tap_cc_clicks.sync.reports import Report
from tap_cc_clicks.sync.schedule import (
    COUNTERS,
    HOURS_PER_DAY,
    HOURS_PER_WEEK,
    REQUEST,
    Candidate,
    Kind,
    Look,
    is_asked_again,
    promised_days,
    spread,
)
from tap_cc_clicks.sync.state_format import UNKNOWN_STATUS


@dataclass(frozen=True)
class Agenda:
    """What a run does, in this order.

    Attributes:
        changed: Campaigns to look up that were looked up before.
        fresh: Activities to look at that were sent within three days.
        new: Campaigns never looked up.
        unread: Activities with a report that was never read.
        others: Other activities and campaigns to look at.
        candidates: Everything that could be looked at.
        looks: The selected candidates.
        campaigns: All campaigns, by id.
    """

    changed: Sequence[Campaign] = ()
    fresh: Sequence[Activity] = ()
    new: Sequence[Campaign] = ()
    unread: Sequence[Activity] = ()
    others: Sequence[Activity | Campaign] = ()
    candidates: Sequence[Candidate] = ()
    looks: Sequence[Look] = ()
    campaigns: Mapping[str, Campaign] = field(default_factory=dict)


def no_limit() -> None:
    """Return that a run may make any number of requests."""


@dataclass
class Planner:
    """Computes a run's agenda.

    Attributes:
        memory: What state remembers of campaigns.
        reports: The selected reports.
        looks: The budget for looks.
        wanted: The campaigns that the settings name; empty for all.
        all_anew: Whether to look up every campaign, even if it has not changed.
        left: Returns how many requests the run may still make; None for no limit.
        is_turn: Returns whether an item is tried now, rather than last as a retry.
        writes: Whether records of activities are written.
    """

    memory: CampaignMemory
    reports: Sequence[Report]
    looks: Looks
    is_turn: Callable[[str, str], bool]
    left: Callable[[], int | None] = no_limit
    wanted: frozenset[str] = frozenset()
    all_anew: bool = False
    writes: bool = True
    _events: list[Events] = field(init=False)

    def __post_init__(self) -> None:
        self._events = [one for one in self.reports if isinstance(one, Events)]

    def agenda(
        self, listed: Mapping[str, Record], summaries: Mapping[str, Record]
    ) -> Agenda:
        """Return the agenda.

        Args:
            listed: Campaigns of the listing, most recently changed first.
            summaries: Summaries of campaigns, by id.
        """
        campaigns = list(self._campaigns(listed, summaries))
        look_up = [one for one in campaigns if self._is_to_look_up(one)]
        announced = {one.campaign_id for one in look_up}
        rest = [
            one
            for one in campaigns
            if one.campaign_id not in announced and not one.is_new
        ]
        candidates = [candidate for one in rest for candidate in self._candidates(one)]
        return replace(
            self._chosen(rest, candidates),
            changed=[one for one in look_up if not one.is_new],
            new=[one for one in look_up if one.is_new],
            unread=[activity for one in rest for activity in self._unread(one)],
            campaigns={one.campaign_id: one for one in campaigns},
        )

    def _campaigns(
        self, listed: Mapping[str, Record], summaries: Mapping[str, Record]
    ) -> Iterator[Campaign]:
        """Yield all campaigns, those of the listing first."""
        there = dict.fromkeys([*listed, *summaries, *self.memory])
        for campaign_id in there:
            if not self.wanted or campaign_id in self.wanted:
                yield Campaign(
                    campaign_id,
                    listed.get(campaign_id),
                    self.memory.find(campaign_id),
                    summaries.get(campaign_id),
                )

    def _is_to_look_up(self, campaign: Campaign) -> bool:
        if not self.is_turn(LOOK_UPS, campaign.campaign_id):
            return False
        if campaign.is_new and campaign.never_sent:
            return False
        if campaign.is_new or self.all_anew:
            return campaign.record is not None or campaign.summary is not None
        if campaign.record is not None and not self.memory.has(campaign.record):
            return True
        # Sent again, even if the listing shows no change.
        unwritten = self.writes and campaign.known.get("unwritten")
        return campaign.is_announced or bool(unwritten and not campaign.removed)

    def _candidates(self, campaign: Campaign) -> Iterator[Candidate]:
        ids = self.memory.activities(campaign.campaign_id)
        unread = [one for one in ids if self._is_unread(one)]
        missing = campaign.needs_look_up or any(
            one.is_missing(activity_id) for one in self._events for activity_id in ids
        )
        # After some days, reports of removed campaigns are missing for good.
        gone = campaign.removed and not campaign.is_fresh
        read = not unread and (gone or not missing)
        read = read and campaign.known.get("status") != UNKNOWN_STATUS
        looking = any(one.follows_clicks for one in self.reports)
        looked_at = [one for one in ids if looking and one not in unread]
        if campaign.is_at_rest and read and not campaign.is_hinted:
            for activity_id in looked_at:
                yield from self._searches(campaign, activity_id, HOURS_PER_WEEK)
            return
        turn = self.is_turn(LOOK_UPS, campaign.campaign_id)
        if campaign.needs_look_up and turn:
            looked = float(campaign.known.get("looked", 0)) / SECONDS_PER_HOUR
            one = self._candidate(campaign, campaign.campaign_id, looked)
            yield replace(one, kind=Kind.LOOK_UP)
        for activity_id in looked_at:
            yield self._look(campaign, activity_id)
            yield from self._searches(campaign, activity_id, HOURS_PER_DAY)

    def _look(self, campaign: Campaign, activity_id: str) -> Candidate:
        looked = self.memory.looked(activity_id) / SECONDS_PER_HOUR
        newest = [hour_of(one.newest(activity_id)) for one in self._events]
        uncounted = self._uncounted(activity_id)
        cost = REQUEST * sum(uncounted) + COUNTERS * _has_counters(uncounted)
        one = self._candidate(campaign, activity_id, looked, cost=cost)
        return replace(one, moved=max(one.moved, *newest, 0))

    def _searches(
        self, campaign: Campaign, activity_id: str, pause: int
    ) -> Iterator[Candidate]:
        """Yield a search, if rows are missing and the last one is long enough ago."""
        now = self.looks.hour
        searches = [
            (events.searched(activity_id), requests)
            for events in self._events
            if (requests := events.search_requests(activity_id, now, pause))
            and self.is_turn(events.stream, activity_id)
        ]
        if searches:
            cost = REQUEST * sum(requests for _, requests in searches) + COUNTERS
            looked = min(hour for hour, _ in searches)
            one = self._candidate(campaign, activity_id, looked, cost=cost)
            yield replace(one, kind=Kind.SEARCH)

    def _candidate(
        self, campaign: Campaign, item: str, looked: float, *, cost: int = REQUEST
    ) -> Candidate:
        return Candidate(
            item,
            cost,
            looked,
            max(hour_of(campaign.updated_at), hour_of(campaign.sent_at)),
            fresh=campaign.is_fresh,
            hinted=campaign.is_hinted,
        )

    def _is_unread(self, activity_id: str) -> bool:
        return any(report.is_new(activity_id) for report in self.reports)

    def _unread(self, campaign: Campaign) -> Iterator[Activity]:
        for activity_id in self.memory.activities(campaign.campaign_id):
            if self._is_unread(activity_id):
                yield Activity(campaign, activity_id)

    def _chosen(
        self, campaigns: Sequence[Campaign], candidates: list[Candidate]
    ) -> Agenda:
        candidates = self._dated(candidates)
        looks = self.looks.choose(candidates, self.left())
        by_id = {one.campaign_id: one for one in campaigns}
        chosen: dict[str, list[Look]] = {}
        fresh: list[Activity] = []
        others: list[Activity | Campaign] = []
        for look in looks:
            item = look.candidate.item
            if look.candidate.kind is Kind.LOOK_UP:
                others.append(replace(by_id[item], looks=(look,)))
            else:
                chosen.setdefault(item, []).append(look)
        for activity_id, its_looks in chosen.items():
            campaign = by_id[str(self.memory.campaign_of(activity_id))]
            activity = Activity(
                campaign,
                activity_id,
                counted=any(map(self._is_counted, its_looks))
                # Or they would be requested afterwards.
                or any(one.is_uncounted(activity_id) for one in self._events),
                search=any(look.candidate.kind is Kind.SEARCH for look in its_looks),
                looks=tuple(its_looks),
            )
            (fresh if campaign.is_fresh else others).append(activity)
        return Agenda(
            fresh=fresh, others=_packed(others), candidates=candidates, looks=looks
        )

    def _uncounted(self, activity_id: str) -> list[bool]:
        """Return, for each report read, whether a look reads it for want of a counter.

        A report in doubt is read anyway.
        """
        return [
            known.clicks is None and not known.doubt
            for one in self._events
            for known in one.known(activity_id)
        ]

    def _is_counted(self, look: Look) -> bool:
        """Whether counters are requested: there are some, or may be by now."""
        one = look.candidate
        return (
            one.kind is Kind.SEARCH
            or _has_counters(self._uncounted(one.item))
            or is_asked_again(one.item, one.looked, self.looks.hour, fresh=one.fresh)
        )

    def _dated(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return the candidates, each with a time of its last look, if assumed."""
        total = sum(one.cost for one in candidates)
        days = max(1.0, promised_days(total, self.looks.per_day))
        return [one if one.looked else self._assumed(one, days) for one in candidates]

    def _assumed(self, candidate: Candidate, days: float) -> Candidate:
        """Return a candidate with an assumed time of its last look, and remember it."""
        item, looked = candidate.item, spread(candidate.item, days, self.looks.hour)
        if candidate.kind is Kind.SEARCH:
            return candidate
        if candidate.kind is Kind.LOOK_UP:
            self.memory.remember(item, looked=looked * SECONDS_PER_HOUR)
        else:
            self.memory.note_look(item, looked * SECONDS_PER_HOUR)
        return replace(candidate, looked=looked)


def _has_counters(uncounted: Sequence[bool]) -> bool:
    """Return whether any report has a counter, or none was read yet."""
    return not (uncounted and all(uncounted))


def _packed(looks: list[Activity | Campaign]) -> list[Activity | Campaign]:
    """Order looks so that requests for counters are full.

    Activities without counters fill the last request, in case they have some by now.
    """
    counted = [one for one in looks if isinstance(one, Activity) and one.counted]
    uncounted = [one for one in looks if isinstance(one, Activity) and not one.counted]
    room = -len(counted) % IDS_PER_STATS_REQUEST
    packed = [replace(one, counted=True) for one in uncounted[:room]]
    rest = [one for one in looks if not isinstance(one, Activity)]
    return [*counted, *packed, *uncounted[room:], *rest]
