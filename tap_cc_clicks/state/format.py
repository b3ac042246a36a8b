"""What a state holds, and whether one can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct

from tap_cc_clicks.inputs import InputError
from tap_cc_clicks.parsing import moment

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from singer_sdk.helpers.types import TapState

VERSION = 1
# Exact in every language that reads JSON, and far above any count.
MOST = 2**53
Number: TypeAlias = Annotated[int, Meta(ge=-MOST, le=MOST)]
DEFAULT_LOOKBACK = 24


class Search(Struct, array_like=True, frozen=True):
    """What is known of clicks that the service counted and no report showed.

    Attributes:
        missing: How many there are.
        futile: How many searches of the whole report in a row did not find them.
        disbelief: How many of them in a row were for a count that had risen again.
        hour: When the last of those searches was, in hours since 1970.
    """

    missing: Number = 0
    futile: Number = 0
    disbelief: Number = 0
    hour: Number = 0


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
    clicks: Number | None = None
    rows: Number | None = None
    ahead: Number = 0
    window: Number = 0
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
    url_id: str | None = None


class _Partition(Bookmark, kw_only=True):
    context: _Context


class _LookedUp(Struct):
    updated_at: str | None
    activities: list[dict[str, Any]]


class _Remembered(Struct):
    updated_at: str | None = None
    activities: list[str | tuple[str, str]] = []
    unfinished: _LookedUp | None = None
    missed: Number = 0
    check: Annotated[str, Meta(pattern=r"^[^@]*@[0-9]{1,12}$")] | None = None


class _StreamState(Struct):
    """All that any stream keeps, to see whether a state can be used."""

    replication_key_value: str | None = None
    partitions: list[_Partition] = []
    campaigns: dict[str, _Remembered] = {}
    clicks: dict[str, Number | None] = {}


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
    except (ValueError, OverflowError):
        return "has a replication_key_value that is not a moment"
    return None


def key_of(context: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what a bookmark is found by: its activity and, if it has one, its link."""
    return context["campaign_activity_id"], context.get("url_id")
