"""What the commands have in common: where settings come from, how results are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.console import Console

from tap_cc_clicks.inputs import ConfigInput
from tap_cc_clicks.tap import TapCCClicks

CONFIG_HELP = (
    "A JSON file of the tap's settings, or ENV for the environment (TAP_CC_CLICKS_…, "
    "also from .env), which is the default. May be given several times."
)

config_option = click.option("--config", "configs", multiple=True, help=CONFIG_HELP)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the result as JSON, for scripts."
)


class CommandTap(TapCCClicks):
    """The tap as a command uses it: Ctrl-C ends the command at once."""

    handles_signals = False


def console(*, stderr: bool = False) -> Console:
    """Return where people read: colours and lines only in a terminal.

    No text is taken for markup, links or emoji: much of it is foreign.
    """
    return Console(
        markup=False, emoji=False, highlight=False, soft_wrap=True, stderr=stderr
    )


def tap_of(
    configs: Sequence[str], *, validated: bool = True, **inputs: Any
) -> CommandTap:
    """Return the tap with the settings that a person named.

    Args:
        configs: Paths of JSON files, and ENV for the environment.
        validated: Whether wrong settings are refused; sign-in comes before credentials.
        inputs: A state, a catalog, as the tap itself takes them.

    Raises:
        ConfigValidationError: Settings are wrong.
        InputError: A file cannot be used.
    """
    given = ConfigInput.of(configs)
    return CommandTap(
        config=given.config,
        parse_env_config=given.parse_env,
        validate_config=validated,
        **inputs,
    )
