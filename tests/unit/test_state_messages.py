"""When STATE messages are written."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tap_cc_clicks.singer import STATE_RECORDS, STATE_SECONDS, PacedStateWriter


class FakeWriter:
    """A fake message writer."""

    def __init__(self) -> None:
        """Start without messages."""
        self.values: list[Any] = []
        self.stated = True

    def write_state(self, value: bytes) -> None:
        """Record the state."""
        self.values.append(json.loads(value))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock that the test sets."""
    now = [0.0]
    monkeypatch.setattr("tap_cc_clicks.singer.time.monotonic", lambda: now[0])
    return now


def test_state_is_written_after_some_time_or_records(clock: list[float]) -> None:
    """It is not written every time it is offered."""
    written: Any = FakeWriter()
    writer = PacedStateWriter(written)
    for step in range(2 * STATE_SECONDS + 1):
        clock[0] += 1
        writer.write_state({"bookmarks": {}, "step": step})
    assert len(written.values) == 2
    writer.records += STATE_RECORDS
    writer.write_state({"bookmarks": {}, "step": -1})
    assert written.values[-1]["step"] == -1


def test_an_unchanged_state_is_written_once() -> None:
    """It is written again only after further records.

    target-jsonl forwards a state only if it is the last message.
    """
    written: Any = FakeWriter()
    writer = PacedStateWriter(written)
    for _ in range(3):
        writer.flush({"bookmarks": {}})
    assert written.values == [{"bookmarks": {}}]
    written.stated = False
    writer.flush({"bookmarks": {}})
    assert written.values == 2 * [{"bookmarks": {}}]
