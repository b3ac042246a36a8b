"""The figures in docs/scale.md."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tap_cc_clicks.sandbox import Account, Sandbox
from tests.support import run_tap, select
from tools import scale

ROOT = Path(__file__).parents[2]


def test_the_tables_match_the_formulas() -> None:
    """``make scale`` updates them."""
    text = (ROOT / scale.PAGE).read_text("utf-8")
    assert scale.page(text) == text


def test_the_text_matches_the_computed_typical_account() -> None:
    """It names the requests, and the accounts that one key can serve."""
    text = (ROOT / scale.PAGE).read_text("utf-8")
    first, quota = scale.TYPICAL.first(), scale.REQUESTS_PER_DAY
    later, few = scale.TYPICAL.later(), scale.TYPICAL.later(scale.FEW_LOOKS)
    days = scale.TYPICAL.days(scale.FEW_LOOKS)
    assert scale.TYPICAL.days() == 1
    assert f"{first} requests for the first load, then {later:.0f} a day" in text
    assert f"or {few:.0f} with `look_requests_per_day: {scale.FEW_LOOKS}`" in text
    assert f"within {days} days and looks at fresh emails" in text
    assert f"carry {quota / later:.0f} such accounts, or {quota / few:.0f}." in text
    assert f"one key takes {quota // first} first loads a day" in text


@pytest.mark.parametrize("looks", [1, scale.LOOKS_PER_DAY])
def test_the_formulas_match_the_requests_of_the_tap(looks: int) -> None:
    """In the later run, one campaign was sent and four activities were clicked."""
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
        "look_requests_per_day": looks,
    }
    with Sandbox(account) as sandbox:
        output = run_tap(sandbox, **settings)
        expected = scale.Account(campaigns=23, activities=23)
        assert len(sandbox.log.entries) == expected.first()
        sandbox.log.clear()
        new = account.add_campaign(roles=("primary_email",)).activities[0]
        for activity in (new, *activities[:3]):
            account.add_click(activity)
        run_tap(sandbox, output.state, **settings)
        expected = scale.Account(campaigns=24, activities=24, sent=1, read=4)
        assert len(sandbox.log.entries) == expected.later(looks)
