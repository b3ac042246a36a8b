"""Bookmarks by activity, in the SDK's form, with an index."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from typing_extensions import override

from tap_cc_clicks.events.bookmark import Bookmark
from tap_cc_clicks.sync.state_format import key_of

REPLICATION_KEY = "created_time"


class Bookmarks:
    """The bookmarks of a stream, indexed by context.

    Args:
        stream_state: The stream's part of the state; bookmarks move within it.
    """

    def __init__(self, stream_state: dict[str, Any]) -> None:
        self._state = stream_state
        self._index: dict[tuple[Any, ...], dict[str, Any]] = {}
        self._links: defaultdict[str, list[str | None]] = defaultdict(list)
        for partition in stream_state.get("partitions", []):
            key = key_of(partition["context"])
            self._index[key] = _older(partition, self._index.get(key, partition))
        for activity_id, url_id in self._index:
            self._links[activity_id].append(url_id)
        if self._index:
            stream_state["partitions"] = list(self._index.values())

    def find(self, context: Mapping[str, Any]) -> Bookmark | None:
        """Return the bookmark of a context; None if it was never read."""
        partition = self._index.get(key_of(context))
        return Bookmark.from_partition(partition) if partition else None

    def links(self, activity_id: str) -> list[str | None]:
        """Return the links for which an activity has bookmarks; None for all links."""
        return list(self._links.get(activity_id, ()))

    def move(self, context: Mapping[str, Any], bookmark: Bookmark) -> None:
        """Set the bookmark of a context."""
        partition = bookmark.to_partition(context)
        known = self._index.get(key_of(context))
        if known is None:
            self._index[key_of(context)] = partition
            self._links[context["campaign_activity_id"]].append(context.get("url_id"))
            # Once, not in each partition: that would be a tenth of the state.
            self._state["replication_key"] = REPLICATION_KEY
            self._state.setdefault("partitions", []).append(partition)
        else:
            known.clear()
            known.update(partition)


class ShortBookmarks(Bookmarks):
    """The bookmarks of a stream in a short form, by activity.

    Args:
        stream_state: The stream's part of the state; bookmarks move within it.
    """

    def __init__(self, stream_state: dict[str, Any]) -> None:
        self._read: dict[str, list[Any]] = stream_state.setdefault("read", {})

    @override
    def find(self, context: Mapping[str, Any]) -> Bookmark | None:
        values = self._read.get(context["campaign_activity_id"])
        return None if values is None else Bookmark.from_list(values)

    @override
    def move(self, context: Mapping[str, Any], bookmark: Bookmark) -> None:
        self._read[context["campaign_activity_id"]] = bookmark.to_list()


def _older(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the older of two bookmarks, which loses nothing."""
    return min(
        one, other, key=lambda partition: partition.get("replication_key_value") or ""
    )
