"""Writing messages to a pipe that may be closed."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from singer_sdk.singerlib import StateMessage

from tap_cc_clicks.singer import ClosedPipeError, PageWriter


def test_each_write_to_a_closed_pipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one failed in another way: the first still held the SDK's buffer."""
    reader, writer = os.pipe()
    os.close(reader)
    messages = PageWriter()
    errors = []
    with os.fdopen(writer, "wb", buffering=0) as pipe:
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=pipe))
        for value in ({}, {"bookmarks": {"campaigns": "longer"}}):
            with pytest.raises(ClosedPipeError, match="closed the pipe") as error:
                messages.write_message(StateMessage(value=value))
            # Kept, as a traceback keeps what its frames hold.
            errors.append(error)
    assert len(errors) == 2
