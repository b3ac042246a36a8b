"""The simulator, read by a client that the vendor's own API document generated."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from constant_contact_api_client import ApiClient, Configuration
from constant_contact_api_client.api.account_services_api import AccountServicesApi
from constant_contact_api_client.api.email_campaigns_api import EmailCampaignsApi
from constant_contact_api_client.api.email_reporting_api import EmailReportingApi

from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_cc_clicks.sandbox.account import Activity


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[ApiClient]:
    """Return a client that may read the account."""
    token = sandbox.headers["Authorization"].removeprefix("Bearer ")
    with ApiClient(Configuration(host=sandbox.api_url, access_token=token)) as client:
        yield client


@pytest.fixture
def activity(sandbox: Sandbox) -> Activity:
    """Return the activity with most clicks."""
    return max(sandbox.account.clickable(), key=lambda one: len(one.clicks))


def test_the_vendors_client_reads_campaigns(
    client: ApiClient, sandbox: Sandbox, activity: Activity
) -> None:
    """The listing, a campaign, and an activity's own endpoint."""
    api: Any = EmailCampaignsApi(client)
    listed = api.get_all_email_campaigns(limit=500).campaigns
    assert {one.campaign_id for one in listed} == set(sandbox.account.campaigns)
    since = sandbox.account.now - timedelta(days=3)
    assert (
        0 < len(api.get_all_email_campaigns(after_date=since).campaigns) < len(listed)
    )
    campaign = api.get_email_campaign_by_id(activity.campaign_id)
    ids = [one.campaign_activity_id for one in campaign.campaign_activities]
    assert activity.campaign_activity_id in ids
    details = api.get_email_campaign_activity(activity.campaign_activity_id)
    assert details.subject == activity.details["subject"]
    assert details.role == activity.role


def test_the_vendors_client_reads_reports(
    client: ApiClient, activity: Activity
) -> None:
    """Clicks page by page, links, counters and summaries."""
    api: Any = EmailReportingApi(client)
    activity_id = activity.campaign_activity_id
    page = api.get_clicks_report(activity_id, limit="20")
    times = [one.created_time for one in page.tracking_activities]
    assert len(times) == 20
    assert times == sorted(times, reverse=True)
    assert page.links.next.href.startswith("/v3/reports/")
    url_id = activity.clicks[0].row["url_id"]
    one_link = api.get_clicks_report(activity_id, url_id=int(url_id))
    assert {one.url_id for one in one_link.tracking_activities} == {url_id}
    links = api.get_campaign_activity_link_report(activity_id).link_click_counts
    assert {one.url_id for one in links} == {one["url_id"] for one in activity.links}
    stats = api.get_email_campaign_activity_report(activity_id)
    assert stats.results[0].stats.em_clicks_all == len(activity.clicks)
    summaries = api.get_email_campaign_report(limit="500")
    assert activity.campaign_id in {
        one.campaign_id for one in summaries.bulk_email_campaign_summaries
    }
    accounts: Any = AccountServicesApi(client)
    assert accounts.get_account_details().organization_name == "Example Shop"


def test_the_same_seed_makes_the_same_account() -> None:
    """To the byte; another seed makes another."""
    one, same, other = generate(3), generate(3), generate(4)
    assert one.rows() == same.rows() != other.rows()


def test_an_account_has_all_that_occurs() -> None:
    """Drafts, resends, removed campaigns, ties, look-alikes and deleted contacts."""
    account = generate()
    statuses = {one.current_status for one in account.campaigns.values()}
    assert statuses == {"Draft", "Scheduled", "Removed", "Error", "Done"}
    assert {one.role for one in account.activities.values()} == {
        "primary_email",
        "permalink",
        "resend",
    }
    told: list[Any] = [sorted(row.items()) for row in account.rows()]
    assert any(told.count(row) > 1 for row in told)
    assert any("deleted_at" in row for row in account.rows())
    assert any("first_name" not in row for row in account.rows())
    assert any("device_type" not in row for row in account.rows())


def test_the_simulator_keeps_its_limits() -> None:
    """The fifth request of a second is throttled; the day ends in quota_exceeded."""
    with Sandbox(Account()) as sandbox:
        sandbox.limits.per_second, sandbox.limits.per_day = 4, 5
        url, headers = f"{sandbox.api_url}/account/summary", sandbox.headers

        def ask() -> tuple[int, Any]:
            answer = requests.get(url, headers=headers, timeout=5)
            return answer.status_code, answer.json().get("error_key")

        assert [ask() for _ in range(5)] == [*[(200, None)] * 4, (429, "throttled")]
        sandbox.limits.arrivals.clear()
        assert [ask() for _ in range(2)] == [(200, None), (429, "quota_exceeded")]


def test_the_simulator_is_controlled_over_http(sandbox: Sandbox) -> None:
    """By those in another process: clicks, time, faults, and what was asked."""
    control = f"{sandbox.url}/_sandbox"
    before = len(sandbox.account.rows())
    held = requests.post(f"{control}/clicks", json={"number": 3}, timeout=5).json()
    assert len(held) == before + 3
    now = sandbox.account.now
    requests.post(f"{control}/advance", json={"hours": 2}, timeout=5)
    assert sandbox.account.now - now == timedelta(hours=2)
    fault = {"kind": "status", "status": 503, "times": 1}
    requests.put(f"{control}/faults", json=[fault], timeout=5)
    assert [rule.status for rule in sandbox.faults.rules] == [503]
    url = f"{sandbox.api_url}/account/summary"
    assert requests.get(url, headers=sandbox.headers, timeout=5).status_code == 503
    assert requests.get(f"{control}/requests", timeout=5).json() == {"account": 1}


@pytest.mark.parametrize("path", ["emails/nobody", "emails/activities/none", "else"])
def test_what_is_not_there_is_a_404(sandbox: Sandbox, path: str) -> None:
    """In the list form of most errors."""
    url = f"{sandbox.api_url}/{path}"
    answer = requests.get(url, headers=sandbox.headers, timeout=5)
    assert (answer.status_code, type(answer.json())) == (404, list)


def test_a_fault_of_an_unknown_kind_is_refused() -> None:
    """A typo would otherwise test nothing."""
    with pytest.raises(ValueError, match="resett"):
        Fault("resett")
