"""STATE messages: when they are written, and when not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_cc_clicks.singer import STATE_RECORDS, STATE_SECONDS, PacedStateWriter


class Written:
    """Stands in for a message writer."""

    def __init__(self) -> None:
        """Have nothing written."""
        self.values: list[Any] = []
        self.stated = True

    def write_state(self, value: bytes) -> None:
        """Keep the state."""
        self.values.append(json.loads(value))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock of one number, set by hand."""
    now = [0.0]
    monkeypatch.setattr("tap_cc_clicks.singer.time.monotonic", lambda: now[0])
    return now


def test_state_is_written_by_time_and_by_records(clock: list[float]) -> None:
    """And not whenever it is offered."""
    written: Any = Written()
    writer = PacedStateWriter(written)
    for step in range(2 * STATE_SECONDS + 1):
        clock[0] += 1
        writer.write_state({"bookmarks": {}, "step": step})
    assert len(written.values) == 2
    writer.records += STATE_RECORDS
    writer.write_state({"bookmarks": {}, "step": -1})
    assert written.values[-1]["step"] == -1


def test_the_same_state_is_written_once() -> None:
    """However often the end of the run is said; but again after records.

    target-jsonl passes state on only if it is the last message.
    """
    written: Any = Written()
    writer = PacedStateWriter(written)
    for _ in range(3):
        writer.flush({"bookmarks": {}})
    assert written.values == [{"bookmarks": {}}]
    written.stated = False
    writer.flush({"bookmarks": {}})
    assert written.values == 2 * [{"bookmarks": {}}]
