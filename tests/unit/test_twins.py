"""Identical rows: repeated on the next page, or separate clicks."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tap_cc_clicks.api.columns import Anomalies
from tap_cc_clicks.api.errors import CursorRefusedError
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.wire import NOT_ASKED, Counters
from tap_cc_clicks.events import identity
from tests.reports import URL, Event, Report, Warehouse

MINUTE = 60_000
DAY = 24 * 60 * MINUTE
SIZE = 50
CLICKS_A_REQUEST = 5


@dataclass
class Growing(Report):
    """A report to which given clicks are added before each page.

    Attributes:
        arrivals: The clicks that arrive before each of the next pages.
        refused: The numbers of the requests whose link is refused.
        blind: Whether a page looked the same although its rows differed: nothing can
            tell this from an unchanged page.
    """

    arrivals: list[list[Event]] = field(default_factory=list)
    refused: set[int] = field(default_factory=set)
    blind: bool = False
    _shown: dict[str, tuple[Page, list[int]]] = field(default_factory=dict)

    def page(self, url: str) -> Page:
        """Return a page after new clicks arrived."""
        if self.arrivals:
            self.arrive(self.arrivals.pop(0))
        page, numbers = super().page(url), self.numbers(url)
        if page.link:
            self.blind |= super().page(page.link).rows[: self.size] == page.rows
            self.asked -= 1
        if self.asked in self.refused and "?" in url:
            raise CursorRefusedError
        before, stood = self._shown.get(url, (page, numbers))
        self.blind |= before.rows == page.rows and stood != numbers
        self._shown[url] = (page, numbers)
        # The reader modifies the rows, so it gets copies.
        return Page(self.copies(page), url, page.link)


def read_until_settled(report: Growing, lookback: float) -> Warehouse:
    """Read a report while it grows, then as often as it is due."""
    warehouse = Warehouse()
    for _ in range(3):
        counters = Counters(len(report.rows))
        if warehouse.is_due(counters):
            warehouse.sync(report, counters, lookback=lookback)
            assume(not report.blind)
            assert len(warehouse.run) == len(set(warehouse.run))
            assert warehouse.ids <= report.ids()
            report.arrivals = []
    return warehouse


# Timestamps from 0 to 11 are in the report already; later ones arrive at its front,
# earlier ones in between.
EVENTS = st.lists(
    st.builds(Event, st.integers(0, 11), st.sampled_from("abcd")), max_size=20
)
LATE = st.lists(
    st.builds(Event, st.integers(0, 15), st.sampled_from("abcde")), max_size=3
)
# How many timestamps share an instant: one, some or all.
GRAINS = st.sampled_from([1, 3, 6, 100])


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.filter_too_much]
)
@given(
    events=EVENTS,
    arrivals=st.lists(LATE, max_size=9),
    grain=GRAINS,
    size=st.integers(1, 9),
    by_row=st.booleans(),
    lookback=st.sampled_from([0, 24]),
    refused=st.sets(st.integers(2, 9), max_size=1),
)
def test_every_click_has_one_id_while_clicks_arrive(  # noqa: PLR0913
    *,
    events: list[Event],
    arrivals: list[list[Event]],
    grain: int,
    size: int,
    by_row: bool,
    lookback: float,
    refused: set[int],
) -> None:
    """No click is lost, has two ids or is written twice in a run."""
    # Less than a page arrives between two pages, even if pages are repeated.
    coming = [some[: size // 3] for some in arrivals]
    report = Growing(
        grain=grain, size=size, by_row=by_row, arrivals=coming, refused=refused
    )
    report.arrive(events)
    warehouse = read_until_settled(report, lookback)
    assert warehouse.ids == report.ids()
    if warehouse.bookmark:
        assert warehouse.bookmark.rows_read == len(report.rows)
    assert not warehouse.is_due(Counters(len(report.rows)))


def clicked(*contacts: str) -> list[Event]:
    """Return clicks of one instant, the newest last."""
    return [Event(0, contact) for contact in contacts]


@pytest.mark.parametrize("by_row", [False, True])
def test_identical_rows_are_recognized_by_one_request(*, by_row: bool) -> None:
    """The page before shows the same rows, so no row was pushed to the next page."""
    report = Growing(size=3, by_row=by_row)
    report.arrive(clicked("f", "e", "d", "a", "a", "b", "c"))
    warehouse = Warehouse()
    warehouse.sync(report, Counters(7))
    assert report.asked == 3 + 1
    assert warehouse.ids == report.ids()
    assert not warehouse.is_due(Counters(7))


def test_a_repeated_row_is_recognized_by_two_requests() -> None:
    """The page before shows as many new rows as doubtful ones; the page is the same."""
    report = Growing(size=3, arrivals=[[], clicked("x")])
    report.arrive(clicked("g", "f", "e", "d", "c", "b", "a"))
    warehouse = Warehouse()
    warehouse.sync(report, Counters(7))
    assert report.asked == 3 + 2
    assert len(warehouse.run) == 7
    assert warehouse.bookmark
    assert warehouse.bookmark.clicks == 7


def test_a_click_that_comes_after_a_twin_was_read_hides_none() -> None:
    """The page before shows it, as it would if it had pushed the twin there."""
    days = enumerate(("a", "b", "dd", "e", "f", "x"))
    *there, new = ([Event(day * DAY, name) for name in names] for day, names in days)
    report = Growing(size=3, arrivals=[[], [], new])
    report.arrive([event for events in there for event in events])
    warehouse = Warehouse()
    for _ in range(2):
        warehouse.sync(report, NOT_ASKED, lookback=1)
    assert warehouse.ids == report.ids()


def test_doubtful_rows_are_read_again() -> None:
    """While clicks arrive, the bookmark stays and no doubtful row is written."""
    report = Growing(size=3, arrivals=[[], clicked("x"), [], clicked("y", "z")])
    report.arrive(clicked("g", "f", "e", "d", "c", "b", "a"))
    warehouse = Warehouse()
    warehouse.sync(report, Counters(7))
    assert warehouse.ids < report.ids()
    assert warehouse.bookmark
    assert warehouse.bookmark.value is None
    assert warehouse.bookmark.doubt
    warehouse.sync(report, Counters(10))
    assert warehouse.ids == report.ids()
    assert not warehouse.bookmark.doubt
    assert not warehouse.is_due(Counters(10))


def test_a_link_that_is_refused_twice_is_an_error() -> None:
    """The report is restarted only once."""
    report = Growing(size=2, refused={2, 4})
    report.arrive([Event(timestamp, "a") for timestamp in range(9)])
    with pytest.raises(CursorRefusedError):
        Warehouse().sync(report)


def test_a_link_to_the_same_page_adds_no_rows() -> None:
    """The next page repeats the page before and its link."""
    report = Growing(size=3)
    report.arrive(clicked("b", "a"))
    pages = [
        replace(report.page(f"{URL}?place=0"), link=f"{URL}?place=0") for _ in range(3)
    ]
    service = SimpleNamespace(
        events=lambda *_, **__: iter(pages[:2]),
        again=lambda *_: pages[2],
        anomalies=Anomalies(),
    )
    warehouse = Warehouse()
    warehouse.sync(service)
    assert warehouse.ids == report.ids()


def test_a_link_that_disappears_adds_no_rows() -> None:
    """The last page linked to itself, but has no link when requested again."""
    report = Growing(size=3)
    report.arrive(clicked("b", "a"))
    linked, *pages = (
        replace(report.page(f"{URL}?place=0"), link=link)
        for link in (f"{URL}?place=0", None, None)
    )
    service = SimpleNamespace(
        events=lambda *_, **__: iter([linked, pages[0]]),
        again=lambda *_: pages[1],
        anomalies=Anomalies(),
    )
    warehouse = Warehouse()
    warehouse.sync(service)
    assert warehouse.ids == report.ids()
    assert warehouse.is_due(Counters(2))


def people(count: int, days: int, seed: int = 1) -> list[Event]:
    """Return clicks over several days, some of them twice within a second."""
    chance = Random(seed)
    events: list[Event] = []
    while len(events) < count:
        at = int(days * DAY * chance.random())
        events.append(
            Event(at, f"c{chance.randrange(2_000)}", f"{chance.randrange(8)}")
        )
        if chance.random() < 0.02:
            events.append(events[-1]._replace(millisecond=at + 1))
    return sorted(events)


def scanners(count: int) -> list[Event]:
    """Return clicks of one minute: each scanner clicks every link twice."""
    chance = Random(2)
    events: list[Event] = []
    for scanner in range(count // 10):
        at = DAY + chance.randrange(MINUTE - 100)
        events += [Event(at + n, f"s{scanner}", f"{n % 5}") for n in range(10)]
    return sorted(events)


@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.parametrize(
    ("events", "coming"),
    [
        (people(15_000, 40), 0),
        ([*people(2_000, 3), *scanners(4_000)], 0),
        (people(3_000, 3), CLICKS_A_REQUEST),
    ],
    ids=["days", "scanners", "coming in"],
)
def test_doubtful_rows_cost_few_requests(
    *,
    events: list[Event],
    coming: int,
    by_row: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If timestamps have whole minutes, a read takes a twentieth more requests.

    While clicks arrive it takes a quarter more; the next run reads doubtful rows.
    """
    # This is far less than the number of clicks in the scanners' minute.
    monkeypatch.setattr(identity, "REMEMBERED", 5 * SIZE)
    chance = Random(3)
    new = [
        [Event(4 * DAY + n, f"n{chance.randrange(500)}") for _ in range(coming)]
        for n in range(90 * bool(coming))
    ]
    report = Growing(grain=MINUTE, size=SIZE, by_row=by_row, arrivals=new)
    report.fill(sorted(events))
    warehouse, most = Warehouse(), 1.25 if coming else 1.05
    for _ in range(2 if coming else 1):
        report.asked, counters = 0, Counters(len(report.rows))
        warehouse.sync(report, counters)
        assert report.asked <= most * (len(report.rows) / SIZE + 1)
        assert len(warehouse.run) == len(set(warehouse.run))
        report.arrivals = []
    assert warehouse.ids == report.ids()
    assert warehouse.bookmark
    assert warehouse.bookmark.rows_read == len(warehouse.ids)
    assert not warehouse.is_due(Counters(len(report.rows)))
