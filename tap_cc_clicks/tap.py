"""The tap: its settings, its streams, and its command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

import click
from singer_sdk import Stream
from singer_sdk.exceptions import (
    ConfigValidationError,
    SingerSDKError,
)
from singer_sdk.helpers.capabilities import CapabilitiesEnum, TapCapabilities
from typing_extensions import override

from tap_cc_clicks.inputs import JSONFile, check_catalog, read_configs
from tap_cc_clicks.settings import jsonschema
from tap_cc_clicks.singer import SIGNAL_EXIT_BASE, ClosedPipeError
from tap_cc_clicks.streams import STREAMS
from tap_cc_clicks.streams.base import RunTap
from tap_cc_clicks.sync.run import InterruptedRun
from tap_cc_clicks.sync.state_format import load, stamp


class TapCCClicks(RunTap):
    """Singer tap for Constant Contact's email click report."""

    name = "tap-cc-clicks"
    package_name = "tap-cc-clicks"
    # Not ACTIVATE_VERSION: an incremental tap never writes a table anew.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability
        for capability in RunTap.capabilities
        if capability is not TapCapabilities.ACTIVATE_VERSION
    ]
    config_jsonschema = jsonschema()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        check_catalog(kwargs.get("catalog"), [stream.name for stream in STREAMS])
        super().__init__(*args, **kwargs)

    @override
    def discover_streams(self) -> Sequence[Stream]:
        return [stream(self) for stream in STREAMS]

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        for option in command.params:
            if option.name == "config":
                option.callback = read_configs
            if option.name in {"state", "catalog"}:
                option.type = JSONFile()
        return command

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        checked = load(state, self.streams)
        stamp(self.state)
        super().load_state(checked)


def main() -> None:
    """Run the tap from the command line; end in a sentence and an exit code."""
    logger = TapCCClicks.logger
    try:
        TapCCClicks.cli()
    except ConfigValidationError as error:
        for problem in error.errors:
            logger.error("%s", problem)  # noqa: TRY400
        sys.exit(1)
    except SingerSDKError as error:
        if isinstance(error, ClosedPipeError):
            # Nor can what is left in the buffer be written at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        logger.error("%s", error)  # noqa: TRY400
        sys.exit(1)
    except InterruptedRun as interruption:
        logger.warning("%s; state was written", interruption)
        sys.exit(SIGNAL_EXIT_BASE + interruption.signum)
