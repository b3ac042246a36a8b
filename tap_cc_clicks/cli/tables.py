"""How results are printed: tables, moments and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import msgspec
from rich import box
from rich.table import Table

from tap_cc_clicks.cli.options import console

if TYPE_CHECKING:
    from collections.abc import Sequence

HOURS_PER_DAY = 24
# A pipe has no width: what reads from it wants whole lines.
PLAIN_GAP = "  "


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: with lines in a terminal, with aligned columns elsewhere."""
    if console().is_terminal:
        table = Table(*header, box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*row)
        console().print(table)
        return
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo(PLAIN_GAP.join(cells).rstrip())


def print_json(value: Any) -> None:
    """Print a value as JSON that people can read too."""
    encoded = msgspec.json.format(msgspec.json.encode(value), indent=2)
    click.echo(encoded.decode())


def ago(hours: float | None) -> str:
    """Write a number of hours as people say it; nothing for None."""
    if hours is None:
        return ""
    if hours < 2 * HOURS_PER_DAY:
        return f"{hours:.0f} h"
    return f"{hours / HOURS_PER_DAY:,.0f} d"
