"""A clicks report in memory, for tests of reading."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.wire import UNKNOWN, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import CLICKS, Click
from tap_cc_clicks.events.reading import Read, Reader, Reading
from tap_cc_clicks.events.tally import ReadScope
from tests.reports import ACTIVITY, URL, Paged


def timestamp(minute: int) -> str:
    """Return a timestamp, some minutes after a fixed one."""
    day, rest = divmod(minute, 24 * 60)
    return f"2026-01-{day + 1:02}T{rest // 60:02}:{rest % 60:02}:00.000Z"


def row(minute: int, contact: str = "a", **values: Any) -> dict[str, Any]:
    """Return a row of the report."""
    return {
        "contact_id": contact,
        "url_id": "1",
        "created_time": timestamp(minute),
        "device_type": None,
        **values,
    }


@dataclass
class Service(Paged):
    """A report with offset pages that may grow before each page."""

    first = f"{URL}?0"
    rows: list[dict[str, Any]] = field(default_factory=list)
    arrivals: list[list[dict[str, Any]]] = field(default_factory=list)
    page_size: int = 2
    pages_given: int = 0
    anomalies: Anomalies = field(default_factory=Anomalies)

    def arrive(self, rows: list[dict[str, Any]]) -> None:
        """Add clicks, newest first."""
        self.rows = sorted(
            [*rows, *self.rows], key=lambda row: row["created_time"], reverse=True
        )

    @override
    def page(self, url: str) -> Page:
        """Return the page at an offset."""
        if self.arrivals:
            self.arrive(self.arrivals.pop(0))
        self.pages_given += 1
        start = int(url.partition("?")[2])
        end = start + self.page_size
        link = f"{URL}?{end}" if end < len(self.rows) else None
        return Page([dict(row) for row in self.rows[start:end]], url, link)


def reader_of(
    service: Service,
    known: Bookmark | None,
    counters: Counters,
    scope: ReadScope,
    *,
    search: bool = False,
) -> Reader:
    """Return the reader of the report."""
    standing_in: Any = service
    reading = Reading(
        CLICKS, ACTIVITY, None, None, known, counters, scope, search=search
    )
    return Reader(standing_in, reading)


@dataclass
class Warehouse:
    """The rows of an upserting loader, and the tap's bookmark."""

    clicks: dict[str, Click] = field(default_factory=dict)
    bookmark: Bookmark | None = None
    unusable: int | None = None

    def sync(
        self,
        service: Service,
        counters: Counters = UNKNOWN,
        stop_after: int | None = None,
        *,
        search: bool = False,
        **scope: Any,
    ) -> None:
        """Read the report, or some of its pages, into the warehouse."""
        reader = reader_of(
            service, self.bookmark, counters, ReadScope(**scope), search=search
        )
        for number, item in enumerate(reader.read()):
            if number == stop_after:
                return
            if isinstance(item, Read):
                self.bookmark, self.unusable = item.bookmark, item.unusable
            else:
                self.clicks.update({str(click.click_id): click for click in item})

    def times(self) -> list[str]:
        """Return the timestamps of all loaded clicks, newest first."""
        times = [click.created_time for click in self.clicks.values()]
        return sorted(times, reverse=True)
