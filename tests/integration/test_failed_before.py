"""What failed in an earlier run: tried last, once, a few a run, and told until then."""

from __future__ import annotations

import logging
import time
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
    """Return what a run wrote that ends with exit code 1."""
    with captured() as output:
        config = {**sandbox.config, **config}
        tap = TapCCClicks(config=config, state=state or {}, catalog=catalog)
        with pytest.raises(FatalSyncError):
            tap.sync_all()
    return output


def most_clicked(sandbox: Sandbox) -> Activity:
    """Return an activity that has clicks."""
    return max(sandbox.account.clickable(), key=lambda one: len(one.clicks))


def break_one_of_each(sandbox: Sandbox, status: int) -> set[str]:
    """Let one item of each kind fail for good, each of another campaign.

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


def asked(sandbox: Sandbox) -> int:
    """Return how many requests were made since the last time."""
    count = len(sandbox.log.entries)
    sandbox.log.clear()
    return count


@pytest.mark.parametrize("status", [500, 403, 400])
def test_bad_items_of_each_kind_cost_themselves(sandbox: Sandbox, status: int) -> None:
    """All others are read; later runs cost hardly more; all is read in the end."""
    healthy = run_tap(sandbox, catalog=everything())
    asked(sandbox)
    run_tap(sandbox, healthy.state, everything())
    without = asked(sandbox)
    lost = break_one_of_each(sandbox, status)
    there = [
        row for row in sandbox.account.rows() if row["campaign_activity_id"] not in lost
    ]
    first = failing(sandbox, None, everything())
    assert rows(first.records("email_clicks")) == rows(there)
    asked(sandbox)
    second = failing(sandbox, first.state, everything())
    assert asked(sandbox) <= without + MOST_MORE
    sandbox.faults.rules.clear()
    third = run_tap(sandbox, second.state, everything())
    union = {**clicks(first), **clicks(second), **clicks(third)}
    assert rows(union.values()) == rows(sandbox.account.rows())
    assert "failed" not in third.state["bookmarks"]["campaign_activities"]
    for stream in ("campaign_activity_details", "email_links"):
        found = [row for one in (first, second, third) for row in one.records(stream)]
        assert sorted(map(str, found)) == sorted(map(str, healthy.records(stream)))
    asked(sandbox)
    run_tap(sandbox, third.state, everything())
    assert asked(sandbox) <= without + 1


def test_a_bad_item_is_tried_last_and_once(sandbox: Sandbox) -> None:
    """New clicks of other emails come before it."""
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


def test_a_budget_that_ends_the_run_hides_no_failure(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """It stays an error though it was not tried again."""
    bad = most_clicked(sandbox)
    path = f"{bad.campaign_activity_id}/tracking"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=500)]
    first = failing(sandbox)
    caplog.clear()
    failing(sandbox, first.state, max_requests=2)
    assert bad.campaign_activity_id in caplog.text
    assert "was not tried again" in caplog.text


def test_what_a_person_accepts_is_a_warning(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """With the value that the error prints; it loads once it can be read."""
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


def test_many_bad_items_have_their_turns(sandbox: Sandbox) -> None:
    """Ten may fail in a run, the one tried longest ago first; all others are read."""
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


def test_each_bad_item_has_one_turn_a_run(sandbox: Sandbox) -> None:
    """With few threads, campaigns were tried again and again, without an end."""
    several = sandbox.account.clickable()[:MOST_RETRIES]
    ids = "|".join(one.campaign_activity_id for one in several)
    match = f"({ids})/(tracking|links)"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=403)]
    first = failing(sandbox, concurrency=1)
    sandbox.log.clear()
    failing(sandbox, first.state, concurrency=1, max_requests=200)
    assert 0 < sandbox.log.statuses()[403] <= MOST_RETRIES


def test_a_service_that_was_down_is_read_by_the_next_run(sandbox: Sandbox) -> None:
    """All of it, and nothing of it stays marked."""
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


def test_bad_items_that_come_first_starve_nobody(sandbox: Sandbox) -> None:
    """So many in a row look like a service that is down; in the next run they do not.

    It began with the same ones in every run.
    """
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


def test_what_was_read_is_not_read_again_with_what_failed(sandbox: Sandbox) -> None:
    """The clicks of a fresh email are read once, though its links are tried last."""
    bad = sandbox.account.add_campaign().activities[0]
    sandbox.account.add_click(bad)
    path = f"{bad.campaign_activity_id}/links"
    sandbox.faults.rules[:] = [Fault("status", match=path, status=500)]
    wrong_by = sandbox.account.now.timestamp() - time.time()
    # Its counters are older than the look before: its report is asked itself.
    with clock(lambda: wrong_by + 60):
        first = failing(sandbox, None, everything())
        second = failing(sandbox, first.state, everything())
    written = second.records("email_clicks")
    assert written
    assert len(written) == len(clicks(second))


def test_what_was_removed_is_no_failure(sandbox: Sandbox) -> None:
    """However its look-up and its reports fail; nor once its failure was an error."""
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


def test_what_vanished_is_forgotten(sandbox: Sandbox) -> None:
    """An item that the listing no longer has is no failure of later runs."""
    bad = most_clicked(sandbox)
    match = f"/emails/{bad.campaign_id}"
    sandbox.faults.rules[:] = [Fault("status", match=match, status=500)]
    first = failing(sandbox)
    del sandbox.account.campaigns[bad.campaign_id]
    # When the listing is read whole.
    with clock(lambda: 90_000):
        second = run_tap(sandbox, first.state)
    assert "failed" not in second.state["bookmarks"]["campaign_activities"]


@pytest.mark.parametrize("status", [500, 404])
def test_counters_that_one_id_spoils_are_asked_for_without_it(
    sandbox: Sandbox, status: int
) -> None:
    """The batch is split once; from then on that id is asked for alone, last."""
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


def test_a_batch_without_counters_is_not_split(sandbox: Sandbox) -> None:
    """The service says that none of them has any."""
    body = {"error_key": "reportingsvc.not_found.stats", "error_message": "none"}
    sandbox.faults.rules[:] = [
        Fault("status", match="/reports/stats", status=404, body=body)
    ]
    output = run_tap(sandbox)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())
    batches = -(-len(sandbox.account.clickable()) // 10)
    assert sandbox.log.counts()["stats"] <= batches + 1


def test_a_listing_whose_link_is_refused_starts_over(sandbox: Sandbox) -> None:
    """Once; what was listed is listed once."""
    sandbox.faults.rules[:] = [
        Fault("status", match="/emails$", query="cursor", status=400, times=1, body=[])
    ]
    output = run_tap(sandbox, page_size=7)
    assert len(output.records("campaigns")) == len(sandbox.account.campaigns)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())
