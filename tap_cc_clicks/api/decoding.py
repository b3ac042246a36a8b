"""Reading what the API answers: JSON, moments, and text that every loader can store."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.singerlib.utils import strptime_to_utc

if TYPE_CHECKING:
    import requests

# The form the API documents, which needs no rewriting: 2019-05-16T21:14:00.000Z
CANONICAL_MOMENT = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
    r"T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z",
    re.ASCII,
)
CANONICAL_LENGTH = 24
# NUL and lone surrogates, as JSON escapes them: no database takes either.
UNSTORABLE_ESCAPE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
SECONDS_PER_HOUR = 3600


def decode(content: bytes, kind: Any = Any) -> Any:
    """Decode a JSON body, with all text storable.

    Args:
        content: The body.
        kind: The type that is hoped for; what does not fit comes as dicts and lists.

    Raises:
        ValueError: The body is not JSON.
    """
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


def body_of(response: requests.Response, kind: Any = Any) -> Any:
    """Decode a response's body, once however often it is asked for.

    Args:
        response: The response.
        kind: As in :func:`decode`, for the one who asks first.

    Raises:
        ValueError: The body is not JSON.
    """
    known = vars(response)
    if "decoded_body" not in known:
        known["decoded_body"] = decode(response.content, kind)
    return known["decoded_body"]


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


def moment(text: str) -> str:
    """Return a moment in UTC, as the API writes it: milliseconds and ``Z``.

    Finer fractions are kept as microseconds.

    Raises:
        ValueError: The text is not an ISO 8601 moment.
    """
    if len(text) == CANONICAL_LENGTH and CANONICAL_MOMENT.fullmatch(text):
        return text
    return format_moment(strptime_to_utc(text))


def moment_or_none(value: object) -> str | None:
    """Return a moment in UTC, or None where the API gives none that can be read."""
    try:
        return moment(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def format_moment(when: datetime) -> str:
    """Write an aware datetime as :func:`moment` does."""
    when = when.astimezone(timezone.utc)
    precision = "microseconds" if when.microsecond % 1000 else "milliseconds"
    return when.isoformat(timespec=precision).replace("+00:00", "Z")


def earlier(text: str, hours: float) -> str:
    """Return the moment that many hours before another one."""
    try:
        return format_moment(strptime_to_utc(text) - timedelta(hours=hours))
    except OverflowError:
        return format_moment(datetime.min.replace(tzinfo=timezone.utc))


def now() -> str:
    """Return this moment, as the API writes it."""
    return format_moment(datetime.fromtimestamp(time.time(), timezone.utc))


def hours_since(text: str) -> float:
    """Return the hours that have passed since a moment."""
    return (datetime.now(timezone.utc) - strptime_to_utc(text)) / timedelta(hours=1)


def this_hour() -> int:
    """Return the hours since 1970."""
    return int(time.time() // SECONDS_PER_HOUR)


def is_recent(hour: int, hours: float) -> bool:
    """Tell whether an hour of then is no longer ago than so many hours.

    The hour that has begun counts as a whole one: nothing is put off too long. One that
    is yet to come was noted by a clock that was wrong, and counts as long ago.
    """
    return 0 <= this_hour() - hour <= hours - 1
