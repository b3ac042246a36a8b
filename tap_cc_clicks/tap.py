"""The tap: its settings, its streams, and its command."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import click
from singer_sdk import Stream
from singer_sdk.helpers.capabilities import CapabilitiesEnum, TapCapabilities
from typing_extensions import override

from tap_cc_clicks.api.log_filter import guard_logs
from tap_cc_clicks.catalog import check_catalog, check_maps
from tap_cc_clicks.config import check_log_level
from tap_cc_clicks.connection_test import run_connection_test
from tap_cc_clicks.error_handling import exit_on_error
from tap_cc_clicks.inputs import ConfigInput, JSONFile
from tap_cc_clicks.settings import jsonschema
from tap_cc_clicks.singer import SIGNAL_EXIT_BASE
from tap_cc_clicks.streams import STREAMS
from tap_cc_clicks.streams.base import RunTap
from tap_cc_clicks.sync.run import InterruptedRun
from tap_cc_clicks.sync.state_format import load, stamp


class TapCCClicks(RunTap):
    """Singer tap for Constant Contact's email click report."""

    name = "tap-cc-clicks"
    package_name = "tap-cc-clicks"
    # Not ACTIVATE_VERSION: an incremental tap never replaces a table.
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        capability
        for capability in RunTap.capabilities
        if capability is not TapCapabilities.ACTIVATE_VERSION
    ]
    config_jsonschema = jsonschema()

    def __init__(self, *, catalog: Any = None, **kwargs: Any) -> None:
        runs = kwargs.get("validate_config", True)
        # The tap below only lists its streams: a signal is for this one.
        self.handles_signals = self.handles_signals and runs
        if catalog is None and runs:
            # Or the SDK looks at maps of streams that are not selected by default.
            catalog = type(self)(validate_config=False).catalog_dict
        if isinstance(catalog, Mapping):
            catalog = check_catalog(catalog, STREAMS)
        super().__init__(catalog=catalog, **kwargs)
        maps = self.config.get("stream_maps")
        if maps and runs:
            columns = {
                name: stream.schema["properties"]
                for name, stream in self.streams.items()
            }
            check_maps(maps, columns)

    @override
    def discover_streams(self) -> Sequence[Stream]:
        return [stream(self) for stream in STREAMS]

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        command = super().get_singer_command()
        for option in command.params:
            if option.name == "config":
                option.callback = lambda *given: ConfigInput.of(given[-1])
            if option.name in {"state", "catalog"}:
                option.type = JSONFile()
            if option.name == "test":
                option.callback = partial(run_connection_test, cls, option.callback)
        return command

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        checked = load(state, self.streams)
        stamp(self.state)
        super().load_state(checked)


def main() -> None:
    """Run the tap from the command line; end in a sentence and an exit code."""
    logger = TapCCClicks.logger
    guard_logs(logger.name)
    with exit_on_error(logger.error):
        check_log_level()
        try:
            TapCCClicks.cli()
        except InterruptedRun as interruption:
            logger.warning("%s; state was written", interruption)
            sys.exit(SIGNAL_EXIT_BASE + interruption.signum)
