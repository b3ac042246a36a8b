"""Kinds of values, as the schemas promise them, and a count of what is odd in answers.

A record that breaks its own SCHEMA ends the loader. So each value passes through the
kind of its column: what can be converted is, what cannot becomes null and is counted.
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

# Makes of a value what a column holds; a TypeError or ValueError says it cannot be.
Converter: TypeAlias = Callable[[Any], Any]
Columns: TypeAlias = Mapping[str, Converter]

# Exact in every language that reads JSON, and far above any count.
MOST_COUNTED = 2**53
LONGEST_ID = 100
LONGEST_NAME = 40
NO_ID = re.compile(r"[\x00-\x1f\x7f-\x9f]|^\.{0,2}$")
NAME = re.compile(r"[A-Za-z_][\w.]{0,39}", re.ASCII)
NO_NAME = "…"
# What is found in answers, each with the parts of answers that it concerns.
VALUES, ROLES, UNKNOWN, MISSING = "values", "roles", "unknown", "missing"
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
    return timestamp(value if isinstance(value, str) else "")


@dataclass(frozen=True)
class Shape:
    """What the rows of an answer may hold, and what each must.

    Attributes:
        name: How its properties are told: of a stream or a list.
        known: Those that are read, or left out on purpose.
        required: Those that the vendor's contract requires.
    """

    name: str
    known: frozenset[str]
    required: frozenset[str] = frozenset()


class Anomalies:
    """Converts values, and counts what a run finds that is not as documented.

    Attributes:
        counts: How often, by what was found and the part of the answers it concerns.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self._looked_at: set[Shape] = set()
        self._lock = threading.Lock()

    def note(self, found: str, part: str, times: int = 1) -> None:
        """Count what was found; 0 times if it is not countable."""
        with self._lock:
            self.counts[found, part] += times

    def take(self, stream: str, name: str, kind: Converter, value: object) -> Any:
        """Return a value as its column holds it; None if it is not there or cannot be.

        Only an id is missed where it is not there.
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
        """Return what a row holds for these columns of a stream."""
        return {
            name: self.take(stream, name, kind, row.get(name))
            for name, kind in columns.items()
        }

    def note_role(self, role: str | None) -> None:
        """Count an activity's role that was never heard of."""
        self.note(ROLES, f"with role {printable(role, LONGEST_NAME)}")

    def is_new(self, shape: Shape) -> bool:
        """Tell whether no rows of this shape were looked at yet."""
        return shape not in self._looked_at

    def look(self, shape: Shape, rows: Sequence[Record]) -> None:
        """Note properties that nobody knows and that are missing: on one page a run."""
        if not rows or not self.is_new(shape):
            return
        self._looked_at.add(shape)
        for name in set().union(*rows) - shape.known:
            told = name if NAME.fullmatch(name) else NO_NAME
            self.note(UNKNOWN, f"{shape.name}.{told}", 0)
        for name in shape.required:
            if any(row.get(name) is None for row in rows):
                self.note(MISSING, f"{shape.name}.{name}", 0)
