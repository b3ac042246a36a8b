"""What this tap relies on inside the SDK: fails when an SDK release changes it."""

from __future__ import annotations

import inspect
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from singer_sdk import RESTStream, Stream, Tap
from singer_sdk.contrib.msgspec import MsgSpecWriter
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._state import StateWriter
from singer_sdk.plugin_base import PluginBase
from singer_sdk.singerlib import RecordMessage
from singer_sdk.streams._state import StreamStateManager

from tap_cc_clicks.state import ActivityBookmarks, OwnState, PacedStateWriter
from tap_cc_clicks.tap import TapCCClicks
from tap_cc_clicks.writer import PageWriter
from tests.support import captured

CONFIG = {"client_id": "id", "refresh_token": "token"}


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (StateWriter, "write_state", ["self", "state"]),
        (Stream, "_sync_records", ["self", "context", "write_messages"]),
        (Stream, "_sync_children", ["self", "child_context"]),
        (Stream, "_write_schema_message", ["self"]),
        (Stream, "_write_activate_version_message", ["self", "full_table_version"]),
        (Stream, "log_sync_costs", ["self"]),
        (Stream, "finalize_state_progress_markers", ["self", "state"]),
        (Stream, "get_record_counter", ["self", "endpoint", "log_interval"]),
        (Stream, "log", ["self", "message", "args", "level", "kwargs"]),
        (RESTStream, "get_http_request", ["self", "page"]),
        (RESTStream, "request_records", ["self", "context"]),
        (RESTStream, "get_http_request_counter", ["self"]),
        (Tap, "load_state", ["self", "state"]),
        (Tap, "_handle_termination", ["self", "signum", "frame"]),
        (Tap, "_setup_signal_handlers", ["self"]),
        (Tap, "_validate_config", ["self", "raise_errors"]),
        (StreamStateManager, "get_context_state", ["self", "context"]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_overridden_methods_are_there(
    owner: type, name: str, parameters: list[str]
) -> None:
    """With the parameters that the overrides take."""
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_settings_of_the_environment_come_where_they_are_completed() -> None:
    """Fractions are read there."""
    assert isinstance(vars(PluginBase)["_env_var_config"], classproperty)


def test_the_state_manager_writes_only_by_methods_that_are_replaced() -> None:
    """A new one that moves bookmarks with records would undo the tap's own."""
    own = {"get_context_state"}
    public = {
        name
        for name, member in vars(StreamStateManager).items()
        if callable(member) and not name.startswith("_")
    }
    reading = {name for name in public if name.startswith(("get_", "is_", "log_"))}
    assert public - reading - own <= set(vars(OwnState))


def test_the_tap_uses_its_own_writers_and_state_managers() -> None:
    """Where the SDK looks for them."""
    tap = TapCCClicks(config=CONFIG)
    assert isinstance(tap.message_writer, PageWriter)
    assert isinstance(tap.state_writer, PacedStateWriter)
    assert tap.state_writer is tap._state_writer
    assert isinstance(tap.streams["email_clicks"].state_manager, ActivityBookmarks)
    assert isinstance(tap.streams["campaigns"].state_manager, OwnState)


def test_the_state_manager_shares_the_taps_state() -> None:
    """What it moves is what is written."""
    tap = TapCCClicks(config=CONFIG)
    tap.streams["campaigns"].stream_state["mark"] = 1
    assert tap.state["bookmarks"]["campaigns"] == {"mark": 1}


RECORDS: list[dict[str, Any]] = [
    {"a": None, "b": 'é\u2028"\\', "c": 1.5, "d": [1, {"x": True}]},
    {},
]


@pytest.mark.parametrize("version", [None, 7])
def test_records_are_written_as_the_sdk_writes_them(version: int | None) -> None:
    """Byte for byte, but for the moment of extraction."""
    with captured() as fast:
        PageWriter().write_records("stream", RECORDS, version)
    with captured() as plain:
        for record in RECORDS:
            MsgSpecWriter().write_message(
                RecordMessage(stream="stream", record=record, version=version)
            )
    for message in fast.messages:
        assert message.pop("time_extracted").endswith(("Z", "+00:00"))
    for message in plain.messages:
        message.pop("time_extracted", None)
    assert fast.messages == plain.messages


class _Sluggish(io.RawIOBase):
    """Takes seven bytes at a time, as a pipe may when a signal comes in between."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self.held = b""

    def writable(self) -> bool:
        """Say yes."""
        return True

    def write(self, data: Any, /) -> int:
        """Take a little."""
        self.held += bytes(data[:7])
        return min(7, len(data))


def test_a_write_cut_short_is_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a line would be torn, and what follows it lost."""
    pipe = _Sluggish()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=pipe))
    PageWriter().write_records("stream", RECORDS, None)
    lines = pipe.held.splitlines()
    assert [json.loads(line)["record"] for line in lines] == RECORDS
