"""``cc-clicks plan``: what it says beside what the run then does."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.cli.planning import SAMPLE, Planner
from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate
from tap_cc_clicks.tap import TapCCClicks
from tests.support import run_tap, select

if TYPE_CHECKING:
    from tap_cc_clicks.cli.planning import Plan

ENDPOINTS = {
    "campaigns": "campaigns",
    "summaries": "summaries",
    "look_ups": "campaign",
    "details": "activity",
    "stats": "stats",
    "email_clicks": "clicks",
    "email_links": "links",
}
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
# An estimated number of requests, or of clicks, is so near the true one.
TOLERANCE = 0.15
CLICKS_TOLERANCE = 0.3


def planned(
    sandbox: Sandbox,
    sample: int | None = SAMPLE,
    state: Any = None,
    catalog: Any = None,
    **config: Any,
) -> Plan:
    """Plan a run, and see that the plan counts its own requests."""
    sandbox.log.clear()
    tap = TapCCClicks(
        config={**sandbox.config, **config},
        state=json.loads(json.dumps(state or {})),
        catalog=catalog,
    )
    plan = Planner(tap, sample).plan(tap.run.settings.max_requests)
    assert plan.spent == len(sandbox.log.entries)
    return plan


def made(sandbox: Sandbox, *arguments: Any, **config: Any) -> tuple[Any, Any]:
    """Run, and return the requests by endpoint and the state."""
    sandbox.log.clear()
    output = run_tap(sandbox, *arguments, **config)
    return sandbox.log.counts(), output.state


def compare(plan: Plan, counts: Any) -> None:
    """Exact where that is claimed, near elsewhere."""
    for name, figure in plan.requests.items():
        if figure.exact:
            assert figure.value == counts[ENDPOINTS.get(name, name)], name
    total = sum(counts.values())
    assert plan.total.value == pytest.approx(total, rel=TOLERANCE)
    if plan.total.exact:
        assert plan.total.value == total


def happen(account: Account) -> int:
    """Let clicks come in, emails be sent and resent; return how many clicks."""
    account.advance(hours=20)
    account.add_clicks(40, emails=12)
    for _ in range(3):
        account.add_click(account.add_campaign().activities[0])
    account.resend(list(account.campaigns.values())[20])
    return 43


@pytest.mark.slow
@pytest.mark.parametrize("detection", ["exact", "fast"])
@pytest.mark.parametrize(
    ("seed", "campaigns", "clicks"), [(1, 60, 3000), (2, 150, 9000), (4, 200, 2500)]
)
def test_a_run_costs_what_was_planned(
    seed: int, campaigns: int, clicks: int, detection: str
) -> None:
    """A first run, and a second one with changes; sampled, and in full."""
    account = generate(seed=seed, campaigns=campaigns, clicks=clicks)
    config: dict[str, Any] = {"change_detection": detection}
    with Sandbox(account) as sandbox:
        sampled = planned(sandbox, **config)
        exact = planned(sandbox, None, **config)
        counts, state = made(sandbox, **config)
        compare(sampled, counts)
        compare(exact, counts)
        assert sampled.spent <= 2 * ceil(len(account.campaigns) / 500) + 2 * SAMPLE
        assert sampled.clicks.value == pytest.approx(clicks, rel=CLICKS_TOLERANCE)
        assert (exact.clicks.value, exact.clicks.exact) == (clicks, True)

        fresh = happen(account)
        sampled = planned(sandbox, state=state, **config)
        exact = planned(sandbox, None, state=state, **config)
        counts, _ = made(sandbox, state, **config)
        compare(sampled, counts)
        compare(exact, counts)
        assert exact.total.exact
        assert (exact.clicks.value, exact.clicks.exact) == (fresh, True)
        assert sampled.spent <= 2 * ceil(len(account.campaigns) / 500) + 2 * SAMPLE


@pytest.mark.parametrize(
    ("catalog", "config"),
    [
        (select("email_clicks"), {}),
        (select("campaigns"), {}),
        (select("campaign_activities"), {}),
        (select("email_links", "campaign_activity_stats"), {"change_detection": "off"}),
        (select("email_clicks"), {"change_detection": "off", "page_size": 50}),
        (None, {"start_date": "2026-10-25T00:00:00Z", "hot_days": 400}),
        (None, {"change_detection": "fast", "lookback": 2, "page_size": 20}),
    ],
    ids=["clicks", "campaigns", "activities", "links", "off", "start", "fast"],
)
@pytest.mark.parametrize("sample", [5, None])
def test_selection_and_settings_change_the_plan_as_they_change_the_run(
    sandbox: Sandbox, catalog: Any, config: dict[str, Any], sample: int | None
) -> None:
    """What is not asked for costs nothing."""
    plan = planned(sandbox, sample, None, catalog, **config)
    counts, state = made(sandbox, None, catalog, **config)
    for name, figure in plan.requests.items():
        if figure.exact:
            assert figure.value == counts[ENDPOINTS.get(name, name)], name
    account = sandbox.account
    account.advance(hours=1)
    account.add_clicks(20)
    plan = planned(sandbox, None, state, catalog, **config)
    counts, _ = made(sandbox, state, catalog, **config)
    compare(plan, counts)


def test_only_some_campaigns_and_links_can_be_planned_for(sandbox: Sandbox) -> None:
    """By the settings campaign_ids and url_ids."""
    account = sandbox.account
    activity = account.clickable()[-1]
    config: dict[str, Any] = {
        "campaign_ids": [activity.campaign_id],
        "url_ids": [link["url_id"] for link in activity.links[:2]],
    }
    plan = planned(sandbox, **config)
    counts, _ = made(sandbox, **config)
    assert plan.sent == 1
    assert not plan.clicks.exact
    compare(plan, counts)


def test_pages_of_a_long_report_are_planned_from_its_bookmark() -> None:
    """New clicks, the 25 within the lookback before, and one that ends the reading."""
    account = Account()
    activity = account.add_campaign().activities[0]
    for hours in range(200):
        account.add_click(activity, account.now - timedelta(hours=hours))
    config: dict[str, Any] = {"page_size": 10, "hot_days": 0}
    with Sandbox(account) as sandbox:
        _, state = made(sandbox, None, select("email_clicks"), **config)
        account.advance(hours=1)
        for _ in range(7):
            account.add_click(activity)
        plan = planned(sandbox, None, state, select("email_clicks"), **config)
        counts, _ = made(sandbox, state, select("email_clicks"), **config)
    assert counts["clicks"] == plan.requests["email_clicks"].value == 4
    assert not plan.requests["email_clicks"].exact
    assert (plan.clicks.value, plan.clicks.exact) == (7, True)


@pytest.mark.parametrize("detection", ["exact", "fast"])
@pytest.mark.parametrize("catalog", [None, select("email_clicks")])
def test_a_small_account_costs_what_the_documentation_says(
    detection: str, catalog: Any
) -> None:
    """The first row of the table in docs/operations.md."""
    account = Account()
    for number in range(100):
        sent = account.now - timedelta(days=2 + number)
        campaign = account.add_campaign(sent=sent)
        if number % 10 == 0:
            account.add_activity(campaign, "resend")
    for activity in account.clickable():
        account.add_click(activity)
    config: dict[str, Any] = {"change_detection": detection}
    with Sandbox(account) as sandbox:
        counts, state = made(sandbox, None, catalog, **config)
        first = sum(counts.values()) - counts["summaries"]
        account.advance(hours=1)
        for activity in account.clickable()[:20]:
            account.add_click(activity, contact_id=account.uuid())
        counts, _ = made(sandbox, state, catalog, **config)
    (row,) = re.findall(r"^\| 100 \|.*", OPERATIONS.read_text("utf-8"), re.MULTILINE)
    _, all_columns, only_clicks, exact, fast = re.findall(r"\d+", row)[:5]
    assert first == int(only_clicks if catalog else all_columns)
    each = int(fast if detection == "fast" else exact)
    assert sum(counts.values()) + (counts["clicks"] if catalog else 0) == each


def test_a_plan_tells_how_many_runs_a_budget_takes(sandbox: Sandbox) -> None:
    """Whatever one run leaves, the next one goes on with."""
    plan = planned(sandbox, None, max_requests=30)
    runs, state, requests = 0, None, 30
    while requests == 30:
        counts, state = made(sandbox, state, max_requests=30)
        requests, runs = sum(counts.values()), runs + 1
    assert plan.runs
    assert abs(plan.runs - runs) <= 1
    assert plan.days == 1


def test_a_budget_that_can_never_do_is_named(sandbox: Sandbox) -> None:
    """Each run would list the campaigns and end."""
    plan = planned(sandbox, max_requests=1)
    assert plan.runs is None
    assert plan.days is None


def test_what_an_unfinished_run_left_is_not_asked_for_again(sandbox: Sandbox) -> None:
    """Rows of activities whose details were not read are in the state."""
    _, state = made(sandbox, max_requests=12)
    plan = planned(sandbox, None, state)
    counts, _ = made(sandbox, state)
    compare(plan, counts)
    assert plan.requests["look_ups"].value < plan.new


def invoke(tmp_path: Path, sandbox: Sandbox, *arguments: str, **config: Any) -> Any:
    """Run ``cc-clicks plan`` with this account's settings."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**sandbox.config, **config}), "utf-8")
    command = ["plan", "--config", str(path), *arguments]
    return CliRunner().invoke(cc_clicks, command)


def test_the_command_says_it_in_words_and_as_json(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """With the state that Meltano wraps, and the settings of the tap."""
    _, state = made(sandbox)
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"singer_state": state}), "utf-8")
    said = invoke(tmp_path, sandbox, "--state", str(file), requests_per_second=400)
    assert said.exit_code == 0, said.output
    assert "The next run, change detection exact" in said.stdout
    assert "0 new, 17 known, 0 of these changed" in said.stdout
    assert "its numbers are exact" in said.stdout
    first = invoke(tmp_path, sandbox, "--json", "--sample", "3")
    plan = json.loads(first.stdout)
    assert plan["requests"]["look_ups"] == {"value": 17, "exact": True}
    assert plan["requests"]["details"]["exact"] is False
    few = invoke(tmp_path, sandbox, "--sample", "3", "--max-requests", "20")
    assert "A first run (no state was given)" in few.stdout
    assert "runs, because of max_requests" in few.stdout


def test_a_day_without_requests_left_is_one_sentence(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Exit code 1: there is no plan."""
    body = {"error_key": "quota_exceeded"}
    sandbox.faults.rules.append(Fault("status", "/emails", status=429, body=body))
    said = invoke(tmp_path, sandbox)
    assert said.exit_code == 1
    assert said.stderr.strip().endswith("the next run after that goes on from here")
