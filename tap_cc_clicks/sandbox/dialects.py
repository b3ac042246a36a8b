"""Dialects: forms of responses in which the vendor's pages disagree.

The default form is that of the API reference. Each dialect changes one thing; ``guide``
changes everything that differs in the API guide's examples.
"""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_cc_clicks.sandbox.api import Reply

    Change = Callable[[str, dict[str, Any]], None]

OK = 200
NOT_FOUND = 404
SUMMARIES = "bulk_email_campaign_summaries"
# Another part of the guide's offset links.
CAMPAIGN_TYPES = "10,14,15,57"
# The share of clicks that is never counted is one in this many.
LEFT_OUT = 5
LAG = timedelta(hours=6)
NO_STATS = {"error_key": "reportingsvc.not_found.stats", "error_message": "Sandbox"}


def dotted_counters(endpoint: str, body: dict[str, Any]) -> None:
    """Spell counters ``em_clicks.all.mobile``."""
    for result in body["results"] if endpoint == "stats" else ():
        stats = result["stats"]
        result["stats"] = {dotted(name): count for name, count in stats.items()}


def dotted(name: str) -> str:
    """Return the guide's spelling of a counter; other names are unchanged."""
    return re.sub(r"_all(?=_|$)(?:_(\w+))?", _dotted, name)


def _dotted(match: re.Match[str]) -> str:
    return f".all.{match[1]}" if match[1] else ".all"


def counts_as_text(endpoint: str, body: dict[str, Any]) -> None:
    """Write counts as text."""
    for row in body.get("link_click_counts", ()):
        row["unique_clicks"] = str(row["unique_clicks"])
    for result in body["results"] if endpoint == "stats" else ():
        result["stats"] = _as_text(result["stats"])
    for row in body.get(SUMMARIES, ()):
        row["unique_counts"] = _as_text(row["unique_counts"])


def _as_text(counts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in counts.items()}


def listed_objects(endpoint: str, body: dict[str, Any]) -> None:
    """Wrap counters and aggregates in a list."""
    if endpoint == "summaries":
        body["aggregate_percents"] = [body["aggregate_percents"]]
    for result in body["results"] if endpoint == "stats" else ():
        result["stats"] = [result["stats"]]


def listed_percents(endpoint: str, body: dict[str, Any]) -> None:
    """Write the aggregates of summaries as text, in a list."""
    if endpoint == "summaries":
        body["aggregate_percents"] = [_as_text(body["aggregate_percents"])]


def offset_links(endpoint: str, body: dict[str, Any]) -> None:
    """Use next links with an offset, encoded in ``next``, for summaries."""
    if endpoint == "summaries" and "_links" in body:
        link = urlsplit(body["_links"]["next"]["href"])
        query = dict(parse_qsl(link.query))
        place = base64.urlsafe_b64decode(query["cursor"]).decode()
        offset = {"campaign_types": CAMPAIGN_TYPES, "limit": query["limit"], "o": place}
        packed = base64.b64encode(urlencode(offset).encode()).decode()
        href = f"{link.path}?{urlencode({'next': packed})}"
        body["_links"]["next"]["href"] = href


def null_links(_: str, body: dict[str, Any]) -> None:
    """Add a null next link to last pages."""
    body.setdefault("_links", {"next": {"href": None}})


def left_out_arrays(_: str, body: dict[str, Any]) -> None:
    """Omit empty arrays that are not required."""
    for name in ("campaigns", "campaign_activities", "link_click_counts", "errors"):
        if body.get(name) == []:
            del body[name]


def other_times(endpoint: str, body: dict[str, Any]) -> None:
    """Write times with an offset and without milliseconds, dates as times."""
    for row in body.get("tracking_activities", ()):
        row["created_time"] = row["created_time"].replace(".000Z", "+00:00")
        if "deleted_at" in row:
            row["deleted_at"] += "T00:00:00.000Z"
    for result in body["results"] if endpoint == "stats" else ():
        result["last_refresh_time"] = result["last_refresh_time"].replace("Z", "+0000")


def other_roles(_: str, body: dict[str, Any]) -> None:
    """Add an activity with an undocumented role."""
    if "campaign_activities" in body:
        activity_id = f"{body['campaign_id'][:-4]}0000"
        row = {"campaign_activity_id": activity_id, "role": "text_message"}
        body["campaign_activities"].append(row)


def some_never_counted(endpoint: str, body: dict[str, Any]) -> None:
    """Never count a share of the clicks and opens."""
    for result in body["results"] if endpoint == "stats" else ():
        for name in ("em_clicks_all", "em_opens_all"):
            result["stats"][name] -= result["stats"][name] // LEFT_OUT


def none_counted(endpoint: str, body: dict[str, Any]) -> None:
    """Return the error for missing counters."""
    if endpoint == "stats":
        body.clear()
        body.update(NO_STATS)


# The differences in the guide's examples; and all single differences.
GUIDE = (dotted_counters, counts_as_text, listed_percents, offset_links)
ALONE = (
    dotted_counters,
    counts_as_text,
    listed_objects,
    listed_percents,
    offset_links,
    null_links,
    left_out_arrays,
    other_times,
    other_roles,
    some_never_counted,
    none_counted,
)
LAGGING = "counters-lag"
DIALECTS: dict[str, tuple[Change, ...]] = {
    "reference": (),
    "guide": GUIDE,
    LAGGING: (),
    **{one.__name__.replace("_", "-"): (one,) for one in ALONE},
}


def spoken(
    changes: Sequence[Change],
    endpoint: str,
    handler: Callable[[Mapping[str, str]], Reply],
) -> Callable[[Mapping[str, str]], Reply]:
    """Wrap a handler so that it applies these changes to its responses."""

    def answer(query: Mapping[str, str]) -> Reply:
        reply = handler(_unpacked(query))
        if reply.status != OK:
            return reply
        body = msgspec.json.decode(reply.body)
        if isinstance(body, list):
            return reply
        for change in changes:
            change(endpoint, body)
        status = NOT_FOUND if "error_key" in body else OK
        return replace(reply, status=status, body=msgspec.json.encode(body))

    return answer if changes else handler


def _unpacked(query: Mapping[str, str]) -> Mapping[str, str]:
    """Return the query that an offset link stands for."""
    if "next" not in query:
        return query
    offset = parse_qs(base64.b64decode(query["next"]).decode())
    cursor = base64.urlsafe_b64encode(offset["o"][0].encode()).decode()
    return {"limit": offset["limit"][0], "cursor": cursor}
