"""Runs that end early, run during changes, or must not cost too many requests."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from queue import Queue
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tap_cc_clicks.api.errors import BudgetSpentError
from tap_cc_clicks.sandbox import Account, Sandbox, generate
from tap_cc_clicks.tap import TapCCClicks
from tests.child import start
from tests.support import HANGS, NEVER, Output, clicks, clock, rows, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tap_cc_clicks.sandbox.account import Activity

STATS = "campaign_activity_stats"


def test_a_budget_is_kept_and_later_runs_continue(sandbox: Sandbox) -> None:
    """Runs of 25 requests load the account, and look up each campaign once."""
    state: dict[str, Any] | None = None
    union: dict[str, dict[str, Any]] = {}
    look_ups = 0
    for _ in range(30):
        sandbox.log.clear()
        output = run_tap(sandbox, state, max_requests=25)
        assert sandbox.log.counts().total() <= 25
        look_ups += sandbox.log.counts()["campaign"]
        union.update(clicks(output))
        state = output.state
        if sandbox.log.counts().total() < 25:
            break
    assert rows(union.values()) == rows(sandbox.account.rows())
    sent = {activity.campaign_id for activity in sandbox.account.reported()}
    removed = [
        one
        for one in sandbox.account.campaigns.values()
        if one.current_status == "Removed"
    ]
    assert look_ups == len(sent) + len(removed)


def test_a_spent_budget_is_logged(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, as a warning."""
    run_tap(sandbox, max_requests=10)
    warnings = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert sum("the limit of max_requests" in one for one in warnings) == 1


def test_the_reason_of_an_early_end_is_logged_even_if_no_thread_met_it(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Used to depend on which thread was first."""
    tap = TapCCClicks(config=sandbox.config)
    tap.run.gate.shut(BudgetSpentError("the limit"))
    tap.run.finish()
    assert [one for one in caplog.messages if one == "the limit"] == ["the limit"]


def test_a_second_run_requests_only_changes() -> None:
    """Of 200 campaigns, five have a new click."""
    account = generate(campaigns=200, clicks=2000)
    with Sandbox(account) as sandbox:
        first = run_tap(sandbox)
        sandbox.log.clear()
        account.advance(hours=1)
        for activity in account.clickable()[:100:20]:
            account.add_click(activity)
        second = run_tap(sandbox, first.state)
        counts = sandbox.log.counts()
        assert len(second.records("email_clicks")) >= 5
        assert counts == {"campaigns": 1, "summaries": 1, "stats": 16, "clicks": 5}
        union = {**clicks(first), **clicks(second)}
        assert rows(union.values()) == rows(account.rows())


def test_activities_without_clicks_cost_one_clicks_request_once() -> None:
    """Permalinks, drafts and scheduled campaigns cost no report request."""
    account = Account()
    for status in ("Done", "Draft", "Scheduled"):
        account.add_campaign(status)
    clicked = account.add_campaign().activities[0]
    account.add_click(clicked)
    with Sandbox(account) as sandbox:
        catalog = select("email_clicks", "email_links")
        state = run_tap(sandbox, catalog=catalog).state
        counts = sandbox.log.counts()
        assert counts["clicks"] == 2
        assert counts["campaign"] == 2
        assert counts["links"] == 1
        run_tap(sandbox, state, catalog)
        after = sandbox.log.counts() - counts
        assert after == {"campaigns": 1, "summaries": 1, "stats": 1}


def test_a_look_by_a_fast_clock_is_not_trusted(sandbox: Sandbox) -> None:
    """Used to hide clicks until the true time had caught up."""
    with clock(lambda: 90 * 86_400):
        first = run_tap(sandbox, look_requests_per_day=2)
    activity = sandbox.account.clickable()[1]
    sandbox.account.add_click(activity, contact_id=activity.clicks[0].row["contact_id"])
    second = run_tap(sandbox, first.state, look_requests_per_day=2)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_clicks_are_read_once_they_are_counted(sandbox: Sandbox) -> None:
    """A lagging counter delays clicks, and loses none."""
    account = sandbox.account
    account.stats_lag = timedelta(hours=5)
    first = run_tap(sandbox)
    account.advance(hours=1)
    account.add_clicks(10)
    second = run_tap(sandbox, first.state)
    account.advance(hours=6)
    third = run_tap(sandbox, second.state)
    union = {**clicks(first), **clicks(second), **clicks(third)}
    assert rows(union.values()) == rows(account.rows())


def test_state_is_written_at_the_end_and_schemas_once(sandbox: Sandbox) -> None:
    """Regardless of the number of activities."""
    counts = run_tap(sandbox).counts()
    assert counts["STATE", None] <= 2
    streams = (
        "campaigns",
        "campaign_activities",
        "email_clicks",
        "campaign_activity_stats",
    )
    assert [counts["SCHEMA", name] for name in streams] == [1, 1, 1, 1]


def test_the_older_of_two_bookmarks_of_an_activity_is_used(
    sandbox: Sandbox,
) -> None:
    """Merged partial states may contain an activity twice."""
    first = run_tap(sandbox)
    state = first.state
    partitions = state["bookmarks"]["email_clicks"]["partitions"]
    newest = next(one for one in partitions if one.get("replication_key_value"))
    older = {**newest, "replication_key_value": "2020-01-01T00:00:00.000Z", "clicks": 0}
    partitions.append(older)
    second = run_tap(sandbox, state)
    ids = {one["campaign_activity_id"] for one in second.records("email_clicks")}
    assert ids == {newest["context"]["campaign_activity_id"]}
    assert len(second.state["bookmarks"]["email_clicks"]["partitions"]) == (
        len(partitions) - 1
    )


def test_a_plain_sdk_bookmark_is_accepted(sandbox: Sandbox) -> None:
    """A state written by hand or by a simpler tap loses no clicks."""
    activity = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    partition = {
        "context": {"campaign_activity_id": activity.campaign_activity_id},
        "replication_key": "created_time",
        "replication_key_value": activity.clicks[0].created_time,
    }
    state = {"bookmarks": {"email_clicks": {"partitions": [partition]}}}
    output = run_tap(sandbox, state)
    others = [
        row
        for row in sandbox.account.rows()
        if row["campaign_activity_id"] != activity.campaign_activity_id
    ]
    assert set(rows(others)) <= set(rows(output.records("email_clicks")))


def interrupted(
    sandbox: Sandbox,
    folder: Path,
    occasion: tuple[str, int],
    signum: signal.Signals,
    *arguments: str,
    **options: Any,
) -> Output:
    """Send a signal to a run at a request; later requests get no response.

    Args:
        sandbox: The account, and its server.
        folder: For the config file.
        occasion: An endpoint, and the number of its request.
        signum: The signal.
        arguments: Arguments of the command.
        options: Settings of the tap, and ``environment``.
    """
    endpoint, times = occasion
    asked: Counter[str] = Counter()
    started: Queue[subprocess.Popen[bytes]] = Queue()

    def strike(name: str) -> None:
        asked[name] += 1
        if name == endpoint and asked[name] == times:
            sandbox.latency = NEVER
            started.get().send_signal(signum)

    sandbox.on_request = strike
    environment = options.pop("environment", None)
    config = {**sandbox.config, **options}
    process = start(config, folder, *arguments, environment=environment)
    started.put(process)
    written, said = process.communicate(timeout=HANGS)
    assert process.returncode == 128 + signum, said
    assert b"Traceback" not in said
    sandbox.latency, sandbox.on_request = 0, None
    return Output([json.loads(line) for line in written.splitlines()])


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_with_a_state(
    tmp_path: Path, signum: signal.Signals, unbuffered: str
) -> None:
    """The next run loads the missing clicks."""
    account = generate(campaigns=60, clicks=600)
    options = {"concurrency": 2, "environment": {"PYTHONUNBUFFERED": unbuffered}}
    with Sandbox(account) as sandbox:
        first = interrupted(sandbox, tmp_path, ("clicks", 8), signum, **options)
        assert first.messages[-1]["type"] == "STATE"
        second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert len(first.records("email_clicks")) < len(account.rows())
    assert rows(union.values()) == rows(account.rows())


def test_a_signal_ends_a_run_that_only_lists(tmp_path: Path) -> None:
    """Used to wait for the listing."""
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(select("campaigns")))
    with Sandbox(generate(campaigns=60, clicks=60)) as sandbox:
        occasion, arguments = ("campaigns", 1), ("--catalog", str(catalog))
        interrupted(sandbox, tmp_path, occasion, signal.SIGTERM, *arguments)


@contextmanager
def a_day_later() -> Generator[None]:
    """Advance the clock, so that failed searches are repeated."""
    later = next(DAYS) * 86_400
    with clock(lambda: later):
        yield


DAYS = itertools.count()
CLICK = st.tuples(
    st.integers(0, 3),  # activity
    st.integers(0, 300),  # hours ago
    st.sampled_from(["a", "b"]),  # contact
)


def _click(account: Account, activities: list[Activity], click: Any) -> None:
    place, hours, contact = click
    activity = activities[place % len(activities)]
    fields = {"url_id": "1", "link_url": "https://example.com", "device_type": "mobile"}
    person = {"contact_id": contact, "email_address": f"{contact}@example.com"}
    names = {"first_name": None, "last_name": None}
    when = account.now - timedelta(hours=hours)
    account.add_click(activity, when, **fields, **person, **names)


@pytest.mark.slow
@pytest.mark.parametrize("concurrency", [1, 8])
@settings(
    max_examples=12,
    deadline=None,
    # Shrinking would run the tap thousands of times.
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(
    between=st.lists(st.lists(CLICK, max_size=12), min_size=2, max_size=3),
    during=st.lists(st.lists(CLICK, max_size=3), max_size=10),
    page_size=st.integers(1, 5),
    budgets=st.lists(st.integers(5, 60), min_size=3, max_size=3),
    keyset=st.booleans(),
)
def test_all_runs_together_load_every_click(
    *,
    concurrency: int,
    between: list[list[Any]],
    during: list[list[Any]],
    page_size: int,
    budgets: list[int],
    keyset: bool,
) -> None:
    """With any clicks between and during runs, ties, page sizes and budgets."""
    account = Account()
    activities = [account.add_campaign().activities[0] for _ in range(4)]
    union: dict[str, dict[str, Any]] = {}
    state: dict[str, Any] | None = None
    config: dict[str, Any] = {"concurrency": concurrency, "page_size": page_size}
    with Sandbox(account, keyset=keyset) as sandbox:

        def arrive(endpoint: str) -> None:
            if endpoint == "clicks" and during:
                for click in during.pop():
                    _click(account, activities, click)

        sandbox.on_request = arrive
        for batch, budget in zip(between, budgets, strict=False):
            for click in batch:
                _click(account, activities, click)
            with a_day_later():
                output = run_tap(sandbox, state, max_requests=budget, **config)
            union.update(clicks(output))
            state = output.state
        sandbox.on_request = None
        with a_day_later():
            union.update(clicks(run_tap(sandbox, state, **config)))
    assert rows(union.values()) == rows(account.rows())
