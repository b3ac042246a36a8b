"""Writing Singer messages, a page of records at a time where nothing else is asked."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.contrib.msgspec import MsgSpecWriter, enc_hook
from singer_sdk.singerlib import SchemaMessage, StateMessage

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message


class _Line(msgspec.Struct, tag_field="type", tag="RECORD", gc=False):
    """A RECORD message."""

    stream: str
    record: Any
    version: int | msgspec.UnsetType
    time_extracted: datetime


class PageWriter(MsgSpecWriter):
    """The SDK's writer, with a road for many records of one stream.

    Attributes:
        stated: Whether nothing but schemas was written since the last STATE.
    """

    def __init__(self) -> None:
        """Make an encoder like the SDK's."""
        super().__init__()
        self.stated = True
        self._encoder = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")

    def write_message(self, message: Message) -> None:
        """Write a message to stdout."""
        if not isinstance(message, SchemaMessage):
            self.stated = isinstance(message, StateMessage)
        self._write(self.serialize_message(message))

    def write_records(
        self, stream: str, records: list[Any], version: int | None
    ) -> None:
        """Write records as the SDK would, one RECORD message each.

        Args:
            stream: The stream's name.
            records: Its records, as they shall stand in the message.
            version: The stream's version, or None.
        """
        now = datetime.now(timezone.utc)
        lines = [
            _Line(stream, record, version or msgspec.UNSET, now) for record in records
        ]
        if lines:
            self.stated = False
            self._write(self._encoder.encode_lines(lines))

    @staticmethod
    def _write(lines: bytes | bytearray) -> None:
        stdout, written = sys.stdout.buffer, 0
        # Let go of even when the pipe is closed: the SDK writes its next message into
        # the same memory.
        with memoryview(lines) as view:
            # Without a buffer (PYTHONUNBUFFERED), a signal can cut a write short.
            while written < len(view):
                written += stdout.write(view[written:])
        stdout.flush()
