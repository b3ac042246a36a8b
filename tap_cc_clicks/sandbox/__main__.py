"""``python -m tap_cc_clicks.sandbox``: run the simulator as a separate process."""

from __future__ import annotations

import argparse
import json
import os
import sys
import threading
import time
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from tap_cc_clicks.sandbox.dialects import DIALECTS
from tap_cc_clicks.sandbox.generate import generate
from tap_cc_clicks.sandbox.limits import Limits
from tap_cc_clicks.sandbox.replay import RecordingError, read_recording
from tap_cc_clicks.sandbox.runner import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

WATCH_SECONDS = 0.5
CHOICES = {"dialect": DIALECTS}


@dataclass(frozen=True)
class Options:
    """Options of the command line.

    Attributes:
        recipients: Number of contacts per email; 0 generates clicks only.
        port: Port to listen on, or 0 for a free one.
        latency: Delay of every response, in seconds.
        limits: Whether to enforce the API's limits: 4 a second, 10,000 a day.
        dialect: Response format, one of ``DIALECTS``.
        like: Recording by ``cc-clicks check --record`` whose format to imitate.
    """

    port: int = 0
    seed: int = 7
    campaigns: int = 40
    clicks: int = 3000
    recipients: int = 100
    latency: float = 0.0
    limits: bool = False
    dialect: str = "reference"
    like: str = ""


def serve(options: Options, announce: Callable[[Sandbox], None]) -> None:
    """Serve a generated account until interrupted or until the parent process exits.

    Raises:
        RecordingError: The file in ``options.like`` is not a valid recording.
    """
    sandbox = Sandbox(
        generate(
            options.seed,
            options.campaigns,
            options.clicks,
            recipients=options.recipients,
        ),
        port=options.port,
        latency=options.latency,
        dialect=options.dialect,
        like=read_recording(options.like) if options.like else None,
        limits=Limits(4, 10_000) if options.limits else Limits(),
    )
    threading.Thread(target=_end_with_parent, args=[os.getppid()], daemon=True).start()
    # Listen first: clients may connect as soon as they read the announcement.
    sandbox.socket.listen()
    announce(sandbox)
    sandbox.serve()


def main() -> None:
    """Start the server and print its settings as JSON."""
    parser = _parser()
    try:
        serve(Options(**vars(parser.parse_args())), _announce)
    except RecordingError as error:
        parser.error(str(error))


def _announce(sandbox: Sandbox) -> None:
    sys.stdout.write(json.dumps({**sandbox.config, "url": sandbox.url}) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tap_cc_clicks.sandbox", description=__doc__)
    for field in fields(Options):
        if field.default is False:
            parser.add_argument(f"--{field.name}", action="store_true")
        else:
            kind, choices = type(field.default), CHOICES.get(field.name)
            parser.add_argument(
                f"--{field.name}", type=kind, default=field.default, choices=choices
            )
    return parser


def _end_with_parent(parent: int) -> None:
    """Exit when the parent process has exited."""
    while os.getppid() == parent:
        time.sleep(WATCH_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main()
