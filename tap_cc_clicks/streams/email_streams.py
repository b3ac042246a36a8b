"""What is reported of an email."""

from __future__ import annotations

from functools import cached_property
from typing import cast

from typing_extensions import override

from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.streams.campaign_streams import CampaignActivities
from tap_cc_clicks.streams.report_streams import EventStream, ReportStream
from tap_cc_clicks.sync.reports import Links, Report, Stats


class EmailClicks(EventStream):
    """Every click, from «GET an Email Clicks Report»."""

    name = "email_clicks"
    primary_keys = ("click_id",)
    parent_stream_type = CampaignActivities
    declaration = CLICKS


class EmailLinks(ReportStream):
    """Every link and how many people clicked it, from «GET an Email Links Report»."""

    name = "email_links"
    primary_keys = ("campaign_activity_id", "url_id")
    parent_stream_type = CampaignActivities

    @cached_property
    @override
    def report(self) -> Report:
        clicks = self.stream_state.setdefault("clicks", {})
        return Links(self.name, clicks)


class CampaignActivityStats(ReportStream):
    """Counters, from «GET an Email Campaign Activity Stats Report»: ten at a time."""

    name = "campaign_activity_stats"
    primary_keys = ("campaign_activity_id",)
    parent_stream_type = CampaignActivities

    @cached_property
    @override
    def report(self) -> Report:
        counts = [name for name in self.schema["properties"] if name.startswith("em_")]
        parent = self._tap.streams[CampaignActivities.name]
        prints = cast("CampaignActivities", parent).memory.prints
        return Stats(self.name, counts, prints)
