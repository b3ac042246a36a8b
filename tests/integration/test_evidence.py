"""``cc-clicks check`` verifies a run's assumptions with one email."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tap_cc_clicks.sandbox import Account, Fault, Sandbox, generate
from tap_cc_clicks.sandbox.dialects import DIALECTS
from tests.integration.test_check import ALL_WELL, check, lines

if TYPE_CHECKING:
    from pathlib import Path

Change = Callable[[str, dict[str, Any]], None]
# The texts for an account without anything unusual.
UNDERSTOOD = {
    "summaries": "11 on the first page, 8 of them with clicks",
    "counters": "readable (em_clicks_all, as numbers): 35 clicks of an email",
    "clicks": "35 rows in the report, 35 counted",
    "pages": "all rows on one page; next links: relative, with cursor, limit",
    "order": "the newest click comes first",
    "times": "readable, written as 9999-99-99T99:99:99.999Z",
}
GUIDE = {
    "counters": "readable (em_clicks.all, as text): 35 clicks of an email",
    "pages": "all rows on one page; next links: relative, with next",
}
# The texts that differ in a dialect.
DIFFERENT = {
    "guide": GUIDE,
    "dotted-counters": {
        "counters": GUIDE["counters"].replace("text", "numbers"),
    },
    "counts-as-text": {
        "counters": GUIDE["counters"].replace("clicks.all", "clicks_all"),
    },
    "offset-links": {"pages": GUIDE["pages"]},
    "other-times": {"times": "9999-99-99T99:99:99+99:99 (created_time)"},
    "other-roles": {"counters": "no report is asked of them: 1 with role text_message"},
    "some-never-counted": {
        "counters": "28 clicks of an email",
        "clicks": "35 rows in the report, 28 counted: some clicks are not counted",
    },
    "none-counted": {
        "counters": "the service has none of the emails looked at. A run reads",
        "clicks": "rows in the report; no counter to compare with",
    },
}
WARNED = {
    "other-roles": "counters",
    "some-never-counted": "clicks",
    "none-counted": "counters",
}


def account() -> Account:
    """Return an account whose reports fit a small page."""
    return generate(campaigns=14, clicks=90)


def checks_of(folder: Path, **options: Any) -> dict[str, tuple[str, str]]:
    """Return the checks of an account that is served with these options."""
    with Sandbox(account(), **options) as sandbox:
        told = lines(check(sandbox, folder, "--json"))
        assert sandbox.log.counts().total() <= 8
    return told


@pytest.mark.parametrize("dialect", DIALECTS)
def test_clicks_are_found_in_each_dialect(dialect: str, tmp_path: Path) -> None:
    """Each difference is reported, as a warning if the tap has to work around it."""
    told = checks_of(tmp_path, dialect=dialect)
    warned = {WARNED[dialect]: "warn"} if dialect in WARNED else {}
    expected = {**ALL_WELL, **warned}
    assert {name: status for name, (status, _) in told.items()} == expected
    for name, text in {**UNDERSTOOD, **DIFFERENT.get(dialect, {})}.items():
        assert text in told[name][1]


def unreadable_counters(endpoint: str, body: dict[str, Any]) -> None:
    """Replace the number of clicks by a word."""
    for result in body["results"] if endpoint == "stats" else ():
        result["stats"]["em_clicks_all"] = "many"


def oldest_first(_: str, body: dict[str, Any]) -> None:
    """Reverse a report."""
    body.get("tracking_activities", []).reverse()


def fewer_rows(_: str, body: dict[str, Any]) -> None:
    """Return ten rows where more were requested."""
    if "tracking_activities" in body:
        del body["tracking_activities"][10:]
        body["_links"] = {"next": {"href": "https://example.com/v3/more?page=2"}}


def no_rows(_: str, body: dict[str, Any]) -> None:
    """Return no rows, though some are counted."""
    if "tracking_activities" in body:
        body["tracking_activities"] = []


def no_times(_: str, body: dict[str, Any]) -> None:
    """Replace timestamps by words."""
    for row in body.get("tracking_activities", ()):
        row["created_time"] = "yesterday"


@pytest.mark.parametrize(
    ("change", "warned", "sentence"),
    [
        (unreadable_counters, "counters", "one request for each email, where counters"),
        (oldest_first, "order", "finds new ones behind them only if counters show"),
        (
            fewer_rows,
            "pages",
            "reports take 50 times the requests; next links: absolute",
        ),
        (no_rows, "clicks", "35 counted: some that are counted are not shown"),
        (no_times, "times", "35 clicks have no created_time that can be read"),
    ],
)
def test_a_broken_assumption_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: Change,
    warned: str,
    sentence: str,
) -> None:
    """The text names the consequence for a run; the check does not fail."""
    monkeypatch.setitem(DIALECTS, "odd", (change,))
    status, text = checks_of(tmp_path, dialect="odd")[warned]
    assert status == "warn"
    assert sentence in text


def test_an_empty_report_is_a_warning_if_the_summary_has_clicks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without counters, only the summary contradicts the report."""
    changes = (*DIALECTS["none-counted"], no_rows)
    monkeypatch.setitem(DIALECTS, "odd", changes)
    status, text = checks_of(tmp_path, dialect="odd")["clicks"]
    assert (status, "but the summary is not" in text) == ("warn", True)


def test_clicks_are_found_without_summaries(sandbox: Sandbox, tmp_path: Path) -> None:
    """Summaries only hint at changes, so failing to read them is a warning."""
    fault = Fault("status", "summaries", status=403, body=[{"error_key": "forbidden"}])
    sandbox.faults.rules.append(fault)
    result = check(sandbox, tmp_path, "--json")
    told = lines(result)
    assert told["summaries"][0] == "warn"
    assert told["clicks"][0] == "ok"


def test_the_newest_email_is_checked_only_if_no_other_has_clicks(
    tmp_path: Path,
) -> None:
    """Its counters may lag."""
    account = Account()
    for days, clicks in ((9, 1), (5, 2), (0, 7)):
        sent = account.now - timedelta(days=days)
        (activity, _) = account.add_campaign(sent=sent).activities
        for _ in range(clicks):
            account.add_click(activity)
    with Sandbox(account) as sandbox:
        told = lines(check(sandbox, tmp_path, "--json"))
        assert told["clicks"] == ("ok", "2 rows in the report, 2 counted")
        for campaign in [*account.campaigns.values()][:2]:
            account.remove_campaign(campaign)
        told = lines(check(sandbox, tmp_path, "--json"))
        assert told["clicks"] == ("ok", "7 rows in the report, 7 counted")


def test_the_expiry_of_a_refresh_token_is_reported(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """It is 180 days after the last use, which the store records."""
    path = tmp_path / "tokens.json"
    config = {**sandbox.config, "token_store": str(path)}
    store = TokenStore.from_config(config)
    with store.locked():
        access = sandbox.tokens.issue()
        store.save(Tokens("sandbox-refresh-0", access, time.time() + 9999))
    used = datetime(2026, 3, 1, 12, tzinfo=UTC)
    os.utime(path, (used.timestamp(), used.timestamp()))
    told = lines(check(sandbox, tmp_path, "--json", token_store=str(path)))
    assert "expires on 2026-08-28 unless it is used before" in told["token"][1]
