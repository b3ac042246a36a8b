"""Read and write state files in the formats of the tap and of Meltano."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tap_cc_clicks.api import files
from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.cli.meltano_state import MELTANO, read_meltano
from tap_cc_clicks.cli.options import console
from tap_cc_clicks.cli.tables import say
from tap_cc_clicks.inputs import json_object, read_text
from tap_cc_clicks.streams import STREAMS
from tap_cc_clicks.sync.state_format import load

# The keys in which `meltano state get`, its backends and its database wrap a state.
WRAPPERS = ("completed_state", "completed", "singer_state")
PARTIAL = ("partial_state", "partial")
STDIN = "-"
EMPTY = (
    "The state is empty: before a first run, leave it out; else see by meltano state "
    "list which there are"
)


@dataclass(frozen=True)
class StateFile:
    """A state, and the document around it.

    Attributes:
        document: The whole document.
        state: The state in it, checked; changes to it change the document.
    """

    document: dict[str, Any]
    state: dict[str, Any]

    @property
    def encoded(self) -> bytes:
        """The document as one line of JSON."""
        return msgspec.json.encode(self.document) + b"\n"

    @property
    def size(self) -> int:
        """The size of the state in bytes."""
        return len(msgspec.json.encode(self.state))


def read_state(path: str) -> StateFile:
    """Read a state from a file, from stdin (``-``), or from Meltano.

    Raises:
        InputError: It cannot be read, or is not a state of this tap.
    """
    text = read_meltano() if path == MELTANO else read_text("state", path)
    document = json_object("state", text)
    state = document
    while wrapper := next((name for name in WRAPPERS if name in state), None):
        _refuse_partial(state)
        state = state[wrapper]
        if not isinstance(state, dict):
            message = f"The state cannot be used: its {wrapper} is not an object"
            raise InputError(message)
    load(state, [stream.name for stream in STREAMS])
    if not state.get("bookmarks"):
        if path != MELTANO:
            raise InputError(EMPTY)
        say(console(stderr=True), "Meltano has no state of this extractor yet")
    return StateFile(document, state)


def _refuse_partial(document: dict[str, Any]) -> None:
    """Reject a document with a partial state, which Meltano would merge again."""
    if any(document.get(name) for name in PARTIAL):
        message = (
            "The file holds a partial state besides the completed one: take what "
            "meltano state get prints, which has both in one"
        )
        raise InputError(message)


def write_file(path: Path, content: bytes) -> None:
    """Replace a file atomically and keep its permissions.

    Raises:
        InputError: It cannot be written.
    """
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else files.OWNER_ONLY
        files.replace(path, content, mode)
    except OSError as error:
        message = f"The state file {path} cannot be written: {error.strerror}"
        raise InputError(message) from None
