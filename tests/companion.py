"""Running ``cc-clicks`` within a test."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from tap_cc_clicks.cli.commands import cc_clicks

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from tap_cc_clicks.sandbox import Sandbox


def companion(folder: Path, config: dict[str, Any], *arguments: str) -> Result:
    """Run a command with settings from a file, without the environment's."""
    path = folder / "settings.json"
    path.write_text(json.dumps(config), "utf-8")
    command, *rest = arguments
    result = CliRunner().invoke(cc_clicks, [command, f"--config={path}", *rest])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def secrets_of(sandbox: Sandbox) -> list[str]:
    """Return the secrets: tokens, codes and the client's secret."""
    tokens = sandbox.tokens
    return [
        "sandbox-secret",
        tokens.refresh_token,
        *tokens.access,
        *tokens.sign_ins.issued,
    ]
