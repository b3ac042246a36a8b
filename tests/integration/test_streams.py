"""The records of the streams, and the requests of a run."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.sandbox import Account, Fault, Sandbox
from tap_cc_clicks.sandbox.account import timestamp
from tests.support import clicks, rows, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Iterator

DETAILS, HISTORY = "campaign_activity_details", "email_send_history"


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_first_run_loads_every_click(sandbox: Sandbox, concurrency: int) -> None:
    """Each row once, with its own id."""
    output = run_tap(sandbox, concurrency=concurrency)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())
    assert len(clicks(output)) == len(sandbox.account.rows())


def test_campaigns_and_activities_are_complete(sandbox: Sandbox) -> None:
    """All campaigns, activities of sent campaigns, and details of emails."""
    output = run_tap(sandbox)
    campaigns = sandbox.account.campaigns.values()
    assert len(output.records("campaigns")) == len(campaigns)
    sent = {
        activity.campaign_activity_id: activity
        for campaign in campaigns
        if campaign.current_status in {"Done", "Error"}
        for activity in campaign.activities
    }
    records = output.records("campaign_activities")
    assert {record["campaign_activity_id"] for record in records} == set(sent)
    for record in records:
        activity = sent[record["campaign_activity_id"]]
        campaign = sandbox.account.campaigns[activity.campaign_id]
        assert record["role"] == activity.role
        assert record["campaign_name"] == campaign.name
    details = output.records(DETAILS)
    emails = {id_: one for id_, one in sent.items() if one.has_reports}
    assert {one["campaign_activity_id"] for one in details} == set(emails)
    for record in details:
        told = emails[record["campaign_activity_id"]].details
        assert record["subject"] == told["subject"]
        assert record["segment_ids"] == [str(one) for one in told["segment_ids"]]
    assert sandbox.log.counts()["activity"] == len(emails)


def test_every_send_is_loaded(sandbox: Sandbox) -> None:
    """The reason is loaded in words."""
    output = run_tap(sandbox, catalog=select(HISTORY))
    sends = {
        (activity.campaign_activity_id, send["send_id"]): send
        for activity in sandbox.account.reported()
        for send in activity.sends
    }
    found = output.records(HISTORY)
    assert len(sends) == len(found) == sandbox.log.counts()["send_history"]
    for record in found:
        send = sends[record["campaign_activity_id"], record["send_id"]]
        assert record["segment_ids"] == [str(one) for one in send["segment_ids"]]
        assert (record["count"], record["reason"]) == (send["count"], "sent")
    assert not run_tap(sandbox, output.state, select(HISTORY)).records(HISTORY)


def test_an_email_sent_again_is_read_again(sandbox: Sandbox) -> None:
    """Only its summary shows the second send, within a day."""
    account = sandbox.account
    first = run_tap(sandbox)
    activity = account.clickable()[0]
    account.advance(hours=20)
    account.send_again(account.campaigns[activity.campaign_id], count=7)
    account.advance(hours=2)
    click = account.add_click(activity)
    second = run_tap(sandbox, first.state)
    sends = [
        (one["send_id"], one["count"])
        for one in second.records(HISTORY)
        if one["campaign_activity_id"] == activity.campaign_activity_id
    ]
    assert sends == [(1, 100), (2, 7)]
    (found,) = second.records("email_clicks")
    assert found["created_time"] == click.created_time
    (summary,) = [
        one
        for one in second.records("campaign_summaries")
        if one["campaign_id"] == activity.campaign_id
    ]
    assert summary["last_sent_date"] == activity.sends[-1]["run_date"]


def test_summaries_cost_only_their_listing(sandbox: Sandbox) -> None:
    """A first run writes all of them, later runs those that changed."""
    alone = select("campaign_summaries")
    first = run_tap(sandbox, catalog=alone)
    assert sandbox.log.counts() == {"summaries": 1}
    sent = [one for one in sandbox.account.campaigns.values() if one.last_sent_date]
    found = first.records("campaign_summaries")
    assert {one["campaign_id"] for one in found} == {one.campaign_id for one in sent}
    assert not run_tap(sandbox, first.state, alone).records("campaign_summaries")
    activity = sandbox.account.clickable()[-1]
    sandbox.account.add_click(activity, contact_id="another")
    (changed,) = run_tap(sandbox, first.state, alone).records("campaign_summaries")
    assert changed["campaign_id"] == activity.campaign_id
    assert changed["clicks"] == len(activity.people)


def test_links_are_complete(sandbox: Sandbox) -> None:
    """A record for each link of each email that was clicked."""
    output = run_tap(sandbox, catalog=select("email_clicks", "email_links"))
    links = {
        (activity.campaign_activity_id, link["url_id"])
        for activity in sandbox.account.activities.values()
        if activity.clicks
        for link in activity.links
    }
    found = output.records("email_links")
    assert {(one["campaign_activity_id"], one["url_id"]) for one in found} == links


def test_a_second_run_without_changes_reads_no_report(sandbox: Sandbox) -> None:
    """It requests a page of each list, and counters in tens."""
    first = run_tap(sandbox)
    sandbox.log.clear()
    second = run_tap(sandbox, first.state)
    asked = {"campaigns": 1, "summaries": 1}
    activities = len(sandbox.account.clickable())
    assert sandbox.log.counts() == {**asked, "stats": -(-activities // 10)}
    assert not second.records("email_clicks")
    assert second.counts()["STATE", None] == 2
    assert second.messages[-1]["type"] == "STATE"


def test_new_late_and_repeated_clicks_are_found(sandbox: Sandbox) -> None:
    """And resends, and new campaigns; both runs together load every click."""
    first = run_tap(sandbox)
    account = sandbox.account
    account.advance(hours=30)
    account.add_clicks(20)
    campaign = next(iter(account.campaigns.values()))
    again = account.resend(campaign)
    account.add_click(again, account.now - timedelta(hours=1))
    account.add_click(account.add_campaign().activities[0])
    late = account.clickable()[2]
    account.add_click(late, account.now - timedelta(days=40), contact_id="late")
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(account.rows())


def test_every_activity_has_a_bookmark(sandbox: Sandbox) -> None:
    """In the SDK's form, with the newest click's timestamp."""
    state = run_tap(sandbox).state
    partitions = state["bookmarks"]["email_clicks"]["partitions"]
    bookmarks = {
        one["context"]["campaign_activity_id"]: one.get("replication_key_value")
        for one in partitions
    }
    newest = {
        activity.campaign_activity_id: activity.clicks[0].created_time
        if activity.clicks
        else None
        for activity in sandbox.account.activities.values()
        if activity.campaign_activity_id in bookmarks
    }
    assert bookmarks == newest
    assert state["version"] == 2
    assert len(json.dumps(state, separators=(",", ":"))) < 400 * len(partitions)


def test_deselected_streams_cost_no_request(sandbox: Sandbox) -> None:
    """Clicks alone need lists, campaigns, reports and counters."""
    output = run_tap(sandbox, catalog=select("email_clicks"))
    lists = {"campaigns", "summaries"}
    assert set(sandbox.log.counts()) == {*lists, "campaign", "clicks", "stats"}
    assert set(output.counts()) == {
        ("SCHEMA", "email_clicks"),
        ("RECORD", "email_clicks"),
        ("STATE", None),
    }


def test_activities_cost_only_look_ups(sandbox: Sandbox) -> None:
    """Details belong to another stream."""
    run_tap(sandbox, catalog=select("campaign_activities"))
    assert set(sandbox.log.counts()) == {"campaigns", "summaries", "campaign"}


def test_details_selected_later_are_loaded(sandbox: Sandbox) -> None:
    """For activities known before and for new ones, each once."""
    without, both = select("email_clicks"), select("email_clicks", DETAILS)
    first = run_tap(sandbox, catalog=without)
    second = run_tap(sandbox, first.state, both, max_requests=9)
    third = run_tap(sandbox, second.state, both)
    sandbox.account.add_campaign()
    fourth = run_tap(sandbox, third.state, without)
    fifth = run_tap(sandbox, fourth.state, both)
    asked = [len(one.records(DETAILS)) for one in (second, third, fifth)]
    emails = len(first.state["bookmarks"]["email_clicks"]["partitions"])
    assert asked[0] > 0
    assert [sum(asked[:2]), asked[2]] == [emails, 1]


def test_campaigns_alone_cost_only_their_listing(sandbox: Sandbox) -> None:
    """A second run repeats only the newest campaign."""
    first = run_tap(sandbox, catalog=select("campaigns"))
    assert sandbox.log.counts() == {"campaigns": 1}
    second = run_tap(sandbox, first.state, catalog=select("campaigns"))
    assert len(second.records("campaigns")) == 1


def test_full_table_reads_all_again(sandbox: Sandbox) -> None:
    """It leaves bookmarks unchanged."""
    first = run_tap(sandbox)
    catalog = select("email_clicks")
    for stream in catalog["streams"]:
        if stream["tap_stream_id"] == "email_clicks":
            stream["replication_method"] = "FULL_TABLE"
    second = run_tap(sandbox, first.state, catalog)
    assert rows(second.records("email_clicks")) == rows(sandbox.account.rows())
    kept = [one.state["bookmarks"]["email_clicks"] for one in (first, second)]
    assert kept[0] == kept[1]


def test_the_start_date_bounds_the_first_sync(sandbox: Sandbox) -> None:
    """No older click is loaded, and every newer one is."""
    start = sandbox.account.now - timedelta(days=6)
    output = run_tap(sandbox, start_date=start.isoformat())
    wanted = [
        row for row in sandbox.account.rows() if row["created_time"] >= timestamp(start)
    ]
    assert 0 < len(wanted) < len(sandbox.account.rows())
    assert rows(output.records("email_clicks")) == rows(wanted)


def test_url_ids_have_separate_bookmarks(sandbox: Sandbox) -> None:
    """Removing the filter loses no clicks."""
    row = sandbox.account.rows()[0]
    filtered = run_tap(sandbox, url_ids=[row["url_id"]])
    wanted = [one for one in sandbox.account.rows() if one["url_id"] == row["url_id"]]
    assert rows(filtered.records("email_clicks")) == rows(wanted)
    unfiltered = run_tap(sandbox, filtered.state)
    assert rows(unfiltered.records("email_clicks")) == rows(sandbox.account.rows())
    assert set(clicks(filtered)) <= set(clicks(unfiltered))


def test_campaign_ids_limit_the_campaigns(sandbox: Sandbox) -> None:
    """Others are not hidden by a bookmark afterwards."""
    activity = sandbox.account.clickable()[-1]
    filtered = run_tap(sandbox, campaign_ids=[activity.campaign_id])
    assert {one["campaign_id"] for one in filtered.records("email_clicks")} == {
        activity.campaign_id
    }
    unfiltered = run_tap(sandbox, filtered.state)
    assert len(unfiltered.records("campaigns")) == len(sandbox.account.campaigns)


@pytest.fixture
def strange() -> Iterator[Sandbox]:
    """Return an account with one email and odd clicks."""
    account = Account()
    activity = account.add_campaign().activities[0]
    account.add_click(activity, created_time="2026-10-31T23:00:00+02:00")
    account.add_click(activity, link_url="https://example.com/\x00nul", new_field=[1])
    account.add_click(activity, device_type=None, email_address=None, first_name=None)
    account.add_click(activity, deleted_at="2026-10-30")
    click = account.add_click(activity, link_url="LONE")
    click.encoded = click.encoded.replace(b"LONE", b"\\ud83d")
    with Sandbox(account) as running:
        yield running


def test_odd_values_are_written_for_any_loader(strange: Sandbox) -> None:
    """UTC with Z, no NUL, no lone surrogate, and null for missing values."""
    records: list[dict[str, Any]] = run_tap(strange).records("email_clicks")
    assert len(records) == 5
    assert "2026-10-31T21:00:00.000Z" in [one["created_time"] for one in records]
    links = [one["link_url"] for one in records]
    assert "https://example.com/\ufffdnul" in links
    assert "\ufffd" in links
    assert any(
        one["device_type"] is one["email_address"] is one["first_name"] is None
        for one in records
    )
    assert "2026-10-30T00:00:00.000Z" in [one["deleted_at"] for one in records]
    assert all("new_field" not in one for one in records)


def test_campaigns_without_updated_at_cause_no_warning(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The SDK used to log one for each record."""
    campaigns = run_tap(sandbox).records("campaigns")
    body = {"campaigns": [{**one, "updated_at": None} for one in campaigns]}
    fault = Fault("status", match="/emails$", status=200, body=body)
    sandbox.faults.rules[:] = [fault]
    caplog.clear()
    output = run_tap(sandbox)
    assert len(output.records("campaigns")) == len(campaigns)
    assert not [one for one in caplog.records if one.levelname == "WARNING"]


def test_an_uncertain_report_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The next run reads its missing rows."""
    account = Account()
    activity = account.add_campaign().activities[0]
    row: dict[str, Any] = {"when": account.now, "contact_id": "someone"}
    for _ in range(9):
        account.add_click(activity, **row)
    with Sandbox(account) as sandbox:

        def arrive(endpoint: str) -> None:
            if endpoint == "clicks":
                account.add_click(activity, **row)

        sandbox.on_request = arrive
        settings: dict[str, Any] = {"page_size": 3}
        first = run_tap(sandbox, **settings)
        assert len(clicks(first)) < len(account.rows())
        told = [one for one in caplog.messages if "read again by the next run" in one]
        assert [activity.campaign_activity_id in one for one in told] == [True]
        sandbox.on_request = None
        second = run_tap(sandbox, first.state, **settings)
        assert len({**clicks(first), **clicks(second)}) == len(account.rows())
