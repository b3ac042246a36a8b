"""The reports of an activity, each asked for only if it holds something new."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import FatalAPIError
from typing_extensions import override

from tap_cc_clicks.changes import UNKNOWN, Terms, is_due, new_clicks, rows_to_read
from tap_cc_clicks.clicks import ClickReport, ClicksPage
from tap_cc_clicks.reports import Expected, Moved, ReportStream
from tap_cc_clicks.state import ActivityBookmarks, Bookmark
from tap_cc_clicks.streams.campaigns import CampaignActivities
from tap_cc_clicks.summaries import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.streams._state import StreamStateManager

    from tap_cc_clicks.activities import Activity, Campaign


NOT_READ = -1
NOTHING_COUNTED = ""


class EmailClicks(ReportStream):
    """Every click, from «GET an Email Clicks Report»."""

    name = "email_clicks"
    path = "/reports/email_reports/{campaign_activity_id}/tracking/clicks"
    body_type = ClicksPage
    primary_keys = ("click_id",)
    replication_key = "created_time"
    records_key = "tracking_activities"
    parent_stream_type = CampaignActivities

    @cached_property
    def bookmarks(self) -> ActivityBookmarks:
        """Bookmarks per activity; of their own for each link asked for alone."""
        return ActivityBookmarks(self.name, self._tap_state)

    @cached_property
    @override
    def state_manager(self) -> StreamStateManager:
        return self.bookmarks

    @cached_property
    def terms(self) -> Terms:
        """How far reports are read."""
        settings = self.settings
        start = settings.start_date or ""
        return Terms(
            start="" if self.reads_all else start,
            lookback=settings.lookback,
            recheck_hours=settings.recheck_hours,
            filtered=bool(settings.url_ids),
        )

    def _contexts(self, campaign_activity_id: str) -> Iterator[dict[str, str]]:
        context = {"campaign_activity_id": campaign_activity_id}
        if not self.settings.url_ids:
            yield context
        for url_id in self.settings.url_ids:
            yield {**context, "url_id": url_id}

    @override
    def is_due(self, activity: Activity) -> bool:
        if self.reads_all or activity.hot or self.settings.change_detection == "off":
            return True
        return any(
            is_due(self.bookmarks.find(context), activity.counters, self.terms)
            for context in self._contexts(activity.campaign_activity_id)
        )

    @override
    def expected(self, activity: Activity) -> Expected:
        contexts = list(self._contexts(activity.campaign_activity_id))
        known = [
            None if self.reads_all else self.bookmarks.find(context)
            for context in contexts
        ]
        counters, size = activity.counters, self.settings.page_size
        # What is counted is not told by link.
        counted = UNKNOWN if self.terms.filtered else counters
        rows = [rows_to_read(one, counted, self.terms) for one in known]
        return Expected(
            requests=sum(max(1, -(-count // size)) for count in rows),
            clicks=max(new_clicks(one, counters) for one in known),
            # All on one page takes one request, whichever of them are new.
            sure=counted.clicks is not None and counted.clicks <= size,
            clicks_sure=counted.clicks is not None and not self.terms.start,
        )

    @override
    def has_read(self, campaign: Campaign, campaign_activity_id: str) -> bool:
        return self.reads_all or all(
            self.bookmarks.find(context) is not None
            for context in self._contexts(campaign_activity_id)
        )

    @override
    def skip(self, activity: Activity) -> None:
        """Note an activity that nobody has clicked yet."""
        for context in self._contexts(activity.campaign_activity_id):
            if activity.counters.clicks == 0 and not self.bookmarks.find(context):
                self.bookmarks.move(context, Bookmark(clicks=0))

    @override
    def read(self, activity: Activity) -> Iterator[list[Any] | Moved]:
        for context in self._contexts(activity.campaign_activity_id):
            report = ClickReport(
                campaign_activity_id=activity.campaign_activity_id,
                campaign_id=activity.campaign.campaign_id,
                known=None if self.reads_all else self.bookmarks.find(context),
                counters=activity.counters,
                terms=self.terms,
            )
            for item in report.read(partial(self._open, context)):
                yield Moved(context, item) if isinstance(item, Bookmark) else item

    def _open(self, context: dict[str, str], limit: int | None) -> Iterator[list[Any]]:
        return self.pages({**context, "limit": limit} if limit else context)

    @override
    def get_url_params(
        self, context: Context | None, next_page_token: object
    ) -> dict[str, Any]:
        params = super().get_url_params(context, next_page_token)
        url_id = (context or {}).get("url_id")
        return {**params, "url_id": url_id} if url_id else params

    @override
    def move(self, activity: Activity, moved: Moved) -> None:
        if not self.reads_all:
            self.bookmarks.move(moved.context, moved.to)


class EmailLinks(ReportStream):
    """Every link and how many people clicked it, from «GET an Email Links Report»."""

    name = "email_links"
    path = "/reports/email_reports/{campaign_activity_id}/links"
    primary_keys = ("campaign_activity_id", "url_id")
    records_key = "link_click_counts"
    parent_stream_type = CampaignActivities
    paged = False
    # Never the whole table, so no version of it to activate.
    emit_activate_version_messages = False

    @property
    def _clicks(self) -> dict[str, int | None]:
        """The clicks counted by activity when its links were last read."""
        return self.stream_state.setdefault("clicks", {})  # type: ignore[no-any-return]

    @override
    def is_due(self, activity: Activity) -> bool:
        clicks = activity.counters.clicks
        known = self._clicks.get(activity.campaign_activity_id, NOT_READ)
        return clicks is None or clicks != known

    @override
    def expected(self, activity: Activity) -> Expected:
        return Expected()

    @override
    def has_read(self, campaign: Campaign, campaign_activity_id: str) -> bool:
        return campaign_activity_id in self._clicks

    @override
    def read(self, activity: Activity) -> Iterator[list[Any] | Moved]:
        context = {"campaign_activity_id": activity.campaign_activity_id}
        for rows in self.pages(context):
            yield [{**activity.context, **link_record(row)} for row in rows]
        yield Moved(context, activity.counters.clicks)

    @override
    def move(self, activity: Activity, moved: Moved) -> None:
        self._clicks[activity.campaign_activity_id] = moved.to


class CampaignActivityStats(ReportStream):
    """Counters, from «GET an Email Campaign Activity Stats Report»: ten at a time.

    Change detection asks for them; what it is told is written too, at no request more.
    A fingerprint of the counters, kept with the campaign, tells when they have changed.
    """

    name = "campaign_activity_stats"
    path = "/reports/stats/email_campaign_activities/{campaign_activity_ids}"
    primary_keys = ("campaign_activity_id",)
    parent_stream_type = CampaignActivities
    paged = False
    emit_activate_version_messages = False
    needs_counters = True

    @override
    def is_due(self, activity: Activity) -> bool:
        known = activity.campaign.prints.get(activity.campaign_activity_id)
        stats = activity.counters.stats
        return bool(stats) and fingerprint(stats) != known

    @override
    def expected(self, activity: Activity) -> Expected:
        return Expected(requests=0)

    @override
    def has_read(self, campaign: Campaign, campaign_activity_id: str) -> bool:
        return campaign_activity_id in campaign.prints

    @override
    def skip(self, activity: Activity) -> None:
        """Note an activity of which the service counts nothing."""
        if activity.counted and not activity.counters.stats:
            self.move(activity, Moved(activity.context, NOTHING_COUNTED))

    @override
    def read(self, activity: Activity) -> Iterator[list[Any] | Moved]:
        counters = activity.counters
        counts = {name: counters.stats.get(name) for name in self._counts}
        refreshed = {"last_refresh_time": counters.refreshed}
        yield [{**activity.context, **refreshed, **counts}]
        yield Moved(activity.context, fingerprint(counters.stats))

    @override
    def move(self, activity: Activity, moved: Moved) -> None:
        activity.campaign.prints[activity.campaign_activity_id] = moved.to

    @cached_property
    def _counts(self) -> list[str]:
        return [name for name in self.schema["properties"] if name.startswith("em_")]


def link_record(row: Record) -> Record:
    """Return a row of the links report as a record, but for its activity.

    Raises:
        FatalAPIError: The row has no id.
    """
    if not row.get("url_id"):
        message = "A links report has a link without url_id"
        raise FatalAPIError(message)
    passed_on = ("link_url", "unique_clicks", "list_action", "list_id", "link_tag")
    return {"url_id": str(row["url_id"]), **{name: row.get(name) for name in passed_on}}
