"""Reading an activity's report: what is read, in the face of all that can happen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.events.tally import compared, is_due
from tests.click_reports import (
    Service,
    Warehouse,
    row,
    timestamp,
)

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
def test_clicks_arriving_while_paging_are_neither_lost_nor_duplicated(
    first: list[dict[str, Any]], arrivals: list[list[str]], page_size: int
) -> None:
    """After a second, quiet read the warehouse equals the report row for row."""
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
def test_late_clicks_are_found_even_after_interrupted_runs(
    batches: list[list[dict[str, Any]]], page_size: int, stops: list[int | None]
) -> None:
    """With counters and no lookback, all runs together load the whole report."""
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
    """A quiet second run requests one of 20 pages."""
    rows = [row(minute) for minute in range(100, 0, -1)]
    service = Service(rows=rows, page_size=5)
    warehouse = Warehouse()
    warehouse.sync(service, Counters(100))
    service.pages_given = 0
    service.arrive([row(200)])
    warehouse.sync(service, Counters(101), lookback=0)
    assert service.pages_given == 1
    assert len(warehouse.clicks) == 101


def test_a_counter_that_never_matches_does_not_cause_full_reads() -> None:
    """After a failed search, the next one waits for its look."""
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


def test_a_counter_that_is_too_high_does_not_hide_late_clicks() -> None:
    """A search finds them; a read without one loads only new rows."""
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


def test_a_successful_search_leaves_nothing_missing() -> None:
    """Afterwards, a rising counter starts a search immediately again."""
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


def test_rows_read_without_counters_are_compared_with_the_first_counter() -> None:
    """A first full read sets the count; rows read later run ahead of it."""
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
def test_a_counter_requested_late_proves_nothing(counted: int) -> None:
    """It may be too low for good, so a match with the rows read is no proof."""
    service = Service(rows=[row(minute) for minute in range(5, 0, -1)])
    warehouse = Warehouse()
    warehouse.sync(service, NOT_ASKED)
    assert warehouse.bookmark
    bookmark = Bookmark.from_partition(warehouse.bookmark.to_partition({}))
    assert is_due(bookmark, Counters(counted))
    result = compared(bookmark, Counters(counted))
    assert not result.is_uncompared
    assert is_due(result, Counters(counted)) == (counted > 5)


def test_a_partial_read_is_not_compared_with_the_counter() -> None:
    """The counter includes clicks before the start date."""
    service = Service(rows=[row(minute) for minute in range(5, 0, -1)])
    warehouse = Warehouse()
    warehouse.sync(service, NOT_ASKED, start=timestamp(3))
    assert warehouse.bookmark == Bookmark(value=timestamp(5), rows=3, window=3)
    warehouse.sync(service, Counters(5), start=timestamp(3))
    assert warehouse.bookmark
    assert not is_due(warehouse.bookmark, Counters(5))
