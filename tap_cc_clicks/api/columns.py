"""Column types: conversion of values, and a count of what does not fit.

A record that does not fit its SCHEMA ends the loader. So each value is converted to its
column's type; what cannot be converted becomes null and is counted.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.text import printable
from tap_cc_clicks.api.timestamps import timestamp

# Converts a value to a column's type; raises TypeError or ValueError if it cannot.
Converter: TypeAlias = Callable[[Any], Any]
Columns: TypeAlias = Mapping[str, Converter]

# Exact in every language that reads JSON.
MOST_COUNTED = 2**53
LONGEST_ID = 100
LONGEST_NAME = 40
NO_ID = re.compile(r"[\x00-\x1f\x7f-\x9f]|^\.{0,2}$")
NAME = re.compile(r"[A-Za-z_][\w.]{0,39}", re.ASCII)
NO_NAME = "…"
# Kinds of anomalies.
VALUES, ROLES, UNKNOWN, MISSING = "values", "roles", "unknown", "missing"
WHOLE = re.compile(r"[+-]?(\d{1,16})(\.0*)?", re.ASCII)


def identifier(value: object) -> str:
    """Return an id: a short text that can be part of a path, or a whole number."""
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or len(text) > LONGEST_ID or NO_ID.search(text):
        message = "not an id"
        raise ValueError(message)
    return text


def text(value: object) -> str:
    """Return a text; other values are written as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def texts(value: object) -> list[str]:
    if not isinstance(value, list):
        message = "not a list"
        raise TypeError(message)
    return [text(item) for item in value if item is not None]


def number(value: object) -> int:
    """Return a whole number within 53 bits."""
    if isinstance(value, str) and WHOLE.fullmatch(value.strip()):
        value = int(value.partition(".")[0])
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or abs(value) > MOST_COUNTED:
        message = "not a whole number"
        raise ValueError(message)
    return value


def count(value: object) -> int:
    counted = number(value)
    if counted < 0:
        message = "a negative number"
        raise ValueError(message)
    return counted


def date_time(value: object) -> str:
    return timestamp(value if isinstance(value, str) else "")


@dataclass(frozen=True)
class Shape:
    """The properties that the rows of a response may have.

    Attributes:
        name: In messages: the name of a stream or a list.
        known: Properties that are read, or left out on purpose.
        required: Properties that the vendor's contract requires.
    """

    name: str
    known: frozenset[str]
    required: frozenset[str] = frozenset()


class Anomalies:
    """Converts values, and counts what differs from the documentation.

    Attributes:
        counts: How often, by kind and by the part of the response.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._looked_at: set[Shape] = set()
        self._lock = threading.Lock()

    def note(self, found: str, part: str, times: int = 1) -> None:
        """Count an anomaly; 0 times if it is not countable."""
        with self._lock:
            self.counts[found, part] += times

    def convert(self, stream: str, name: str, kind: Converter, value: object) -> Any:
        """Convert a value to its column's type; None if it is absent or invalid.

        An absent value is only counted if it is an id.
        """
        absent = value is None or (value == "" and kind is not text)
        if absent and kind is not identifier:
            return None
        try:
            return kind(value)
        except (TypeError, ValueError, RecursionError):
            self.note(VALUES, f"of {stream}.{name}")
            return None

    def record(self, stream: str, columns: Columns, row: Record) -> Record:
        return {
            name: self.convert(stream, name, kind, row.get(name))
            for name, kind in columns.items()
        }

    def note_role(self, role: str | None) -> None:
        self.note(ROLES, f"with role {printable(role, LONGEST_NAME)}")

    def is_new(self, shape: Shape) -> bool:
        """Whether no rows of this shape were checked yet."""
        return shape not in self._looked_at

    def check(self, shape: Shape, rows: Sequence[Record]) -> None:
        """Note unknown and missing properties, on a run's first page of each shape."""
        if not rows or not self.is_new(shape):
            return
        self._looked_at.add(shape)
        for name in set().union(*rows) - shape.known:
            shown = name if NAME.fullmatch(name) else NO_NAME
            self.note(UNKNOWN, f"{shape.name}.{shown}", 0)
        for name in shape.required:
            if any(row.get(name) is None for row in rows):
                self.note(MISSING, f"{shape.name}.{name}", 0)
