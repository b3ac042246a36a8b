"""``--test``: a test of the connection with a few requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.encoding.simple import Message
from singer_sdk.tap_base import CliTestOptionValue
from typing_extensions import override

from tap_cc_clicks.inputs import ConfigInput
from tap_cc_clicks.singer import PageWriter
from tap_cc_clicks.streams.base import RunTap

# Enough for a campaign and its reports.
FEW = {"max_requests": 5, "concurrency": 1}


class _Noting(PageWriter):
    """Notes which streams have a record."""

    def __init__(self) -> None:
        super().__init__()
        self.streams: set[str] = set()

    def write_message(self, message: Message) -> None:
        """Write a message to stdout."""
        if isinstance(message, RecordMessage):
            self.streams.add(message.stream)
        super().write_message(message)

    @override
    def write_records(self, stream: str, records: Iterable[Any]) -> None:
        self.streams.add(stream)
        super().write_records(stream, records)


def run_connection_test(
    tap_class: type[RunTap],
    theirs: Callable[..., Any] | None,
    ctx: click.Context,
    option: click.Parameter,
    value: str,
) -> None:
    """Read a little and end the command. The SDK's own test ignores failures.

    Args:
        tap_class: The tap.
        theirs: The SDK's callback of the option.
        ctx: The command, with its config.
        option: The option.
        value: Its value.

    Raises:
        FatalSyncError: Something could not be read.
    """
    if theirs and value != CliTestOptionValue.All.value:
        theirs(ctx, option, value)
        return
    given: ConfigInput = ctx.params["config"]
    found = tap_class(config=given.config, parse_env_config=given.parse_env).config
    noted = _Noting()
    tap = tap_class(config={**found, **FEW}, message_writer=noted)
    selected = {name: one for name, one in tap.streams.items() if one.selected}
    tap.run_sync_dry_run(streams=selected.values())
    if missing := ", ".join(sorted(selected.keys() - noted.streams)):
        tap.logger.info(
            "No record within %d requests of %s", FEW["max_requests"], missing
        )
    tap.run.failures.tell()
    tap.logger.info("The test went well")
    ctx.exit()
