"""Keeping state as a run goes on: in the SDK's form, looked up at once, at a pace.

The one room that touches the SDK's internals of state.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.helpers._state import StateWriter
from singer_sdk.singerlib import StateMessage
from singer_sdk.streams._state import StreamStateManager
from typing_extensions import override

from tap_cc_clicks.state.format import Bookmark, key_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.helpers.types import Context, TapState
    from singer_sdk.singerlib.encoding.base import GenericSingerWriter

REPLICATION_KEY = "created_time"
# STATE is written at the earliest after this many seconds and tenth of the run, or
# after this many records and ten for each activity in it: what a run writes then grows
# with its records, and little is read again after a crash.
STATE_SECONDS = 60
STATE_RECORDS = 10_000
STATE_RECORDS_PER_PARTITION = 10
RUN_SHARE = 0.1


class OwnState(StreamStateManager):
    """A stream's state, moved by the stream itself instead of by each record.

    The SDK moves bookmarks as records pass; here one moves only when everything up to
    it was read, so all that the SDK would write on the way is left out.
    """

    def __init__(self, stream_name: str, tap_state: TapState) -> None:
        """Keep the state of one stream within the tap's."""
        super().__init__(stream_name=stream_name, tap_state=tap_state)

    @override
    def get_context_state(self, context: Context | None) -> dict[str, Any]:
        return {} if context else self.stream_state

    @override
    def write_starting_replication_value(self, *args: Any, **kwargs: Any) -> None:
        """Leave the state alone."""

    @override
    def write_replication_key_signpost(self, *args: Any, **kwargs: Any) -> None:
        """Leave the state alone."""

    @override
    def increment_state(self, *args: Any, **kwargs: Any) -> None:
        """Leave the state alone."""

    @override
    def finalize_state(self, state: dict[str, Any] | None = None) -> None:
        """Leave the state alone: nothing in it is provisional."""

    @override
    def finalize_progress_markers(self, *args: Any, **kwargs: Any) -> None:
        """Leave the state alone: nothing in it is provisional."""


class ActivityBookmarks(OwnState):
    """Bookmarks per activity, looked up by key instead of by a search."""

    def __init__(self, stream_name: str, tap_state: TapState) -> None:
        """Index the partitions there are."""
        super().__init__(stream_name, tap_state)
        self._index: dict[tuple[Any, ...], dict[str, Any]] | None = None

    @property
    def _partitions(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        if self._index is None:
            self._index = {}
            for partition in self.stream_state.get("partitions", []):
                key = key_of(partition["context"])
                self._index[key] = _older(partition, self._index.get(key, partition))
            self._write_back()
        return self._index

    def _write_back(self) -> None:
        if self._index:
            self.stream_state["partitions"] = list(self._index.values())

    def __len__(self) -> int:
        """Return how many bookmarks there are."""
        return len(self._partitions)

    def find(self, context: Mapping[str, Any]) -> Bookmark | None:
        """Return the bookmark of a context, or None if it was never read."""
        partition = self._partitions.get(key_of(context))
        return Bookmark.from_partition(partition) if partition else None

    def move(self, context: Mapping[str, Any], bookmark: Bookmark) -> None:
        """Set the bookmark of a context."""
        partition = bookmark.to_partition(context)
        known = self._partitions.get(key_of(context))
        if known is None:
            self._partitions[key_of(context)] = partition
            # Once for all of them: it would be a tenth of the state.
            self.stream_state["replication_key"] = REPLICATION_KEY
            self.stream_state.setdefault("partitions", []).append(partition)
        else:
            known.clear()
            known.update(partition)


class PacedStateWriter(StateWriter):
    """Writes STATE now and then instead of whenever the SDK offers it.

    Args:
        writer: Writes the message.
    """

    def __init__(self, writer: GenericSingerWriter[Any, Any]) -> None:
        """Start the clock."""
        super().__init__(writer)
        self.records = 0
        self._records_written = 0
        self._started = self._written = time.monotonic()
        self._last = b""

    @override
    def write_state(self, state: Any) -> None:
        """Write STATE if it is time for it."""
        if self._due(state):
            self.flush(state)

    def flush(self, state: Any) -> None:
        """Write STATE now, unless the last message already says the same.

        After records it is said again: a loader may pass on state only if it is last.
        """
        encoded = msgspec.json.encode(state)
        stated = getattr(self._message_writer, "stated", True)
        if state and not (stated and encoded == self._last):
            self._message_writer.write_message(StateMessage(value=state))
            self._last = encoded
        self._written = time.monotonic()
        self._records_written = self.records

    def _due(self, state: Mapping[str, Any]) -> bool:
        now = time.monotonic()
        pause = max(STATE_SECONDS, RUN_SHARE * (now - self._started))
        partitions = sum(
            len(bookmark.get("partitions", ()))
            for bookmark in state.get("bookmarks", {}).values()
        )
        records = max(STATE_RECORDS, STATE_RECORDS_PER_PARTITION * partitions)
        return (
            now - self._written >= pause
            or self.records - self._records_written >= records
        )


def _older(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Of two bookmarks of one activity, return the one that loses nothing."""
    return min(
        one, other, key=lambda partition: partition.get("replication_key_value") or ""
    )
