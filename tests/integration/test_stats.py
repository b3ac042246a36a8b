"""The stream of what the service counts: looks ask for it, and it is kept."""

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


def emails(sandbox: Sandbox) -> set[str]:
    """Return the activities that have reports, of all campaigns that were sent."""
    account = sandbox.account
    return {
        one.campaign_activity_id
        for one in account.activities.values()
        if one.has_reports and account.campaigns[one.campaign_id].last_sent_date
    }


def test_every_activity_with_reports_has_its_counts(sandbox: Sandbox) -> None:
    """All of them, as the service gives them."""
    found = stats(run_tap(sandbox))
    assert set(found) == emails(sandbox)
    for activity_id, record in found.items():
        activity = sandbox.account.activities[activity_id]
        told = sandbox.api.stats_of(activity)
        assert {name: record[name] for name in told} == told
        assert record["em_clicks_all"] == len(activity.clicks)
        assert record["campaign_id"] == activity.campaign_id
        assert record["last_refresh_time"]


def test_the_counts_of_a_first_load_come_after_its_clicks(sandbox: Sandbox) -> None:
    """Ten a request; without the stream, none is asked for."""
    run_tap(sandbox, catalog=select("email_clicks"))
    without = sandbox.log.counts()
    sandbox.log.clear()
    run_tap(sandbox, catalog=select("email_clicks", STATS))
    batches = -(-len(emails(sandbox)) // 10)
    assert sandbox.log.counts() - without == {"stats": batches}
    asked = [endpoint for endpoint, _ in sandbox.log.entries]
    assert set(asked[-batches:]) == {"stats"}


def test_later_counts_cost_no_request_beside_looks(sandbox: Sandbox) -> None:
    """The same requests with the stream as without it."""
    asked = []
    for streams in (("email_clicks",), ("email_clicks", STATS)):
        first = run_tap(sandbox, catalog=select(*streams))
        sandbox.log.clear()
        run_tap(sandbox, first.state, select(*streams))
        asked.append(sandbox.log.counts())
    assert asked[0] == asked[1]


def test_counts_alone_ask_for_counts_alone(sandbox: Sandbox) -> None:
    """No report is read; a second run writes what has changed."""
    catalog = select(STATS)
    first = run_tap(sandbox, catalog=catalog)
    lists = {"campaigns", "summaries"}
    assert set(sandbox.log.counts()) == {*lists, "campaign", "stats"}
    assert set(stats(first)) == emails(sandbox)
    clicked = sandbox.account.clickable()[3]
    sandbox.account.add_click(clicked)
    sandbox.log.clear()
    second = run_tap(sandbox, first.state, catalog)
    assert set(sandbox.log.counts()) == {*lists, "stats"}
    assert set(stats(second)) == {clicked.campaign_activity_id}


def test_only_counts_that_changed_are_written_again(sandbox: Sandbox) -> None:
    """A new time of refresh alone is no change."""
    first = run_tap(sandbox)
    account = sandbox.account
    account.advance(hours=2)
    clicked = account.clickable()[2]
    account.add_click(clicked, contact_id="someone-new")
    second = run_tap(sandbox, first.state)
    assert set(stats(second)) == {clicked.campaign_activity_id}
    third = run_tap(sandbox, second.state)
    assert not stats(third)


def test_an_activity_that_is_not_counted_has_no_record() -> None:
    """And holds up nothing: it is looked at like others, by its report."""
    account = Account()
    account.add_click(account.add_campaign().activities[0])
    gone = account.add_campaign().activities[0].campaign_activity_id
    with Sandbox(account) as sandbox:
        sandbox.api.uncounted.add(gone)
        first = run_tap(sandbox)
        assert len(stats(first)) == 1
        sandbox.log.clear()
        run_tap(sandbox, first.state)
        lists = {"campaigns": 1, "summaries": 1}
        assert sandbox.log.counts() == {**lists, "stats": 1, "clicks": 1}


def test_counts_below_the_budget_come_with_the_next_run(sandbox: Sandbox) -> None:
    """The union of budgeted runs is complete."""
    union: dict[str, Any] = {}
    state: dict[str, Any] | None = None
    for _ in range(6):
        output = run_tap(sandbox, state, max_requests=15, catalog=select(STATS))
        union.update(stats(output))
        state = output.state
    assert set(union) == emails(sandbox)
