"""Settings of the chaos suite, and its summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.world import COUNTS
from tests.child import never_wait, often

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry without waiting, and write STATE often, to interrupt runs anywhere."""
    never_wait(monkeypatch.setattr)
    often(monkeypatch.setattr, 3)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the number of cases."""
    if COUNTS:
        told = ", ".join(f"{count:,} {what}" for what, count in COUNTS.items())
        terminalreporter.write_line(f"chaos: {told}")
