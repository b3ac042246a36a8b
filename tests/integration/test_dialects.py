"""The same account in every form that the vendor's pages show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from tap_cc_clicks.api.wire import COUNTERS
from tap_cc_clicks.cli.commands import cc_clicks
from tap_cc_clicks.cli.estimates import Figure
from tap_cc_clicks.cli.planning import Planner
from tap_cc_clicks.sandbox import Sandbox, generate
from tap_cc_clicks.sandbox.dialects import DIALECTS
from tap_cc_clicks.tap import TapCCClicks
from tests.support import clicks, everything, rows, run_tap

if TYPE_CHECKING:
    from collections import Counter

# A report of several pages.
SMALL: dict[str, Any] = {"page_size": 7}
UNCOUNTED = "none-counted"
LAGGING = "counters-lag"
# Counters that say something else cost something else.
SAME_COST = sorted(set(DIALECTS) - {UNCOUNTED, "other-roles"})


def account_in(dialect: str) -> Sandbox:
    """Return a small account that answers in a dialect."""
    return Sandbox(generate(campaigns=18, clicks=120), dialect=dialect)


def costs(dialect: str) -> list[Counter[str]]:
    """Return the requests of a first run and of one in which nothing is new."""
    asked, state = [], None
    with account_in(dialect) as sandbox:
        for _ in range(2):
            sandbox.log.clear()
            state = run_tap(sandbox, state, everything(), **SMALL).state
            asked.append(sandbox.log.counts())
    return asked


@pytest.mark.parametrize("dialect", DIALECTS)
def test_nothing_is_lost_nothing_doubled_and_only_what_changed_is_read(
    dialect: str,
) -> None:
    """After the first run and after each later one."""
    loaded: dict[str, Any] = {}
    with account_in(dialect) as sandbox:
        account = sandbox.account
        first = run_tap(sandbox, **SMALL)
        loaded.update(clicks(first))
        assert rows(loaded.values()) == rows(account.rows())
        account.advance(hours=2)
        changed = account.clickable()[3:5]
        for activity in changed * 6:
            account.add_click(activity)
        account.advance(hours=7)
        sandbox.log.clear()
        second = run_tap(sandbox, first.state, **SMALL)
        loaded.update(clicks(second))
        assert rows(loaded.values()) == rows(account.rows())
        asked = {one["campaign_activity_id"] for one in second.records("email_clicks")}
        assert {one.campaign_activity_id for one in changed} <= asked
        if dialect != UNCOUNTED:
            assert len(asked) == len(changed)


def test_a_form_costs_no_request() -> None:
    """First and second runs ask for the same in each of them."""
    wanted = costs("reference")
    assert "clicks" not in wanted[1]
    told = {dialect: costs(dialect) for dialect in SAME_COST}
    assert told == dict.fromkeys(SAME_COST, wanted)


def test_a_plan_says_the_same_in_each_form() -> None:
    """Of a first run, with nothing known yet."""
    plans = {}
    for dialect in sorted(set(SAME_COST) - {"some-never-counted"}):
        with account_in(dialect) as sandbox:
            tap = TapCCClicks(config={**sandbox.config, **SMALL})
            plans[dialect] = Planner(tap, None).plan(tap.run.settings.max_requests)
    assert plans["reference"].clicks == Figure(120, 120)
    assert plans == dict.fromkeys(plans, plans["reference"])


@pytest.mark.parametrize("dialect", ["guide", "listed-objects", "dotted-counters"])
def test_every_counter_is_filled(dialect: str) -> None:
    """By its documented name."""
    with account_in(dialect) as sandbox:
        records = run_tap(sandbox).records("campaign_activity_stats")
        assert len(records) == len(sandbox.account.reported())
        for record in records:
            activity = sandbox.account.activities[record["campaign_activity_id"]]
            told = sandbox.api.stats_of(activity)
            assert {name: record[name] for name in COUNTERS} == told


def test_no_form_is_odd(caplog: pytest.LogCaptureFixture) -> None:
    """What a page of the vendor's shows is no reason for a warning."""
    for dialect in sorted(set(DIALECTS) - {UNCOUNTED, "other-roles"}):
        with account_in(dialect) as sandbox:
            run_tap(sandbox, **SMALL)
    assert not [one.message for one in caplog.records if one.levelname == "WARNING"]


def test_a_dialect_that_there_is_not_is_refused() -> None:
    """With those that there are."""
    with pytest.raises(ValueError, match="no dialect klingon: one of"):
        Sandbox(dialect="klingon")
    ended = CliRunner().invoke(cc_clicks, ["sandbox", "--dialect=klingon"])
    assert ended.exit_code == 2
    assert "There is no dialect klingon: one of counters-lag, " in ended.output
