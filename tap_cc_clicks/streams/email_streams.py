"""The streams of reports of an email."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import cast

from singer_sdk.helpers.types import Record
from typing_extensions import override

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.events.declaration import (
    BOUNCES,
    CLICKS,
    FORWARDS,
    OPENS,
    OPTOUTS,
    SENDS,
)
from tap_cc_clicks.streams.campaign_streams import CampaignActivities
from tap_cc_clicks.streams.report_streams import EventStream, ReportStream
from tap_cc_clicks.sync.bookmarks import ShortBookmarks
from tap_cc_clicks.sync.event_reports import Events
from tap_cc_clicks.sync.further import FurtherEvents
from tap_cc_clicks.sync.memory import DETAILS, HISTORY
from tap_cc_clicks.sync.reports import Report
from tap_cc_clicks.sync.single_reports import Links, OncePerActivity, Stats


class EmailStream(ReportStream):
    """A report of an activity's email."""

    parent_stream_type = CampaignActivities

    @property
    def parent(self) -> CampaignActivities:
        """The parent stream, whose pass fetches the report."""
        return cast("CampaignActivities", self._tap.streams[CampaignActivities.name])

    def asked_once(
        self, once: int, ask: Callable[[Service, str], list[Record]]
    ) -> Report:
        """Return a report that is read once, and again after a change."""
        return OncePerActivity(
            self.name,
            once,
            ask,
            state=self.stream_state,
            memory=self.parent.memory,
            backlog=self.parent.backlog,
        )


class EmailClicks(EventStream):
    """Every click, from «GET an Email Clicks Report»."""

    name = "email_clicks"
    primary_keys = ("click_id",)
    parent_stream_type = CampaignActivities
    declaration = CLICKS


class EmailLinks(EmailStream):
    """Every link and how many people clicked it, from «GET an Email Links Report»."""

    name = "email_links"
    primary_keys = ("campaign_activity_id", "url_id")

    selected_by_default = False

    @cached_property
    @override
    def report(self) -> Report:
        clicks = self._tap.streams[EmailClicks.name]
        events = cast("EmailClicks", clicks).report if clicks.selected else None
        return Links(
            self.name,
            self.stream_state.setdefault("clicks", {}),
            events.counted if isinstance(events, Events) else no_count,
            int(self.parent.looks.hour),
        )


class CampaignActivityDetails(EmailStream):
    """Subject, sender and recipients, from «GET an Email Campaign Activity»."""

    name = "campaign_activity_details"
    primary_keys = ("campaign_activity_id",)

    @cached_property
    @override
    def report(self) -> Report:
        return self.asked_once(DETAILS, Service.details)


class EmailSendHistory(EmailStream):
    """Each time it was sent, from «Get Email Campaign Activity Send History»."""

    name = "email_send_history"
    primary_keys = ("campaign_activity_id", "send_id")

    @cached_property
    @override
    def report(self) -> Report:
        return self.asked_once(HISTORY, Service.send_history)


class CampaignActivityStats(EmailStream):
    """Counters, from «GET an Email Campaign Activity Stats Report»: ten at a time."""

    name = "campaign_activity_stats"
    primary_keys = ("campaign_activity_id",)

    @property
    @override
    def has_state(self) -> bool:
        return True

    @cached_property
    @override
    def report(self) -> Report:
        counts = [name for name in self.schema["properties"] if name.startswith("em_")]
        return Stats(self.name, counts, self.parent.memory)


class FurtherEventStream(EventStream):
    """A stream of events other than clicks: opt-in, since it costs requests."""

    parent_stream_type = CampaignActivities
    selected_by_default = False
    reads = FurtherEvents
    keeps = ShortBookmarks


class EmailSends(FurtherEventStream):
    """Every send to a contact, from «GET an Email Sends Report»."""

    declaration = SENDS
    name, primary_keys = SENDS.stream, (SENDS.key,)


class EmailOpens(FurtherEventStream):
    """Every open, from «GET an Email Opens Report»."""

    declaration = OPENS
    name, primary_keys = OPENS.stream, (OPENS.key,)


class EmailBounces(FurtherEventStream):
    """Every bounce, from «GET an Email Bounces Report»."""

    declaration = BOUNCES
    name, primary_keys = BOUNCES.stream, (BOUNCES.key,)


class EmailOptouts(FurtherEventStream):
    """Every opt-out, from «GET an Email Opt-outs Report»."""

    declaration = OPTOUTS
    name, primary_keys = OPTOUTS.stream, (OPTOUTS.key,)


class EmailForwards(FurtherEventStream):
    """Every forward, from «GET an Email Forwards Report»."""

    declaration = FORWARDS
    name, primary_keys = FORWARDS.stream, (FORWARDS.key,)


def no_count(_: str) -> None:
    """Return None: the count is unknown."""
