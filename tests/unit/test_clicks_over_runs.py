"""Several runs over one report: a last, quiet run leaves no difference."""

from __future__ import annotations

from itertools import count
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.events.bookmark import Bookmark, Search
from tap_cc_clicks.events.tally import compared, is_due
from tests.click_reports import Service, Warehouse, row, timestamp
from tests.reports import URL

LATER = timestamp(30)
ROWS = st.lists(st.builds(row, st.integers(0, 6), st.sampled_from("ab")), max_size=5)
# By page, the times of clicks that arrive before it.
ARRIVALS = st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=3)
COUNTED, UNCOUNTED, COUNTED_LATE = "counted", "without counters", "counted afterwards"
MODES = st.sampled_from([COUNTED, UNCOUNTED, COUNTED_LATE])


def run(warehouse: Warehouse, service: Service, mode: str = COUNTED) -> None:
    """Read the report as a run would, if it is due."""
    counters = Counters(len(service.rows), LATER) if mode == COUNTED else NOT_ASKED
    known = warehouse.bookmark
    search = bool(known and known.search)
    if known is None or known.doubt or search or is_due(known, counters):
        warehouse.sync(service, counters, search=search, lookback=0)
    if mode == COUNTED_LATE and warehouse.bookmark:
        now = Counters(len(service.rows), LATER)
        warehouse.bookmark = compared(warehouse.bookmark, now)


@settings(max_examples=400, deadline=None)
@given(
    runs=st.lists(st.tuples(ROWS, ARRIVALS, MODES), min_size=1, max_size=4),
    page_size=st.integers(1, 4),
    last=ROWS,
)
@example(
    # A run that leaves rows to the next one, which has no counters, then a late click.
    runs=[([row(0), row(0)], [[], [1]], COUNTED), ([], [], UNCOUNTED)],
    page_size=1,
    last=[row(0)],
)
def test_a_quiet_run_completes_what_earlier_ones_read(
    runs: list[tuple[list[dict[str, Any]], list[list[int]], str]],
    page_size: int,
    last: list[dict[str, Any]],
) -> None:
    """With late clicks, with clicks that arrive meanwhile, with and without counters.

    A click that arrives while the report is read is identical to no other.
    """
    service, warehouse, number = Service(page_size=page_size), Warehouse(), count()
    for rows, arrivals, mode in runs:
        service.arrive(rows)
        service.arrivals = [
            [row(minute, f"contact {next(number)}") for minute in minutes]
            for minutes in arrivals
        ]
        run(warehouse, service, mode)
        service.arrivals = []
    service.arrive(last)
    run(warehouse, service)
    assert warehouse.times() == [row["created_time"] for row in service.rows]


def test_rows_left_out_stay_searched_for_if_fewer_are_counted() -> None:
    """The first counter after a read may be lower than the report for good."""
    known = Bookmark(clicks=13, rows=11, search=Search(missing=2))
    assert known.is_uncompared
    result = compared(known, Counters(12, LATER))
    assert result.search == known.search
    assert result.rows_read == 11


def test_a_report_that_was_missing_is_compared_like_a_first_read() -> None:
    """Used to be looked at without counters from then on."""
    service, warehouse = Service(rows=[row(1)]), Warehouse(bookmark=Bookmark(rows=0))
    warehouse.sync(service, NOT_ASKED)
    assert warehouse.bookmark
    assert warehouse.bookmark.is_uncompared


class LedBack(Service):
    """A report of one instant whose first page has a link to all of its rows."""

    first = f"{URL}?limit=3"

    @override
    def page(self, url: str) -> Page:
        """Return the first page, or all rows."""
        rows = [dict(one) for one in self.rows]
        if url == self.first:
            return Page(rows[:3], url, f"{URL}?limit=500")
        return Page(rows, url)


def test_a_link_back_to_the_front_doubles_nothing() -> None:
    """Even if the page is given the same wrong link again: the limit has changed."""
    service, warehouse = LedBack(rows=[row(1, one) for one in "abcdef"]), Warehouse()
    warehouse.sync(service, Counters(6, LATER))
    assert warehouse.bookmark
    assert warehouse.bookmark.doubt
    assert len(warehouse.clicks) <= len(service.rows)
