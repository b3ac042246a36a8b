"""State: a bookmark per activity, found at once, written at a measured pace.

This room alone knows how the SDK keeps state. Its format, version 1::

    {"version": 1, "bookmarks": {
      "campaigns": {"replication_key": "updated_at", "replication_key_value": "…Z"},
      "campaign_activities": {"campaigns": {"<campaign_id>": {
        "updated_at": "…Z", "activities": [["<campaign_activity_id>", "1e19c23a"]]}}},
      "email_links": {"clicks": {"<campaign_activity_id>": 12}},
      "email_clicks": {"replication_key": "created_time", "partitions": [{
        "context": {"campaign_activity_id": "…"}, "replication_key_value": "…Z",
        "clicks": 12, "window": 3, "search": [1, 1, 0, 498746]}]}}}
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

import msgspec
from msgspec import Meta, Struct
from singer_sdk.helpers._state import StateWriter
from singer_sdk.singerlib import StateMessage
from singer_sdk.streams._state import StreamStateManager
from typing_extensions import override

from tap_cc_clicks.inputs import InputError
from tap_cc_clicks.parsing import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from singer_sdk.helpers.types import Context, TapState
    from singer_sdk.singerlib.encoding.base import GenericSingerWriter

VERSION = 1
REPLICATION_KEY = "created_time"
DEFAULT_LOOKBACK = 24
# STATE is written at the earliest after this many seconds and tenth of the run, or
# after this many records and ten for each activity in it: what a run writes then grows
# with its records, and little is read again after a crash.
STATE_SECONDS = 60
STATE_RECORDS = 10_000
STATE_RECORDS_PER_PARTITION = 10
RUN_SHARE = 0.1


class Search(Struct, array_like=True, frozen=True):
    """What is known of clicks that the service counted and no report showed.

    Attributes:
        missing: How many there are.
        futile: How many searches of the whole report in a row did not find them.
        disbelief: How many of them in a row were for a count that had risen again.
        hour: When the last of those searches was, in hours since 1970.
    """

    missing: int = 0
    futile: int = 0
    disbelief: int = 0
    hour: int = 0


class Bookmark(Struct, omit_defaults=True, rename={"value": "replication_key_value"}):
    """How far an activity's clicks were read, and what the service counted then.

    Attributes:
        value: ``created_time`` of the newest click read; None if there was none.
        clicks: ``em_clicks_all`` when they were read; None if it was not known.
        rows: Clicks read so far, each counted once; None if as many as the service
            counted, less those missing.
        ahead: Those of them that the service had not counted yet.
        window: Those of them within the ``lookback`` hours before ``value``.
        lookback: The setting by which ``window`` was counted.
        search: Present if clicks are missing.
    """

    value: str | None = None
    clicks: int | None = None
    rows: int | None = None
    ahead: int = 0
    window: int = 0
    lookback: float = DEFAULT_LOOKBACK
    search: Search | None = None

    @classmethod
    def from_partition(cls, partition: Mapping[str, Any]) -> Bookmark:
        """Read the SDK's form of a bookmark.

        Raises:
            ValueError: It is not one.
        """
        bookmark = msgspec.convert(partition, cls)
        bookmark.value = moment(bookmark.value) if bookmark.value else None
        return bookmark

    @property
    def rows_read(self) -> int:
        """Clicks read so far, each counted once."""
        if self.rows is not None:
            return self.rows
        return (self.clicks or 0) - (self.search.missing if self.search else 0)

    def to_partition(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Write the SDK's form of a bookmark, without what says nothing."""
        return {"context": dict(context), **msgspec.to_builtins(self)}


class _Context(Struct):
    campaign_activity_id: str


class _Partition(Bookmark, kw_only=True):
    context: _Context


class _LookedUp(Struct):
    updated_at: str | None
    activities: list[dict[str, Any]]


class _Remembered(Struct):
    updated_at: str | None = None
    activities: list[str | tuple[str, str]] = []
    unfinished: _LookedUp | None = None
    check: Annotated[str, Meta(pattern=r"^.*@\d+$")] | None = None


class _StreamState(Struct):
    """All that any stream keeps, to see whether a state can be used."""

    replication_key_value: str | None = None
    partitions: list[_Partition] = []
    campaigns: dict[str, _Remembered] = {}
    clicks: dict[str, int | None] = {}


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
                key = _key(partition["context"])
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
        partition = self._partitions.get(_key(context))
        return Bookmark.from_partition(partition) if partition else None

    def move(self, context: Mapping[str, Any], bookmark: Bookmark) -> None:
        """Set the bookmark of a context."""
        partition = bookmark.to_partition(context)
        known = self._partitions.get(_key(context))
        if known is None:
            self._partitions[_key(context)] = partition
            # Once for all of them: it would be a tenth of the state.
            self.stream_state["replication_key"] = REPLICATION_KEY
            self.stream_state.setdefault("partitions", []).append(partition)
        else:
            known.clear()
            known.update(partition)


class CampaignMemory:
    """Which campaigns were looked up, as they were then, and their activities.

    Args:
        stream_state: The state of the stream ``campaign_activities``.
    """

    def __init__(self, stream_state: dict[str, Any]) -> None:
        """Remember within the state."""
        self._campaigns: dict[str, dict[str, Any]] = stream_state.setdefault(
            "campaigns", {}
        )

    def __len__(self) -> int:
        """Return how many campaigns are remembered."""
        return len(self._campaigns)

    def __iter__(self) -> Iterator[str]:
        """Yield the ids of the campaigns that are remembered."""
        yield from self._campaigns

    def find(self, campaign_id: str) -> dict[str, Any]:
        """Return what is remembered of a campaign."""
        return self._campaigns.get(campaign_id, {})

    def activities(self, campaign_id: str) -> tuple[list[str], dict[str, str]]:
        """Return a campaign's activities, and the fingerprints of their counters."""
        pairs = [
            (item, None) if isinstance(item, str) else item
            for item in self.find(campaign_id).get("activities", ())
        ]
        ids = [activity_id for activity_id, _ in pairs]
        return ids, {
            activity_id: text for activity_id, text in pairs if text is not None
        }

    def remember(self, campaign_id: str, **values: Any) -> None:
        """Remember these values of a campaign, besides those known; forget Nones."""
        known = {**self.find(campaign_id), **values}
        self._campaigns[campaign_id] = {
            name: value for name, value in known.items() if value is not None
        }


def with_prints(
    activity_ids: Sequence[str], prints: Mapping[str, str]
) -> list[str | list[str]]:
    """Return activities as state keeps them: each with its fingerprint, if any."""
    return [
        [activity_id, prints[activity_id]] if activity_id in prints else activity_id
        for activity_id in activity_ids
    ]


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


def load(state: Mapping[str, Any], streams: Collection[str]) -> dict[str, Any]:
    """Check a state that was handed in, and return it.

    Args:
        state: As an earlier run of this tap wrote it.
        streams: The names of this tap's streams.

    Raises:
        InputError: It is not a state of this tap; says why.
    """
    problem = _problem(state, streams)
    if problem:
        message = f"The state cannot be used: {problem}"
        raise InputError(message)
    return dict(state)


def stamp(state: TapState) -> None:
    """Say in a state which version of its format it has."""
    cast("dict[str, Any]", state)["version"] = VERSION


def _problem(state: Any, streams: Collection[str]) -> str | None:
    if not isinstance(state, dict) or not isinstance(state.get("bookmarks", {}), dict):
        return "it is not an object with bookmarks"
    if set(state) - {"version"} and "bookmarks" not in state:
        return "it has no bookmarks"
    version = state.get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        return (
            f"it was written by a newer version of this tap (state version {version}, "
            f"known is {VERSION}): upgrade the tap"
        )
    foreign = sorted(set(state.get("bookmarks", {})) - set(streams))
    if foreign:
        return f"it holds streams of another tap: {', '.join(map(str, foreign))}"
    for stream, bookmark in state.get("bookmarks", {}).items():
        if problem := _bookmark_problem(bookmark):
            return f"its bookmark of {stream} {problem}"
    return None


def _bookmark_problem(bookmark: Any) -> str | None:
    if not isinstance(bookmark, dict):
        return "is not an object"
    try:
        state = msgspec.convert(bookmark, _StreamState)
        values = [state.replication_key_value, *(one.value for one in state.partitions)]
        for value in filter(None, values):
            moment(value)
    except msgspec.ValidationError as error:
        return f"is none of this tap's: {error}"
    except ValueError:
        return "has a replication_key_value that is not a moment"
    return None


@dataclass(frozen=True)
class KnownActivity:
    """What a state knows of an activity, once for each link asked for alone.

    Attributes:
        campaign_id: Its campaign; None if that is not remembered.
        url_id: The link that this bookmark is for; None for all of them.
        bookmark: How far its clicks were read; None if they never were.
        checked: When its counters were last asked for, in hours since 1970; None if
            that is not remembered (only ``fast`` change detection does).
    """

    campaign_activity_id: str
    campaign_id: str | None
    url_id: str | None = None
    bookmark: Bookmark | None = None
    checked: int | None = None


def known_activities(state: Mapping[str, Any]) -> Iterator[KnownActivity]:
    """Yield what a state, found good, knows of each activity."""
    campaign_of = dict(_activities_of_campaigns(state))
    unread = dict(campaign_of)
    memory = campaigns_of(state)
    for partition in _bookmark(state, "email_clicks").get("partitions", ()):
        activity_id, url_id = _key(partition["context"])
        unread.pop(activity_id, None)
        campaign_id = campaign_of.get(activity_id)
        bookmark = Bookmark.from_partition(partition)
        checked = _checked(memory, campaign_id)
        yield KnownActivity(activity_id, campaign_id, url_id, bookmark, checked)
    for activity_id, campaign_id in unread.items():
        checked = _checked(memory, campaign_id)
        yield KnownActivity(activity_id, campaign_id, checked=checked)


def campaigns_of(state: Mapping[str, Any]) -> CampaignMemory:
    """Return what a state remembers of campaigns."""
    return CampaignMemory(_bookmark(state, "campaign_activities"))


def forget_activity(state: dict[str, Any], campaign_activity_id: str) -> None:
    """Let the next run read all reports of an activity from their beginning."""
    clicks = _bookmark(state, "email_clicks")
    if "partitions" in clicks:
        clicks["partitions"] = [
            partition
            for partition in clicks["partitions"]
            if partition["context"]["campaign_activity_id"] != campaign_activity_id
        ]
    forget_links(state, campaign_activity_id)
    memory = campaigns_of(state)
    for campaign_id in memory:
        ids, prints = memory.activities(campaign_id)
        if prints.pop(campaign_activity_id, None) is not None:
            memory.remember(campaign_id, activities=with_prints(ids, prints))


def forget_links(state: dict[str, Any], campaign_activity_id: str) -> None:
    """Let the next run read the links of an activity again, and nothing else of it."""
    _bookmark(state, "email_links").get("clicks", {}).pop(campaign_activity_id, None)


def forget_campaign(state: dict[str, Any], campaign_id: str) -> list[str]:
    """Let the next run look a campaign up again, and read all reports of it.

    Which activities it had stays known: a campaign that was removed since can no more
    be looked up, but its reports can be read.

    Returns:
        The activities that are read again.
    """
    memory = campaigns_of(state)
    known = memory.find(campaign_id)
    activities, _ = memory.activities(campaign_id)
    listed = known.get("updated_at") or known.get("unfinished", {}).get("updated_at")
    _move_back(_bookmark(state, "campaigns"), listed)
    memory.remember(campaign_id, updated_at=None, check=None, unfinished=None)
    for activity_id in activities:
        forget_activity(state, activity_id)
    return activities


def _move_back(bookmark: dict[str, Any], to: str | None) -> None:
    """Let the listing's rows from this moment on be written again."""
    value = bookmark.get("replication_key_value")
    if value and to:
        bookmark["replication_key_value"] = min(moment(value), to)


def _bookmark(state: Mapping[str, Any], stream: str) -> dict[str, Any]:
    return cast("dict[str, Any]", state.get("bookmarks", {}).get(stream, {}))


def _activities_of_campaigns(state: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    memory = campaigns_of(state)
    for campaign_id in memory:
        for activity_id in memory.activities(campaign_id)[0]:
            yield activity_id, campaign_id


def _checked(memory: CampaignMemory, campaign_id: str | None) -> int | None:
    _, _, hour = (memory.find(campaign_id or "").get("check") or "").partition("@")
    return int(hour) if hour.isdigit() else None


def _key(context: Mapping[str, Any]) -> tuple[Any, ...]:
    return context["campaign_activity_id"], context.get("url_id")


def _older(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Of two bookmarks of one activity, return the one that loses nothing."""
    return min(
        one, other, key=lambda partition: partition.get("replication_key_value") or ""
    )
