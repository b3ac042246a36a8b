"""Decoding JSON, within limits of memory, into text that every loader can store."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import msgspec

# NUL and lone surrogates, escaped in JSON: databases refuse both.
UNSTORABLE_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
# A page of 500 clicks has 6,500 values. An empty object takes 2 bytes in a body and 60
# in memory, so a limit of the size alone is not enough.
MOST_VALUES = 100_000
# Four times the nesting of the API.
DEEPEST = 20
# Possessive, and with an optional end: an unterminated string would otherwise take
# quadratic time.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
BRACKET = re.compile(STRING.pattern + rb"|(?P<open>[\[{])|(?P<close>[\]}])", re.DOTALL)

# Decoders are created at import time, by one thread: msgspec 0.22 crashes the process
# when two threads set up the same type at once.
ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()


def decode(content: bytes, decoder: msgspec.json.Decoder[Any] = ANYTHING) -> Any:
    """Decode a JSON body; replace characters that databases cannot store.

    Args:
        content: The body.
        decoder: Of the expected type; a body that does not fit is decoded as dicts and
            lists.

    Raises:
        ValueError: It is not JSON, or has more values than any response of the API.
    """
    if _values(content) > MOST_VALUES and _values(STRING.sub(b"", content)) > (
        MOST_VALUES
    ):
        message = "more values than any response"
        raise ValueError(message)
    if b"\\u" in content and UNSTORABLE_ESCAPE.search(content):
        # Only the standard library accepts a lone surrogate.
        return _storable(json.loads(_shallow(content)))
    try:
        if decoder is not ANYTHING:
            with suppress(msgspec.ValidationError, RecursionError):
                return decoder.decode(content)
        return ANYTHING.decode(_shallow(content))
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def _values(content: bytes) -> int:
    """Return a lower bound of the number of values in a body, minus one."""
    # Each value takes at least two bytes.
    if len(content) <= 2 * MOST_VALUES:
        return 0
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def _shallow(content: bytes) -> bytes:
    """Replace values that are nested too deeply by null."""
    if content.count(b"[") + content.count(b"{") <= DEEPEST:
        return content
    kept, start, depth = bytearray(), 0, 0
    for found in BRACKET.finditer(content):
        if found["open"]:
            if depth == DEEPEST:
                kept += content[start : found.start()]
                start = found.start()
            depth += 1
        elif found["close"]:
            depth -= 1
            if depth == DEEPEST:
                kept += b"null"
                start = found.end()
    # Unclosed brackets must stay invalid JSON.
    return bytes(kept) if depth > DEEPEST else bytes(kept + content[start:])


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
