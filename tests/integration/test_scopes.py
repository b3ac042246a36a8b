"""One bad answer costs itself alone, and nothing is gone for good."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.sandbox import Fault
from tap_cc_clicks.tap import TapCCClicks
from tests.support import captured, clicks, rows, run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox
    from tests.support import Output

pytestmark = pytest.mark.usefixtures("no_waiting")
# Five in a row, and those that were asked for before the fifth was judged.
SEVERAL = 22


def failing(sandbox: Sandbox, state: dict[str, Any] | None = None) -> Output:
    """Return what a run wrote that fails at its end."""
    with captured() as output:
        tap = TapCCClicks(config=sandbox.config, state=state or {})
        with pytest.raises(FatalSyncError, match="could not be read completely"):
            tap.sync_all()
    return output


@pytest.mark.parametrize("status", [500, 403, 400])
def test_a_report_that_fails_costs_itself(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """In the first run and in the next; it is named, and loads once it works."""
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    path = f"{bad.campaign_activity_id}/tracking"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=status)]
    others = [
        row
        for row in sandbox.account.rows()
        if row["campaign_activity_id"] != bad.campaign_activity_id
    ]
    first = failing(sandbox)
    assert rows(first.records("email_clicks")) == rows(others)
    errors = [one.message for one in caplog.records if one.levelno == logging.ERROR]
    named = f"email_clicks: 1 could not be read ({bad.campaign_activity_id})"
    assert any(named in one for one in errors)
    second = failing(sandbox, first.state)
    assert not second.records("email_clicks")
    sandbox.faults.rules.clear()
    third = run_tap(sandbox, second.state)
    union = {**clicks(first), **clicks(third)}
    assert rows(union.values()) == rows(sandbox.account.rows())


@pytest.mark.parametrize("status", [500, 403, 400])
def test_a_look_up_that_fails_costs_its_campaign(sandbox: Sandbox, status: int) -> None:
    """All others are read, and it is looked up again by the next run."""
    bad = sandbox.account.clickable()[0]
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=status)]
    first = failing(sandbox)
    lost = {row["campaign_activity_id"] for row in sandbox.account.rows()} - {
        row["campaign_activity_id"] for row in first.records("email_clicks")
    }
    campaign = sandbox.account.campaigns[bad.campaign_id]
    assert lost <= {one.campaign_activity_id for one in campaign.activities}
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


@pytest.mark.parametrize("match", ["/links", "/emails/activities/", "/reports/stats"])
def test_clicks_come_whatever_else_fails(sandbox: Sandbox, match: str) -> None:
    """Links, details and counters cost no click."""
    sandbox.faults.rules[:] = [Fault("status", match=match, status=500)]
    output = failing(sandbox)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())


def test_an_endpoint_that_is_down_is_left_alone(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """After five failures in a row, in one sentence."""
    sandbox.faults.rules[:] = [Fault("status", match="/links", status=403)]
    failing(sandbox)
    assert sandbox.log.counts()["links"] < SEVERAL
    assert caplog.text.count("email_links: 5 in a row could not be read") == 1


def test_a_later_page_that_is_not_there_is_an_error(sandbox: Sandbox) -> None:
    """It was reached by a link: its rows are known to be missing."""
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    path = f"{bad.campaign_activity_id}/tracking"
    asked = []

    def take_away(endpoint: str) -> None:
        asked.append(endpoint)
        sandbox.faults.rules[:] = [
            Fault("status", match=path, status=404, body=[{"error_key": "gone"}])
        ] * (asked.count("clicks") > 1)

    sandbox.on_request = take_away
    with captured() as output:
        tap = TapCCClicks(
            config={**sandbox.config, "concurrency": 1, "page_size": 3}, state={}
        )
        with pytest.raises(FatalSyncError):
            tap.sync_all()
    sandbox.on_request = None
    sandbox.faults.rules.clear()
    again = run_tap(sandbox, output.state)
    union = {**clicks(output), **clicks(again)}
    assert rows(union.values()) == rows(sandbox.account.rows())


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_report_whose_link_is_refused_is_read_once_more(
    sandbox: Sandbox, status: int
) -> None:
    """From its beginning; no click is lost, and none is written twice."""
    asked = []

    def refuse(endpoint: str) -> None:
        asked.append(endpoint)
        if asked.count("clicks") == 3:
            rule = Fault("status", match="tracking/clicks", status=status, times=1)
            sandbox.faults.rules[:] = [rule]

    busiest = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    sandbox.on_request = refuse
    output = run_tap(
        sandbox,
        concurrency=1,
        page_size=3,
        campaign_ids=[busiest.campaign_id],
    )
    campaign = sandbox.account.campaigns[busiest.campaign_id]
    ours = {one.campaign_activity_id for one in campaign.activities}
    wanted = [
        row for row in sandbox.account.rows() if row["campaign_activity_id"] in ours
    ]
    assert sandbox.log.statuses()[status] == 1
    assert rows(output.records("email_clicks")) == rows(wanted)


def test_any_page_of_a_report_can_be_asked_for_again(sandbox: Sandbox) -> None:
    """The first one too: of the same size, and of the same link."""
    busiest = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    link = busiest.links[0]["url_id"]
    service = TapCCClicks(config={**sandbox.config, "page_size": 3}).run.service
    pages = service.events(
        CLICKS.path, CLICKS.form, busiest.campaign_activity_id, url_id=link
    )
    for page in islice(pages, 3):
        assert service.again(page, CLICKS.form) == page


def test_a_report_that_was_not_there_is_read_later(sandbox: Sandbox) -> None:
    """Though its counters were missing too."""
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    path = f"{bad.campaign_activity_id}/"
    sandbox.api.uncounted.add(bad.campaign_activity_id)
    sandbox.faults.rules[:] = [Fault("status", match=path, status=404)]
    first = run_tap(sandbox)
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_a_campaign_that_was_not_there_for_runs_is_read_when_it_is(
    sandbox: Sandbox,
) -> None:
    """The listing had it as sent all the time."""
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=404)]
    union: dict[str, Any] = {}
    state: dict[str, Any] = {}
    for _ in range(5):
        output = run_tap(sandbox, state)
        union.update(clicks(output))
        state = output.state
    sandbox.faults.rules.clear()
    union.update(clicks(run_tap(sandbox, state)))
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_a_campaign_that_is_restored_is_read(sandbox: Sandbox) -> None:
    """Its status changes; whether its moment does, the vendor does not say."""
    campaign = sandbox.account.campaigns[sandbox.account.clickable()[0].campaign_id]
    campaign.current_status = "Removed"
    first = run_tap(sandbox)
    campaign.current_status = "Done"
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_an_array_that_may_be_left_out_is_empty(sandbox: Sandbox) -> None:
    """And a sent campaign without activities is asked for again."""
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=200, body={"a": 1})]
    first = run_tap(sandbox)
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_what_is_not_there_is_told_in_one_line(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Deleting many campaigns had a line for each report of each, in every run."""
    first = run_tap(sandbox)
    for campaign in sandbox.account.campaigns.values():
        campaign.current_status = "Removed"
    sandbox.faults.rules[:] = [Fault("status", match="/(tracking|links)", status=404)]
    caplog.clear()
    run_tap(sandbox, first.state, change_detection="off")
    told = [one for one in caplog.messages if "not there (404)" in one]
    assert [one.partition(":")[0] for one in told] == ["email_clicks"]


def test_an_empty_list_hides_no_activity_that_is_known(sandbox: Sandbox) -> None:
    """Its new clicks are read in the same run, and it stays in state."""
    first = run_tap(sandbox)
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    campaign = sandbox.account.campaigns[bad.campaign_id]
    sandbox.account.add_click(bad)
    campaign.updated_at = sandbox.account.now
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=200, body={"a": 1})]
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())
    known = second.state["bookmarks"]["campaign_activities"]["campaigns"]
    assert known[bad.campaign_id]["activities"]


def test_an_empty_list_of_links_is_not_believed(sandbox: Sandbox) -> None:
    """An email that was clicked has links."""
    sandbox.faults.rules[:] = [
        Fault("status", match="/links", status=200, body={"a": 1})
    ]
    first = run_tap(sandbox)
    assert not first.records("email_links")
    sandbox.faults.rules.clear()
    assert run_tap(sandbox, first.state).records("email_links")


def test_details_that_fail_alike_are_told_in_one_line(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason names no activity."""
    bad = "|".join(one.campaign_activity_id for one in sandbox.account.clickable()[::6])
    match = f"/emails/activities/({bad})"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=403)]
    failing(sandbox)
    assert sum("activity details:" in one for one in caplog.messages) == 1


def test_a_new_status_is_loaded_whether_or_not_the_moment_moves(
    sandbox: Sandbox,
) -> None:
    """Once: when it was removed, and when it was restored."""
    campaign = sandbox.account.campaigns[sandbox.account.clickable()[0].campaign_id]
    state = run_tap(sandbox).state
    for status in ("Removed", "Done"):
        campaign.current_status = status
        output = run_tap(sandbox, state)
        loaded = {
            one["campaign_id"]: one["current_status"]
            for one in output.records("campaigns")
        }
        assert loaded[campaign.campaign_id] == status
        state = run_tap(sandbox, output.state).state
    assert len(run_tap(sandbox, state).records("campaigns")) <= 1
