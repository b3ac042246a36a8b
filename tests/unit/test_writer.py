"""Writing messages to a pipe that may be closed."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from singer_sdk.singerlib import StateMessage

from tap_cc_clicks.writer import PageWriter

if TYPE_CHECKING:
    from typing_extensions import Buffer


class ClosedPipe(io.RawIOBase):
    """A pipe that nobody reads."""

    def writable(self) -> bool:
        """Say that it looks as if it could be written."""
        return True

    def write(self, _: Buffer) -> int:
        """Fail."""
        raise BrokenPipeError


def test_each_write_to_a_closed_pipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one failed in another way: the first still held the SDK's buffer."""
    writer = PageWriter()
    raw = ClosedPipe()
    monkeypatch.setattr("sys.stdout", type("Stdout", (), {"buffer": raw}))
    errors = []
    for value in ({}, {"bookmarks": {"campaigns": "longer"}}):
        with pytest.raises(BrokenPipeError) as error:
            writer.write_message(StateMessage(value=value))
        errors.append(error)
    assert len(errors) == 2
