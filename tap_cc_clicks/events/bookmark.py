"""How far an activity's report was read, and what the service counted then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from tap_cc_clicks.api.kinds import MOST_COUNTED
from tap_cc_clicks.api.moments import moment

DEFAULT_LOOKBACK = 24
Number: TypeAlias = Annotated[int, Meta(ge=-MOST_COUNTED, le=MOST_COUNTED)]


class Search(Struct, array_like=True, frozen=True):
    """What is known of clicks that the service counted and no report showed.

    Attributes:
        missing: How many there are.
        hour: When the whole report was last searched for them, in hours since 1970.
    """

    missing: Number = 0
    hour: Number = 0


class Bookmark(Struct, omit_defaults=True, rename={"value": "replication_key_value"}):
    """How far an activity's clicks were read, and what the service counted then.

    Attributes:
        value: ``created_time`` of the newest click read; None if there was none.
        clicks: ``em_clicks_all`` when they were read; None if it was not known.
        rows: Clicks read so far, each counted once; None if as many as the service
            counted, less those missing, and compared with it.
        ahead: Those of them that the service had not counted yet.
        window: Those of them within the ``lookback`` hours before ``value``.
        lookback: The setting by which ``window`` was counted.
        search: Present if clicks are missing.
        doubt: Whether the next run reads the report, whatever is counted: it changed
            too fast to be read, or was due and not read.
        unusable: Rows that could not be told apart, the most that a run met.
        seen: Where its counter counts people: what all counters said when it was read,
            and in which hour since 1970.
    """

    # In this order in the short form: what most of them have stands first.
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
            ValueError: It is not one.
        """
        search = partition.get("search")
        if search and len(search) > len(Search.__struct_fields__):
            # Versions 1 and 2 kept more of the searches between the two.
            partition = {**partition, "search": [search[0], search[-1]]}
        bookmark = msgspec.convert(partition, cls, strict=False)
        bookmark.value = moment(bookmark.value) if bookmark.value else None
        return bookmark

    @property
    def is_missing(self) -> bool:
        """Whether there was no such report (404)."""
        return self == Bookmark(rows=0)

    @property
    def is_uncompared(self) -> bool:
        """Whether what was read stands for what is counted, until that is asked for.

        Then ``rows`` is told though it follows from the others.
        """
        return self.clicks is not None and self.rows == self.clicks - self._missing

    @property
    def _missing(self) -> int:
        return self.search.missing if self.search else 0

    @property
    def rows_read(self) -> int:
        """Clicks read so far, each counted once."""
        if self.rows is not None:
            return self.rows
        return (self.clicks or 0) - self._missing

    @classmethod
    def from_list(cls, told: Sequence[Any]) -> Bookmark:
        """Read the short form of a bookmark.

        Raises:
            ValueError: It is not one.
        """
        named = zip(cls.__struct_encode_fields__, told, strict=False)
        return cls.from_partition({name: one for name, one in named if one is not None})

    def to_partition(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Write the SDK's form of a bookmark, without what says nothing."""
        return {"context": dict(context), **self._told()}

    def to_list(self) -> list[Any]:
        """Write the short form of a bookmark: its values, without names."""
        told, names = self._told(), self.__struct_encode_fields__
        last = max((names.index(name) for name in told), default=-1)
        return [told.get(name) for name in names[: last + 1]]

    def _told(self) -> dict[str, Any]:
        told: dict[str, Any] = msgspec.to_builtins(self)
        if self.lookback != int(self.lookback):
            # Targets read a fraction as a decimal, and fail to write that.
            told["lookback"] = str(self.lookback)
        return told


# Set up here, by one thread: several read bookmarks (see api/decoding.py).
msgspec.convert({}, Bookmark)
