"""Writing messages to a pipe, which may be closed."""

from __future__ import annotations

import json
import os
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.singerlib import StateMessage

from tap_cc_clicks.singer import ClosedPipeError, PacedStateWriter, PageWriter
from tests.support import captured


def test_each_write_to_a_closed_pipe_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The second write used to fail with another error, due to the SDK's buffer."""
    reader, writer = os.pipe()
    os.close(reader)
    messages = PageWriter()
    errors = []
    with os.fdopen(writer, "wb", buffering=0) as pipe:
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=pipe))
        for value in ({}, {"bookmarks": {"campaigns": "longer"}}):
            with pytest.raises(ClosedPipeError, match="closed the pipe") as error:
                messages.write_message(StateMessage(value=value))
            # The errors are kept, as tracebacks keep their frames alive.
            errors.append(error)
    assert len(errors) == 2


def test_state_is_written_as_the_sdk_writes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The SDK's copy of every value, which takes 30 times as long, is avoided."""
    state: dict[str, Any] = {
        "version": 2,
        "bookmarks": {"a": {"x": None, "y": Decimal("1.50"), "z": [1, "é"]}},
    }
    with captured() as plain:
        MsgSpecWriter().write_message(StateMessage(value=state))
    forbidden: Any = None
    monkeypatch.setattr(StateMessage, "to_dict", forbidden)
    with captured() as fast:
        PacedStateWriter(PageWriter()).flush(state)
    assert json.dumps(fast.messages) == json.dumps(plain.messages)
