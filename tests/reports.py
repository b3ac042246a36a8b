"""A paged report without HTTP, and a warehouse for its rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

from tap_cc_clicks.api.client import Form
from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.timestamps import format_timestamp
from tap_cc_clicks.api.wire import UNKNOWN, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import CLICKS, Click
from tap_cc_clicks.events.identity import event_id
from tap_cc_clicks.events.reading import Read, Reader, Reading
from tap_cc_clicks.events.tally import ReadScope, is_due

ACTIVITY = "f2e6c9ab-0000-4000-8000-000000000001"
URL = "https://api.example.com/v3/reports"
FIRST = datetime(2026, 1, 1, tzinfo=UTC)


class Event(NamedTuple):
    """A click of the service: time, contact and link."""

    millisecond: int
    contact: str
    link: str = "1"


def nothing() -> None:
    """Add no clicks."""


class Paged(ABC):
    """The service as the reader uses it."""

    first: ClassVar[str] = URL
    """The URL of the first page."""

    @abstractmethod
    def page(self, url: str) -> Page:
        """Return a page by its link."""

    def events(
        self, report: str, form: Form, activity_id: str, **query: Any
    ) -> Iterator[Page]:
        """Yield the pages of the report."""
        assert (report, form, activity_id) == ("clicks", CLICKS.form, ACTIVITY)
        assert not query
        url: str | None = self.first
        while url:
            page = self.page(url)
            yield page
            url = page.link

    def again(self, page: Page, form: Form) -> Page:
        """Return a page again."""
        assert form is CLICKS.form
        return self.page(page.url)


@dataclass
class Report(Paged):
    """A report, newest first, that may grow before each page.

    Attributes:
        grain: Milliseconds that the service's clock tells apart.
        size: Rows of a page.
        by_row: Whether a link names the row before the page, instead of a place.
        before: Called before each page is given.
        asked: Pages given.
    """

    grain: int = 1
    size: int = 500
    by_row: bool = False
    before: Callable[[], None] = nothing
    asked: int = 0
    rows: list[tuple[int, Event]] = field(default_factory=list)
    anomalies: Anomalies = field(default_factory=Anomalies)

    def arrive(self, events: Iterable[Event]) -> None:
        """Add clicks, each before others of the same time."""
        for event in events:
            row = (len(self.rows), event)
            place = bisect_left(self.rows, self._order(row), key=self._order)
            self.rows.insert(place, row)

    def fill(self, events: list[Event]) -> None:
        """Add many clicks."""
        assert not self.rows
        # The latest of the same time comes first.
        self.rows = [*enumerate(events)][::-1]
        self.rows.sort(key=self._order)

    def _at(self, row: tuple[int, Event]) -> int:
        return row[1].millisecond // self.grain * self.grain

    def _order(self, row: tuple[int, Event]) -> int:
        return -self._at(row)

    def _click(self, row: tuple[int, Event]) -> Click:
        when = format_timestamp(FIRST + timedelta(milliseconds=self._at(row)))
        return Click(contact_id=row[1].contact, url_id=row[1].link, created_time=when)

    @override
    def page(self, url: str) -> Page:
        """Return a page by its link."""
        self.before()
        self.asked += 1
        start = self._start(parse_qs(urlsplit(url).query))
        end = start + self.size
        link = f"{URL}?{self._link(end)}" if end < len(self.rows) else None
        return Page([self._click(row) for row in self.rows[start:end]], url, link)

    def numbers(self, url: str) -> list[int]:
        """Return the range of rows of a page."""
        start = self._start(parse_qs(urlsplit(url).query))
        return [number for number, _ in self.rows[start : start + self.size]]

    @staticmethod
    def copies(page: Page) -> list[Click]:
        """Return copies of the rows of a page."""
        return [copy(row) for row in page.rows]

    def _link(self, end: int) -> str:
        if not self.by_row:
            return f"place={end}"
        last = self.rows[end - 1]
        return f"row={last[0]}&order={self._order(last)}"

    def _start(self, query: dict[str, list[str]]) -> int:
        if "row" in query:
            number, order = int(query["row"][0]), int(query["order"][0])
            place = bisect_left(self.rows, order, key=self._order)
            while self.rows[place][0] != number:
                place += 1
            return place + 1
        return int(query.get("place", ["0"])[0])

    def ids(self) -> set[str]:
        """Return the ids of all clicks."""
        keys = Counter(map(CLICKS.natural_key_of, map(self._click, self.rows)))
        return {
            event_id(CLICKS.namespace, ACTIVITY, natural_key, number)
            for natural_key, count in keys.items()
            for number in range(count)
        }


@dataclass
class Warehouse:
    """The loaded rows, and the tap's bookmark."""

    ids: set[str] = field(default_factory=set)
    bookmark: Bookmark | None = None
    run: list[str] = field(default_factory=list)

    def sync(
        self,
        report: Any,
        counters: Counters = UNKNOWN,
        *,
        search: bool = False,
        **scope: Any,
    ) -> None:
        """Read a report in one run."""
        standing_in: Any = report
        reading = Reading(
            CLICKS,
            ACTIVITY,
            None,
            None,
            self.bookmark,
            counters,
            ReadScope(**scope),
            search=search,
        )
        self.run = []
        for item in Reader(standing_in, reading).read():
            if isinstance(item, Read):
                self.bookmark = item.bookmark
            else:
                self.run += [str(click.click_id) for click in item]
        self.ids.update(self.run)

    def is_due(self, counters: Counters) -> bool:
        """Return whether a run would read the report."""
        doubt = self.bookmark is not None and self.bookmark.doubt
        return doubt or is_due(self.bookmark, counters)
