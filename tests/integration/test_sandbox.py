"""The simulator, read by the vendor's own client and by plain requests."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from demo.stack import ROOT, tool
from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate
from tests.support import HANGS, NEVER

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox.account import Activity


def read_by_vendors_client(
    what: str, sandbox: Sandbox, activity: Activity
) -> dict[str, Any]:
    """Return what the vendor's client reads, in its own environment."""
    script = ROOT / "tests" / "vendor_client.py"
    wanted = {
        "API_URL": sandbox.api_url,
        "TOKEN": sandbox.headers["Authorization"].removeprefix("Bearer "),
        "CAMPAIGN": activity.campaign_id,
        "ACTIVITY": activity.campaign_activity_id,
        "URL_ID": activity.clicks[0].row["url_id"],
        "SINCE": (sandbox.account.now - timedelta(days=3)).isoformat(),
    }
    output = subprocess.check_output(
        [tool("vendor-client", "python"), str(script), what],
        env={**os.environ, **wanted},
    )
    read: dict[str, Any] = json.loads(output)
    return read


@pytest.fixture
def activity(sandbox: Sandbox) -> Activity:
    """Return the activity with most clicks."""
    return max(sandbox.account.clickable(), key=lambda one: len(one.clicks))


def test_the_vendors_client_reads_campaigns(
    sandbox: Sandbox, activity: Activity
) -> None:
    """The listing, a campaign, and an activity's own endpoint."""
    read = read_by_vendors_client("campaigns", sandbox, activity)
    assert {*read["listed"]} == set(sandbox.account.campaigns)
    assert 0 < len(read["later"]) < len(read["listed"])
    assert activity.campaign_activity_id in read["activities"]
    assert read["subject"] == activity.details["subject"]
    assert read["role"] == activity.role


def test_the_vendors_client_reads_reports(sandbox: Sandbox, activity: Activity) -> None:
    """Clicks page by page, links, counters, summaries and the account."""
    read = read_by_vendors_client("reports", sandbox, activity)
    assert len(read["times"]) == 20
    assert read["times"] == sorted(read["times"], reverse=True)
    assert read["next"].startswith("/v3/reports/")
    assert {*read["of_one_link"]} == {activity.clicks[0].row["url_id"]}
    assert {*read["links"]} == {one["url_id"] for one in activity.links}
    assert read["counted"] == len(activity.clicks)
    assert activity.campaign_id in read["summaries"]
    assert read["organization"] == "Example Shop"


def test_the_same_seed_makes_the_same_account() -> None:
    """Another seed makes another account."""
    one, same, other = generate(3), generate(3), generate(4)
    assert one.rows() == same.rows() != other.rows()


def test_an_account_has_all_kinds_of_rows() -> None:
    """Drafts, resends, removed campaigns, identical clicks and deleted contacts."""
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
            answer = requests.get(url, headers=headers, timeout=HANGS)
            return answer.status_code, answer.json().get("error_key")

        assert [ask() for _ in range(5)] == [*[(200, None)] * 4, (429, "throttled")]
        sandbox.limits.arrivals.clear()
        assert [ask() for _ in range(2)] == [(200, None), (429, "quota_exceeded")]


def test_the_simulator_can_be_controlled_over_http(sandbox: Sandbox) -> None:
    """Other processes can add clicks, set time and faults, and read the request log."""
    control = f"{sandbox.url}/_sandbox"
    before = len(sandbox.account.rows())
    held = requests.post(f"{control}/clicks", json={"number": 3}, timeout=HANGS).json()
    assert len(held) == before + 3
    now = sandbox.account.now
    requests.post(f"{control}/advance", json={"hours": 2}, timeout=HANGS)
    assert sandbox.account.now - now == timedelta(hours=2)
    fault = {"kind": "status", "status": 503, "times": 1}
    requests.put(f"{control}/faults", json=[fault], timeout=HANGS)
    assert [rule.status for rule in sandbox.faults.rules] == [503]
    url = f"{sandbox.api_url}/account/summary"
    assert requests.get(url, headers=sandbox.headers, timeout=HANGS).status_code == 503
    assert requests.get(f"{control}/requests", timeout=HANGS).json() == {"account": 1}


@pytest.mark.parametrize("path", ["emails/nobody", "emails/activities/none", "else"])
def test_unknown_paths_are_a_404(sandbox: Sandbox, path: str) -> None:
    """The body is a list, as in most errors."""
    url = f"{sandbox.api_url}/{path}"
    answer = requests.get(url, headers=sandbox.headers, timeout=HANGS)
    assert (answer.status_code, type(answer.json())) == (404, list)


def test_a_stopped_server_closes_connections(sandbox: Sandbox) -> None:
    """Also those that wait for a response. Their sockets used to stay open."""
    sandbox.latency = NEVER
    asked = threading.Event()
    sandbox.on_request = lambda _: asked.set()
    url = f"{sandbox.api_url}/account/summary"
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(requests.get, url, headers=sandbox.headers, timeout=HANGS)
        assert asked.wait(HANGS)
        sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            answer.result()


def test_a_fault_of_an_unknown_kind_is_refused() -> None:
    """A typo would otherwise test nothing."""
    with pytest.raises(ValueError, match="resett"):
        Fault("resett")
