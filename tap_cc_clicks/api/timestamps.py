"""Moments as the API writes them: ISO 8601 in UTC, with milliseconds and ``Z``."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

# The documented form, which needs no rewriting: 2019-05-16T21:14:00.000Z. Whether there
# is such a day is left to the parser.
CANONICAL = re.compile(
    r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]"
    r"T(?:[01][0-9]|2[0-3]):[0-9][0-9]:[0-9][0-9]\.[0-9]{3}Z"
)
SECONDS_PER_HOUR = 3600
FIRST = "0001-01-01T00:00:00.000Z"
LAST = "9999-12-31T23:59:59.999Z"


def timestamp(text: str) -> str:
    """Return a moment in UTC: milliseconds and ``Z``.

    Finer fractions are kept as microseconds. A moment without offset is in UTC.

    Raises:
        ValueError: The text is not an ISO 8601 moment, or is out of range.
    """
    if not CANONICAL.fullmatch(text):
        return format_timestamp(_datetime(text))
    # How long a month is, only the parser knows.
    datetime.fromisoformat(text)
    return text


def timestamp_or_none(value: object) -> str | None:
    """Return a moment in UTC, or None where the API gives none that can be read."""
    try:
        return timestamp(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def _datetime(text: str) -> datetime:
    # The parser takes any form of the standard, but for a small z and space around.
    when = datetime.fromisoformat(text.strip().upper())
    try:
        return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def format_timestamp(when: datetime) -> str:
    """Write an aware datetime in UTC as :func:`moment` does."""
    when = when.astimezone(UTC)
    precision = "microseconds" if when.microsecond % 1000 else "milliseconds"
    return when.isoformat(timespec=precision).replace("+00:00", "Z")


def earlier(text: str, hours: float) -> str:
    """Return the moment so many hours before another one, within what there is."""
    try:
        return format_timestamp(_datetime(text) - timedelta(hours=hours))
    except OverflowError:
        return FIRST if hours > 0 else LAST


def now() -> str:
    """Return this moment."""
    return format_timestamp(datetime.fromtimestamp(time.time(), UTC))


def hours_since(text: str) -> float:
    """Return the hours that have passed since a moment."""
    return (time.time() - _datetime(text).timestamp()) / SECONDS_PER_HOUR


def this_hour() -> int:
    """Return the hours since 1970."""
    return int(time.time() // SECONDS_PER_HOUR)


def is_within(timestamps: Iterable[str | None], hours: float) -> bool:
    """Tell whether any of these moments lies within the last hours."""
    since = earlier(now(), hours)
    return any(text > since for text in timestamps if text)


def hour_of(text: str | None) -> float:
    """Return the hours from 1970 to a moment; 0 for none."""
    return _datetime(text).timestamp() / SECONDS_PER_HOUR if text else 0
