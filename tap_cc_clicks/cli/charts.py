"""Charts for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console

BAR_WIDTH = 40


def chart(screen: Console, title: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Draw a bar for each row: its label, and how many."""
    rows = list(rows)
    most = max((int(count) for _, count in rows), default=1)
    screen.print(f"\n{title}", style="bold")
    for label, count in rows:
        bar = "█" * max(1, round(BAR_WIDTH * int(count) / most))
        screen.print(f"{label!s:>10} {bar} {count}", highlight=False, markup=False)
