"""The stream of the service's counters, which change detection reads anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_cc_clicks.sandbox import Account, Sandbox
from tests.support import run_tap, select

if TYPE_CHECKING:
    from tests.support import Output

STATS = "campaign_activity_stats"


def stats(output: Output) -> dict[str, dict[str, Any]]:
    """Return the records by activity."""
    return {one["campaign_activity_id"]: one for one in output.records(STATS)}


def test_every_activity_with_reports_has_its_counts(sandbox: Sandbox) -> None:
    """All counters are as the service sends them."""
    found = stats(run_tap(sandbox))
    activities = {one.campaign_activity_id: one for one in sandbox.account.reported()}
    assert set(found) == set(activities)
    for activity_id, record in found.items():
        activity = activities[activity_id]
        told = sandbox.api.stats_of(activity)
        assert {name: record[name] for name in told} == told
        assert record["em_clicks_all"] == len(activity.clicks)
        assert record["campaign_id"] == activity.campaign_id
        assert record["last_refresh_time"]


def test_counts_cost_no_request_besides_change_detection(sandbox: Sandbox) -> None:
    """A first run requests them after all clicks; later runs request them anyway."""
    asked: list[int] = []
    state: dict[str, Any] = {}
    for _ in range(2):
        sandbox.log.clear()
        state = run_tap(sandbox, state, select("email_clicks", STATS)).state
        asked.append(sandbox.log.counts()["stats"])
    emails = len(state["bookmarks"]["email_clicks"]["partitions"])
    assert asked == [-(-emails // 10), -(-len(sandbox.account.clickable()) // 10)]


def test_selecting_only_counts_reads_no_report(sandbox: Sandbox) -> None:
    output = run_tap(sandbox, catalog=select(STATS))
    lists = {"campaigns", "summaries"}
    assert set(sandbox.log.counts()) == {*lists, "campaign", "stats"}
    assert len(stats(output)) == len(sandbox.account.reported())


def test_only_changed_counts_are_written_again(sandbox: Sandbox) -> None:
    """A new refresh time alone is no change."""
    first = run_tap(sandbox)
    account = sandbox.account
    account.advance(hours=2)
    clicked = account.clickable()[2]
    account.add_click(clicked, contact_id="someone-new")
    second = run_tap(sandbox, first.state)
    assert set(stats(second)) == {clicked.campaign_activity_id}
    third = run_tap(sandbox, second.state)
    assert not stats(third)


def test_an_activity_without_counters_has_no_record() -> None:
    """Its report is read instead."""
    account = Account()
    account.add_click(account.add_campaign().activities[0])
    gone = account.add_campaign().activities[0].campaign_activity_id
    with Sandbox(account) as sandbox:
        sandbox.api.uncounted.add(gone)
        first = run_tap(sandbox)
        assert len(stats(first)) == 1
        second = run_tap(sandbox, first.state)
        sandbox.log.clear()
        run_tap(sandbox, second.state)
        lists = {"campaigns": 1, "summaries": 1}
        assert sandbox.log.counts() == {**lists, "stats": 1, "clicks": 1}


def test_counts_beyond_the_budget_come_with_the_next_run(sandbox: Sandbox) -> None:
    """Several runs with a budget load all counters."""
    union: dict[str, Any] = {}
    state: dict[str, Any] | None = None
    for _ in range(6):
        output = run_tap(sandbox, state, max_requests=15, catalog=select(STATS))
        union.update(stats(output))
        state = output.state
    assert set(union) == {
        one.campaign_activity_id for one in sandbox.account.reported()
    }
