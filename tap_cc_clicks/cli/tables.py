"""Print results: lines, tables, durations and JSON.

All output of the commands goes through this module. Text from the service, a file or a
database cannot control the terminal and is not interpreted as markup.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from tap_cc_clicks.api.text import printable
from tap_cc_clicks.cli.options import console

HOURS_PER_DAY = 24
# Separates cells where there is no terminal: lines are not wrapped or cut to a width.
PLAIN_GAP = "  "
LONGEST_LINE = 2000


def say(screen: Console, *cells: object, indent: str = "", style: str = "") -> None:
    """Print cells as one line, without control characters."""
    line = PLAIN_GAP.join(printable(cell, LONGEST_LINE) for cell in cells)
    screen.print(indent + line, style=style)


def table(
    header: Sequence[str], rows: Iterable[Iterable[object]], **look: Any
) -> Table:
    """Return a table for a terminal, without control characters.

    Args:
        header: The names of the columns.
        rows: The rows.
        look: Options of :class:`rich.table.Table`.
    """
    drawn = Table(*header, **look)
    for row in rows:
        drawn.add_row(*map(printable, row))
    return drawn


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table, with rules in a terminal only."""
    if console().is_terminal:
        console().print(table(header, rows, box=box.SIMPLE_HEAD))
        return
    lines = [list(map(printable, row)) for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo(PLAIN_GAP.join(cells).rstrip())


def print_json(value: Any, indent: int | None = 2) -> None:
    """Print a value as JSON in printable ASCII.

    Args:
        value: The value.
        indent: Spaces for each level; None for a single line.
    """
    click.echo(json.dumps(msgspec.to_builtins(value), indent=indent))


def ago(hours: float | None) -> str:
    """Format a number of hours; empty for None."""
    if hours is None:
        return ""
    if hours < 2 * HOURS_PER_DAY:
        return f"{hours:.0f} h"
    return f"{hours / HOURS_PER_DAY:,.0f} d"
