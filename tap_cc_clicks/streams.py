"""The streams, and the endpoints that serve them."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, cast

from singer_sdk.exceptions import FatalAPIError, FatalSyncError
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE
from typing_extensions import override

from tap_cc_clicks.account import DETAILS, Account, Endpoint, Endpoints
from tap_cc_clicks.activities import ActivityPass, Campaign
from tap_cc_clicks.changes import UNKNOWN, Terms, is_due, new_clicks, rows_to_read
from tap_cc_clicks.clicks import ClickReport, ClicksPage
from tap_cc_clicks.client import ConstantContactStream
from tap_cc_clicks.limits import RunEndedError
from tap_cc_clicks.parsing import moment, moment_or_none, now
from tap_cc_clicks.reports import Expected, Moved, ReportStream
from tap_cc_clicks.state import ActivityBookmarks, Bookmark, CampaignMemory
from tap_cc_clicks.summaries import Summaries, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.streams._state import StreamStateManager

    from tap_cc_clicks.activities import Activity
    from tap_cc_clicks.changes import Counters


NOT_READ = -1
NOTHING_COUNTED = ""


class Campaigns(ConstantContactStream):
    """All campaigns, from «GET a Collection of Email Campaigns»."""

    name = "campaigns"
    path = "/emails"
    primary_keys = ("campaign_id",)
    replication_key = "updated_at"
    records_key = "campaigns"

    _listed: list[Record] | None = None

    def listing(self) -> Iterator[Record]:
        """Yield each campaign once, asking the API once for whoever wants to know."""
        if self._listed is not None:
            yield from self._listed
            return
        wanted = self.settings.campaign_ids
        listed: dict[str, Record] = {}
        for page in self.reachable_pages():
            for row in page:
                record = campaign_record(row)
                campaign_id = record["campaign_id"]
                if campaign_id not in listed and (not wanted or campaign_id in wanted):
                    listed[campaign_id] = record
                    yield record
            if wanted and len(listed) == len(wanted):
                break
        for campaign_id in sorted(wanted - listed.keys()) * (not self.incomplete):
            self.logger.warning("There is no campaign %s (campaign_ids)", campaign_id)
        self._listed = list(listed.values())

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        incremental = self.replication_method != REPLICATION_FULL_TABLE
        bookmark = self.stream_state.get("replication_key_value")
        since = moment(bookmark) if bookmark and incremental else ""
        began, newest = now(), since
        try:
            for record in self.listing():
                self.run.beat()
                updated_at = record["updated_at"] or ""
                newest = max(newest, updated_at)
                if updated_at >= since or not updated_at:
                    yield dict(record)
        except RunEndedError as reason:
            self.run.tell_end(reason)
            return
        # Read for some campaigns only, the bookmark would hide the others later.
        partial = self.incomplete or self.settings.campaign_ids
        if incremental and newest and not partial:
            self.stream_state["replication_key"] = self.replication_key
            self.stream_state["replication_key_value"] = min(newest, began)


class CampaignActivities(ConstantContactStream):
    """The activities of campaigns that were sent, from «GET an Email Campaign»."""

    name = "campaign_activities"
    path = "/emails/{campaign_id}"
    primary_keys = ("campaign_activity_id",)
    replication_key = "campaign_updated_at"
    records_key = "campaign_activities"
    paged = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Have nothing to remember yet."""
        super().__init__(*args, **kwargs)
        self._written_later: list[Campaign] = []

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """Yield new and changed activities, and sync the reports of all on the way."""
        for reader in self.readers:
            reader.write_schema_once()
        for item in ActivityPass(self._account, self.readers, counting=self.counting):
            if isinstance(item, Campaign):
                self._settle(item)
                continue
            if item.record is not None and self.selected:
                yield item.record
            self._sync_reports(item)

    def _sync_reports(self, activity: Activity) -> None:
        """Sync an activity's reports, whether or not it has a record of its own."""
        for reader in self.readers:
            reader.expect(activity)
            if reader.name not in activity.reads:
                reader.skip(activity)
        if activity.reads:
            self._sync_children(activity.context)
        if activity.gone and self.counting and activity.counters.clicks is None:
            self._account.forget(activity)
        elif activity.gone:
            # Its counters say that it is there, or nobody asked: read it again.
            activity.campaign.cut = True

    def count(self, activity_ids: list[str]) -> dict[str, Counters]:
        """Return what the service counts of up to ten activities."""
        return next(self._account.count(activity_ids))

    def _settle(self, campaign: Campaign) -> None:
        """Remember a campaign, once its activities' records are surely written."""
        self.run.progress.campaigns += 1
        if self.get_batch_config(self.config):
            self._written_later.append(campaign)
        else:
            self._account.remember(campaign)

    @override
    def finalize_state_progress_markers(
        self, state: dict[str, Any] | None = None
    ) -> None:
        for campaign in self._written_later:
            self._account.remember(campaign)
        self._written_later.clear()
        super().finalize_state_progress_markers(state)

    @override
    def log_sync_costs(self) -> None:
        """End the run's report; fail if some activities could not be read.

        Raises:
            FatalSyncError: What went wrong was logged when it did.
        """
        super().log_sync_costs()
        self.run.progress.finish()
        if self.run.failures:
            message = (
                f"{self.run.failures} activities could not be read; all others were. "
                "See the errors above"
            )
            raise FatalSyncError(message)

    @override
    def generate_child_contexts(
        self, record: Record, context: Context | None
    ) -> Iterable[Context | None]:
        """Yield none: children follow activities; only changed ones have records."""
        return ()

    @property
    def readers(self) -> list[ReportStream]:
        """The reports to be read."""
        return [
            child
            for child in self.child_streams
            if isinstance(child, ReportStream) and child.selected
        ]

    @property
    def counting(self) -> bool:
        """Whether counters are asked for."""
        detecting = self.settings.change_detection != "off"
        return any(detecting or reader.needs_counters for reader in self.readers)

    @cached_property
    def _account(self) -> Account:
        return self.account(ActivityDetails(self._tap))

    @cached_property
    def summaries(self) -> Summaries:
        """All campaigns' summaries."""
        return Summaries(self._tap)

    def account(self, details: Endpoint) -> Account:
        """Return what the pass asks.

        Args:
            details: Where to ask for an activity's details.
        """
        tap = self._tap
        endpoints = Endpoints(
            campaigns=cast("Campaigns", tap.streams["campaigns"]),
            activities=self,
            details=details,
            stats=cast("CampaignActivityStats", tap.streams["campaign_activity_stats"]),
            summaries=self.summaries,
        )
        return Account(
            endpoints,
            CampaignMemory(self.stream_state),
            self.readers,
            wants_details=self.selected
            and any(self.mask["properties", name] for name in DETAILS),
            all_anew=self.replication_method == REPLICATION_FULL_TABLE,
        )


class ActivityDetails(ConstantContactStream):
    """One activity's own endpoint, from «GET an Email Campaign Activity»."""

    name = "campaign_activity_details"
    path = "/emails/activities/{campaign_activity_id}"
    paged = False


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


def campaign_record(row: Record) -> Record:
    """Return a row of the campaign listing as a record.

    Raises:
        FatalAPIError: The row has no id.
    """
    if not row.get("campaign_id"):
        message = "The listing of campaigns has a campaign without campaign_id"
        raise FatalAPIError(message)
    return {
        "campaign_id": str(row["campaign_id"]),
        **{name: row.get(name) for name in ("name", "type", "type_code")},
        "current_status": row.get("current_status"),
        **{
            name: moment_or_none(row.get(name)) for name in ("created_at", "updated_at")
        },
    }


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
