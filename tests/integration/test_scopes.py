"""A failure affects only its own rows, and later runs read them."""

from __future__ import annotations

import logging
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.sandbox import Fault
from tap_cc_clicks.settings import Settings
from tap_cc_clicks.sync.failures import IN_A_ROW
from tap_cc_clicks.tap import TapCCClicks
from tests.support import captured, clicks, everything, rows, run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox
    from tests.support import Output

pytestmark = pytest.mark.usefixtures("no_waiting")


def failing(sandbox: Sandbox, state: dict[str, Any] | None = None) -> Output:
    """Return the output of a run that fails at its end."""
    with captured() as output:
        tap = TapCCClicks(
            config=sandbox.config, state=state or {}, catalog=everything()
        )
        with pytest.raises(FatalSyncError, match="could not be read completely"):
            tap.sync_all()
    return output


@pytest.mark.parametrize("status", [500, 403, 400])
def test_a_failing_report_affects_only_its_rows(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """It is named in the log, and loaded once it works."""
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
def test_a_failing_look_up_affects_only_its_campaign(
    sandbox: Sandbox, status: int
) -> None:
    """Others are read, and the next run looks it up again."""
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
    second = run_tap(sandbox, first.state, everything())
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


@pytest.mark.parametrize("match", ["/links", "/emails/activities/", "/reports/stats"])
def test_clicks_are_loaded_if_other_endpoints_fail(
    sandbox: Sandbox, match: str
) -> None:
    """Failures of links, details or counters lose no click."""
    sandbox.faults.rules[:] = [Fault("status", match=match, status=500)]
    output = failing(sandbox)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())


def test_requests_to_a_failing_endpoint_stop(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """After five failures in a row, with one sentence in the log."""
    sandbox.faults.rules[:] = [Fault("status", match="/links", status=403)]
    failing(sandbox)
    under_way = Settings().concurrency - 1
    assert sandbox.log.counts()["links"] <= IN_A_ROW + under_way
    assert caplog.text.count("email_links: 5 in a row could not be read") == 1


def test_a_missing_later_page_is_an_error(sandbox: Sandbox) -> None:
    """A link led to it, so its rows are known to be missing."""
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
def test_a_report_is_read_again_if_its_link_is_refused(
    sandbox: Sandbox, status: int
) -> None:
    """From its first page; no click is lost, and none is written twice."""
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


def test_any_page_of_a_report_can_be_requested_again(sandbox: Sandbox) -> None:
    """Also the first one, with the same size and link."""
    busiest = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    link = busiest.links[0]["url_id"]
    service = TapCCClicks(config={**sandbox.config, "page_size": 3}).run.service
    pages = service.events(
        CLICKS.path, CLICKS.form, busiest.campaign_activity_id, url_id=link
    )
    for page in islice(pages, 3):
        assert service.again(page, CLICKS.form) == page


def test_a_missing_report_is_read_later(sandbox: Sandbox) -> None:
    """Even if its counters were missing too."""
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    path = f"{bad.campaign_activity_id}/"
    sandbox.api.uncounted.add(bad.campaign_activity_id)
    sandbox.faults.rules[:] = [Fault("status", match=path, status=404)]
    first = run_tap(sandbox, catalog=everything())
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state, everything())
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_a_campaign_missing_for_several_runs_is_read_later(
    sandbox: Sandbox,
) -> None:
    """The listing had it as sent in all runs."""
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


def test_a_restored_campaign_is_read(sandbox: Sandbox) -> None:
    """Its status changes; whether updated_at does is not documented."""
    campaign = sandbox.account.campaigns[sandbox.account.clickable()[0].campaign_id]
    campaign.current_status = "Removed"
    first = run_tap(sandbox, catalog=everything())
    campaign.current_status = "Done"
    second = run_tap(sandbox, first.state, everything())
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_a_missing_array_is_empty(sandbox: Sandbox) -> None:
    """A sent campaign without activities is requested again."""
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=200, body={"a": 1})]
    first = run_tap(sandbox, catalog=everything())
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state, everything())
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_missing_reports_are_logged_in_one_line(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Used to log a line for each report in every run."""
    for activity in sandbox.account.activities.values():
        activity.clicks.clear()
    sandbox.faults.rules[:] = [Fault("status", match="/(tracking|links)", status=404)]
    run_tap(sandbox)
    told = [one for one in caplog.messages if "not there (404)" in one]
    assert [one.partition(":")[0] for one in told] == ["email_clicks"]


def test_an_empty_list_hides_no_known_activity(sandbox: Sandbox) -> None:
    """Its new clicks are read in that run, and it stays in state."""
    first = run_tap(sandbox, catalog=everything())
    bad = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    campaign = sandbox.account.campaigns[bad.campaign_id]
    sandbox.account.add_click(bad)
    campaign.updated_at = sandbox.account.now
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=200, body={"a": 1})]
    second = run_tap(sandbox, first.state, everything())
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())
    known = second.state["bookmarks"]["campaign_activities"]["campaigns"]
    assert known[bad.campaign_id]["activities"]


def test_an_empty_list_of_links_is_not_trusted(sandbox: Sandbox) -> None:
    """An email that was clicked has links."""
    sandbox.faults.rules[:] = [
        Fault("status", match="/links", status=200, body={"a": 1})
    ]
    first = run_tap(sandbox, catalog=everything())
    assert not first.records("email_links")
    sandbox.faults.rules.clear()
    assert run_tap(sandbox, first.state, everything()).records("email_links")


def test_equal_failures_of_details_are_logged_in_one_line(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The reason names no activity."""
    bad = "|".join(one.campaign_activity_id for one in sandbox.account.clickable()[::6])
    match = f"/emails/activities/({bad})"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=403)]
    failing(sandbox)
    assert sum("campaign_activity_details:" in one for one in caplog.messages) == 1


def test_a_new_status_is_loaded_without_a_new_timestamp(
    sandbox: Sandbox,
) -> None:
    """Once after removal, and once after restoration."""
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
