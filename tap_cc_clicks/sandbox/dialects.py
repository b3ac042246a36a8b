"""Dialects: the response formats that the vendor's pages show for the same endpoint.

The API reference, the API guide's examples and public applications disagree. Each
dialect applies one difference to the responses of the reference; the dialect ``guide``
applies all those in the guide's examples.
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
# An additional parameter of the guide's offset links.
CAMPAIGN_TYPES = "10,14,15,57"
# ``some_never_counted`` omits one event in this many from the counters.
LEFT_OUT = 5
LAG = timedelta(hours=6)
NO_STATS = {"error_key": "reportingsvc.not_found.stats", "error_message": "Sandbox"}


def dotted_counters(endpoint: str, body: dict[str, Any]) -> None:
    """Spell counters ``em_clicks.all.mobile``."""
    for result in body["results"] if endpoint == "stats" else ():
        stats = result["stats"]
        result["stats"] = {dotted(name): count for name, count in stats.items()}


def dotted(name: str) -> str:
    """Return a counter's name as in the guide, any other name unchanged."""
    return re.sub(r"_all(?=_|$)(?:_(\w+))?", _dotted, name)


def _dotted(match: re.Match[str]) -> str:
    return f".all.{match[1]}" if match[1] else ".all"


def counts_as_text(endpoint: str, body: dict[str, Any]) -> None:
    """Return counts as text."""
    for row in body.get("link_click_counts", ()):
        row["unique_clicks"] = str(row["unique_clicks"])
    for result in body["results"] if endpoint == "stats" else ():
        result["stats"] = _as_text(result["stats"])
    for row in body.get(SUMMARIES, ()):
        row["unique_counts"] = _as_text(row["unique_counts"])


def _as_text(counts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in counts.items()}


def listed_objects(endpoint: str, body: dict[str, Any]) -> None:
    """Return counters and aggregates as a list of one object."""
    if endpoint == "summaries":
        body["aggregate_percents"] = [body["aggregate_percents"]]
    for result in body["results"] if endpoint == "stats" else ():
        result["stats"] = [result["stats"]]


def listed_percents(endpoint: str, body: dict[str, Any]) -> None:
    """Return the aggregates of summaries as text, in a list of one object."""
    if endpoint == "summaries":
        body["aggregate_percents"] = [_as_text(body["aggregate_percents"])]


def offset_links(endpoint: str, body: dict[str, Any]) -> None:
    """Encode the offset of summaries' next links in a parameter ``next``."""
    if endpoint == "summaries" and "_links" in body:
        link = urlsplit(body["_links"]["next"]["href"])
        query = dict(parse_qsl(link.query))
        place = base64.urlsafe_b64decode(query["cursor"]).decode()
        offset = {"campaign_types": CAMPAIGN_TYPES, "limit": query["limit"], "o": place}
        packed = base64.b64encode(urlencode(offset).encode()).decode()
        href = f"{link.path}?{urlencode({'next': packed})}"
        body["_links"]["next"]["href"] = href


def null_links(_: str, body: dict[str, Any]) -> None:
    """Return null as the next link of the last page."""
    body.setdefault("_links", {"next": {"href": None}})


def left_out_arrays(_: str, body: dict[str, Any]) -> None:
    """Omit optional arrays that are empty."""
    for name in ("campaigns", "campaign_activities", "link_click_counts", "errors"):
        if body.get(name) == []:
            del body[name]


def other_times(endpoint: str, body: dict[str, Any]) -> None:
    """Return times with an offset and without milliseconds, and dates as times."""
    for row in body.get("tracking_activities", ()):
        row["created_time"] = row["created_time"].replace(".000Z", "+00:00")
        if "deleted_at" in row:
            row["deleted_at"] += "T00:00:00.000Z"
    for result in body["results"] if endpoint == "stats" else ():
        result["last_refresh_time"] = result["last_refresh_time"].replace("Z", "+0000")


def other_roles(_: str, body: dict[str, Any]) -> None:
    """Add an activity with an undocumented role to campaigns."""
    if "campaign_activities" in body:
        activity_id = f"{body['campaign_id'][:-4]}0000"
        row = {"campaign_activity_id": activity_id, "role": "text_message"}
        body["campaign_activities"].append(row)


def some_never_counted(endpoint: str, body: dict[str, Any]) -> None:
    """Omit a share of clicks and opens from the counters permanently."""
    for result in body["results"] if endpoint == "stats" else ():
        for name in ("em_clicks_all", "em_opens_all"):
            result["stats"][name] -= result["stats"][name] // LEFT_OUT


def none_counted(endpoint: str, body: dict[str, Any]) -> None:
    """Return an error instead of counters."""
    if endpoint == "stats":
        body.clear()
        body.update(NO_STATS)


# The differences in the guide's examples, and all differences as single dialects.
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
    **{change.__name__.replace("_", "-"): (change,) for change in ALONE},
}


def spoken(
    changes: Sequence[Change],
    endpoint: str,
    handler: Callable[[Mapping[str, str]], Reply],
) -> Callable[[Mapping[str, str]], Reply]:
    """Return a handler that applies changes to another handler's responses."""

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
    """Return the query encoded in an offset link."""
    if "next" not in query:
        return query
    offset = parse_qs(base64.b64decode(query["next"]).decode())
    cursor = base64.urlsafe_b64encode(offset["o"][0].encode()).decode()
    return {"limit": offset["limit"][0], "cursor": cursor}
