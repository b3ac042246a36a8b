"""How far an activity's report was read, and what the service had counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from tap_cc_clicks.api.columns import MOST_COUNTED
from tap_cc_clicks.api.timestamps import timestamp

DEFAULT_LOOKBACK = 24
Number: TypeAlias = Annotated[int, Meta(ge=-MOST_COUNTED, le=MOST_COUNTED)]


class Search(Struct, array_like=True, frozen=True):
    """Clicks that the service counted and no report showed.

    Attributes:
        missing: Their number.
        hour: When the whole report was last searched, in hours since 1970.
    """

    missing: Number = 0
    hour: Number = 0


class Bookmark(Struct, omit_defaults=True, rename={"value": "replication_key_value"}):
    """How far an activity's clicks were read, and what the service had counted.

    Attributes:
        value: ``created_time`` of the newest click read; None if there was none.
        clicks: ``em_clicks_all`` at that time; None if unknown.
        rows: Clicks read so far; None if equal to ``clicks`` less the missing ones.
        ahead: Clicks read that the service had not counted yet.
        window: Clicks read within the ``lookback`` hours before ``value``.
        lookback: The setting that ``window`` was counted with.
        search: Set if clicks are missing.
        doubt: Whether the next run reads the report, whatever the counter.
        unusable: The most rows without a valid timestamp that a run found.
        seen: For counters of people: the fingerprint of all counters, and the hour
            since 1970.
    """

    # The order of the short form: the most common values first.
    value: str | None = None
    clicks: Number | None = None
    window: Number = 0
    seen: tuple[str, Number] | None = None
    search: Search | None = None
    rows: Number | None = None
    ahead: Number = 0
    doubt: bool = False
    unusable: Number = 0
    lookback: float = DEFAULT_LOOKBACK

    @classmethod
    def from_partition(cls, partition: Mapping[str, Any]) -> Bookmark:
        """Read the SDK's form of a bookmark.

        Raises:
            ValueError: It is invalid.
        """
        search = partition.get("search")
        if search and len(search) > len(Search.__struct_fields__):
            # Versions 1 and 2 had more values between the two.
            partition = {**partition, "search": [search[0], search[-1]]}
        bookmark = msgspec.convert(partition, cls, strict=False)
        bookmark.value = timestamp(bookmark.value) if bookmark.value else None
        return bookmark

    @property
    def is_missing(self) -> bool:
        """Whether the report did not exist (404)."""
        return self == Bookmark(rows=0)

    @property
    def is_uncompared(self) -> bool:
        """Whether the rows read were not compared with a counter yet.

        Then ``rows`` is set, though it equals ``clicks`` minus the missing.
        """
        return self.clicks is not None and self.rows == self.clicks - self._missing

    @property
    def _missing(self) -> int:
        return self.search.missing if self.search else 0

    @property
    def rows_read(self) -> int:
        if self.rows is not None:
            return self.rows
        return (self.clicks or 0) - self._missing

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> Bookmark:
        """Read the short form of a bookmark.

        Raises:
            ValueError: It is invalid.
        """
        named = zip(cls.__struct_encode_fields__, values, strict=False)
        return cls.from_partition({name: one for name, one in named if one is not None})

    def to_partition(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Write the SDK's form of a bookmark, without defaults."""
        return {"context": dict(context), **self._values()}

    def to_list(self) -> list[Any]:
        """Write the short form of a bookmark: values without names."""
        values, names = self._values(), self.__struct_encode_fields__
        last = max((names.index(name) for name in values), default=-1)
        return [values.get(name) for name in names[: last + 1]]

    def _values(self) -> dict[str, Any]:
        values: dict[str, Any] = msgspec.to_builtins(self)
        if self.lookback != int(self.lookback):
            # Targets read fractions as decimals, and fail to write them.
            values["lookback"] = str(self.lookback)
        return values


# Set up by one thread at import (see api/decoding.py).
msgspec.convert({}, Bookmark)
