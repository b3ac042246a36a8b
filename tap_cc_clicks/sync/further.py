"""Event reports other than clicks: read after everything else.

A look that finds new events notes them in the bookmark, so that a later run reads them
if this one ends before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from msgspec.structs import replace as changed
from typing_extensions import override

from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.timestamps import this_hour
from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.tally import is_due
from tap_cc_clicks.sync.event_reports import Events
from tap_cc_clicks.sync.lookups import Activity, Campaign
from tap_cc_clicks.sync.memory import fingerprint
from tap_cc_clicks.sync.reports import BookmarkUpdate, Deferred, Expected
from tap_cc_clicks.sync.schedule import HOURS_PER_DAY


class FurtherEvents(Events, Deferred):
    """An event report that is read after the clicks."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._counters: dict[str, Counters] = {}
        self._searched: set[str] = set()

    @override
    def is_new(self, activity_id: str) -> bool:
        return False

    @override
    def is_due(self, activity: Activity, counters: Counters) -> bool:
        return False

    @override
    def will_be_due(self, activity: Activity, counters: Counters) -> bool:
        return self._is_pending(activity.activity_id) or self._is_news(
            activity, counters
        )

    @override
    def is_uncounted(self, activity_id: str) -> bool:
        unread = self._known(activity_id) is None and not self._reads_all
        return unread and activity_id not in self._counters

    @override
    def counters(self, activity_id: str) -> Counters:
        return self._counters.get(activity_id, NOT_ASKED)

    @override
    def was_read(self, activity_id: str) -> bool:
        return self._known(activity_id) is not None

    @override
    def pending(
        self, activities: Iterable[Activity], hour: float
    ) -> Iterator[Activity]:
        for activity in activities:
            if self._is_pending(activity.activity_id):
                search = activity.activity_id in self._searched
                yield replace(activity, search=search)

    def _is_pending(self, activity_id: str) -> bool:
        known = self._known(activity_id)
        return self._reads_all or known is None or known.doubt

    def _is_news(self, activity: Activity, counters: Counters) -> bool:
        """Whether counters show new events in a report that was read."""
        known = self._known(activity.activity_id)
        if known is None or activity.is_last:
            return known is not None
        if counters is NOT_ASKED:
            # Without counters, a look reads the report itself.
            return bool(activity.looks) and (activity.counted or known.clicks is None)
        return (
            is_due(known, self._own(counters))
            # Counted events may appear in a fresh report at any time.
            or (
                known.search is not None
                and (activity.search or activity.campaign.is_fresh)
            )
            or self._has_moved(known, counters)
        )

    def _has_moved(self, known: Bookmark, counters: Counters) -> bool:
        """Whether any counter changed since, checked once a day.

        For counters of people: a second event of the same person only changes other
        counters.
        """
        seen, now = known.seen, self._seen(counters)
        if seen is None or now is None:
            return now is not None
        return seen[0] != now[0] and not 0 <= now[1] - seen[1] < HOURS_PER_DAY

    @override
    def note(self, activity: Activity, counters: Counters) -> None:
        activity_id = activity.activity_id
        known, news = self._known(activity_id), self._is_news(activity, counters)
        if news or (known is None and counters is not NOT_ASKED):
            self._counters[activity_id] = counters
        if news and activity.search:
            self._searched.add(activity_id)
        if news and known and not self._reads_all:
            self._bookmarks.move(activity.context, changed(known, doubt=True))

    @override
    def put_off(self, activity: Activity, counters: Counters, *, read: bool) -> None:
        if not read:
            self.note(activity, counters)

    @override
    def expected(self, activity_id: str, counters: Counters) -> Expected:
        expected = super().expected(activity_id, self._own(counters))
        return Expected(requests=expected.requests)

    @override
    def must_exist(self, activity: Activity, counters: Counters) -> bool:
        if counters is NOT_ASKED:
            counters = self.counters(activity.activity_id)
        return super().must_exist(activity, self._own(counters))

    @override
    def gap(self, activity_id: str, counters: Counters) -> int:
        if self.will_be_due(Activity(Campaign(""), activity_id), counters):
            return 0
        gap = super().gap(activity_id, self._own(counters))
        return min(0, gap) if self._report.counts_people else gap

    @override
    def read(
        self, service: Service, activity: Activity, counters: Counters
    ) -> Iterator[list[Any] | BookmarkUpdate]:
        for item in super().read(service, activity, self._own(counters)):
            if isinstance(item, BookmarkUpdate) and self._report.counts_people:
                item.to.seen = self._seen(counters)
            yield item

    @override
    def move(self, moved: BookmarkUpdate) -> None:
        super().move(moved)
        self._counters.pop(moved.context["campaign_activity_id"], None)

    @override
    def leave(self, context: Mapping[str, str]) -> None:
        activity_id = context["campaign_activity_id"]
        known = self._known(activity_id) or Bookmark(rows=0)
        counters = self._counters.pop(activity_id, NOT_ASKED)
        left = changed(known, doubt=False)
        if self._own(counters).clicks == 0 and not known.rows_read:
            # It does not exist while nothing is counted.
            left = Bookmark(clicks=0, seen=self._seen(counters))
        if not self._reads_all:
            self._bookmarks.move(context, left)

    def _own(self, counters: Counters) -> Counters:
        """Return the counters with this report's counter as ``clicks``."""
        if counters is NOT_ASKED:
            return counters
        return replace(counters, clicks=counters.stats.get(self._report.counter))

    def _seen(self, counters: Counters) -> tuple[str, int] | None:
        """Return the fingerprint of all counters and the hour, if they count people."""
        if counters is NOT_ASKED or not self._report.counts_people:
            return None
        return fingerprint(counters.stats), this_hour()
