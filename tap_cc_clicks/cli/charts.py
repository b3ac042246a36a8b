"""Charts for the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console

from tap_cc_clicks.api.text import printable
from tap_cc_clicks.cli.tables import say

BAR_WIDTH = 40
LABEL_WIDTH = 10


def chart(screen: Console, title: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Draw a bar for each row of label and count."""
    rows = list(rows)
    most = max((int(count) for _, count in rows), default=1)
    say(screen)
    say(screen, title, style="bold")
    for label, count in rows:
        bar = "█" * max(1, round(BAR_WIDTH * int(count) / most))
        name = printable(label)
        say(screen, f"{name} {bar} {count}", indent=" " * (LABEL_WIDTH - len(name)))
