"""Reading one activity's report, from the newest event down to the known ones.

Source: «GET an Email Clicks Report». A report is newest first, cannot be filtered by
time, and grows at its front while its pages are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tap_cc_clicks.api.columns import date_time
from tap_cc_clicks.api.errors import CursorRefusedError, GoneError
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.service import Service
from tap_cc_clicks.api.timestamps import timestamp
from tap_cc_clicks.api.wire import Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import EventReport
from tap_cc_clicks.events.identity import Numbering
from tap_cc_clicks.events.tally import ReadScope, Tally


@dataclass(frozen=True)
class Reading:
    """Which report to read, and how far.

    Attributes:
        url_id: Only clicks on this link; None for all.
        known: The bookmark; None to read all.
        counters: The service's current counters.
        scope: The settings that limit reading.
        search: Whether to read all of it, to find missing clicks.
    """

    report: EventReport
    activity_id: str
    campaign_id: str | None
    url_id: str | None
    known: Bookmark | None
    counters: Counters
    scope: ReadScope
    search: bool = False

    @property
    def context(self) -> dict[str, str]:
        """The key of its bookmark."""
        context = {"campaign_activity_id": self.activity_id}
        return {**context, "url_id": self.url_id} if self.url_id else context


@dataclass(frozen=True)
class Read:
    """The result of a complete reading.

    Attributes:
        bookmark: The new bookmark.
        unusable: Rows without a valid timestamp.
        unresolved: Whether rows were left out that may be new events.
    """

    bookmark: Bookmark
    unusable: int
    unresolved: bool = False


class Reader:
    """Reads a report, page by page."""

    def __init__(self, service: Service, reading: Reading) -> None:
        self._service = service
        self._reading = reading
        self._numbering = Numbering(reading.report, reading.activity_id)
        self._unresolved = False
        self._unusable = 0

    def read(self) -> Iterator[list[Any] | Read]:
        """Yield a list of records for each page, and finally the result."""
        reading = self._reading
        tally = Tally(
            reading.known, reading.counters, reading.scope, search=reading.search
        )
        for rows, page in self._pages():
            fresh = self._numbering.number(rows, page)
            if self._numbering.instant_is_over:
                fresh = [*fresh, *self._settled()]
            yield tally.take(fresh, rows)
            if tally.enough:
                break
        else:
            tally.ended()
        yield tally.take(self._settled(), [])
        bookmark = (
            tally.unmoved() if self._unresolved else tally.bookmark(self._unusable)
        )
        yield Read(bookmark, self._unusable, self._unresolved)

    def _pages(self) -> Iterator[tuple[list[Any], Page]]:
        """Yield pages and their rows as records, without ids.

        If a later page is refused, the report is read from the beginning again, once.
        """
        try:
            yield from self._walk()
        except CursorRefusedError as refused:
            self._numbering = self._numbering.restarted()
            self._unusable = 0
            try:
                yield from self._walk()
            except GoneError:
                # A report with a first page is not gone.
                raise refused from None

    def _walk(self) -> Iterator[tuple[list[Any], Page]]:
        reading, query = self._reading, {}
        if reading.url_id:
            query["url_id"] = reading.url_id
        pages = self._service.events(
            reading.report.path, reading.report.form, reading.activity_id, **query
        )
        for page in pages:
            rows = self._records(page)
            self._unusable += len(page.rows) - len(rows)
            yield rows, page

    def _records(self, page: Page) -> list[Any]:
        return [one for row in page.rows if (one := self._completed(row))]

    def _again(self, page: Page) -> tuple[list[Any], Page]:
        page = self._service.again(page, self._reading.report.form)
        return self._records(page), page

    def _settled(self) -> list[Any]:
        """Return the new events among the rows kept aside, by requesting pages again.

        If that is undecidable, the next run reads the report again.
        """
        numbering, twins = self._numbering, None
        if numbering.unresolved is None:
            return []
        if not self._unresolved:
            with suppress(CursorRefusedError):
                twins = numbering.settle(self._again)
        numbering.unresolved = None
        self._unresolved = twins is None
        return twins or []

    def _completed(self, row: Any) -> Any:
        """Return a row as a record; None without a valid timestamp."""
        reading, anomalies = self._reading, self._service.anomalies
        event = row
        if isinstance(row, dict):
            event = reading.report.tolerated(row, anomalies)
        try:
            event.created_time = timestamp(event.created_time)
        except ValueError:
            return None
        event.campaign_activity_id = reading.activity_id
        event.campaign_id = reading.campaign_id
        if event.deleted_at is not None:
            stream, deleted_at = reading.report.stream, event.deleted_at
            event.deleted_at = anomalies.convert(
                stream, "deleted_at", date_time, deleted_at
            )
        return event
