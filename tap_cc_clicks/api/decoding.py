"""Decoding JSON, within bounds of memory, into text that every loader can store."""

from __future__ import annotations

import json
import re
from functools import cache
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


def decode(content: bytes, kind: Any = Any) -> Any:
    """Decode a JSON body, with all text storable.

    Args:
        content: The body.
        kind: The type that is hoped for; what does not fit comes as dicts and lists.

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
        return _decoded(content, kind)
    except RecursionError:
        message = "nested too deeply"
        raise ValueError(message) from None


def _values(content: bytes) -> int:
    """Return at least how many values a body holds, less one."""
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def _decoded(content: bytes, kind: Any) -> Any:
    if b"\\u" not in content or not UNSTORABLE_ESCAPE.search(content):
        try:
            return _decoder(kind).decode(content)
        except msgspec.ValidationError:
            return msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error
    # Only the standard library reads a lone surrogate instead of refusing the body.
    return _storable(json.loads(content))


@cache
def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
