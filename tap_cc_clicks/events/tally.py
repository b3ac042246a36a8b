"""Which activities have new clicks, and when a report was read far enough.

The service counts every click (``em_clicks_all``, «GET an Email Campaign Activity Stats
Report»), ten activities per request. A report is read when its count shows something
new. Counts and reports may differ, even permanently: either can be late, and a click
can appear below newer ones.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from tap_cc_clicks.api.timestamps import earlier, is_within, now, this_hour
from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.events.bookmark import DEFAULT_LOOKBACK, Bookmark, Search

COUNTED_WITHIN_HOURS = 24


@dataclass(frozen=True)
class ReadScope:
    """The settings that say how far a report is read.

    Attributes:
        start: Clicks before this time are not read; empty for no limit.
        lookback: Hours before a bookmark that are read again.
        filtered: Whether the report is read for one link only.
        whole: Whether all of it is read, because its counter does not count rows.
    """

    start: str = ""
    lookback: float = DEFAULT_LOOKBACK
    filtered: bool = False
    whole: bool = False

    def floor(self, known: Bookmark | None) -> str:
        """Return the time before which no new click is expected."""
        if self.whole or not known or not known.value:
            return self.start
        return max(self.start, earlier(known.value, self.lookback))

    @property
    def sees_all(self) -> bool:
        """Whether all clicks that the service counts are read."""
        return not self.start and not self.filtered


def is_due(known: Bookmark | None, counters: Counters) -> bool:
    """Return whether counters show that a report has something new.

    A counter of 0 is trusted only after the report was read once.
    """
    if known is None or known.is_uncompared or counters.clicks is None:
        return True
    return counters.clicks != known.clicks


def lasting_gap(known: Bookmark, counters: Counters) -> int:
    """Return by how many rows a report exceeds its counter; negative if it has fewer.

    0 while the service may still count, or show, a click of the last day.
    """
    if counters.clicks is None or is_within([known.value], COUNTED_WITHIN_HOURS):
        return 0
    return known.rows_read - counters.clicks


def compared(known: Bookmark, counters: Counters) -> Bookmark:
    """Compare a bookmark with the first counters after the read.

    A lower count may catch up, or be final; a higher one shows new clicks.
    """
    if counters is NOT_ASKED or not known.is_uncompared:
        return known
    rows, clicks = known.rows_read, counters.clicks
    if clicks is None:
        return replace(known, clicks=None, search=None)
    if clicks >= (known.clicks or 0):
        return replace(known, rows=None)
    early = (known.value or "") > (counters.refreshed or "")
    return replace(
        known,
        clicks=clicks,
        rows=None if rows == clicks and not known.search else rows,
        ahead=max(0, rows - clicks) if early else 0,
    )


def new_clicks(known: Bookmark | None, counters: Counters) -> int:
    """Return how many clicks were counted since the bookmark."""
    known = known or Bookmark()
    before = known.rows_read if known.clicks is None else known.clicks + known.ahead
    return max(0, (counters.clicks or 0) - before)


def rows_to_read(known: Bookmark | None, counters: Counters, scope: ReadScope) -> int:
    """Return how many rows :class:`Tally` reads if all new clicks are the newest."""
    total = counters.clicks
    if known is None or not known.value:
        return total or 0
    if scope.whole:
        return max(total or 0, known.rows_read)
    if known.lookback != scope.lookback:
        return known.rows_read if total is None else total
    rows = new_clicks(known, counters) + known.window + 1
    return rows if total is None else min(total, rows)


def _later(times: list[str], than: str) -> int:
    """Return how many of the sorted timestamps are later than another one."""
    return len(times) - bisect_right(times, than)


class Tally:
    """Counts the rows of a report, and decides when to stop reading.

    Attributes:
        floor: The time down to which the report is read.
        enough: Whether reading may stop.

    Args:
        known: The bookmark; None if it was never read.
        counters: The counters.
        scope: How far to read.
        search: Whether to read all of it, for clicks that are counted and not shown.
    """

    def __init__(
        self,
        known: Bookmark | None,
        counters: Counters,
        scope: ReadScope,
        *,
        search: bool = False,
    ) -> None:
        self.floor = scope.floor(known)
        self.enough = False
        self._known = known or Bookmark()
        self._searched = self._known.search or Search()
        # Higher counts are searched for at once, until a search found nothing.
        self._may_search = search or self._known.search is None
        self._first = known is None or known.is_missing
        self._counters = counters
        self._scope = scope
        self._complete = False
        self._latest = earlier(now(), -scope.lookback)
        self._newest = self._known.value
        self._all = self._newer = self._window = self._uncounted = self._beyond = 0

    def take(self, fresh: list[Any], page: list[Any]) -> list[Any]:
        """Return the rows of a page to write, and decide whether to read on.

        Args:
            fresh: The rows of the page that are not repeats.
            page: All rows of the page.
        """
        oldest = min((row.created_time for row in page), default=self.floor)
        wanted = self._count([row for row in fresh if row.created_time >= self.floor])
        if oldest < self.floor and self._must_search():
            below, self.floor = self.floor, self._scope.start
            late = [row for row in fresh if self.floor <= row.created_time < below]
            wanted += self._count(late)
        if oldest < self.floor:
            self.enough = True
            self._complete = self.floor == self._scope.start
        return wanted

    def ended(self) -> None:
        """Note that the report has no further page."""
        self._complete = True

    def _count(self, rows: list[Any]) -> list[Any]:
        times = sorted(row.created_time for row in rows)
        if times and not self._all:
            self._newest = max(self._newest or "", times[-1])
        first, last = self._window_floor, self._value or ""
        refreshed = self._counters.refreshed
        self._all += len(times)
        self._newer += _later(times, self._known.value or "")
        self._window += bisect_right(times, last) - bisect_left(times, first)
        self._uncounted += _later(times, refreshed) if refreshed else 0
        self._beyond += _later(times, self._latest)
        return rows

    @property
    def _value(self) -> str | None:
        """The newest time read, without future ones, which would hide other clicks."""
        return min(self._newest, self._latest) if self._newest else None

    @property
    def _window_floor(self) -> str:
        return earlier(self._value, self._scope.lookback) if self._value else ""

    @property
    def _counted(self) -> int:
        """Clicks that were counted since the bookmark."""
        known = self._known
        before = known.rows_read
        if known.clicks is not None:
            before = known.clicks - self._searched.missing + known.ahead
        return (self._counters.clicks or 0) - before

    @property
    def _found(self) -> int:
        """New clicks that were read, as far as that is known."""
        if self._complete:
            return max(0, self._all - self._known.rows_read)
        comparable = self._known.lookback == self._scope.lookback
        in_window = self._all - self._newer
        grown = in_window - self._known.window if comparable else 0
        return self._newer + max(0, grown)

    def _must_search(self) -> bool:
        """Return whether counted clicks must be further down in the report."""
        return (
            self.floor > self._scope.start
            and self._counters.clicks is not None
            and self._counted > self._found
            and self._may_search
        )

    def bookmark(self, unusable: int = 0) -> Bookmark:
        """Return the new bookmark.

        Args:
            unusable: Rows that were left out.
        """
        known, clicks, found = self._known, self._counters.clicks, self._found
        rows = self._all if self._complete else known.rows_read + found
        if self._counters is NOT_ASKED:
            return self._uncompared(rows, unusable)
        counted = self._counted
        # Clicks before the start date or on other links are counted, but not missing.
        sees_all = self._scope.sees_all
        comparable = clicks is not None and not (self._first and not sees_all)
        missing = max(0, counted - found) if comparable else 0
        if self._complete and sees_all:
            missing = max(0, (clicks or 0) - self._all)
        if self._scope.whole:
            # A counter of people may not show that a row was left out.
            missing = max(missing, unusable)
        ahead = max(0, min(self._uncounted, found - counted)) if comparable else 0
        search = self._search(missing) if missing else None
        return self._moved(clicks, rows, ahead, search)

    def _uncompared(self, rows: int, unusable: int) -> Bookmark:
        """Return the bookmark of a read without counters.

        The next counters are compared with it.
        """
        known = self._known
        if self._scope.sees_all and (self._first or known.is_uncompared):
            search = self._search(unusable) if unusable else None
            return self._moved(rows + unusable, rows, 0, search, compared=False)
        ahead = known.ahead if self._first else known.ahead + self._found
        return self._moved(known.clicks, rows, ahead, known.search)

    def _moved(
        self,
        clicks: int | None,
        rows: int,
        ahead: int,
        search: Search | None,
        *,
        compared: bool = True,
    ) -> Bookmark:
        if self._beyond:
            # Clicks in the future do not count: they are read again until then.
            rows -= self._beyond
            clicks, ahead, search = rows, 0, None
        missing = search.missing if search else 0
        return Bookmark(
            value=self._value,
            clicks=clicks,
            rows=None if compared and rows == (clicks or 0) - missing else rows,
            ahead=ahead,
            window=self._window,
            lookback=self._scope.lookback,
            search=search,
        )

    def unmoved(self) -> Bookmark:
        """Return the old bookmark, marked to be read again.

        Without its search: the next read may look for missing clicks at once.
        """
        known = self._known
        rows = known.rows_read
        return replace(known, clicks=None, rows=rows, search=None, doubt=True)

    def _search(self, missing: int) -> Search:
        hour = this_hour() if self._complete else self._searched.hour
        return Search(missing=missing, hour=hour)
