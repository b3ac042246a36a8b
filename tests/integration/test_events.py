"""Every event report is loaded completely, with one request for each page."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.events.declaration import CLICKS, EVENT_REPORTS
from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate
from tap_cc_clicks.tap import TapCCClicks
from tests.support import (
    Output,
    captured,
    clock,
    events,
    everything,
    run_tap,
    select,
    truth,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FURTHER = [report for report in EVENT_REPORTS if report is not CLICKS]
EACH = pytest.mark.parametrize("report", FURTHER, ids=lambda report: report.path)
STREAMS = [report.stream for report in EVENT_REPORTS]
PAGE_ENDPOINTS = {report.path for report in EVENT_REPORTS}


@pytest.fixture
def full() -> Iterator[Sandbox]:
    """Return an account with every kind of event."""
    account = generate(campaigns=12, clicks=200, recipients=120)
    with Sandbox(account) as running:
        yield running


def assert_truth(account: Account, *outputs: Output) -> None:
    """Check that runs together loaded every row of every report once."""
    for report in EVENT_REPORTS:
        assert events(report, *outputs) == truth(report, account), report.stream


def pages_of(account: Account, page_size: int = 500) -> int:
    """Return the number of pages of all reports."""
    return sum(
        max(1, -(-len(activity.rows_of(report.path)) // page_size))
        for activity in account.reported()
        for report in EVENT_REPORTS
    )


@pytest.mark.slow
def test_a_first_load_needs_one_request_per_page() -> None:
    """A second run, with nothing new, reads no page of any report."""
    account = generate(campaigns=24, clicks=2400, recipients=1100)
    catalog = select(*STREAMS, *SMALL)
    with Sandbox(account) as sandbox:
        first = run_tap(sandbox, catalog=catalog)
        counts = sandbox.log.counts()
        assert_truth(account, first)
        reported = len(account.reported())
        assert counts["campaign"] + counts["campaigns"] + counts["summaries"] <= 26
        others = counts["campaign"] + -(-reported // 10) + 2 * reported + 2
        expected = pages_of(account) + others
        assert sum(counts.values()) == pytest.approx(expected, rel=0.02)
        sandbox.log.clear()
        second = run_tap(sandbox, first.state, catalog)
        assert not PAGE_ENDPOINTS & sandbox.log.counts().keys()
        assert not any(second.records(stream) for stream in STREAMS)


SMALL = (
    "campaign_activities",
    "campaign_activity_details",
    "campaign_activity_stats",
    "campaign_summaries",
    "email_send_history",
)


def add_events(account: Account) -> None:
    """Add events of every kind: recent and late ones, and identical rows."""
    account.advance(hours=5)
    for number, activity in enumerate(account.clickable()):
        for report in FURTHER:
            hours = timedelta(hours=(0, 0, 200)[number % 3])
            if (number + len(report.path)) % 2:
                event = account.add_event(activity, report.path, account.now - hours)
                if report.counts_people:
                    # A person's repeated event changes no counter of people.
                    account.add_event(activity, "opens")
                if number % 4 == 0:
                    activity.insert(type(event)(dict(event.row)), report.path)


@pytest.mark.parametrize("page_size", [7, 500])
def test_later_events_are_loaded(full: Sandbox, page_size: int) -> None:
    """This holds for every report, for late events and for identical rows."""
    settings: dict[str, Any] = {"page_size": page_size, "look_requests_per_day": 0}
    outputs = [run_tap(full, catalog=everything(), **settings)]
    for _ in range(2):
        add_events(full.account)
        state = outputs[-1].state
        outputs.append(run_tap(full, state, everything(), **settings))
    assert_truth(full.account, *outputs)


@EACH
def test_only_the_selected_report_is_read(full: Sandbox, report: Any) -> None:
    first = run_tap(full, catalog=select(report.stream))
    assert events(report, first) == truth(report, full.account)
    counts = full.log.counts()
    assert counts.keys() - {"campaigns", "summaries", "campaign", "stats"} == {
        report.path
    }


def test_only_clicks_are_selected_by_default(full: Sandbox) -> None:
    """The other reports would cost requests."""
    run_tap(full)
    assert full.log.counts().keys() & PAGE_ENDPOINTS == {"clicks"}


def test_clicks_are_read_first_and_other_reports_last(full: Sandbox) -> None:
    """Stats, details, send histories and links come between them."""
    run_tap(full, catalog=everything(), concurrency=1)
    asked = list(dict.fromkeys(name for name, _ in full.log.entries))
    order = ["clicks", "stats", "activity", "send_history", "links"]
    assert asked[-10:] == [*order, *(report.path for report in FURTHER)]


def run_failing(sandbox: Sandbox) -> Output:
    """Return the output of a run that fails."""
    with captured() as output, pytest.raises(FatalSyncError):
        TapCCClicks(config=sandbox.config, catalog=everything()).sync_all()
    return output


@EACH
def test_a_failing_report_does_not_affect_the_others(
    full: Sandbox, report: Any
) -> None:
    """It is read once it works again."""
    bad = max(full.account.reported(), key=lambda one: len(one.rows_of(report.path)))
    match = f"{bad.campaign_activity_id}/tracking/{report.path}"
    full.faults.rules.append(Fault("status", match=match, status=400))
    first = run_failing(full)
    for other in EVENT_REPORTS:
        there = truth(other, full.account)
        missing = len(bad.rows_of(report.path)) if other is report else 0
        assert len(events(other, first)) == len(there) - missing
    full.faults.rules.clear()
    second = run_tap(full, first.state, everything())
    assert_truth(full.account, first, second)


@EACH
def test_each_report_adds_little_state(full: Sandbox, report: Any) -> None:
    """A stream adds at most 150 bytes for each activity."""
    size = [
        len(json.dumps(run_tap(full, catalog=catalog).state, separators=(",", ":")))
        for catalog in (select("email_clicks"), select("email_clicks", report.stream))
    ]
    assert size[1] - size[0] <= 150 * len(full.account.reported())


@EACH
def test_an_exhausted_budget_loses_nothing(full: Sandbox, report: Any) -> None:
    """Clicks are read first, and later runs load the rest."""
    catalog, outputs = select("email_clicks", report.stream), [Output()]
    state: dict[str, Any] = {}
    for _ in range(20):
        full.log.clear()
        outputs.append(
            run_tap(full, state, catalog, page_size=50, max_requests=23, concurrency=3)
        )
        state = outputs[-1].state
    assert events(report, *outputs) == truth(report, full.account)
    assert events(CLICKS, *outputs) == truth(CLICKS, full.account)


def test_full_table_reads_a_report_again(full: Sandbox) -> None:
    """Its bookmarks stay unchanged."""
    catalog = select("email_opens")
    first = run_tap(full, catalog=catalog)
    for stream in catalog["streams"]:
        stream["replication_method"] = "FULL_TABLE"
    second = run_tap(full, first.state, catalog)
    assert len(second.records("email_opens")) == len(full.account.rows("opens"))
    assert (
        second.state["bookmarks"]["email_opens"]
        == first.state["bookmarks"]["email_opens"]
    )


def test_a_counter_of_people_never_hides_an_event(full: Sandbox) -> None:
    """A repeated event leaves it unchanged; other counters reveal it within a day."""
    account = full.account
    first = run_tap(full, catalog=everything())
    account.advance(hours=2)
    for report in FURTHER:
        if report.counts_people:
            activity = next(
                one for one in account.clickable() if one.people_of(report.path)
            )
            contact = next(iter(activity.people_of(report.path)))
            account.add_event(activity, report.path, contact_id=contact)
            late = account.now - timedelta(hours=200)
            account.add_event(activity, report.path, late, contact_id=contact)
            account.add_event(activity, "opens")
    second = run_tap(full, first.state, everything(), look_requests_per_day=0)
    with clock(lambda: 86_400):
        third = run_tap(full, second.state, everything(), look_requests_per_day=0)
    assert_truth(account, first, second, third)


def test_bounces_have_a_readable_reason(full: Sandbox) -> None:
    """The reason of an unknown code is null."""
    activity = full.account.clickable()[0]
    full.account.add_event(activity, "bounces", bounce_code="?")
    records = run_tap(full, catalog=select("email_bounces")).records("email_bounces")
    told = {one["bounce_code"]: one["bounce_reason"] for one in records}
    assert told["?"] is None
    assert told["F"] == "mailbox full"
