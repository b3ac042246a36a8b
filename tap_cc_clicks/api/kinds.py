"""Kinds of values, as the schemas promise them, and a count of those that are none.

A record that breaks its own SCHEMA ends the loader. So each value passes through the
kind of its column: what can be converted is, what cannot becomes null and is counted.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.moments import moment
from tap_cc_clicks.api.text import printable

# Makes of a value what a column holds; a TypeError or ValueError says it cannot be.
Kind: TypeAlias = Callable[[Any], Any]
Columns: TypeAlias = Mapping[str, Kind]

# Exact in every language that reads JSON, and far above any count.
MOST_COUNTED = 2**53
LONGEST_ID = 100
LONGEST_ROLE = 40
ROLES_TOLD = 3
NO_ID = re.compile(r"[\x00-\x1f\x7f-\x9f]|^\.{0,2}$")
WHOLE = re.compile(r"[+-]?(\d{1,16})(\.0*)?", re.ASCII)


def identifier(value: object) -> str:
    """Return an id: a short text that can stand in a path, or a whole number."""
    told = str(value) if type(value) is int else value
    if not isinstance(told, str) or len(told) > LONGEST_ID or NO_ID.search(told):
        message = "no id"
        raise ValueError(message)
    return told


def text(value: object) -> str:
    """Return a text; what is none is written as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def texts(value: object) -> list[str]:
    """Return a list of texts."""
    if not isinstance(value, list):
        message = "no list"
        raise TypeError(message)
    return [text(item) for item in value if item is not None]


def number(value: object) -> int:
    """Return a whole number that no arithmetic overflows."""
    if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
        value = int(value.partition(".")[0])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or abs(value) > MOST_COUNTED:
        message = "no whole number"
        raise ValueError(message)
    return value


def count(value: object) -> int:
    """Return a number of things."""
    counted = number(value)
    if counted < 0:
        message = "less than nothing"
        raise ValueError(message)
    return counted


def date_time(value: object) -> str:
    """Return a moment in UTC."""
    return moment(value if isinstance(value, str) else "")


class Oddities:
    """Converts values, and counts those of a run that cannot be converted.

    Attributes:
        counts: How many there were, by stream and property.
        roles: How many activities have a role never heard of.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.roles: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, stream: str, name: str, kind: Kind, value: object) -> Any:
        """Return a value as its column holds it; None if it is not there or cannot be.

        Only an id is missed where it is not there.
        """
        absent = value is None or (value == "" and kind is not text)
        if absent and kind is not identifier:
            return None
        try:
            return kind(value)
        except (TypeError, ValueError, RecursionError):
            with self._lock:
                self.counts[stream, name] += 1
            return None

    def record(self, stream: str, columns: Columns, row: Record) -> Record:
        """Return what a row holds for these columns of a stream."""
        return {
            name: self.take(stream, name, kind, row.get(name))
            for name, kind in columns.items()
        }

    def note_role(self, role: str | None) -> None:
        """Count an activity's role that was never heard of."""
        with self._lock:
            self.roles[printable(role, LONGEST_ROLE)] += 1

    def told(self) -> Iterator[str]:
        """Yield a sentence for values that are none, and one for unknown roles.

        They name streams and properties, never a value.
        """
        if self.counts:
            counts = sorted(self.counts.items())
            told = ", ".join(
                f"{n:,} of {stream}.{name}" for (stream, name), n in counts
            )
            yield (
                "Values that are not what the API documents were left empty, and rows "
                f"without an id left out: {told}"
            )
        if self.roles:
            roles = ", ".join(sorted(self.roles)[:ROLES_TOLD])
            yield (
                f"{self.roles.total():,} activities have a role that the tap does not "
                f"know ({roles}): they may have clicks, but no report is asked of "
                "them. Please report it"
            )
