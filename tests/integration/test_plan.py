"""``cc-clicks plan``: its figures against the requests of the run."""

from __future__ import annotations

import json
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.cli.estimates import Figure
from tap_cc_clicks.cli.planning import SAMPLE, Planner
from tap_cc_clicks.events.declaration import EVENT_REPORTS
from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate
from tap_cc_clicks.tap import TapCCClicks
from tests.support import everything, run_tap, select

if TYPE_CHECKING:
    from tap_cc_clicks.cli.planning import Plan

ENDPOINTS = {
    "look_ups": "campaign",
    "campaign_activity_details": "activity",
    "email_send_history": "send_history",
    "stats": "stats",
    **{report.stream: report.path for report in EVENT_REPORTS},
    "email_links": "links",
}


IDENTICAL = 3


def planned(
    sandbox: Sandbox,
    sample: int | None = SAMPLE,
    state: Any = None,
    catalog: Any = None,
    **config: Any,
) -> Plan:
    """Plan a run, and check that the plan counts its own requests."""
    sandbox.log.clear()
    tap = TapCCClicks(
        config={**sandbox.config, **config},
        state=json.loads(json.dumps(state or {})),
        catalog=catalog,
    )
    plan = Planner(tap, sample).plan(tap.run.settings.max_requests)
    assert plan.spent == len(sandbox.log.entries)
    return plan


def counted_run(sandbox: Sandbox, *arguments: Any, **config: Any) -> tuple[Any, Any]:
    """Run the tap, and return its requests by endpoint and its state."""
    sandbox.log.clear()
    output = run_tap(sandbox, *arguments, **config)
    return sandbox.log.counts(), output.state


def compare(plan: Plan, counts: Any) -> None:
    """Check that the requests of a run are within the plan."""
    asked = {name: counts[endpoint] for name, endpoint in ENDPOINTS.items()}
    asked["lists"] = counts["campaigns"] + counts["summaries"]
    for name, figure in plan.requests.items():
        assert figure.low <= asked[name] <= figure.high, name
    assert plan.total.low <= sum(counts.values()) <= plan.total.high


def add_changes(account: Account) -> int:
    """Add clicks, emails and a resend; return the number of clicks."""
    account.advance(hours=20)
    account.add_clicks(40, emails=12)
    for _ in range(3):
        account.add_click(account.add_campaign().activities[0])
    account.resend(list(account.campaigns.values())[20])
    return 43


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "campaigns", "clicks"), [(1, 60, 3000), (2, 150, 9000), (4, 200, 2500)]
)
def test_a_run_costs_what_was_planned(seed: int, campaigns: int, clicks: int) -> None:
    """For a first and a second run, with a sample and in full."""
    account = generate(seed=seed, campaigns=campaigns, clicks=clicks)
    with Sandbox(account) as sandbox:
        sampled, exact = planned(sandbox), planned(sandbox, None)
        counts, state = counted_run(sandbox)
        compare(sampled, counts)
        compare(exact, counts)
        assert sampled.spent <= 2 * ceil(len(account.campaigns) / 500) + 3 * SAMPLE
        assert sampled.clicks.low <= clicks <= sampled.clicks.high
        assert exact.clicks == Figure(clicks, clicks)

        fresh = add_changes(account)
        sampled, exact = planned(sandbox, state=state), planned(sandbox, None, state)
        counts, _ = counted_run(sandbox, state)
        compare(sampled, counts)
        compare(exact, counts)
        assert exact.clicks == Figure(fresh, fresh)


@pytest.mark.parametrize(
    ("catalog", "config"),
    [
        (select("email_clicks"), {}),
        (select("campaigns"), {}),
        (select("campaign_summaries"), {}),
        (select("email_send_history", "email_opens"), {}),
        (select("campaign_activities"), {}),
        (select("email_links", "email_clicks"), {}),
        (select("campaign_activity_details"), {}),
        (None, {"start_date": "2026-10-25T00:00:00Z"}),
    ],
    ids=[
        "clicks",
        "campaigns",
        "summaries",
        "opens",
        "activities",
        "links",
        "details",
        "start",
    ],
)
def test_selection_and_settings_affect_the_plan_like_the_run(
    sandbox: Sandbox, catalog: Any, config: dict[str, Any]
) -> None:
    """In a first run, and in a second one with new clicks."""
    state = None
    for _ in range(2):
        plan = planned(sandbox, None, state, catalog, **config)
        counts, state = counted_run(sandbox, state, catalog, **config)
        compare(plan, counts)
        sandbox.account.advance(hours=1)
        sandbox.account.add_clicks(20)


@pytest.mark.parametrize("known", [False, True], ids=["first run", "selected later"])
def test_event_reports_are_planned_from_counters(known: bool) -> None:  # noqa: FBT001
    """The plan requests no sends, opens or bounces."""
    account = generate(campaigns=30, clicks=900, recipients=1100)
    with Sandbox(account) as sandbox:
        state = counted_run(sandbox)[1] if known else None
        sampled = planned(sandbox, 8, state, everything())
        exact = planned(sandbox, None, state, everything())
        assert not sandbox.log.counts().keys() & {"sends", "opens", "bounces"}
        counts, state = counted_run(sandbox, state, everything())
        for report in EVENT_REPORTS:
            asked, plans = counts[report.path], (sampled, exact)
            low, high = [
                [getattr(one.requests[report.stream], side) for one in plans]
                for side in ("low", "high")
            ]
            # A page that ends within identical rows is requested once more.
            assert max(low) <= asked <= min(high) + IDENTICAL
        assert exact.requests["email_sends"].low == counts["sends"] > 60
        again = planned(sandbox, None, state, everything())
        assert not again.requests["email_sends"].high


def test_a_plan_follows_campaign_ids_and_url_ids(sandbox: Sandbox) -> None:
    activity = sandbox.account.clickable()[-1]
    config: dict[str, Any] = {
        "campaign_ids": [activity.campaign_id],
        "url_ids": [link["url_id"] for link in activity.links[:2]],
    }
    plan = planned(sandbox, **config)
    counted_run(sandbox, **config)
    assert plan.new == 1
    assert plan.requests["email_clicks"].low == 2


def test_a_plan_shows_looks(sandbox: Sandbox) -> None:
    """It has the looks, those that wait, and the days until all are done."""
    _, state = counted_run(sandbox)
    plan = planned(sandbox, None, state, look_requests_per_day=1)
    emails = len(sandbox.account.clickable())
    assert plan.looks + plan.waiting == emails
    assert 0 < plan.looks < emails
    assert plan.whole_days == pytest.approx(2 * emails / 10, abs=0.1)


def test_a_backlog_of_details_is_planned_in_days(sandbox: Sandbox) -> None:
    """It has the activities known before the stream was selected."""
    _, state = counted_run(sandbox, None, select("email_clicks"))
    catalog = select("email_clicks", "campaign_activity_details")
    assert planned(sandbox, None, state, catalog).backlog_days == 1


def test_a_plan_shows_the_number_of_runs_under_a_budget(sandbox: Sandbox) -> None:
    """Each run continues where the previous one stopped."""
    plan = planned(sandbox, None, max_requests=30)
    runs, state, requests = 0, None, 30
    while requests == 30:
        counts, state = counted_run(sandbox, state, max_requests=30)
        requests, runs = sum(counts.values()), runs + 1
    assert plan.runs
    assert abs(plan.runs - runs) <= 1


def test_a_budget_that_is_too_small_has_no_number_of_runs(sandbox: Sandbox) -> None:
    """Each run would list the campaigns and end."""
    plan = planned(sandbox, max_requests=1)
    assert plan.runs is None


def invoke(tmp_path: Path, sandbox: Sandbox, *arguments: str, **config: Any) -> Any:
    """Run ``cc-clicks plan`` with this account's settings."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**sandbox.config, **config}), "utf-8")
    command = ["plan", "--config", str(path), *arguments]
    return CliRunner().invoke(cc_clicks, command)


def test_the_command_prints_text_and_json(tmp_path: Path, sandbox: Sandbox) -> None:
    """It accepts a state as Meltano wraps it, and the tap's settings."""
    _, state = counted_run(sandbox)
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"singer_state": state}), "utf-8")
    said = invoke(tmp_path, sandbox, "--state", str(file), requests_per_second=400)
    assert said.exit_code == 0, said.output
    assert "The next run:" in said.stdout
    assert "0 new, 0 changed" in said.stdout
    assert "looks for change, 0 wait; everything in each run" in said.stdout
    first = invoke(tmp_path, sandbox, "--json", "--sample", "3")
    plan = json.loads(first.stdout)
    assert plan["requests"]["look_ups"] == {"low": 17, "high": 17}
    clicks = plan["requests"]["email_clicks"]
    assert clicks["low"] < clicks["high"]
    few = invoke(tmp_path, sandbox, "--sample", "3", "--max-requests", "20")
    assert "A first run (no state was given)" in few.stdout
    assert "runs, because of max_requests" in few.stdout


def test_a_spent_quota_is_one_sentence(tmp_path: Path, sandbox: Sandbox) -> None:
    """The exit code is 1, as there is no plan."""
    body = {"error_key": "quota_exceeded"}
    sandbox.faults.rules.append(Fault("status", "/emails", status=429, body=body))
    said = invoke(tmp_path, sandbox)
    assert said.exit_code == 1
    assert said.stderr.strip().endswith("the next run after that continues from here")
