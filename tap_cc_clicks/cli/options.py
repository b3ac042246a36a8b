"""Options shared by the commands, and the console."""

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
    """The tap in a command: Ctrl-C ends it immediately."""

    handles_signals = False


def console(*, stderr: bool = False) -> Console:
    """Return a console; colours and rules appear in a terminal only.

    Text is not interpreted as markup or emoji, since much of it comes from the service.
    """
    return Console(
        markup=False, emoji=False, highlight=False, soft_wrap=True, stderr=stderr
    )


def tap_of(
    configs: Sequence[str], *, validated: bool = True, **inputs: Any
) -> CommandTap:
    """Return the tap with its settings.

    Args:
        configs: Paths of JSON files, and ENV for the environment.
        validated: Whether to reject invalid settings.
        inputs: The tap's arguments ``state`` and ``catalog``.

    Raises:
        ConfigValidationError: Settings are invalid.
        InputError: A file cannot be used.
    """
    given = ConfigInput.of(configs)
    return CommandTap(
        config=given.config,
        parse_env_config=given.parse_env,
        validate_config=validated,
        **inputs,
    )
