"""The same account in every response format that the vendor's pages show."""

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

# Reports span several pages.
SMALL: dict[str, Any] = {"page_size": 7}
UNCOUNTED = "none-counted"
LAGGING = "counters-lag"
# Dialects with different counters need different requests.
SAME_COST = sorted(set(DIALECTS) - {UNCOUNTED, "other-roles"})


def account_in(dialect: str) -> Sandbox:
    """Return a small account that responds in a dialect."""
    return Sandbox(generate(campaigns=18, clicks=120), dialect=dialect)


def costs(dialect: str) -> list[Counter[str]]:
    """Return the requests of a first run and of a second one without changes."""
    asked, state = [], None
    with account_in(dialect) as sandbox:
        for _ in range(2):
            sandbox.log.clear()
            state = run_tap(sandbox, state, everything(), **SMALL).state
            asked.append(sandbox.log.counts())
    return asked


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_loads_every_click_and_reads_only_changes(
    dialect: str,
) -> None:
    """Both the first and the second run are complete."""
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


def test_dialects_need_the_same_requests() -> None:
    """This holds for first and second runs."""
    wanted = costs("reference")
    assert "clicks" not in wanted[1]
    told = {dialect: costs(dialect) for dialect in SAME_COST}
    assert told == dict.fromkeys(SAME_COST, wanted)


def test_the_plan_is_the_same_in_each_dialect() -> None:
    """It is the plan of a first run, without any state."""
    plans = {}
    for dialect in sorted(set(SAME_COST) - {"some-never-counted"}):
        with account_in(dialect) as sandbox:
            tap = TapCCClicks(config={**sandbox.config, **SMALL})
            plans[dialect] = Planner(tap, None).plan(tap.run.settings.max_requests)
    assert plans["reference"].clicks == Figure(120, 120)
    assert plans == dict.fromkeys(plans, plans["reference"])


@pytest.mark.parametrize("dialect", ["guide", "listed-objects", "dotted-counters"])
def test_every_counter_is_filled(dialect: str) -> None:
    """Records use the documented names of counters."""
    with account_in(dialect) as sandbox:
        records = run_tap(sandbox).records("campaign_activity_stats")
        assert len(records) == len(sandbox.account.reported())
        for record in records:
            activity = sandbox.account.activities[record["campaign_activity_id"]]
            told = sandbox.api.stats_of(activity)
            assert {name: record[name] for name in COUNTERS} == told


def test_no_dialect_causes_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Each of them is documented by the vendor."""
    for dialect in sorted(set(DIALECTS) - {UNCOUNTED, "other-roles"}):
        with account_in(dialect) as sandbox:
            run_tap(sandbox, **SMALL)
    assert not [one.message for one in caplog.records if one.levelname == "WARNING"]


def test_an_unknown_dialect_is_refused() -> None:
    """The message lists the known ones."""
    with pytest.raises(ValueError, match="no dialect klingon: one of"):
        Sandbox(dialect="klingon")
    ended = CliRunner().invoke(cc_clicks, ["sandbox", "--dialect=klingon"])
    assert ended.exit_code == 2
    assert "There is no dialect klingon: one of counters-lag, " in ended.output
