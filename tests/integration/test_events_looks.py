"""Looks at further reports: where counters are late, absent, wrong, or fail."""

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
    events,
    everything,
    run_tap,
    select,
    truth,
)

ALL: dict[str, Any] = {"look_requests_per_day": 0}
BOTH = select("email_clicks", "email_opens")


def small(now: datetime = START, **options: Any) -> Sandbox:
    """Return a small account in which everything happens that may."""
    account = generate(campaigns=8, clicks=60, recipients=40, now=now)
    return Sandbox(account, **options)


def two_hours_ago() -> datetime:
    """Return a moment at which what is sent is fresh."""
    return datetime.now(UTC) - timedelta(hours=2)


def happen(account: Account) -> None:
    """Let a little of everything happen, in two emails."""
    # A share of it may never be counted.
    for activity in account.clickable()[2:4] * 2:
        account.add_click(activity)
        for report in EVENT_REPORTS:
            if report is not CLICKS:
                account.add_event(activity, report.path)


def assert_truth(account: Account, outputs: list[Output]) -> None:
    """See that runs together brought every row of every report, each once."""
    for report in EVENT_REPORTS:
        assert events(report, *outputs) == truth(report, account), report.stream


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_form_brings_every_event(dialect: str) -> None:
    """After the first run, and after the counters have followed in a later one."""
    with small(dialect=dialect) as sandbox:
        account = sandbox.account
        outputs = [run_tap(sandbox, catalog=everything(), page_size=7, **ALL)]
        assert_truth(account, outputs)
        account.advance(hours=2)
        happen(account)
        for _ in range(2):
            account.advance(hours=7)
            state = outputs[-1].state
            outputs.append(run_tap(sandbox, state, everything(), page_size=7, **ALL))
        assert_truth(account, outputs)


def test_an_email_that_is_only_opened_is_read_in_the_next_run() -> None:
    """Its opens alone, as long as it is fresh, whatever looks may cost."""
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


def test_what_a_fresh_report_does_not_show_yet_is_read_in_the_next_run() -> None:
    """It was counted before: the counter does not move again."""
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
    """Let a report show its newest row, or not yet."""
    rows[:] = every[0 if shown else 1 :]


def test_where_counters_fail_reports_are_looked_at() -> None:
    """Of the one activity, by the looks that it has."""
    with small() as sandbox:
        account = sandbox.account
        activity = account.clickable()[2]
        first = run_tap(sandbox, catalog=BOTH)
        account.advance(hours=2)
        happen(account)
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


def test_a_report_that_is_not_there_is_asked_once() -> None:
    """Until its counter tells that there is something in it."""
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
