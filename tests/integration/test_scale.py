"""Costs that must not grow with the number of activities: counted, not timed."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import msgspec
import pytest

from tap_cc_clicks.api.errors import BudgetSpentError
from tap_cc_clicks.sandbox import Account, Sandbox
from tap_cc_clicks.streams import STREAMS
from tap_cc_clicks.sync.state_format import key_of
from tap_cc_clicks.tap import TapCCClicks
from tests.support import Output, everything, run_tap

# In one worker, as they share two runs.
pytestmark = pytest.mark.xdist_group("scale")

CLICKS_EACH = 5


def account_of(activities: int) -> Account:
    """Return an account with a number of activities, each with clicks."""
    account = Account()
    for _ in range(activities):
        campaign = account.add_campaign(roles=("primary_email",))
        for _ in range(CLICKS_EACH):
            account.add_click(campaign.activities[0])
    return account


@cache
def run_of(activities: int) -> tuple[Output, Sandbox]:
    """Run the tap over a number of activities."""
    with Sandbox(account_of(activities)) as sandbox:
        return run_tap(sandbox, catalog=everything()), sandbox


@pytest.mark.parametrize("activities", [30, 300])
def test_schema_and_state_messages_do_not_grow(activities: int) -> None:
    """There is one SCHEMA per stream, and at most two STATE messages."""
    output, _ = run_of(activities)
    counts = output.counts()
    assert len(output.records("email_clicks")) == activities * CLICKS_EACH
    assert counts["STATE", None] <= 2
    assert sum(n for (kind, _), n in counts.items() if kind == "SCHEMA") == len(STREAMS)


@pytest.mark.parametrize("activities", [30, 300])
def test_a_first_run_makes_each_request_once(activities: int) -> None:
    """Look-ups, details and reports once per activity, counters in tens."""
    _, sandbox = run_of(activities)
    assert sandbox.log.counts() == {
        "campaigns": 1,
        "summaries": 1,
        "campaign": activities,
        "activity": activities,
        "send_history": activities,
        "stats": activities // 10,
        "clicks": activities,
        "links": activities,
        "sends": activities,
        "opens": activities,
        "bounces": activities,
        "optouts": activities,
        "forwards": activities,
    }


def test_bookmarks_are_found_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of key computations per activity stays constant."""
    looks = [0]

    def counted(context: Any) -> Any:
        looks[0] += 1
        return key_of(context)

    monkeypatch.setattr("tap_cc_clicks.sync.bookmarks.key_of", counted)
    for_each = []
    for activities in (30, 300):
        looks[0] = 0
        run_of.__wrapped__(activities)
        for_each.append(looks[0] / activities)
    assert for_each[0] == pytest.approx(for_each[1], rel=0.1)


def test_state_stays_small() -> None:
    """Under 400 bytes for each activity, even if counters differ."""
    with Sandbox(account_of(100)) as sandbox:
        first = run_tap(sandbox)
        for activity in sandbox.account.clickable():
            activity.count_offset = 3
        second = run_tap(sandbox, first.state)
    state = second.state
    assert len(msgspec.json.encode(state)) < 400 * 100
    assert state["bookmarks"]["email_clicks"]["partitions"][0]["search"][0] == 3


def test_no_requests_are_made_beyond_the_budget(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A run that ends early logs that once."""
    with Sandbox(account_of(60)) as sandbox:
        run_tap(sandbox, max_requests=50)
        assert sandbox.log.counts().total() == 50
    told = [one for one in caplog.records if "max_requests" in one.getMessage()]
    assert len(told) == 1


def test_the_early_end_is_logged_once_by_many_threads(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Several stages may reach it at the same time."""
    tap = TapCCClicks(config={"client_id": "id", "refresh_token": "token"})
    barrier = threading.Barrier(8)

    def tell(_: int) -> None:
        barrier.wait()
        tap.run.log_end(BudgetSpentError("spent"))

    assert tap.run
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(tell, range(8)))
    assert [one.getMessage() for one in caplog.records].count("spent") == 1
