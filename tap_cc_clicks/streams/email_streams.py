"""What is reported of an email."""

from __future__ import annotations

from functools import cached_property
from typing import cast

from typing_extensions import override

from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.streams.campaign_streams import CampaignActivities
from tap_cc_clicks.streams.report_streams import EventStream, ReportStream
from tap_cc_clicks.sync.reports import Details, Events, Links, Report, Stats


class EmailStream(ReportStream):
    """A report of an activity's email."""

    parent_stream_type = CampaignActivities

    @property
    def parent(self) -> CampaignActivities:
        """The stream whose pass fetches it."""
        return cast("CampaignActivities", self._tap.streams[CampaignActivities.name])


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
        hour = int(self.parent.looks.hour)
        return Details(self.name, self.stream_state, self.parent.memory, hour)


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


def no_count(_: str) -> None:
    """Return that it is not known what the service had counted."""
