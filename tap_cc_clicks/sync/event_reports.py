"""Event reports: when one is due, and how far it was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace
from typing_extensions import override

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.wire import UNKNOWN, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import EventReport
from tap_cc_clicks.events.reading import Read, Reader, Reading
from tap_cc_clicks.events.tally import (
    ReadScope,
    compared,
    is_due,
    lasting_gap,
    new_clicks,
    rows_to_read,
)
from tap_cc_clicks.settings import Settings
from tap_cc_clicks.sync.bookmarks import Bookmarks
from tap_cc_clicks.sync.failures import UNRESOLVED
from tap_cc_clicks.sync.lookups import Activity
from tap_cc_clicks.sync.reports import BookmarkUpdate, Expected, Report


class Events(Report):
    """An event report, read down to the known events.

    Args:
        report: Its declaration.
        settings: How far it is read.
        bookmarks: By activity, and by link if links are filtered.
        reads_all: Whether to ignore bookmarks and read everything.
    """

    def __init__(
        self,
        report: EventReport,
        settings: Settings,
        bookmarks: Bookmarks,
        *,
        reads_all: bool,
    ) -> None:
        self.stream = report.stream
        self._report = report
        self._bookmarks = bookmarks
        self._reads_all = reads_all
        self._page_size = settings.page_size
        links = settings.url_ids if report.by_link else ()
        self._links: Sequence[str | None] = links or (None,)
        self._scope = ReadScope(
            start="" if reads_all else settings.start_date or "",
            lookback=settings.lookback,
            filtered=bool(links),
            # A counter of people does not show when all rows were read.
            whole=report.counts_people,
        )

    @property
    def needs_counters_first(self) -> bool:
        """Whether rows cannot be compared with counters requested later."""
        return not self._scope.sees_all

    @property
    @override
    def counts_new(self) -> bool:
        # Before reading, or afterwards to compare.
        return self.needs_counters_first or not self._reads_all

    def _readings(self, activity: Activity, counters: Counters) -> Iterator[Reading]:
        for url_id in self._links:
            known = self._known(activity.activity_id, url_id)
            yield Reading(
                report=self._report,
                activity_id=activity.activity_id,
                campaign_id=activity.campaign.campaign_id,
                url_id=url_id,
                known=None if self._reads_all else known,
                counters=counters,
                scope=self._scope,
                search=activity.search and bool(known and known.search),
            )

    def _known(self, activity_id: str, url_id: str | None = None) -> Bookmark | None:
        link = {"url_id": url_id} if url_id else {}
        return self._bookmarks.find({"campaign_activity_id": activity_id, **link})

    def known(self, activity_id: str) -> list[Bookmark]:
        """Return the bookmarks of an activity, one for each filtered link."""
        known = [self._known(activity_id, url_id) for url_id in self._links]
        return [one for one in known if one is not None]

    @override
    def is_new(self, activity_id: str) -> bool:
        known = self.known(activity_id)
        return (
            self._reads_all
            or len(known) < len(self._links)
            or any(one.doubt for one in known)
        )

    @override
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        known = self.known(activity.activity_id)
        searched = activity.search and any(one.search for one in known)
        if searched or self.is_new(activity.activity_id):
            return True
        # Counted clicks may appear in a fresh report at any time.
        late = activity.campaign.is_fresh and any(one.search for one in known)
        return late or any(is_due(one, counters) for one in known)

    @override
    def is_uncounted(self, activity_id: str) -> bool:
        known = self._known(activity_id)
        return self._scope.sees_all and known is not None and known.is_uncompared

    @override
    def must_exist(self, activity: Activity, counters: Counters) -> bool:
        known = self.known(activity.activity_id)
        if activity.campaign.removed:
            return any(new_clicks(one, counters) for one in known)
        return any(one.rows_read for one in known) or bool(counters.clicks)

    def counted(self, activity_id: str) -> int | None:
        """Return the known counter of clicks; None if unknown."""
        known = self._known(activity_id)
        return known.clicks if known else None

    def search_requests(self, activity_id: str, hour: float, pause: int) -> int:
        """Return the requests of a search for missing clicks.

        0 if none are missing, or the last search is less than ``pause`` hours ago.
        """
        known = [one for one in self.known(activity_id) if one.search]
        recent = range(pause)
        if all(int(hour) - one.search.hour in recent for one in known if one.search):
            return 0
        return sum(self._pages(one.clicks or 0) for one in known)

    def searched(self, activity_id: str) -> float:
        """Return the hour of the last search, since 1970."""
        return min(one.search.hour for one in self.known(activity_id) if one.search)

    def is_missing(self, activity_id: str) -> bool:
        """Whether the report did not exist."""
        return any(one.is_missing for one in self.known(activity_id))

    def newest(self, activity_id: str) -> str | None:
        """Return the timestamp of the newest event read."""
        return max((one.value or "" for one in self.known(activity_id)), default=None)

    def _pages(self, rows: int) -> int:
        return max(1, -(-rows // self._page_size))

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        for reading in self._readings(activity, counters):
            for item in Reader(service, reading).read():
                if isinstance(item, Read):
                    known = reading.known.unusable if reading.known else 0
                    item.bookmark.unusable = max(item.unusable, known)
                    new = max(0, item.unusable - known)
                    yield BookmarkUpdate(
                        reading.context,
                        item.bookmark,
                        item.unusable,
                        new,
                        left=UNRESOLVED if item.unresolved else "",
                    )
                else:
                    yield item

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        if not self._reads_all:
            self._bookmarks.move(moved.context, moved.to)

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        known = self._known(activity.activity_id)
        if known and activity.only is not None and self._scope.sees_all:
            self._bookmarks.move(activity.context, compared(known, counters))

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        activity_id = context["campaign_activity_id"]
        for url_id in self._links:
            if not self._reads_all and self._known(activity_id, url_id) is None:
                link = {"url_id": url_id} if url_id else {}
                there = {"campaign_activity_id": activity_id, **link}
                self._bookmarks.move(there, Bookmark(rows=0))

    @override
    def put_off(self, activity: Activity, counters: Counters, *, read: bool) -> None:
        for url_id in self._bookmarks.links(activity.activity_id):
            if read and url_id in self._links:
                continue
            known = self._known(activity.activity_id, url_id)
            if known and (activity.is_last or is_due(known, counters)):
                link = {"url_id": url_id} if url_id else {}
                context = {**activity.context, **link}
                self._bookmarks.move(context, replace(known, doubt=True))

    @override
    def gap(self, activity_id: str, counters: Counters) -> int:
        known = self._known(activity_id)
        if not self._scope.sees_all or not known:
            return 0
        return lasting_gap(known, counters)

    @override
    def expected(self, activity_id: str, counters: Counters) -> Expected:
        known = [
            None if self._reads_all else self._known(activity_id, url_id)
            for url_id in self._links
        ]
        # There are no counters for single links.
        counted = UNKNOWN if self._scope.filtered else counters
        rows = [rows_to_read(one, counted, self._scope) for one in known]
        return Expected(
            requests=sum(map(self._pages, rows)),
            clicks=max(new_clicks(one, counters) for one in known),
        )
