"""The request budget: reports that fit are read first, and none is starved."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.sandbox import Sandbox, generate
from tests.support import clicks, rows, run_tap, select

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_cc_clicks.sandbox.account import Activity

BUDGET = 60
CLICKED = 20
ACTIVITIES = "campaign_activities"


@pytest.fixture
def account() -> Iterator[Sandbox]:
    """Return an account with fifty emails."""
    with Sandbox(generate(campaigns=50, clicks=300)) as running:
        yield running


def add_large(sandbox: Sandbox, pages: int) -> Activity:
    """Add an email with this many pages of ten clicks."""
    campaign = sandbox.account.add_campaign("Done")
    email = sandbox.account.add_activity(campaign, "primary_email")
    for _ in range(10 * pages):
        sandbox.account.add_click(email)
    return email


def test_a_report_over_the_budget_does_not_block_the_others(
    account: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names it, the requests that it needs and a sufficient max_requests."""
    settings: dict[str, Any] = {"catalog": select("email_clicks"), "page_size": 10}
    known = run_tap(account, **settings)
    large = add_large(account, pages=100)
    clicked = account.account.clickable()[:CLICKED]
    new = {one.campaign_activity_id: account.account.add_click(one) for one in clicked}
    caplog.clear()
    first = run_tap(account, known.state, max_requests=BUDGET, **settings)
    read = {one["campaign_activity_id"] for one in first.records("email_clicks")}
    assert read >= set(new)
    assert large.campaign_activity_id not in read
    # The simulator logs too, with the URLs of its requests.
    ours = [one.message for one in caplog.records if one.name.startswith("tap-cc")]
    told = [one for one in ours if large.campaign_activity_id in one]
    assert len(told) == 1
    assert "needs about 100 requests" in told[0]
    assert "set max_requests to at least 1" in told[0]
    second = run_tap(account, first.state, max_requests=BUDGET, **settings)
    assert not second.records("email_clicks")
    third = run_tap(account, second.state, max_requests=200, **settings)
    union = {**clicks(known), **clicks(first), **clicks(third)}
    assert rows(union.values()) == rows(account.account.rows())


def test_reports_that_do_not_fit_together_are_read_one_by_one(account: Sandbox) -> None:
    """A run reads some of them completely instead of a part of each."""
    settings: dict[str, Any] = {"catalog": select("email_clicks"), "page_size": 10}
    known = run_tap(account, **settings)
    large = [add_large(account, pages=30) for _ in range(4)]
    state = known.state
    union = clicks(known)
    for _ in large[::2]:
        output = run_tap(account, state, max_requests=90, **settings)
        records = output.records("email_clicks")
        assert len(records) == len(clicks(output))
        state = output.state
        union |= clicks(output)
    assert rows(union.values()) == rows(account.account.rows())


def test_reports_over_the_budget_are_logged_in_one_line(
    account: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Used to log a line for each report."""
    known = run_tap(account)
    for one in account.account.clickable()[:CLICKED]:
        account.account.add_click(one)
    caplog.clear()
    run_tap(account, known.state, max_requests=CLICKED + 2)
    told = [one for one in caplog.messages if "of max_requests are left" in one]
    assert len(told) <= 1
    assert sum("max_requests" in one for one in caplog.messages) == 1


def test_a_look_is_charged_once_if_its_report_has_to_wait(
    account: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """Used to be charged again when the report was read."""
    known = run_tap(account)
    for one in account.account.clickable()[:CLICKED]:
        account.account.add_click(one)
    with caplog.at_level("INFO"):
        run_tap(account, known.state, max_requests=CLICKED + 2)
    (line,) = (one for one in caplog.messages if one.startswith("Stopped at"))
    done, all_looks = re.findall(r"(\d+) of (\d+) looks", line)[0]
    assert int(done) <= int(all_looks)


def test_looks_leave_half_of_the_budget_to_read_what_they_find(
    account: Sandbox,
) -> None:
    """If looks used all of it, later runs would make no progress."""
    known = run_tap(account)
    account.log.clear()
    run_tap(account, known.state)
    looking = len(account.log.entries)
    click = account.account.add_click(account.account.clickable()[0])
    found, state = [], known.state
    for _ in range(2):
        output = run_tap(account, state, max_requests=looking)
        found += output.records("email_clicks")
        state = output.state
    assert click.row["contact_id"] in {one["contact_id"] for one in found}


def test_an_activity_is_written_once_per_run(account: Sandbox) -> None:
    """Used to write the record again with each report that was read later."""
    state: dict[str, Any] = {}
    for _ in range(12):
        output = run_tap(account, state, max_requests=30)
        ids = [one["campaign_activity_id"] for one in output.records(ACTIVITIES)]
        assert len(ids) == len(set(ids))
        state = output.state
