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
def test_the_formulas_count_what_the_tap_asks(looks: int) -> None:
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
