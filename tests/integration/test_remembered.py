"""A change counts as read only after it has been read, even if runs fail."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.sandbox import Account, Fault, Sandbox
from tap_cc_clicks.sync.failures import IN_A_ROW
from tap_cc_clicks.tap import TapCCClicks
from tests.integration.test_schedule_runs import CLICKS, Runs, account_of
from tests.support import captured, clicks, clock, select

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox.account import Campaign

pytestmark = pytest.mark.usefixtures("no_waiting")
QUOTA = {"error_key": "quota_exceeded"}
LOOK_UP, REPORTS = r"/v3/emails/[^/]+$", "/tracking/clicks"
SUMMARIES = "email_campaign_summaries"
MANY = 3 * IN_A_ROW


def resend(runs: Runs, campaign: Campaign) -> None:
    """Send a campaign again without changing its date, and add a click."""
    before = campaign.updated_at
    runs.account.add_click(runs.account.resend(campaign))
    campaign.updated_at = before


def change(runs: Runs, campaign: Campaign) -> None:
    """Send a campaign again, change its date, and add a click."""
    runs.account.add_click(runs.account.resend(campaign))
    campaign.updated_at = runs.account.now


def stop(runs: Runs, campaign: Campaign) -> None:
    """Set the status of a campaign to Error after another click."""
    runs.account.add_click(campaign.activities[0])
    campaign.current_status, campaign.updated_at = "Error", runs.account.now


def run_with_faults(runs: Runs, *faults: Fault) -> None:
    """Run once with faults; the run may fail."""
    with Sandbox(runs.account) as sandbox, captured() as output:
        sandbox.faults.rules[:] = faults
        wrong_by = runs.account.now.timestamp() - time.time()
        config = {**sandbox.config, **runs.settings}
        with clock(lambda: wrong_by), suppress(FatalSyncError):
            tap = TapCCClicks(config=config, state=runs.state, catalog=runs.catalog)
            tap.sync_all()
    runs.state = output.state
    runs.loaded.update(clicks(output))


@pytest.mark.parametrize("happen", [resend, change, stop])
@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", LOOK_UP, status=404),
        Fault("status", LOOK_UP, status=500),
        Fault("status", REPORTS, status=500),
        Fault("status", LOOK_UP, status=429, body=QUOTA),
        Fault("status", REPORTS, status=429, body=QUOTA),
        Fault("status", SUMMARIES, status=500),
    ],
    ids=lambda one: f"{one.match[-10:]} {one.status}",
)
def test_a_change_is_found_after_a_run_that_could_not_read_it(
    happen: Callable[[Runs, Campaign], None], fault: Fault
) -> None:
    """A look-up, a report or summaries failed, or the quota was spent."""
    runs = Runs(account_of(MANY, "Executing" if happen is stop else "Done", days=2))
    runs.run()
    runs.account.advance(hours=6)
    for campaign in list(runs.account.campaigns.values()):
        happen(runs, campaign)
    run_with_faults(runs, fault)
    for _ in range(3):
        runs.account.advance(days=1)
        runs.run()
    assert runs.is_complete()


def test_a_resend_is_found_after_a_run_without_summaries() -> None:
    """State had no send date to compare with."""
    runs = Runs(account_of(3, days=2), CLICKS)
    run_with_faults(runs, Fault("status", SUMMARIES, status=500))
    runs.account.advance(hours=6)
    for campaign in list(runs.account.campaigns.values()):
        resend(runs, campaign)
    runs.run()
    assert runs.is_complete()


def test_clicks_are_found_if_counters_always_lag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Even if counters are first read after the clicks, and then agree."""
    monkeypatch.setattr(Account, "counted", lambda _, one: len(one.clicks) - 2)
    runs = Runs(account_of(1, days=1), CLICKS)
    (activity,) = runs.account.clickable()
    for _ in range(4):
        runs.account.add_click(activity)
    runs.run()
    runs.account.advance(hours=1)
    runs.account.add_click(activity)
    runs.account.add_click(activity)
    runs.run()
    assert runs.is_complete()


def test_activities_selected_later_are_all_written() -> None:
    """Once, even if no campaign has changed."""
    runs = Runs(account_of(5), CLICKS)
    runs.run()
    runs.account.advance(hours=1)
    runs.catalog = select("campaign_activities", "email_clicks")
    assert runs.run()["campaign"] == 5
    assert len(runs.output.records("campaign_activities")) == 5
    runs.account.advance(hours=1)
    assert "campaign" not in runs.run()
    assert runs.is_complete()
