"""Signing in to the simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_cc_clicks.sandbox import Account, Sandbox
from tests.companion import companion, secrets_of

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SIGNED_IN = (
    "TAP_CC_CLICKS_CLIENT_ID=sandbox-client\n"
    "TAP_CC_CLICKS_REFRESH_TOKEN=sandbox-refresh-1\n"
)


def clicked_once() -> Account:
    """Return an account with one click."""
    account = Account()
    account.add_click(account.add_campaign().activities[0])
    return account


def login(sandbox: Sandbox, folder: Path, *arguments: str, **config: Any) -> Result:
    """Sign in, as a public client by default."""
    settings = {
        "api_url": sandbox.api_url,
        "token_url": sandbox.token_url,
        "client_id": "sandbox-client",
        **config,
    }
    return companion(folder, settings, "login", *arguments)


def shown(result: Result, sandbox: Sandbox) -> list[str]:
    """Return the secrets in an output."""
    return [one for one in secrets_of(sandbox) if one in result.output]
