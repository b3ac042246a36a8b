"""Looks at event reports whose counters are late, missing, wrong or failing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.events.declaration import BOUNCES, CLICKS, EVENT_REPORTS, OPENS
from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate
from tap_cc_clicks.sandbox.account import START
from tap_cc_clicks.sandbox.dialects import DIALECTS
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

ALL: dict[str, Any] = {"look_requests_per_day": 0}
BOTH = select("email_clicks", "email_opens")


def small(now: datetime = START, **options: Any) -> Sandbox:
    """Return a small account with every kind of event."""
    account = generate(campaigns=8, clicks=60, recipients=40, now=now)
    return Sandbox(account, **options)


def two_hours_ago() -> datetime:
    """Return a recent timestamp: emails sent then are still fresh."""
    return datetime.now(UTC) - timedelta(hours=2)


def add_events(account: Account) -> None:
    """Add a few events of every kind to two emails."""
    # Some of these events may never be counted.
    for activity in account.clickable()[2:4] * 2:
        account.add_click(activity)
        for report in EVENT_REPORTS:
            if report is not CLICKS:
                account.add_event(activity, report.path)


def assert_truth(account: Account, outputs: list[Output]) -> None:
    """Check that runs together loaded every row of every report once."""
    for report in EVENT_REPORTS:
        assert events(report, *outputs) == truth(report, account), report.stream


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_event_is_loaded_in_each_dialect(dialect: str) -> None:
    """This holds after a first run, and once the counters have caught up."""
    with small(dialect=dialect) as sandbox:
        account = sandbox.account
        outputs = [run_tap(sandbox, catalog=everything(), page_size=7, **ALL)]
        assert_truth(account, outputs)
        account.advance(hours=2)
        add_events(account)
        for _ in range(2):
            account.advance(hours=7)
            state = outputs[-1].state
            outputs.append(run_tap(sandbox, state, everything(), page_size=7, **ALL))
        assert_truth(account, outputs)


def test_a_row_left_out_once_is_read_later() -> None:
    """A person's second row does not change a counter of people; it used to be lost."""
    account = Account()
    campaign = account.add_campaign(sent=START - timedelta(days=9))
    event = account.add_event(campaign.activities[0], "optouts")
    campaign.activities[0].insert(type(event)(dict(event.row)), "optouts")
    with Sandbox(account) as sandbox:
        fault = Fault("bad_row", match="optouts", times=1, field="created_time")
        sandbox.faults.rules[:] = [fault]
        with captured() as first, pytest.raises(FatalSyncError):
            TapCCClicks(config=sandbox.config, catalog=everything()).sync_all()
        with clock(lambda: 90_000):
            second = run_tap(sandbox, first.state, everything(), **ALL)
    assert_truth(account, [first, second])


def test_opens_without_clicks_are_read_in_the_next_run() -> None:
    """A fresh email's opens are read regardless of look_requests_per_day."""
    with small(now=two_hours_ago()) as sandbox:
        account = sandbox.account
        activity = account.add_campaign().activities[0]
        first = run_tap(sandbox, catalog=BOTH)
        account.advance(hours=1)
        account.add_event(activity, "opens")
        sandbox.log.clear()
        second = run_tap(sandbox, first.state, BOTH, look_requests_per_day=1)
        assert sandbox.log.counts()["opens"] == 1
        assert events(OPENS, first, second) == truth(OPENS, account)


def test_a_late_row_of_a_fresh_report_is_read_in_the_next_run() -> None:
    """The row was counted before, so the counter does not change again."""
    with small(now=two_hours_ago()) as sandbox:
        account = sandbox.account
        activity = account.add_campaign().activities[0]
        account.add_event(activity, "opens")
        opens = activity.rows_of("opens")
        first = run_tap(sandbox, catalog=BOTH)
        account.add_event(activity, "opens")
        hidden = opens[:]
        sandbox.on_request = lambda name: _show(opens, hidden, shown=name != "opens")
        second = run_tap(sandbox, first.state, BOTH)
        sandbox.on_request = None
        _show(opens, hidden, shown=True)
        assert events(OPENS, first, second) != truth(OPENS, account)
        third = run_tap(sandbox, second.state, BOTH)
        assert events(OPENS, first, second, third) == truth(OPENS, account)


def _show(rows: list[Any], every: list[Any], *, shown: bool) -> None:
    """Show or hide the newest row of a report."""
    rows[:] = every[0 if shown else 1 :]


def test_looks_replace_counters_that_fail() -> None:
    """The counters of a single activity fail."""
    with small() as sandbox:
        account = sandbox.account
        activity = account.clickable()[2]
        first = run_tap(sandbox, catalog=BOTH)
        account.advance(hours=2)
        add_events(account)
        match = f"/reports/stats.*{activity.campaign_activity_id}"
        sandbox.faults.rules.append(Fault("status", match=match, status=400))
        outputs = [first, _failing(sandbox, first.state)]
        assert events(OPENS, *outputs) == truth(OPENS, account)


def _failing(sandbox: Sandbox, state: dict[str, Any]) -> Output:
    with captured() as output, pytest.raises(FatalSyncError):
        TapCCClicks(
            config={**sandbox.config, **ALL}, state=state, catalog=BOTH
        ).sync_all()
    return output


def test_a_missing_report_is_requested_once() -> None:
    """It is requested again when its counter rises."""
    catalog = select("email_clicks", "email_bounces")
    with small() as sandbox:
        account = sandbox.account
        activity = account.clickable()[0]
        activity.rows_of("bounces").clear()
        match = f"{activity.campaign_activity_id}/tracking/bounces"
        sandbox.faults.rules.append(Fault("status", match=match, status=404))
        outputs = [run_tap(sandbox, catalog=catalog)]
        sandbox.log.clear()
        outputs.append(run_tap(sandbox, outputs[-1].state, catalog, **ALL))
        assert not sandbox.log.counts().keys() & {"clicks", "bounces"}
        sandbox.faults.rules.clear()
        account.add_event(activity, "bounces")
        outputs.append(run_tap(sandbox, outputs[-1].state, catalog, **ALL))
        assert events(BOUNCES, *outputs) == truth(BOUNCES, account)
