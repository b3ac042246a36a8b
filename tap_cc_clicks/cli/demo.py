"""``cc-clicks demo``: two runs of the tap against a simulated account."""

from __future__ import annotations

import io
from collections import Counter
from contextlib import ExitStack, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click
import msgspec
from rich.console import Console
from rich.table import Table

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.cli.charts import chart
from tap_cc_clicks.cli.options import CommandTap, console
from tap_cc_clicks.cli.sandbox import simulator
from tap_cc_clicks.cli.tables import say, table

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

NEW_CLICKS = 250
TOP_LINKS = 8
FULL_DEMO = "The full demo, with Meltano and PostgreSQL: `make demo` in the repository."


@dataclass
class Warehouse:
    """A target in memory.

    Attributes:
        clicks: Link, person and device of each click, by ``click_id``.
        state: The last state.
    """

    clicks: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    state: dict[str, Any] = field(default_factory=dict)

    def take(self, line: bytes) -> None:
        """Process a message."""
        message = msgspec.json.decode(line)
        if message["type"] == "STATE":
            self.state = message["value"]
        elif message["type"] == "RECORD" and message["stream"] == "email_clicks":
            row = message["record"]
            # Upserted by key as in a target: a click that is read twice is kept once.
            self.clicks[row["click_id"]] = (
                row["link_url"],
                row["contact_id"],
                row.get("device_type") or "(unknown)",
            )


@click.command()
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the Singer messages into this file too.",
)
def demo(output: Path | None) -> None:
    """Read a simulated account twice, with new clicks in between, and show them."""
    simulator()
    from tap_cc_clicks.sandbox import Sandbox, generate  # noqa: PLC0415

    screen, warehouse = console(), Warehouse()
    with ExitStack() as stack:
        file = stack.enter_context(_opened(output)) if output else None
        running = stack.enter_context(Sandbox(generate()))
        screen.print(run_twice(running, warehouse, file))
    show(warehouse, screen)
    if output:
        say(screen)
        say(screen, f"The Singer messages are in {output}.")
    say(screen)
    say(screen, FULL_DEMO)


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("wb")
    except OSError as error:
        message = f"{path} cannot be written: {error.strerror}"
        raise InputError(message) from None


def run_twice(sandbox: Sandbox, warehouse: Warehouse, file: BinaryIO | None) -> Table:
    """Run the tap twice, and return the requests and clicks of each run."""
    rows = []
    for name in ("first", f"second, after {NEW_CLICKS} clicks"):
        sandbox.log.clear()
        messages = written(sandbox, warehouse.state)
        if file:
            file.write(messages)
        for line in messages.splitlines():
            warehouse.take(line)
        requests = sandbox.log.counts().total()
        rows.append(
            (name, requests, len(warehouse.clicks), len(sandbox.account.rows()))
        )
        if name == "first":
            sandbox.account.advance(hours=6)
            sandbox.account.add_clicks(NEW_CLICKS)
    return table(["Run", "Requests", "Clicks loaded", "in the account"], rows)


def written(sandbox: Sandbox, state: dict[str, Any]) -> bytes:
    """Return the stdout of a run."""
    tap = CommandTap(config=sandbox.config, state=state)
    buffer = io.BytesIO()
    with redirect_stdout(io.TextIOWrapper(buffer, "utf-8", write_through=True)):
        tap.sync_all()
        return buffer.getvalue()


def show(warehouse: Warehouse, screen: Console) -> None:
    """Show the most clicked links, and the devices."""
    rows = warehouse.clicks.values()
    links = [
        (link, clicks, len({person for url, person, _ in rows if url == link}))
        for link, clicks in Counter(link for link, _, _ in rows).most_common(TOP_LINKS)
    ]
    screen.print(table(["Link", "Clicks", "People"], links, title="Top links"))
    devices = Counter(device for _, _, device in rows)
    chart(screen, "Clicks by device", devices.most_common())
