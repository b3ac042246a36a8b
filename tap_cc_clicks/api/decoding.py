"""Decoding JSON, within bounds of memory, into text that every loader can store."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

# NUL and lone surrogates, as JSON escapes them: no database takes either.
UNSTORABLE_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
# A page of 500 clicks has 6,500 values. An empty object takes two bytes in a body and
# sixty in memory, so that the size alone would not bound what a body becomes.
MOST_VALUES = 100_000
STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


# Decoders are made where modules are imported, by one thread: msgspec 0.22 crashes the
# process when two threads set up the same type at once.
ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def decode(content: bytes, decoder: msgspec.json.Decoder[Any] = ANYTHING) -> Any:
    """Decode a JSON body, with all text storable.

    Args:
        content: The body.
        decoder: Of the type that is hoped for; what does not fit comes as dicts and
            lists.

    Raises:
        ValueError: The body is not JSON, is nested too deeply, or holds more values
            than any answer of the API.
    """
    if _values(content) > MOST_VALUES and _values(STRING.sub(b"", content)) > (
        MOST_VALUES
    ):
        message = "more values than any answer"
        raise ValueError(message)
    try:
        return _decoded(content, decoder)
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None


def _values(content: bytes) -> int:
    """Return at least how many values a body holds, less one."""
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def _decoded(content: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    if b"\\u" not in content or not UNSTORABLE_ESCAPE.search(content):
        try:
            return decoder.decode(content)
        except msgspec.ValidationError:
            return ANYTHING.decode(content)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error
    # Only the standard library reads a lone surrogate instead of refusing the body.
    return _storable(json.loads(content))


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
