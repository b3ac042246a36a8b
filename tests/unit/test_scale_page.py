"""What docs/scale.md says of many accounts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tap_cc_clicks.sandbox import Account, Sandbox
from tests.support import run_tap, select
from tools import scale

ROOT = Path(__file__).parents[2]


def test_the_tables_are_what_the_formulas_give() -> None:
    """If not: ``make scale``."""
    text = (ROOT / scale.PAGE).read_text("utf-8")
    assert scale.page(text) == text


def test_the_text_repeats_the_typical_account_as_it_is_computed() -> None:
    """How many requests, and how many accounts a key carries."""
    text = (ROOT / scale.PAGE).read_text("utf-8")
    first, exact = scale.TYPICAL.first(), scale.TYPICAL.exact()
    fast = scale.TYPICAL.fast(scale.RECHECK_DAYS)
    quota = scale.REQUESTS_PER_DAY
    assert f"{first} requests for the first load, then {exact:.0f} a day" in text
    assert f"(`exact`) or {fast:.0f} (`fast`)" in text
    assert f"carry {quota / exact:.0f} such accounts, or {quota / fast:.0f}" in text
    assert f"one key takes {quota // first} first loads a day" in text


@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_the_formulas_count_what_the_tap_asks(mode: str) -> None:
    """First load, and a later run: one campaign sent, four activities clicked in."""
    account = Account(7)
    activities = [
        account.add_campaign(
            sent=account.now - timedelta(days=9 + number), roles=("primary_email",)
        ).activities[0]
        for number in range(23)
    ]
    for activity in activities:
        account.add_click(activity, account.now - timedelta(days=8))
    settings: dict[str, Any] = {
        "catalog": select("email_clicks"),
        "change_detection": mode,
        "hot_days": 0,
    }
    with Sandbox(account) as sandbox:
        output = run_tap(sandbox, **settings)
        expected = scale.Account(campaigns=23, activities=23)
        # Fast reads the summaries even if there is nothing yet to compare them with.
        summaries = expected.listing if mode == "fast" else 0
        assert len(sandbox.log.entries) == expected.first() + summaries
        sandbox.log.clear()
        new = account.add_campaign(roles=("primary_email",)).activities[0]
        for activity in (new, *activities[:3]):
            account.add_click(activity)
        run_tap(sandbox, output.state, **settings)
        expected = scale.Account(campaigns=24, activities=24, sent=1, read=4)
        later = expected.exact() if mode == "exact" else expected.fast()
        assert len(sandbox.log.entries) == later
