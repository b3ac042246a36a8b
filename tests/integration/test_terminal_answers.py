"""Responses of the service cannot control the terminal."""

from __future__ import annotations

import base64
import io
import json
import re
import tempfile
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tap_cc_clicks.cli.demo import Warehouse, show
from tap_cc_clicks.cli.options import console
from tap_cc_clicks.sandbox import Account, Fault, Sandbox
from tests.hostile_text import (
    ANYTHING,
    DEEP,
    HOSTILE,
    MANY,
    NUMBERS,
    SCREENS,
    TEXTS,
    assert_tame,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from click.testing import Result


@pytest.fixture(params=SCREENS)
def screen(request: pytest.FixtureRequest) -> str:
    """Return where the output goes."""
    return str(request.param)


@pytest.fixture(scope="module")
def service() -> Iterator[Sandbox]:
    """Return an account with one click; tests set its responses."""
    account = Account()
    account.add_click(account.add_campaign().activities[0])
    with Sandbox(account) as running:
        yield running


@pytest.fixture
def answering(service: Sandbox) -> Iterator[Sandbox]:
    """Return the account, and remove its faults afterwards."""
    yield service
    service.faults.rules.clear()


def checked(sandbox: Sandbox, screen: str, *arguments: str, **config: Any) -> Result:
    """Run ``check`` with these settings besides the simulator's."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps({**sandbox.config, **config}))
        return run(screen, "check", f"--config={path}", *arguments)


def token_alone(sandbox: Sandbox, payload: str) -> dict[str, str]:
    """Return settings with a valid access token that has this payload."""
    encoded = base64.urlsafe_b64encode(payload.encode("utf-8", "surrogatepass"))
    token = f"head.{encoded.decode().rstrip('=')}.signature"
    sandbox.tokens.access[token] = float("inf")
    return {"refresh_token": "", "access_token": token}


def answers(sandbox: Sandbox, **bodies: Any) -> None:
    """Set the response bodies of matching endpoints."""
    sandbox.faults.rules = [
        Fault("status", match, status=200, body=json.dumps(body))
        for match, body in bodies.items()
    ]


@MANY
@given(name=TEXTS | ANYTHING, scopes=ANYTHING, ends=ANYTHING, campaign=ANYTHING)
@example("a[/b]", ["campaign_data", HOSTILE[0]], 10**30, {"campaign_id": HOSTILE[1]})
@example(HOSTILE[2], ["campaign_data", [1]], -(10**400), {})
@example({}, ["campaign_data"], 1e300, {"current_status": "Done"})
def test_an_account_and_a_token_cannot_control_the_terminal(
    screen: str, answering: Sandbox, name: Any, scopes: Any, ends: Any, campaign: Any
) -> None:
    """``check`` shows them."""
    access = token_alone(answering, json.dumps({"scp": scopes, "exp": ends}))
    rows = {"campaigns": [campaign], "campaign_activities": [campaign]}
    answers(answering, account={"organization_name": name}, emails=rows)
    checked(answering, screen, **access)
    checked(answering, screen, "--json", **access)


@pytest.mark.parametrize(
    "payload",
    [DEEP, '{"exp": 1e400}', '{"exp": NaN}', '{"exp": 9' + "9" * 5000 + "}", "\ud800"],
    ids=["deep", "infinite", "no number", "long", "surrogate"],
)
def test_an_unreadable_token_is_a_warning(
    screen: str, answering: Sandbox, payload: str
) -> None:
    """The API decides whether it is valid."""
    answers(answering, account={})
    result = checked(answering, screen, **token_alone(answering, payload))
    assert "has no known expiry" in result.stdout
    assert re.search("ok +API", result.stdout)


@pytest.mark.parametrize(
    ("campaigns", "activities", "missing"),
    [
        ([{"current_status": "Done"}], [], "campaigns.campaign_id"),
        (
            [{"current_status": "Done", "campaign_id": "c"}],
            [{"role": "primary_email"}],
            "campaign_activities.campaign_activity_id",
        ),
    ],
)
def test_a_row_without_id_is_a_warning(
    screen: str, answering: Sandbox, campaigns: Any, activities: Any, missing: str
) -> None:
    """The check that read it shows the warning."""
    body = {"campaigns": campaigns, "campaign_activities": activities}
    answers(answering, emails=body)
    result = checked(answering, screen)
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    assert f"without an id left out: 1 of {missing}" in told


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 01 Jan 9999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2020 00:00:00 +99999999999999",
        "Mon, 01 Jan 2020 00:00:00 -9999",
        "\x1b[2J",
    ],
)
def test_an_invalid_date_is_not_compared(
    screen: str, answering: Sandbox, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    """The output says that there is no date to compare with."""
    monkeypatch.setattr(
        "tap_cc_clicks.cli.check.parsedate_to_datetime",
        lambda _: parsedate_to_datetime(date),
    )
    assert (
        "the service's answer has no date to compare with"
        in checked(answering, screen).stdout
    )


@MANY
@given(count=NUMBERS | ANYTHING, people=NUMBERS | ANYTHING, campaign=TEXTS)
@example(10**400, 10**400, "a[/b]")
@example(2**63, {}, HOSTILE[0])
def test_plans_accept_odd_counters(
    screen: str, answering: Sandbox, count: Any, people: Any, campaign: str
) -> None:
    """Invalid counters are treated as unknown."""
    stats = [
        {"campaign_activity_id": one, "stats": {"em_clicks_all": count}}
        for one in answering.account.activities
    ]
    summary = {"campaign_id": campaign, "unique_counts": people}
    answers(
        answering,
        email_campaign_activities={"results": stats},
        summary_reports={"bulk_email_campaign_summaries": [summary]},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps(answering.config))
        run(screen, "plan", f"--config={path}", "--sample=1")
        run(screen, "plan", f"--config={path}", "--json")


@MANY
@given(clicks=st.lists(st.tuples(TEXTS, TEXTS, TEXTS), max_size=4))
@example([("a[/b]", HOSTILE[0], HOSTILE[1])])
def test_tables_and_charts_cannot_control_the_terminal(
    screen: str, clicks: Any
) -> None:
    """The demo draws them."""
    rows = {str(number): click for number, click in enumerate(clicks)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SCREENS[screen].items():
            if value is not None:
                patch.setenv(name, value)
        drawn = console()
    drawn.file = written = io.StringIO()
    show(Warehouse(rows), drawn)
    assert_tame(written.getvalue())


@MANY
@given(
    body=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("verification_uri", "user_code", "device_code", "error"), ANYTHING
        ),
    )
)
@example({"error": ["x"], "user_code": HOSTILE[0]})
def test_a_sign_in_cannot_control_the_terminal(
    screen: str, answering: Sandbox, body: Any
) -> None:
    """With any response of the authorization server."""
    answers(answering, authorize=body, token=body)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "config.json")
        path.write_text(json.dumps({**answering.config, "token_store": f"{folder}/t"}))
        run(screen, "login", f"--config={path}")
