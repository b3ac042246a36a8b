"""Reading an activity's report: what is read, in the face of all that can happen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tap_cc_clicks.api.client import Form
from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.wire import NOT_ASKED, UNKNOWN, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.declaration import CLICKS, Click
from tap_cc_clicks.events.reading import Read, Reader, Reading
from tap_cc_clicks.events.tally import ReadScope, compared, is_due

ACTIVITY = "f2e6c9ab-0000-4000-8000-000000000001"
URL = "https://api.example.com/v3/reports"


def timestamp(minute: int) -> str:
    """Return a moment, some minutes after a fixed one."""
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
class Service:
    """A report that is paged by offset, and may grow before any page is given."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    arrivals: list[list[dict[str, Any]]] = field(default_factory=list)
    page_size: int = 2
    pages_given: int = 0
    anomalies: Anomalies = field(default_factory=Anomalies)

    def arrive(self, rows: list[dict[str, Any]]) -> None:
        """Let clicks come in, each in its place: newest first."""
        self.rows = sorted(
            [*rows, *self.rows], key=lambda row: row["created_time"], reverse=True
        )

    def events(
        self, report: str, form: Form, activity_id: str, **query: Any
    ) -> Iterator[Page]:
        """Give the report page by page."""
        assert (report, form, activity_id) == ("clicks", CLICKS.form, ACTIVITY)
        assert not query
        url: str | None = f"{URL}?0"
        while url:
            page = self.page(url)
            yield page
            url = page.link

    def again(self, page: Page, form: Form) -> Page:
        """Give a page once more."""
        assert form is CLICKS.form
        return self.page(page.url)

    def page(self, url: str) -> Page:
        """Give the page at a place."""
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
    """Return what reads the activity's report."""
    standing_in: Any = service
    reading = Reading(
        CLICKS, ACTIVITY, None, None, known, counters, scope, search=search
    )
    return Reader(standing_in, reading)


@dataclass
class Warehouse:
    """What a loader that upserts holds, and the tap's bookmark."""

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
        """Read the report into the warehouse, maybe only some pages of it."""
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
        """Return the moments of all clicks held, newest first."""
        times = [click.created_time for click in self.clicks.values()]
        return sorted(times, reverse=True)


MINUTES = st.integers(0, 6)
ROWS = st.lists(st.builds(row, MINUTES, st.sampled_from("ab")), max_size=8)


@settings(max_examples=400, deadline=None)
@given(
    first=ROWS,
    arrivals=st.lists(st.lists(st.sampled_from("ab"), max_size=3), max_size=8),
    page_size=st.integers(1, 4),
)
@example(
    # A page pushed so far that it ends between two identical rows of the page before.
    first=[row(0), row(1), row(1, "b"), row(1), row(2)],
    arrivals=[["a"] * 3, ["a"], ["a"] * 2, ["a"] * 3],
    page_size=4,
)
@example(
    # The same within an instant that is longer than a page.
    first=[row(1, contact) for contact in "babaa"] + [row(0, "a")],
    arrivals=[[], ["a"] * 2, ["a"] * 4],
    page_size=3,
)
@example(
    # Newer rows, and one that was seen, in a page pushed by more than its size.
    first=[row(2, "b"), row(0, "a"), row(0, "b")],
    arrivals=[["a"], ["a"] * 5],
    page_size=3,
)
@example(
    # After a doubt, a page that begins in the same instant and ends in an older one.
    first=[row(1, contact) for contact in "abbab"] + [row(0, "b")],
    arrivals=[["a"] * 2, ["a"], ["a"] * 5, ["a"] * 4],
    page_size=4,
)
def test_clicks_that_come_in_while_paging_are_neither_lost_nor_doubled(
    first: list[dict[str, Any]], arrivals: list[list[str]], page_size: int
) -> None:
    """After a second, quiet read the warehouse equals the report, row for row."""
    coming = [
        [row(10 + number, contact) for contact in contacts]
        for number, contacts in enumerate(arrivals)
    ]
    service = Service(arrivals=coming, page_size=page_size)
    service.arrive(first)
    warehouse = Warehouse()
    warehouse.sync(service)
    service.arrivals = []
    warehouse.sync(service)
    assert warehouse.times() == [row["created_time"] for row in service.rows]


@settings(max_examples=300, deadline=None)
@given(
    batches=st.lists(ROWS, min_size=1, max_size=4),
    page_size=st.integers(1, 3),
    stops=st.lists(st.one_of(st.none(), st.integers(0, 3)), min_size=4, max_size=4),
)
def test_counted_clicks_are_found_however_late_and_whatever_was_interrupted(
    batches: list[list[dict[str, Any]]], page_size: int, stops: list[int | None]
) -> None:
    """With counters and no lookback, the union of all runs equals the truth."""
    service = Service(page_size=page_size)
    warehouse = Warehouse()
    for batch, stop in zip(batches, stops, strict=False):
        service.arrive(batch)
        for stop_after in (stop, None):
            counters = Counters(len(service.rows), timestamp(9))
            if is_due(warehouse.bookmark, counters):
                warehouse.sync(service, counters, stop_after, lookback=0)
    assert warehouse.times() == [row["created_time"] for row in service.rows]


def test_a_second_read_stops_at_the_first_row_older_than_the_bookmark() -> None:
    """Of 20 pages, a quiet second run asks for one."""
    rows = [row(minute) for minute in range(100, 0, -1)]
    service = Service(rows=rows, page_size=5)
    warehouse = Warehouse()
    warehouse.sync(service, Counters(100))
    service.pages_given = 0
    service.arrive([row(200)])
    warehouse.sync(service, Counters(101), lookback=0)
    assert service.pages_given == 1
    assert len(warehouse.clicks) == 101


def test_a_count_that_never_matches_does_not_read_all_again_every_time() -> None:
    """After a search in vain, the next one comes as a look, not with each click."""
    rows = [row(minute) for minute in range(100, 0, -1)]
    service = Service(rows=rows, page_size=5)
    warehouse = Warehouse()
    warehouse.sync(service, Counters(110))
    service.pages_given = 0
    for more in range(20):
        service.arrive([row(200 + more)])
        warehouse.sync(service, Counters(111 + 2 * more), lookback=0)
    assert service.pages_given == 20
    assert len(warehouse.clicks) == 120


def test_a_count_that_is_always_too_high_hides_no_late_click() -> None:
    """A search finds it; without one, only what is new is read."""
    rows = [row(minute) for minute in range(100, 0, -1)]
    service = Service(rows=rows, page_size=5)
    warehouse = Warehouse()
    warehouse.sync(service, Counters(110))
    for late in range(1, 6):
        service.arrive([row(late), row(200 + late)])
        counters = Counters(110 + 2 * late)
        service.pages_given = 0
        warehouse.sync(service, counters, lookback=0)
        assert service.pages_given == 1
        assert warehouse.bookmark
        assert warehouse.bookmark.search
        assert warehouse.bookmark.search.missing == 11
        assert not is_due(warehouse.bookmark, counters)
        warehouse.sync(service, counters, search=True, lookback=0)
        assert warehouse.times() == [row["created_time"] for row in service.rows]
        assert warehouse.bookmark.search.missing == 10


def test_a_search_that_found_all_leaves_nothing_missing() -> None:
    """From then on a count that rises is searched for at once again."""
    service = Service(rows=[row(minute) for minute in range(50, 0, -1)])
    warehouse = Warehouse()
    warehouse.sync(service, Counters(51))
    assert warehouse.bookmark
    assert warehouse.bookmark.search
    assert warehouse.bookmark.search.hour
    service.arrive([row(2)])
    warehouse.sync(service, Counters(51), search=True, lookback=0)
    assert warehouse.bookmark.search is None
    service.arrive([row(1)])
    warehouse.sync(service, Counters(52), lookback=0)
    assert warehouse.times() == [row["created_time"] for row in service.rows]


def test_what_was_read_uncounted_is_compared_with_the_first_counter() -> None:
    """A first reading of everything counts for itself; later ones run ahead."""
    service = Service(rows=[row(minute) for minute in range(5, 0, -1)])
    warehouse = Warehouse()
    warehouse.sync(service, NOT_ASKED)
    assert warehouse.bookmark
    assert (warehouse.bookmark.clicks, warehouse.bookmark.rows_read) == (5, 5)
    warehouse.bookmark = compared(warehouse.bookmark, Counters(5))
    assert not is_due(warehouse.bookmark, Counters(5))
    service.arrive([row(9)])
    warehouse.sync(service, NOT_ASKED)
    assert warehouse.bookmark.clicks == 5
    assert warehouse.bookmark.ahead == 1
    service.pages_given = 0
    warehouse.sync(service, Counters(6), lookback=0)
    assert warehouse.bookmark == Bookmark(
        value=timestamp(9), clicks=6, window=1, lookback=0
    )
    assert service.pages_given == 1


@pytest.mark.parametrize("counted", [0, 3, 5, 9])
def test_a_counter_that_was_asked_for_late_tells_nothing(counted: int) -> None:
    """It may count fewer for good: that it equals what was read proves nothing."""
    service = Service(rows=[row(minute) for minute in range(5, 0, -1)])
    warehouse = Warehouse()
    warehouse.sync(service, NOT_ASKED)
    assert warehouse.bookmark
    bookmark = Bookmark.from_partition(warehouse.bookmark.to_partition({}))
    assert is_due(bookmark, Counters(counted))
    told = compared(bookmark, Counters(counted))
    assert not told.is_uncompared
    assert is_due(told, Counters(counted)) == (counted > 5)


def test_part_of_a_report_says_nothing_of_what_is_counted() -> None:
    """Clicks before the start date are counted too: the next counter is read."""
    service = Service(rows=[row(minute) for minute in range(5, 0, -1)])
    warehouse = Warehouse()
    warehouse.sync(service, NOT_ASKED, start=timestamp(3))
    assert warehouse.bookmark == Bookmark(value=timestamp(5), rows=3, window=3)
    warehouse.sync(service, Counters(5), start=timestamp(3))
    assert warehouse.bookmark
    assert not is_due(warehouse.bookmark, Counters(5))


def test_a_late_click_below_the_lookback_is_searched_for() -> None:
    """The count rose by more than what is new at the top."""
    service = Service(rows=[row(minute) for minute in range(5000, 0, -50)])
    warehouse = Warehouse()
    warehouse.sync(service, Counters(100))
    service.arrive([row(33), row(6000)])
    warehouse.sync(service, Counters(102))
    assert warehouse.times() == [row["created_time"] for row in service.rows]


@pytest.mark.parametrize("name", ["contact_id", "url_id"])
@pytest.mark.parametrize("value", [None, "absent"])
def test_a_row_without_contact_or_link_is_kept(name: str, value: object) -> None:
    """A contact may be forgotten; identical rows are numbered, and keep their ids."""
    bad = {**row(1), name: value}
    if value == "absent":
        del bad[name]
    service = Service(rows=[row(3), row(2), bad, dict(bad), row(0)])
    warehouse = Warehouse()
    warehouse.sync(service)
    first = set(warehouse.clicks)
    assert len(first) == 5
    assert [getattr(one, name) for one in warehouse.clicks.values()].count(None) == 2
    assert warehouse.unusable == 0
    warehouse.bookmark = None
    warehouse.sync(service)
    assert set(warehouse.clicks) == first


@pytest.mark.parametrize("value", [None, "", "soon", 7, "2026-02-31T00:00:00.000Z"])
def test_a_row_without_a_moment_is_left_out_and_counted(value: object) -> None:
    """Nothing tells what it is; all others are read, and the bookmark moves."""
    bad = {**row(1), "created_time": value}
    # In every page, so that it also stands first, last and alone.
    service = Service(rows=[bad, row(3), row(2), bad, bad, bad, row(1), row(0), bad])
    warehouse = Warehouse()
    warehouse.sync(service)
    assert warehouse.times() == [timestamp(3), timestamp(2), timestamp(1), timestamp(0)]
    assert warehouse.unusable == 5
    assert warehouse.bookmark is not None
    assert warehouse.bookmark.value == timestamp(3)


def test_a_row_left_out_is_counted_once() -> None:
    """Not again where the report is read anew to tell twins from repeats."""
    bad = {**row(1), "created_time": "soon"}
    twins = [row(1), row(1), row(1), row(1)]
    service = Service(rows=[row(2), *twins, row(0), bad], page_size=2)
    warehouse = Warehouse()
    warehouse.sync(service)
    assert len(warehouse.clicks) == 6
    assert warehouse.unusable == 1
    assert service.pages_given > 4
