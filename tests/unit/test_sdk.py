"""What this tap relies on inside the SDK: these tests fail if a release changes it.

The SDK names hooks that a tap overrides. What lies beyond them can change with any
release, so all of it is listed here, and found again by looking at the tap's classes.
"""

from __future__ import annotations

import ast
import copy
import inspect
import signal
import textwrap
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import Any

import pytest
from singer_sdk import Stream, Tap
from singer_sdk.batch import Batcher
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._state import StateWriter
from singer_sdk.mapper import _MapperEval
from singer_sdk.plugin_base import PluginBase
from singer_sdk.streams._state import StreamStateManager

from tap_cc_clicks import singer, tap
from tap_cc_clicks.singer import OwnState, PacedStateWriter, PageWriter
from tap_cc_clicks.streams import (
    STREAMS,
    base,
    campaign_streams,
    email_streams,
    report_streams,
)
from tap_cc_clicks.sync.run import InterruptedRun
from tap_cc_clicks.tap import TapCCClicks

CONFIG = {"client_id": "id", "refresh_token": "token"}


MODULES = (singer, base, report_streams, campaign_streams, email_streams, tap)


# Attributes that the SDK's documentation tells taps to set or override.
DOCUMENTED = {
    "capabilities",
    "config_jsonschema",
    "discover_streams",
    "generate_child_contexts",
    "get_records",
    "get_singer_command",
    "load_state",
    "log_sync_costs",
    "message_writer_class",
    "name",
    "package_name",
    "parent_stream_type",
    "primary_keys",
    "replication_key",
    "schema",
    "selected_by_default",
    "write_message",
}


# Overridden, set or called although it may change. This limit never rises.
MOST_UNDOCUMENTED = 12


UNDOCUMENTED = {
    # The tap's own writer limits how often STATE is written.
    "StateWriter.write_state",
    "Tap._state_writer",
    # A stream updates its state itself.
    "Stream.state_manager",
    "StreamStateManager.get_context_state",
    "StreamStateManager.finalize_progress_markers",
    # Messages of a child stream are written while its parent is read.
    "Stream._write_schema_message",
    "Stream._write_record_message",
    "Stream._write_batch_message",
    # Settings are validated with clear messages and read leniently.
    "PluginBase._env_var_config",
    "PluginBase._validate_config",
    # A signal ends the run between two messages.
    "PluginBase._setup_signal_handlers",
    "PluginBase._handle_termination",
}


# Private attributes that are only read.
READ = {
    "PluginBase._config",
    "PluginBase._env_var_prefix",
    "StateWriter._message_writer",
    "Stream._tap",
    "Stream._tap_state",
}


PRIVATE_MODULES = {
    "singer_sdk.helpers._classproperty",
    "singer_sdk.helpers._state",
    "singer_sdk.streams._state",
}


def tree_of(source: type | ModuleType) -> ast.Module:
    """Return the syntax tree of a class or module."""
    return ast.parse(textwrap.dedent(inspect.getsource(source)))


def of_itself(cls: type) -> Iterator[ast.Attribute]:
    """Yield the attributes a class reads or sets by self, cls or super()."""
    for node in ast.walk(tree_of(cls)):
        if isinstance(node, ast.Attribute):
            owner = node.value.func if isinstance(node.value, ast.Call) else node.value
            if isinstance(owner, ast.Name) and owner.id in {"self", "cls", "super"}:
                yield node


@cache
def members(cls: type) -> frozenset[str]:
    """Return the names a class defines, in its body or on an instance."""
    found = of_itself(cls)
    stored = {node.attr for node in found if isinstance(node.ctx, ast.Store)}
    return frozenset({*vars(cls), *stored})


def classes() -> list[type]:
    """Return the tap's classes that inherit from the SDK."""
    return [
        cls
        for module in MODULES
        for cls in vars(module).values()
        if inspect.isclass(cls) and cls.__module__ == module.__name__ and bases(cls)
    ]


def bases(cls: type) -> list[type]:
    """Return a class's base classes in the SDK, the nearest last."""
    return [one for one in cls.__mro__ if one.__module__.startswith("singer_sdk")][::-1]


def of_the_sdk(cls: type, names: set[str]) -> set[str]:
    """Return the names that the SDK has too, each with its first owner."""
    owners: dict[str, str] = {}
    for owner in bases(cls):
        for name in names & members(owner):
            owners.setdefault(name, owner.__name__)
    return {f"{owner}.{name}" for name, owner in owners.items()}


def is_private(name: str) -> bool:
    """Return whether a name is private."""
    return name.startswith("_") and not name.startswith("__")


def is_dunder(name: str) -> bool:
    """Return whether a name belongs to Python."""
    return name.startswith(("__", "_abc_"))


def undocumented() -> set[str]:
    """Return what the tap overrides, sets or calls beyond the documented hooks."""
    found: set[str] = set()
    for cls in classes():
        called = {
            node.func.attr
            for node in ast.walk(tree_of(cls))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and is_private(node.func.attr)
        }
        own = {name for name in members(cls) if not is_dunder(name)}
        found |= of_the_sdk(cls, (own | called) - DOCUMENTED)
    return found


def read() -> set[str]:
    """Return the private attributes of the SDK that the tap reads."""
    found: set[str] = set()
    for cls in classes():
        names = {node.attr for node in of_itself(cls) if is_private(node.attr)}
        found |= of_the_sdk(cls, names)
    return found - undocumented()


def test_only_the_listed_sdk_internals_are_overridden() -> None:
    """For another one, find a documented way or remove an entry."""
    assert undocumented() == UNDOCUMENTED
    assert len(UNDOCUMENTED) <= MOST_UNDOCUMENTED


def test_only_the_listed_private_attributes_are_read() -> None:
    """Any release may remove them."""
    assert read() == READ


def test_private_modules_are_imported_in_one_module() -> None:
    """A release that moves them affects only that module."""
    found = {
        (module.__name__, node.module)
        for module in MODULES
        for node in ast.walk(tree_of(module))
        if isinstance(node, ast.ImportFrom)
        and str(node.module).startswith("singer_sdk")
        and "._" in str(node.module)
    }
    assert found == {(singer.__name__, name) for name in PRIVATE_MODULES}


class _OneMore(singer.OwnStream):
    """A stream that overrides and calls unlisted methods."""

    def _sync_records(self, *_: Any, **__: Any) -> Any:
        self._sync_children(None)


def test_an_unlisted_override_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the tests above would check nothing."""
    monkeypatch.setitem(globals(), "classes", lambda: [_OneMore])
    assert undocumented() == {"Stream._sync_records", "Stream._sync_children"}


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (StateWriter, "write_state", ["self", "state"]),
        (Stream, "_write_schema_message", ["self"]),
        (Stream, "_write_record_message", ["self", "record"]),
        (Stream, "_write_batch_message", ["self", "encoding", "manifest"]),
        (Stream, "log_sync_costs", ["self"]),
        (Stream, "get_record_counter", ["self", "endpoint", "log_interval"]),
        (Stream, "get_batch_config", ["self", "config"]),
        (Stream, "get_records", ["self", "context"]),
        (Stream, "generate_child_contexts", ["self", "record", "context"]),
        (Batcher, "get_batches", ["self", "records"]),
        (_MapperEval, "eval", ["self", "expr", "previously_parsed"]),
        (Tap, "load_state", ["self", "state"]),
        (Tap, "_handle_termination", ["self", "signum", "frame"]),
        (Tap, "_setup_signal_handlers", ["self"]),
        (Tap, "_validate_config", ["self", "raise_errors"]),
        (StreamStateManager, "get_context_state", ["self", "context"]),
        (
            StreamStateManager,
            "finalize_progress_markers",
            ["self", "state", "partitions"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_overridden_methods_exist(
    owner: type, name: str, parameters: list[str]
) -> None:
    """They have the parameters that the tap's overrides and calls use."""
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_environment_settings_are_a_class_property() -> None:
    """The tap overrides it to read fractions."""
    assert isinstance(vars(PluginBase)["_env_var_config"], classproperty)


NEWER = "2027-01-01T00:00:00.000Z"


# Every method by which the SDK writes to the state of a stream.
WRITING: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "write_starting_replication_value": ((None, "INCREMENTAL", "at", {}), {}),
    "write_replication_key_signpost": ((NEWER,), {}),
    "increment_state": (({"at": NEWER},), {"replication_key": "at"}),
    "finalize_state": (({},), {}),
    "finalize_progress_markers": ((), {}),
}


def test_the_state_manager_has_no_other_method_that_writes() -> None:
    """A new one that moves bookmarks with records would conflict with the tap's."""
    public = {
        name
        for name, member in vars(StreamStateManager).items()
        if callable(member) and not name.startswith("_")
    }
    reading = {name for name in public if name.startswith(("get_", "is_", "log_"))}
    assert public - reading == set(WRITING)


@pytest.mark.parametrize("name", WRITING)
def test_the_sdk_does_not_change_bookmarks(name: str) -> None:
    """A bookmark advances only when everything up to it was written."""
    bookmark = {
        "replication_key": "at",
        "replication_key_value": "2026-01-01T00:00:00.000Z",
        "partitions": [{"context": {"campaign_activity_id": "a"}, "clicks": 1}],
    }
    state: Any = {"bookmarks": {"campaigns": bookmark}}
    before = copy.deepcopy(state)
    arguments, named = WRITING[name]
    getattr(OwnState("campaigns", state), name)(*arguments, **named)
    assert state == before


def test_the_tap_uses_its_own_writers_and_state_managers() -> None:
    """They are set where the SDK expects them."""
    made = TapCCClicks(config=CONFIG)
    assert isinstance(made.message_writer, PageWriter)
    assert isinstance(made.state_writer, PacedStateWriter)
    assert made.state_writer is made._state_writer is made.paced
    assert len(made.streams) == len(STREAMS)
    for stream in made.streams.values():
        assert isinstance(stream.state_manager, OwnState)


def test_the_state_manager_shares_the_taps_state() -> None:
    """Changes to it are written."""
    made = TapCCClicks(config=CONFIG)
    made.streams["campaigns"].stream_state["mark"] = 1
    assert made.state["bookmarks"]["campaigns"] == {"mark": 1}


def test_a_signal_is_for_the_run_however_early_it_comes() -> None:
    """The tap that only lists streams for another one handles none."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        TapCCClicks(validate_config=False)
        assert signal.getsignal(signal.SIGTERM) is before
        tap = TapCCClicks(config={"access_token": "a"})
        handle = signal.getsignal(signal.SIGTERM)
        assert callable(handle)
        handle(signal.SIGTERM, None)
        with pytest.raises(InterruptedRun, match="SIGTERM"):
            tap.run.heartbeat()
    finally:
        signal.signal(signal.SIGTERM, before)
