"""The form of the state, and its validation.

Version 2::

    {"version": 2, "bookmarks": {
      "campaigns": {"replication_key": "updated_at", "replication_key_value": "…Z",
        "statuses": {"37dc76fb": "Removed"}},
      "campaign_activities": {"campaigns": {"<campaign_id>": {
        "updated_at": "…Z", "status": "Removed", "sent": "1795608000-1e19c23a",
        "activities": [["<campaign_activity_id>", "1e19c23a", 1795608000, 1]]}},
        "failed": {"email_clicks": {"<campaign_activity_id>": 1795608000}},
        "looks": [2500000, 1804500, 1795608000], "whole": 1795600000,
        "told": ["short of email_clicks"]},
      "email_links": {"clicks": {"<campaign_activity_id>": [12, 498746]}},
      "campaign_activity_details": {"backlog": [20782, 0]},
      "email_send_history": {"backlog": [20782, 0]},
      "campaign_summaries": {"written": {"37dc76fb": "1e19c23a"}},
      "email_clicks": {"replication_key": "created_time", "partitions": [{
        "context": {"campaign_activity_id": "…"}, "replication_key_value": "…Z",
        "clicks": 12, "window": 3, "search": [1, 498746]}]},
      "email_opens": {"read": {"<campaign_activity_id>": ["…Z", 12, 3]}}}}
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, TypeAlias, cast

import msgspec
from msgspec import Meta, Struct
from singer_sdk.helpers.types import TapState

from tap_cc_clicks.api.columns import MOST_COUNTED
from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.timestamps import timestamp
from tap_cc_clicks.events.bookmark import DEFAULT_LOOKBACK, Bookmark, Number

VERSION = 2
# The status of nearly all campaigns; state leaves it out.
CAMPAIGN_DONE = "Done"
# The status of campaigns in version 1 of state, until they are looked at.
UNKNOWN_STATUS = "?"


_Hours: TypeAlias = Annotated[float, Meta(ge=0, le=MOST_COUNTED)]
_HoursTold: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9})?$")]


class _Context(Struct):
    campaign_activity_id: str
    url_id: str | None = None


class _Partition(Bookmark, kw_only=True):
    context: _Context
    lookback: _Hours | _HoursTold = DEFAULT_LOOKBACK  # type: ignore[assignment]  # ty: ignore[incompatible-attribute-override]
    # Earlier versions have more numbers.
    search: list[Number] | None = None  # type: ignore[assignment]  # ty: ignore[incompatible-attribute-override]


class _Activity(Struct, array_like=True, forbid_unknown_fields=True):
    campaign_activity_id: str
    fingerprint: str | None = None
    looked: Number = 0
    details: Number = 0


class _Links(Struct, array_like=True, forbid_unknown_fields=True):
    clicks: Number | None
    hour: Number | None
    clicked: Number = 0


class Remembered(Struct):
    """What state remembers of a campaign, for validation."""

    updated_at: str | None = None
    # Earlier versions have ids alone, too.
    activities: list[str | _Activity] = []
    status: str | None = None
    sent: Annotated[str, Meta(pattern=r"^-?[0-9]{1,12}-")] | None = None
    looked: Number = 0
    unwritten: bool = False


class StreamState(Struct):
    """The state of any stream, for validation."""

    replication_key_value: str | None = None
    partitions: list[_Partition] = []
    campaigns: dict[str, Remembered] = {}
    failed: dict[str, dict[str, Number]] = {}
    told: list[str] = []
    looks: tuple[Number, Number, Number] | None = None
    whole: Number = 0
    clicks: dict[str, Number | _Links | None] = {}
    backlog: tuple[Number, Number] = (0, 0)
    written: dict[str, str] = {}
    statuses: dict[str, str] = {}
    read: dict[str, list[Any]] = {}


def load(state: Mapping[str, Any], streams: Collection[str]) -> dict[str, Any]:
    """Check a state, and return it.

    Args:
        state: A state of an earlier run.
        streams: The names of this tap's streams.

    Raises:
        InputError: It is not a state of this tap.
    """
    problem = _problem(state, streams)
    if problem:
        message = f"The state cannot be used: {problem}"
        raise InputError(message)
    if state.get("version") == 1:
        _complete(state.get("bookmarks", {}).get("campaign_activities", {}))
    return dict(state)


def _complete(stream_state: dict[str, Any]) -> None:
    """Complete a state of version 1.

    It has no status of campaigns. An empty list of activities may be wrong: version 1
    kept it after one empty response or some 404s.
    """
    campaigns = stream_state.get("campaigns", {})
    for campaign_id, known in list(campaigns.items()):
        known.setdefault("status", UNKNOWN_STATUS)
        if known.get("activities") == []:
            del campaigns[campaign_id]


def kept_status(status: str | None) -> str | None:
    """Return a campaign's status for state; None for the usual one."""
    return None if status == CAMPAIGN_DONE else status


def stamp(state: TapState) -> None:
    """Set the version of a state."""
    cast("dict[str, Any]", state)["version"] = VERSION


def _problem(state: Any, streams: Collection[str]) -> str | None:
    if not isinstance(state, dict) or not isinstance(state.get("bookmarks", {}), dict):
        return "it is not an object with bookmarks"
    if set(state) - {"version"} and "bookmarks" not in state:
        return "it has no bookmarks"
    version = state.get("version", VERSION)
    if not isinstance(version, int) or version > VERSION:
        version = version if isinstance(version, int) else "unknown"
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
        state = msgspec.convert(bookmark, StreamState)
        read = map(Bookmark.from_list, state.read.values())
        bookmarks = [*state.partitions, *read]
        values = [state.replication_key_value, *(one.value for one in bookmarks)]
        for value in filter(None, values):
            timestamp(value)
    except msgspec.ValidationError as error:
        return f"is none of this tap's: {error}"
    except ValueError:
        return "has a replication_key_value that is not a moment"
    return None


def key_of(context: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the key of a bookmark: its activity and, if it has one, its link."""
    return context["campaign_activity_id"], context.get("url_id")
