"""Timestamps in the API's form: ISO 8601 in UTC, with milliseconds and ``Z``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

# The documented form: 2019-05-16T21:14:00.000Z.
CANONICAL = re.compile(
    r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]"
    r"T(?:[01][0-9]|2[0-3]):[0-9][0-9]:[0-9][0-9]\.[0-9]{3}Z"
)
SECONDS_PER_HOUR = 3600
FIRST = "0001-01-01T00:00:00.000Z"
LAST = "9999-12-31T23:59:59.999Z"


def timestamp(text: str) -> str:
    """Return a timestamp in UTC, with milliseconds and ``Z``.

    Microseconds are kept. A timestamp without offset is in UTC.

    Raises:
        ValueError: The text is not an ISO 8601 timestamp, or is out of range.
    """
    if not CANONICAL.fullmatch(text):
        return format_timestamp(_datetime(text))
    # Raises for a day that does not exist.
    datetime.fromisoformat(text)
    return text


def timestamp_or_none(value: object) -> str | None:
    try:
        return timestamp(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def _datetime(text: str) -> datetime:
    # The parser accepts every ISO 8601 form except a lowercase z and outer spaces.
    when = datetime.fromisoformat(text.strip().upper())
    try:
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def format_timestamp(when: datetime) -> str:
    when = when.astimezone(UTC)
    precision = "microseconds" if when.microsecond % 1000 else "milliseconds"
    return when.isoformat(timespec=precision).replace("+00:00", "Z")


def earlier(text: str, hours: float) -> str:
    """Return the timestamp so many hours before, within the range of datetime."""
    try:
        return format_timestamp(_datetime(text) - timedelta(hours=hours))
    except OverflowError:
        return FIRST if hours > 0 else LAST


def now() -> str:
    return format_timestamp(datetime.fromtimestamp(time.time(), UTC))


def hours_since(text: str) -> float:
    return (time.time() - _datetime(text).timestamp()) / SECONDS_PER_HOUR


def this_hour() -> int:
    """Return the current hour, since 1970."""
    return int(time.time() // SECONDS_PER_HOUR)


def is_within(timestamps: Iterable[str | None], hours: float) -> bool:
    """Whether any of these timestamps is within the last hours."""
    since = earlier(now(), hours)
    return any(text > since for text in timestamps if text)


def hour_of(text: str | None) -> float:
    """Return a timestamp in hours since 1970; 0 for none."""
    return _datetime(text).timestamp() / SECONDS_PER_HOUR if text else 0
