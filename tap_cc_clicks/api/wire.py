"""The forms of the API's answers, and the records that are made of them.

Sources: the vendor's pages «GET a Collection of Email Campaigns», «GET an Email
Campaign», «GET an Email Campaign Activity», «GET an Email Campaign Activity Stats
Report» and «GET an Email Links Report».
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.moments import moment_or_none

NEVER_SENT = frozenset({"draft", "scheduled"})
REMOVED = "removed"
ROLES_WITH_REPORTS = frozenset({"primary_email", "resend"})
# What «GET an Email Campaign Activity» alone knows of an activity.
DETAILS = (
    "current_status",
    "format_type",
    "subject",
    "preheader",
    "from_name",
    "from_email",
    "reply_to_email",
    "template_id",
    "permalink_url",
    "contact_list_ids",
    "segment_ids",
)
IDS = ("contact_list_ids", "segment_ids")
# Exact in every language that reads JSON, and far above any count.
MOST_COUNTED = 2**53
LINK = ("link_url", "unique_clicks", "list_action", "list_id", "link_tag")


@dataclass(frozen=True)
class Counters:
    """What the service counts of an activity's events.

    Attributes:
        clicks: ``em_clicks_all``; None if it is not known.
        refreshed: When that was counted; None if it is not known.
        stats: All that is counted, by name; empty if it is not known.
    """

    clicks: int | None = None
    refreshed: str | None = None
    stats: Mapping[str, int] = field(default_factory=dict)


UNKNOWN = Counters()


def campaign_record(row: Record) -> Record:
    """Return a row of the campaign listing as a record.

    Raises:
        FatalAPIError: The row has no id.
    """
    if not row.get("campaign_id"):
        message = "The listing of campaigns has a campaign without campaign_id"
        raise FatalAPIError(message)
    return {
        "campaign_id": str(row["campaign_id"]),
        "name": row.get("name"),
        "type": row.get("type"),
        "type_code": row.get("type_code"),
        "current_status": row.get("current_status"),
        "created_at": moment_or_none(row.get("created_at")),
        "updated_at": moment_or_none(row.get("updated_at")),
    }


def activity_row(campaign_id: str, row: Record) -> tuple[str, str | None]:
    """Return id and role of one of a campaign's activities.

    Raises:
        FatalAPIError: The row has no id.
    """
    if not row.get("campaign_activity_id"):
        message = f"Campaign {campaign_id} has an activity without campaign_activity_id"
        raise FatalAPIError(message)
    role = row.get("role")
    return str(row["campaign_activity_id"]), None if role is None else str(role)


def activity_record(campaign: Record, activity_id: str, role: str | None) -> Record:
    """Return an activity's record, made from its campaign's, without details."""
    return {
        "campaign_activity_id": activity_id,
        "campaign_id": campaign["campaign_id"],
        "role": role,
        "campaign_name": campaign["name"],
        "campaign_type": campaign["type"],
        "campaign_type_code": campaign["type_code"],
        "campaign_status": campaign["current_status"],
        "campaign_created_at": campaign["created_at"],
        "campaign_updated_at": campaign["updated_at"],
    }


def details_record(body: Record) -> Record:
    """Return what an activity's own endpoint alone knows."""
    details = {name: body.get(name) for name in DETAILS}
    for name in IDS:
        ids = details[name]
        details[name] = [str(item) for item in ids] if isinstance(ids, list) else None
    return details


def counters_by_activity(body: Record) -> dict[str, Counters]:
    """Return the counters in an answer of the stats endpoint."""
    results = body.get("results")
    rows = results if isinstance(results, list) else []
    return {
        str(row.get("campaign_activity_id")): counters_of(row)
        for row in rows
        if isinstance(row, dict)
    }


def is_count(value: object) -> TypeGuard[int]:
    """Tell whether a value can be a count: a number that no arithmetic overflows."""
    return type(value) is int and abs(value) <= MOST_COUNTED


def counters_of(result: Record) -> Counters:
    """Return the counters of one of the ``results`` of the stats endpoint."""
    told = result.get("stats")
    told = told if isinstance(told, dict) else {}
    stats = {name: count for name, count in told.items() if is_count(count)}
    refreshed = moment_or_none(result.get("last_refresh_time"))
    return Counters(stats.get("em_clicks_all"), refreshed, stats)


def link_record(row: Record) -> Record:
    """Return a row of the links report as a record, but for its activity.

    Raises:
        FatalAPIError: The row has no id.
    """
    if not row.get("url_id"):
        message = "A links report has a link without url_id"
        raise FatalAPIError(message)
    return {"url_id": str(row["url_id"]), **{name: row.get(name) for name in LINK}}
