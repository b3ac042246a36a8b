"""A hostile service: its responses, and a server that must get no request."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.child import Fate, start
from tests.support import HANGS

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tap_cc_clicks.sandbox import Sandbox

LISTING = "/emails$"
CLICKS = "tracking/clicks"
SUMMARIES = "email_campaign_summaries"
# The property with the rows, by endpoint.
ENDPOINTS = {
    LISTING: "campaigns",
    SUMMARIES: "bulk_email_campaign_summaries",
    CLICKS: "tracking_activities",
    "/links$": "link_click_counts",
    "/stats/": "results",
    "/emails/[^/]+$": "campaign_activities",
}
# The streams that use all of these endpoints.
STREAMS = (
    "campaigns",
    "campaign_activities",
    "campaign_activity_details",
    "email_clicks",
    "email_links",
    "campaign_activity_details",
    "campaign_activity_stats",
)
AT = "2026-01-31T00:00:00.000Z"


@dataclass
class Evil:
    """A server that must get no request."""

    host: str
    listener: socket.socket

    def was_reached(self) -> bool:
        """Return whether anything has connected."""
        self.listener.settimeout(0)
        try:
            self.listener.accept()[0].close()
        except BlockingIOError:
            return False
        return True


@contextmanager
def evil_server() -> Generator[Evil]:
    """Listen for connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield Evil(f"127.0.0.1:{listener.getsockname()[1]}", listener)


def answer(key: str, *rows: str) -> bytes:
    """Return a response with rows."""
    return f'{{"{key}":[{",".join(rows)}]}}'.encode()


@dataclass
class Ended:
    """The output of a finished process."""

    code: int
    said: str
    messages: list[dict[str, Any]] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The lines of its log."""
        return self.said.split("\n")[:-1]


def run_process(
    sandbox: Sandbox,
    folder: Path,
    *arguments: str,
    fate: Fate | None = None,
    **config: Any,
) -> Ended:
    """Run the tap as a process."""
    process = start({**sandbox.config, **config}, folder, *arguments, fate=fate)
    written, said = process.communicate(timeout=HANGS)
    messages = [json.loads(line) for line in written.splitlines()]
    return Ended(process.returncode, said.decode(), messages)
