"""What changes without notice: a status, and what was not there (404)."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.sandbox import Fault
from tap_cc_clicks.sync.failures import EMPTY
from tests.support import clicks, clock, everything, rows, run_tap, select

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox
    from tests.support import Output

pytestmark = pytest.mark.usefixtures("no_waiting")


def statuses(output: Output) -> dict[str, str]:
    """Return the statuses that a run wrote, by campaign."""
    return {
        record["campaign_id"]: record["current_status"]
        for record in output.records("campaigns")
    }


def test_a_removed_campaign_is_read_once_more(sandbox: Sandbox) -> None:
    """Although it is not found any more, and clicks are not counted yet."""
    account = sandbox.account
    activity = account.clickable()[0]
    first = run_tap(sandbox, catalog=everything())
    account.stats_lag = timedelta(hours=3)
    account.add_click(activity)
    account.remove_campaign(account.campaigns[activity.campaign_id])
    second = run_tap(sandbox, first.state, everything())
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(account.rows())
    account.stats_lag = timedelta()
    sandbox.log.clear()
    run_tap(sandbox, second.state, everything())
    assert not sandbox.log.counts()["clicks"]


@pytest.mark.parametrize("status", ["Removed", "Done"])
def test_a_status_that_another_stream_saw_first_is_written(
    sandbox: Sandbox, status: str
) -> None:
    """As when ``campaigns`` was not selected, or the run ended before it."""
    campaign = min(sandbox.account.campaigns.values(), key=lambda one: one.updated_at)
    campaign.current_status = "Removed" if status == "Done" else "Done"
    first = run_tap(sandbox, catalog=everything())
    campaign.current_status = status
    second = run_tap(sandbox, first.state, select("campaign_activities"))
    third = run_tap(sandbox, second.state, everything())
    assert statuses(third)[campaign.campaign_id] == status
    fourth = run_tap(sandbox, third.state, everything())
    assert campaign.campaign_id not in statuses(fourth)


GONE = Fault("status", status=404)
NOTHING = Fault("status", status=200, body=[])


@pytest.mark.parametrize(
    ("stream", "endpoint", "fault"),
    [
        ("campaign_activity_details", "activity", GONE),
        ("email_send_history", "send_history", GONE),
        ("email_send_history", "send_history", NOTHING),
        ("email_links", "links", GONE),
    ],
)
def test_what_is_absent_is_asked_for_again(
    sandbox: Sandbox, stream: str, endpoint: str, fault: Fault
) -> None:
    """At most once a week where it is old; not where a send failed."""
    for campaign in sandbox.account.campaigns.values():
        if campaign.current_status == "Error":
            campaign.current_status = "Done"
    # With counted clicks, missing links are an error.
    sandbox.api.uncounted.update(sandbox.account.activities)
    whole = run_tap(sandbox, catalog=select(stream)).records(stream)
    match = "/emails/activities/[^/]+$" if endpoint == "activity" else f"/{endpoint}$"
    sandbox.faults.rules[:] = [replace(fault, match=match)]
    absent = run_tap(sandbox, catalog=select(stream))
    assert not absent.records(stream)
    sandbox.log.clear()
    again = run_tap(sandbox, absent.state, select(stream))
    asked = sandbox.log.counts()[endpoint]
    sandbox.faults.rules.clear()
    records, state = [], again.state
    for day in range(1, 9):
        with clock(partial(float, day * 86_400)):
            output = run_tap(sandbox, state, select(stream))
        records += output.records(stream)
        state = output.state
    assert keyed(records) == keyed(whole)
    assert not asked


@pytest.mark.parametrize(
    ("match", "body"),
    [("/emails/[^/]+$", {}), ("/links$", {}), ("/send_history$", [])],
)
def test_an_empty_answer_where_something_was_sent_is_a_warning(
    sandbox: Sandbox, match: str, body: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Later runs load everything, and the run says what is missing."""
    sandbox.faults.rules[:] = [Fault("status", match=match, status=200, body=body)]
    run_tap(sandbox, catalog=everything())
    assert EMPTY in caplog.text


def test_an_empty_listing_where_something_was_sent_is_an_error(
    sandbox: Sandbox,
) -> None:
    """The summaries show campaigns; a new account has neither."""
    sandbox.faults.rules[:] = [Fault("status", match="/emails$", status=200, body={})]
    with pytest.raises(FatalSyncError, match="could not be read"):
        run_tap(sandbox, catalog=select("campaigns"))


def test_links_of_counted_clicks_must_exist(sandbox: Sandbox) -> None:
    """As a report of clicks must."""
    sandbox.faults.rules[:] = [replace(GONE, match="/links$")]
    with pytest.raises(FatalSyncError, match="could not be read"):
        run_tap(sandbox, catalog=select("email_links"))


def keyed(records: list[dict[str, Any]]) -> set[str]:
    """Return records in a form that can be compared."""
    return {json.dumps(record, sort_keys=True) for record in records}


def test_an_activity_that_a_look_up_left_out_is_written_later(sandbox: Sandbox) -> None:
    """Its stream was not selected when it was found."""
    activity = sandbox.account.clickable()[0]
    campaign = sandbox.account.campaigns[activity.campaign_id]
    first = run_tap(sandbox, catalog=select("email_clicks"))
    campaign.activities.remove(activity)
    second = run_tap(sandbox, first.state, everything())
    campaign.activities.append(activity)
    third = run_tap(sandbox, second.state, everything())
    written = [
        record["campaign_activity_id"]
        for output in (second, third)
        for record in output.records("campaign_activities")
    ]
    assert activity.campaign_activity_id in written


@pytest.mark.parametrize(("counted", "failed"), [(True, True), (False, False)])
def test_a_removed_report_with_counted_rows_is_tried_again(
    sandbox: Sandbox, *, counted: bool, failed: bool
) -> None:
    """It answers 404: only a counter shows whether rows are missing."""
    account = sandbox.account
    activity = account.clickable()[0]
    first = run_tap(sandbox, catalog=select("email_clicks"))
    account.remove_campaign(account.campaigns[activity.campaign_id])
    if counted:
        account.add_click(activity)
    match = f"{activity.campaign_activity_id}/tracking"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=404)]
    second = run_tap(sandbox, first.state, select("email_clicks"))
    assert ("failed" in second.state["bookmarks"]["campaign_activities"]) == failed
    sandbox.faults.rules.clear()
    third = run_tap(sandbox, second.state, select("email_clicks"))
    union = {**clicks(first), **clicks(second), **clicks(third)}
    assert rows(union.values()) == rows(account.rows())
