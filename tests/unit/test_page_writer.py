"""Pages of records are written as the SDK writes them."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib import RecordMessage

from tap_cc_clicks.singer import PageWriter
from tests.support import captured

RECORDS: list[dict[str, Any]] = [
    {"a": None, "b": 'é\u2028"\\', "c": 1.5, "d": [1, {"x": True}]},
    {},
]


def test_records_are_written_as_the_sdk_writes_them() -> None:
    """Messages are equal except for the time of extraction."""
    with captured() as fast:
        PageWriter().write_records("stream", RECORDS)
    with captured() as plain:
        for record in RECORDS:
            MsgSpecWriter().write_message(RecordMessage(stream="stream", record=record))
    for message in fast.messages:
        assert message.pop("time_extracted").endswith(("Z", "+00:00"))
    for message in plain.messages:
        message.pop("time_extracted", None)
    assert fast.messages == plain.messages


class _SlowPipe(io.RawIOBase):
    """A pipe that takes seven bytes at a time, as after a signal."""

    def __init__(self) -> None:
        self.held = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        """Take up to seven bytes."""
        self.held += bytes(data[:7])
        return min(7, len(data))


def test_a_partial_write_is_continued(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a line would be cut off and the following ones lost."""
    pipe = _SlowPipe()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=pipe))
    PageWriter().write_records("stream", RECORDS)
    lines = pipe.held.splitlines()
    assert [json.loads(line)["record"] for line in lines] == RECORDS
