"""Decoding JSON, within bounds of memory, into text that every loader can store."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import msgspec

# NUL and lone surrogates, as JSON escapes them: no database takes either.
UNSTORABLE_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
# A page of 500 clicks has 6,500 values. An empty object takes two bytes in a body and
# sixty in memory, so that the size alone would not bound what a body becomes.
MOST_VALUES = 100_000
# What the API nests at most is a quarter of this.
DEEPEST = 20
# A text without an end reaches to the end of the body: to look for its end again at
# each of its quotation marks would take hours.
STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
BRACKET = re.compile(STRING.pattern + rb"|(?P<open>[\[{])|(?P<close>[\]}])", re.DOTALL)


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
        ValueError: The body is not JSON, or holds more values than any answer of the
            API.
    """
    if _values(content) > MOST_VALUES and _values(STRING.sub(b"", content)) > (
        MOST_VALUES
    ):
        message = "more values than any answer"
        raise ValueError(message)
    if b"\\u" in content and UNSTORABLE_ESCAPE.search(content):
        # Only the standard library reads a lone surrogate instead of refusing the body.
        return _storable(json.loads(_shallow(content)))
    try:
        if decoder is not ANYTHING:
            with suppress(msgspec.ValidationError, RecursionError):
                return decoder.decode(content)
        return ANYTHING.decode(_shallow(content))
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def _values(content: bytes) -> int:
    """Return at least how many values a body holds, less one."""
    # Each takes two bytes at least.
    if len(content) <= 2 * MOST_VALUES:
        return 0
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def _shallow(content: bytes) -> bytes:
    """Return a body with null for each value that is nested too deeply.

    Such a value is no use to a loader, and nobody could walk through it.
    """
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
    # What never closes is not JSON, however little is kept of it.
    return bytes(kept) if depth > DEEPEST else bytes(kept + content[start:])


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value
