"""All uses of undocumented parts of the SDK, each with its reason.

``tests/unit/test_sdk.py`` fails when a release of the SDK changes one of these. The
SDK's minor version is pinned for the same reason.
"""

from __future__ import annotations

import abc
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import asdict
from singer_sdk import Stream, Tap, metrics
from singer_sdk.batch import Batcher
from singer_sdk.contrib.msgspec import MsgSpecWriter, enc_hook
from singer_sdk.exceptions import (
    ConfigValidationError,
    MapExpressionError,
    MapperNotInitialized,
    SingerSDKError,
)
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.helpers._state import StateWriter
from singer_sdk.helpers.types import Context, Record, TapState
from singer_sdk.mapper import CustomStreamMap, SameRecordTransform, _MapperEval
from singer_sdk.singerlib import SchemaMessage, StateMessage
from singer_sdk.singerlib.encoding.simple import Message
from singer_sdk.streams._state import StreamStateManager
from typing_extensions import override

from tap_cc_clicks.api.text import printable
from tap_cc_clicks.config import drop_retired, from_environment, problems, typed

# STATE is written after this many seconds and a tenth of the run, or after this many
# records and ten for each activity. What a run writes then grows with its records, and
# little is read again after a crash.
STATE_SECONDS = 60
STATE_RECORDS = 10_000
STATE_RECORDS_PER_PARTITION = 10
RUN_SHARE = 0.1
# The shell's exit code for a signal is this plus its number.
SIGNAL_EXIT_BASE = 128
# As the SDK's writer encodes.
ENCODER = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")


LOST = (
    "Nothing is lost: the next run continues from the last state that the target "
    "confirmed"
)
PIPE_CLOSED = f"The target closed the pipe: see its own messages. {LOST}"


class ClosedPipeError(SingerSDKError, OSError):
    """The target has stopped, or the disk is full."""


class _Line(Struct, tag_field="type", tag="RECORD", gc=False):
    """A RECORD message."""

    stream: str
    record: Any
    version: int | msgspec.UnsetType
    time_extracted: datetime


class _State(Struct, tag_field="type", tag="STATE"):
    """A STATE message."""

    value: msgspec.Raw


class PageWriter(MsgSpecWriter):
    """The SDK's writer, with a method for pages of records and one for encoded STATE.

    The SDK would copy every value of a state before it encodes it.

    Attributes:
        stated: Whether only schemas were written since the last STATE.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stated = True

    def write_message(self, message: Message) -> None:
        """Write a message to stdout."""
        if not isinstance(message, SchemaMessage):
            self.stated = isinstance(message, StateMessage)
        self._write(self.serialize_message(message))

    def write_records(self, stream: str, records: Iterable[Any]) -> None:
        """Write RECORD messages as the SDK would."""
        now = datetime.now(UTC)
        lines = [_Line(stream, record, msgspec.UNSET, now) for record in records]
        if lines:
            self.stated = False
            self._write(ENCODER.encode_lines(lines))

    def write_state(self, value: bytes) -> None:
        """Write a STATE message of an encoded state."""
        self.stated = True
        self._write(ENCODER.encode_lines([_State(msgspec.Raw(value))]))

    @staticmethod
    def _write(lines: bytes | bytearray) -> None:
        stdout, written = sys.stdout.buffer, 0
        # Released even if the pipe is closed: the SDK reuses this memory.
        with memoryview(lines) as view:
            # Without a buffer (PYTHONUNBUFFERED), a signal can cut a write short.
            try:
                while written < len(view):
                    written += stdout.write(view[written:])
                stdout.flush()
            except BrokenPipeError:
                raise ClosedPipeError(PIPE_CLOSED) from None
            except OSError as error:
                message = f"The output cannot be written: {error.strerror}. {LOST}"
                raise ClosedPipeError(message) from None


class PacedStateWriter(StateWriter):
    """Writes STATE at intervals: the SDK would write it after each context.

    Args:
        writer: Writes the message.

    Attributes:
        records: The number of records written, counted by the streams.
    """

    _message_writer: PageWriter

    def __init__(self, writer: PageWriter) -> None:
        super().__init__(writer)
        self.records = 0
        self._records_written = 0
        self._started = self._written = time.monotonic()
        self._last = b""

    @override
    def write_state(self, state: Any) -> None:
        """Write STATE if the interval is over."""
        if self._due(state):
            self.flush(state)

    def flush(self, state: Any) -> None:
        """Write STATE now, unless the last message was the same.

        It is repeated after records: a loader may emit state only if it comes last.
        """
        encoded = ENCODER.encode(state)
        if state and not (self._message_writer.stated and encoded == self._last):
            self._message_writer.write_state(encoded)
            self._last = encoded
        self._written = time.monotonic()
        self._records_written = self.records

    def _due(self, state: Mapping[str, Any]) -> bool:
        now = time.monotonic()
        pause = max(STATE_SECONDS, RUN_SHARE * (now - self._started))
        partitions = sum(
            len(bookmark.get("partitions", ())) + len(bookmark.get("read", ()))
            for bookmark in state.get("bookmarks", {}).values()
        )
        records = max(STATE_RECORDS, STATE_RECORDS_PER_PARTITION * partitions)
        return (
            now - self._written >= pause
            or self.records - self._records_written >= records
        )


class OwnState(StreamStateManager):
    """State that the stream itself moves.

    The SDK moves bookmarks with each record. Here a bookmark moves when everything up
    to it was read and written, so what the SDK writes is discarded.
    """

    def __init__(self, stream_name: str, tap_state: TapState) -> None:
        # Declared sorted: otherwise the SDK logs a line for each record.
        super().__init__(
            stream_name=stream_name,
            tap_state=tap_state,
            is_sorted=True,
            check_sorted=False,
        )

    @override
    def get_context_state(self, context: Context | None) -> dict[str, Any]:
        return dict(self.stream_state)

    @override
    def finalize_progress_markers(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: there are no progress markers."""


class OwnStream(Stream):
    """A stream that moves its own state and writes records by page.

    The SDK syncs the children for each record of the parent, with a SCHEMA, log lines
    and metrics each time. Here the parent passes pages to its children.
    """

    _tap: OwnTap

    @cached_property
    def state_manager(self) -> StreamStateManager:
        """The stream's state."""
        return OwnState(self.name, self._tap_state)

    @cached_property
    def record_counter(self) -> metrics.Counter:
        """Counts the records of all activities."""
        return self.get_record_counter()

    def write_schema(self) -> None:
        """Write the SCHEMA, so that the table is there even without records."""
        self._write_schema_message()

    @property
    def batching(self) -> bool:
        """Whether records are written as files with BATCH messages."""
        return self.get_batch_config(self.config) is not None

    def write_pages(self, pages: Iterable[list[Any]]) -> None:
        """Write the records of pages, structs or dicts."""
        if batch_config := self.get_batch_config(self.config):
            batcher = Batcher(self.tap_name, self.name, batch_config)
            records = (_as_dict(one) for page in pages for one in self._counted(page))
            for manifest in batcher.get_batches(records):
                self._write_batch_message(batch_config.encoding, manifest)
            return
        for page in pages:
            self._write_page(self._counted(page))

    def _write_page(self, page: list[Any]) -> None:
        if self.writes_pages:
            records = map(self._selected, page) if self._deselected else page
            self._tap.message_writer.write_records(self.name, records)
            return
        for record in page:
            self._write_record_message(_as_dict(record))

    def _counted(self, page: list[Any]) -> list[Any]:
        """Count and return a page, or as much of it as the SDK's test wants."""
        records = page[: self.ABORT_AT_RECORD_COUNT]
        self._tap.paced.records += len(records)
        self.record_counter.increment(len(records))
        return records

    @cached_property
    def writes_pages(self) -> bool:
        """Whether no stream map or flattening needs single records."""
        maps = self.stream_maps
        return (
            len(maps) == 1
            and type(maps[0]) is SameRecordTransform
            and not maps[0].flattening_enabled
            and not self.effective_schema.get("additionalProperties")
        )

    @cached_property
    def _deselected(self) -> frozenset[str]:
        properties = self.effective_schema["properties"]
        return frozenset(
            name
            for name in self.schema["properties"]
            if name not in properties or not self.mask["properties", name]
        )

    def _selected(self, record: Any) -> Record:
        return {
            name: value
            for name, value in _as_dict(record).items()
            if name not in self._deselected
        }


def _as_dict(record: Any) -> Record:
    return asdict(record) if isinstance(record, Struct) else record


class _Evaluator(_MapperEval):
    """Evaluates the expressions of a map. Its errors contain no values."""

    def __init__(self, stream_map: CustomStreamMap) -> None:
        super().__init__(functions=stream_map.functions)
        self._stream = stream_map.stream_name or stream_map.stream_alias

    @override
    def eval(self, expr: str, previously_parsed: Any = None) -> Any:
        """Evaluate an expression.

        Raises:
            MapExpressionError: The expression failed.
        """
        try:
            return super().eval(expr, previously_parsed)
        except Exception as error:  # noqa: BLE001 - whatever an expression may raise
            message = (
                f"The stream map of {self._stream} failed at the expression "
                f"{printable(expr)} ({type(error).__name__}): correct it in stream_maps"
            )
        # Outside of the handler: the traceback of the original error has the value.
        raise MapExpressionError(message)


class OwnTap(Tap, abc.ABC):
    """A tap that writes STATE at intervals and explains wrong settings."""

    message_writer_class = PageWriter
    message_writer: PageWriter
    handles_signals: bool = True
    """Whether Ctrl-C and SIGTERM end a run cleanly; ``cc-clicks`` just stops."""

    signum: int | None = None
    """The signal that the process got."""

    def __init__(
        self, *, config: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        # Stream maps, flattening and batches are settings too.
        self.append_builtin_config(self.config_jsonschema)
        super().__init__(config=typed(config or {}, self.config_jsonschema), **kwargs)
        # The SDK writes STATE through this.
        self._state_writer = self.paced
        # There is no mapper in discovery mode.
        with suppress(MapperNotInitialized):
            for one in chain.from_iterable(self.mapper.stream_maps.values()):
                if isinstance(one, CustomStreamMap):
                    one.expr_evaluator = _Evaluator(one)

    @cached_property
    def paced(self) -> PacedStateWriter:
        """Writes STATE."""
        return PacedStateWriter(self.message_writer)

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        """Settings from the environment; the SDK fails on numbers and objects."""
        cls.append_builtin_config(cls.config_jsonschema)
        return from_environment(cls.config_jsonschema, cls._env_var_prefix)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Validate the settings: the SDK's messages contain values, even secrets."""
        drop_retired(self._config)
        errors = problems(self._config, self.config_jsonschema)
        if errors and raise_errors:
            summary = "Config validation failed"
            raise ConfigValidationError(summary, errors=errors)
        # The SDK's own validation also fills in the defaults.
        return errors or super()._validate_config(raise_errors=False)

    @override
    def _setup_signal_handlers(self) -> None:
        """Handle signals, except in ``cc-clicks``."""
        if self.handles_signals and threading.current_thread() is (
            threading.main_thread()
        ):
            super()._setup_signal_handlers()

    @override
    def _handle_termination(self, signum: int, frame: Any) -> None:
        """Ask the run to stop: the SDK would write STATE inside another message.

        A second signal exits at once.
        """
        if self.signum is not None:
            sys.exit(SIGNAL_EXIT_BASE + signum)
        self.signum = signum
