"""Items that failed in earlier runs: retried last, a few per run, and reported."""

from __future__ import annotations

import logging
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.api.client import MAX_TRIES
from tap_cc_clicks.sandbox import Fault
from tap_cc_clicks.sync.failures import IN_A_ROW, MOST_RETRIES
from tap_cc_clicks.tap import TapCCClicks
from tests.support import Output, captured, clicks, clock, everything, rows, run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox
    from tap_cc_clicks.sandbox.account import Activity

pytestmark = pytest.mark.usefixtures("no_waiting")
MOST_MORE = 20


def failing(
    sandbox: Sandbox,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    **config: Any,
) -> Output:
    """Return the output of a run that ends with exit code 1."""
    with captured() as output:
        config = {**sandbox.config, **config}
        tap = TapCCClicks(config=config, state=state or {}, catalog=catalog)
        with pytest.raises(FatalSyncError):
            tap.sync_all()
    return output


def most_clicked(sandbox: Sandbox) -> Activity:
    """Return the activity with the most clicks."""
    return max(sandbox.account.clickable(), key=lambda one: len(one.clicks))


def break_one_of_each(sandbox: Sandbox, status: int) -> set[str]:
    """Make one item of each kind fail, each of another campaign.

    Returns:
        The activities whose clicks cannot be read.
    """
    clickable = sorted(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    clicked = {one.campaign_id: one for one in clickable}
    counted, linked, detailed, looked_up, read = list(clicked.values())[-5:]
    sandbox.faults.rules[:] = [
        Fault("status", match=f"/reports/stats.*{counted.campaign_activity_id}"),
        Fault("status", match=f"{linked.campaign_activity_id}/links"),
        Fault("status", match=f"/emails/activities/{detailed.campaign_activity_id}"),
        Fault("status", match=f"/emails/{looked_up.campaign_id}"),
        Fault("status", match=f"{read.campaign_activity_id}/tracking"),
    ]
    for fault in sandbox.faults.rules:
        fault.status = status
    campaign = sandbox.account.campaigns[looked_up.campaign_id]
    return {
        read.campaign_activity_id,
        *(one.campaign_activity_id for one in campaign.activities),
    }


def new_requests(sandbox: Sandbox) -> int:
    """Return the number of requests since the last call."""
    count = len(sandbox.log.entries)
    sandbox.log.clear()
    return count


@pytest.mark.parametrize("status", [500, 403, 400])
def test_failing_items_do_not_affect_the_others(sandbox: Sandbox, status: int) -> None:
    """Later runs need hardly more requests; everything is loaded in the end."""
    healthy = run_tap(sandbox, catalog=everything())
    new_requests(sandbox)
    run_tap(sandbox, healthy.state, everything())
    without = new_requests(sandbox)
    lost = break_one_of_each(sandbox, status)
    there = [
        row for row in sandbox.account.rows() if row["campaign_activity_id"] not in lost
    ]
    first = failing(sandbox, None, everything())
    assert rows(first.records("email_clicks")) == rows(there)
    new_requests(sandbox)
    second = failing(sandbox, first.state, everything())
    assert new_requests(sandbox) <= without + MOST_MORE
    sandbox.faults.rules.clear()
    third = run_tap(sandbox, second.state, everything())
    union = {**clicks(first), **clicks(second), **clicks(third)}
    assert rows(union.values()) == rows(sandbox.account.rows())
    assert "failed" not in third.state["bookmarks"]["campaign_activities"]
    for stream in ("campaign_activity_details", "email_links"):
        found = [row for one in (first, second, third) for row in one.records(stream)]
        assert sorted(map(str, found)) == sorted(map(str, healthy.records(stream)))
    new_requests(sandbox)
    run_tap(sandbox, third.state, everything())
    assert new_requests(sandbox) <= without + 1


def test_a_failed_item_is_retried_last_and_once(sandbox: Sandbox) -> None:
    """New clicks of other emails are read before it."""
    bad = most_clicked(sandbox)
    other = next(one for one in sandbox.account.clickable() if one is not bad)
    path = f"{bad.campaign_activity_id}/tracking"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=500)]
    first = failing(sandbox)
    for _ in range(3):
        sandbox.account.add_click(other)
    sandbox.log.clear()
    second = failing(sandbox, first.state)
    assert len(second.records("email_clicks")) >= 3
    assert sandbox.log.entries[-1] == ("clicks", 500)
    assert sandbox.log.statuses()[500] == 1


def test_an_exhausted_budget_hides_no_failure(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """An item that was not retried remains an error."""
    bad = most_clicked(sandbox)
    path = f"{bad.campaign_activity_id}/tracking"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=500)]
    first = failing(sandbox)
    caplog.clear()
    failing(sandbox, first.state, max_requests=2)
    assert bad.campaign_activity_id in caplog.text
    assert "was not tried again" in caplog.text


def test_an_accepted_failure_is_a_warning(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The error prints the value to set; the item is loaded once it is readable."""
    bad = most_clicked(sandbox)
    path = f"{bad.campaign_activity_id}/tracking"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=500)]
    with captured(), pytest.raises(FatalSyncError) as caught:
        TapCCClicks(config=sandbox.config, state={}).sync_all()
    value = f'accepted_failures: ["{bad.campaign_activity_id}"]'
    assert str(caught.value).endswith(value)
    caplog.clear()
    first = run_tap(sandbox, accepted_failures=[bad.campaign_activity_id])
    told = [one for one in caplog.records if "could not be read" in one.message]
    assert [one.levelno for one in told] == [logging.WARNING]
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state, accepted_failures=[bad.campaign_activity_id])
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_many_failed_items_take_turns(sandbox: Sandbox) -> None:
    """At most ten fail in a run, those that were tried longest ago first."""
    state: dict[str, Any] = run_tap(sandbox).state
    failed = {
        one.campaign_activity_id: number
        for number, one in enumerate(sandbox.account.clickable()[: MOST_RETRIES + 3])
    }
    state["bookmarks"]["campaign_activities"]["failed"] = {"email_clicks": failed}
    sandbox.faults.rules[:] = [Fault("status", match="/tracking", status=500)]
    sandbox.log.clear()
    output = failing(sandbox, state)
    assert sandbox.log.counts()["clicks"] == MOST_RETRIES
    left = output.state["bookmarks"]["campaign_activities"]["failed"]["email_clicks"]
    assert sorted(left.values())[:3] == [10, 11, 12]
    sandbox.faults.rules.clear()
    third = run_tap(sandbox, output.state)
    assert "failed" not in third.state["bookmarks"]["campaign_activities"]


def test_each_failed_item_is_tried_once_per_run(sandbox: Sandbox) -> None:
    """Used to retry campaigns endlessly if there were few threads."""
    several = sandbox.account.clickable()[:MOST_RETRIES]
    ids = "|".join(one.campaign_activity_id for one in several)
    match = f"({ids})/(tracking|links)"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=403)]
    first = failing(sandbox, concurrency=1)
    sandbox.log.clear()
    failing(sandbox, first.state, concurrency=1, max_requests=200)
    assert 0 < sandbox.log.statuses()[403] <= MOST_RETRIES


def test_the_next_run_recovers_from_an_outage(sandbox: Sandbox) -> None:
    """It loads everything, and nothing stays marked as failed."""
    sandbox.faults.rules[:] = [Fault("status", match="/links", status=500)]
    first = failing(sandbox, None, everything(), concurrency=1)
    clicked = [one for one in sandbox.account.reported() if one.clicks]
    asked_for = range(IN_A_ROW * MAX_TRIES, len(clicked) * MAX_TRIES)
    assert sandbox.log.counts()["links"] in asked_for
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state, everything())
    links = run_tap(sandbox, catalog=everything()).records("email_links")
    assert sorted(map(str, second.records("email_links"))) == sorted(map(str, links))
    assert "failed" not in second.state["bookmarks"]["campaign_activities"]


def test_failing_items_at_the_front_do_not_starve_the_others(sandbox: Sandbox) -> None:
    """Used to start every run with the same items, which look like an outage."""
    campaigns = sorted(
        sandbox.account.campaigns.values(), key=lambda one: one.updated_at, reverse=True
    )
    sent = [one for one in campaigns if one.current_status == "Done"]
    bad = [one.campaign_id for one in sent[:IN_A_ROW]]
    match = f"/emails/({'|'.join(bad)})"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=403)]
    first = failing(sandbox, concurrency=1)
    second = failing(sandbox, first.state, concurrency=1)
    union = {**clicks(first), **clicks(second)}
    lost = {
        activity.campaign_activity_id
        for one in sent[:IN_A_ROW]
        for activity in one.activities
    }
    there = [
        row for row in sandbox.account.rows() if row["campaign_activity_id"] not in lost
    ]
    assert rows(union.values()) == rows(there)


def test_a_retry_does_not_read_other_reports_again(sandbox: Sandbox) -> None:
    """A fresh email's clicks are read once, though its links are retried last."""
    bad = sandbox.account.add_campaign().activities[0]
    sandbox.account.add_click(bad)
    path = f"{bad.campaign_activity_id}/links"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=500)]
    wrong_by = sandbox.account.now.timestamp() - time.time()
    # Its counters are older than the last look, so its report is requested.
    with clock(lambda: wrong_by + 60):
        first = failing(sandbox, None, everything())
        second = failing(sandbox, first.state, everything())
    written = second.records("email_clicks")
    assert written
    assert len(written) == len(clicks(second))


def test_a_removed_campaign_is_not_a_failure(sandbox: Sandbox) -> None:
    """Its look-up and reports may fail, and may have been errors before."""
    bad = most_clicked(sandbox)
    campaign = sandbox.account.campaigns[bad.campaign_id]
    path = f"{bad.campaign_activity_id}/"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=500)]
    first = failing(sandbox)
    campaign.current_status = "Removed"
    sandbox.faults.rules += [
        Fault("status", match=f"/emails/{bad.campaign_id}", status=500)
    ]
    second = run_tap(sandbox, first.state)
    run_tap(sandbox, second.state)
    run_tap(sandbox)


def test_a_campaign_that_is_no_longer_listed_is_forgotten(sandbox: Sandbox) -> None:
    """Its earlier failure does not fail later runs."""
    bad = most_clicked(sandbox)
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=500)]
    first = failing(sandbox)
    del sandbox.account.campaigns[bad.campaign_id]
    # By then the whole listing is read again.
    with clock(lambda: 90_000):
        second = run_tap(sandbox, first.state)
    assert "failed" not in second.state["bookmarks"]["campaign_activities"]


@pytest.mark.parametrize("status", [500, 404])
def test_a_batch_of_counters_is_split_around_a_failing_id(
    sandbox: Sandbox, status: int
) -> None:
    """It is split once; later runs request that id on its own, at the end."""
    bad = sandbox.account.clickable()[0].campaign_activity_id
    match = f"/reports/stats.*{bad}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=status)]
    first = failing(sandbox)
    counted = {
        one["campaign_activity_id"] for one in first.records("campaign_activity_stats")
    }
    assert bad not in counted
    assert len(counted) == len(sandbox.account.reported()) - 1
    sandbox.log.clear()
    failing(sandbox, first.state)
    assert sandbox.log.entries.count(("stats", status)) == 1


def test_counters_that_work_again_are_acted_on_in_the_same_run(
    sandbox: Sandbox,
) -> None:
    """A look without them finds no late click; it used to be left to the next run."""
    activity = most_clicked(sandbox)
    first = run_tap(sandbox)
    match = f"/reports/stats.*{activity.campaign_activity_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=400)]
    second = failing(sandbox, first.state)
    sandbox.faults.rules.clear()
    oldest = datetime.fromisoformat(activity.clicks[-1].created_time)
    sandbox.account.add_click(activity, oldest)
    sandbox.account.add_click(activity)
    third = run_tap(sandbox, second.state)
    union = {**clicks(first), **clicks(second), **clicks(third)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_a_batch_without_counters_is_not_split(sandbox: Sandbox) -> None:
    """The service answers that none of the ids has any."""
    body = {"error_key": "reportingsvc.not_found.stats", "error_message": "none"}
    sandbox.faults.rules[:] = [
        Fault("status", match="/reports/stats", status=404, body=body)
    ]
    output = run_tap(sandbox)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())
    batches = -(-len(sandbox.account.clickable()) // 10)
    assert sandbox.log.counts()["stats"] <= batches + 1


def test_missing_counters_are_a_warning(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is not the one for ids without counters."""
    sandbox.faults.rules[:] = [
        Fault("status", match="/reports/stats", status=404, body={"error_key": "gone"})
    ]
    output = run_tap(sandbox)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())
    assert "not there (404)" in caplog.text
    sandbox.faults.rules.clear()
    again = run_tap(sandbox, output.state)
    assert again.records("campaign_activity_stats")


def test_the_listing_restarts_after_a_refused_link(sandbox: Sandbox) -> None:
    """It restarts once, and each campaign is written once."""
    sandbox.faults.rules[:] = [
        Fault("status", match="/emails$", query="cursor", status=400, times=1, body=[])
    ]
    output = run_tap(sandbox, page_size=7)
    assert len(output.records("campaigns")) == len(sandbox.account.campaigns)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())
