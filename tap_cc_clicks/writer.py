"""Writing Singer messages, a page of records at a time where nothing else is asked."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.contrib.msgspec import MsgSpecWriter, enc_hook

if TYPE_CHECKING:
    from singer_sdk.singerlib.encoding.simple import Message


class PageWriter(MsgSpecWriter):
    """The SDK's writer, with a road for many records of one stream."""

    def __init__(self) -> None:
        """Make an encoder like the SDK's."""
        super().__init__()
        self._encoder = msgspec.json.Encoder(enc_hook=enc_hook, decimal_format="number")

    def write_message(self, message: Message) -> None:
        """Write a message to stdout."""
        self._write(self.serialize_message(message))

    def write_records(
        self, stream: str, records: list[dict[str, Any]], version: int | None
    ) -> None:
        """Write records as the SDK would, one RECORD message each.

        Args:
            stream: The stream's name.
            records: Its records, as they shall stand in the message.
            version: The stream's version, or None.
        """
        shared: dict[str, Any] = {} if version is None else {"version": version}
        shared["time_extracted"] = datetime.now(timezone.utc)
        messages = [
            {"type": "RECORD", "stream": stream, "record": record, **shared}
            for record in records
        ]
        if messages:
            self._write(self._encoder.encode_lines(messages))

    @staticmethod
    def _write(lines: bytes | bytearray) -> None:
        sys.stdout.buffer.write(lines)
        sys.stdout.buffer.flush()
