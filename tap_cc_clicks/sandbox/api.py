"""The API's endpoints, answered from the simulated account."""

from __future__ import annotations

import base64
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from tap_cc_clicks.sandbox.account import CLICKS, EVENTS, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_cc_clicks.sandbox.account import Account, Activity, Click

MOST_ROWS = 500
USUAL_ROWS = 50
MOST_STATS = 10
DEVICES = ("computer", "mobile", "tablet", "other", "none")
PERCENTS = ("click", "open", "did_not_open", "bounce", "unsubscribe")
BOUNCES = {
    "blocked": "Z",
    "mailbox_full": "F",
    "nonexistent_address": "B",
    "other": "X",
    "suspended": "S",
    "undeliverable": "D",
    "vacation": "V",
}


@dataclass(frozen=True)
class Reply:
    """A response: a status and a JSON body."""

    status: int
    body: bytes


def answer(body: Any, status: int = 200) -> Reply:
    """Return a response with a JSON body."""
    return Reply(status, msgspec.json.encode(body))


def error(status: int, key: str) -> Reply:
    """Return an error in the API's usual format: a list."""
    return answer([{"error_key": key, "error_message": f"Sandbox: {key}"}], status)


NOT_FOUND = error(404, "resource.not.found")
BAD_QUERY = error(400, "query.param.invalid")


class Api:
    """Handles requests for one account.

    Args:
        account: The account.
        keyset: Whether a cursor identifies a row instead of an offset, so that no row
            is repeated when new clicks arrive between pages.

    Attributes:
        uncounted: IDs of activities for which the stats endpoint returns an error.
    """

    def __init__(self, account: Account, *, keyset: bool = False) -> None:
        self.account = account
        self.keyset = keyset
        self.uncounted: set[str] = set()
        activity = r"/reports/email_reports/([^/]+)"
        self._routes: list[tuple[str, str, Callable[..., Reply]]] = [
            (r"/emails", "campaigns", self._campaigns),
            (r"/emails/activities/([^/]+)", "activity", self._activity),
            (
                r"/emails/activities/([^/]+)/send_history",
                "send_history",
                self._send_history,
            ),
            (r"/emails/([^/]+)", "campaign", self._campaign),
            *(
                (rf"{activity}/tracking/{name}", name, partial(self._events, name))
                for name in (CLICKS, *EVENTS)
            ),
            (rf"{activity}/links", "links", self._links),
            (r"/reports/stats/email_campaign_activities/([^/]+)", "stats", self._stats),
            (
                r"/reports/summary_reports/email_campaign_summaries",
                "summaries",
                self._summaries,
            ),
            (r"/account/summary", "account", self._account),
        ]

    def endpoint(self, path: str) -> tuple[str, Callable[[Mapping[str, str]], Reply]]:
        """Return the name and the handler of a path's endpoint."""
        for pattern, name, handler in self._routes:
            if match := re.fullmatch(pattern, path):
                return name, partial(_call, handler, match.groups())
        return "unknown", lambda _: NOT_FOUND

    def _page(
        self,
        query: Mapping[str, str],
        path: str,
        key: str,
        rows: Sequence[bytes | Click],
        **extra_fields: Any,
    ) -> Reply:
        """Return a page of rows with extra fields and a link to the next page."""
        limit = query.get("limit", str(USUAL_ROWS))
        if not limit.isdigit() or not 1 <= int(limit) <= MOST_ROWS:
            return BAD_QUERY
        start = self._start(query.get("cursor"), rows)
        if start is None:
            return BAD_QUERY
        end = start + int(limit)
        body = b'{"' + key.encode() + b'":[' + _joined(rows[start:end]) + b"]"
        for name, value in extra_fields.items():
            body += f',"{name}":'.encode() + msgspec.json.encode(value)
        if end < len(rows):
            kept = {name: query[name] for name in ("url_id",) if name in query}
            extra = "".join(f"&{name}={value}" for name, value in kept.items())
            href = f"/v3{path}?limit={limit}{extra}&cursor={self._cursor(end, rows)}"
            body += b',"_links":' + msgspec.json.encode({"next": {"href": href}})
        return Reply(200, body + b"}")

    def _cursor(self, place: int, rows: Sequence[object]) -> str:
        # A negative offset: rows inserted at the front do not shift later rows.
        text = f"-{len(rows) - place}" if self.keyset else str(place)
        return base64.urlsafe_b64encode(text.encode()).decode()

    def _start(self, cursor: str | None, rows: Sequence[object]) -> int | None:
        if cursor is None:
            return 0
        try:
            place = int(base64.urlsafe_b64decode(cursor))
        except ValueError:
            return None
        return place if place >= 0 else max(0, len(rows) + place)

    def _campaigns(self, query: Mapping[str, str]) -> Reply:
        rows = [campaign.row() for campaign in self.account.campaigns.values()]
        rows = [
            row
            for row in rows
            if query.get("after_date", "") <= row["updated_at"]
            and row["updated_at"] <= query.get("before_date", "9")
        ]
        rows.sort(key=lambda row: row["updated_at"], reverse=True)
        encoded = [msgspec.json.encode(row) for row in rows]
        return self._page(query, "/emails", "campaigns", encoded)

    def _campaign(self, _: Mapping[str, str], campaign_id: str) -> Reply:
        campaign = self.account.campaigns.get(campaign_id)
        if campaign is None or campaign.current_status == "Removed":
            return NOT_FOUND
        activities = [
            {
                "campaign_activity_id": activity.campaign_activity_id,
                "role": activity.role,
                "document_id": activity.details["document_id"],
            }
            for activity in campaign.activities
        ]
        return answer({**campaign.row(), "campaign_activities": activities})

    def _activity(self, query: Mapping[str, str], activity_id: str) -> Reply:
        activity = self._found(activity_id)
        if activity is None:
            return NOT_FOUND
        ids = {
            "campaign_activity_id": activity_id,
            "campaign_id": activity.campaign_id,
            "role": activity.role,
        }
        details = dict(activity.details)
        if "permalink_url" not in query.get("include", "").split(","):
            del details["permalink_url"]
        return answer({**ids, **details})

    def _send_history(self, _: Mapping[str, str], activity_id: str) -> Reply:
        activity = self._found(activity_id)
        return NOT_FOUND if activity is None else answer(activity.sends)

    def _found(self, activity_id: str) -> Activity | None:
        activity = self.account.activities.get(activity_id)
        if activity is None:
            return None
        campaign = self.account.campaigns[activity.campaign_id]
        return None if campaign.current_status == "Removed" else activity

    def _events(self, report: str, query: Mapping[str, str], activity_id: str) -> Reply:
        activity = self.account.activities.get(activity_id)
        if activity is None or not activity.has_reports:
            return NOT_FOUND
        events = activity.rows_of(report)
        for name in ("url_id", "bounce_code"):
            if wanted := query.get(name):
                events = [event for event in events if event.row.get(name) == wanted]
        path = f"/reports/email_reports/{activity_id}/tracking/{report}"
        return self._page(query, path, "tracking_activities", events)

    def _links(self, _: Mapping[str, str], activity_id: str) -> Reply:
        activity = self.account.activities.get(activity_id)
        if activity is None or not activity.has_reports:
            return NOT_FOUND
        counts = [
            {**link, "unique_clicks": len(self._people(activity, link["url_id"]))}
            for link in activity.links
        ]
        return answer({"link_click_counts": counts})

    @staticmethod
    def _people(activity: Activity, url_id: str) -> set[str]:
        return {
            click.row["contact_id"]
            for click in activity.clicks
            if click.row["url_id"] == url_id
        }

    def _stats(self, _: Mapping[str, str], ids: str) -> Reply:
        requested = ids.split(",")
        if len(requested) > MOST_STATS:
            return BAD_QUERY
        if not all(_is_uuid(activity_id) for activity_id in requested):
            return NOT_FOUND
        found = [self._counted(activity_id) for activity_id in requested]
        errors = [
            {
                "error_key": "stats.not_found",
                "error_message": f"No stats for {requested[n]}",
            }
            for n, activity in enumerate(found)
            if activity is None
        ]
        results = [self._result(activity) for activity in found if activity]
        return answer({"results": results, "errors": errors})

    def _counted(self, activity_id: str) -> Activity | None:
        activity = self.account.activities.get(activity_id)
        if activity is None or activity_id in self.uncounted:
            return None
        return activity if activity.has_reports else None

    def _result(self, activity: Activity) -> dict[str, Any]:
        return {
            "campaign_id": activity.campaign_id,
            "campaign_activity_id": activity.campaign_activity_id,
            "last_refresh_time": timestamp(self.account.now - self.account.stats_lag),
            "stats": self.stats_of(activity),
        }

    def stats_of(self, activity: Activity) -> dict[str, int]:
        """Return the counters of an activity."""
        people, counted = len(activity.people), self.account.counted(activity)
        # The oldest clicks are counted; ``count_offset`` goes to device "none".
        devices = Counter(
            click.row.get("device_type", "none")
            for click in activity.clicks[-counted:] * bool(counted)
        )
        devices["none"] += counted - devices.total()
        counts = self._counted_events(activity) or self._made_up(people)
        return {
            **counts,
            "em_clicks": people,
            "em_clicks_all": counted,
            **{f"em_clicks_all_{kind}": devices[kind] for kind in DEVICES},
            "em_abuse": 0,
            "em_not_opened": max(
                0, counts["em_sends"] - counts["em_opens"] - counts["em_bounces"]
            ),
        }

    def _counted_events(self, activity: Activity) -> dict[str, int]:
        """Return the counters of events other than clicks; empty if there are none."""
        if not activity.has_events:
            return {}
        counted_rows = self.account.counted_rows
        rows = {
            name: [event.row for event in counted_rows(activity.rows_of(name))]
            for name in EVENTS
        }
        people = {
            f"em_{name}": len({row["contact_id"] for row in events})
            for name, events in rows.items()
        }
        opens = Counter(row.get("device_type", "none") for row in rows["opens"])
        codes = {row["contact_id"]: row["bounce_code"] for row in rows["bounces"]}
        bounces = Counter(codes.values())
        return {
            **people,
            "em_sends": len(rows["sends"]),
            "em_opens_all": len(rows["opens"]),
            **{f"em_opens_all_{kind}": opens[kind] for kind in DEVICES},
            **{f"em_bounces_{kind}": bounces[code] for kind, code in BOUNCES.items()},
        }

    @staticmethod
    def _made_up(people: int) -> dict[str, int]:
        """Return made-up counters for an email that has clicks only."""
        opens = {"computer": 2 * people, "mobile": people, "none": people}
        bounces = {"mailbox_full": 1}
        return {
            "em_sends": 10 * people + 10,
            "em_opens": 3 * people,
            "em_opens_all": sum(opens.values()),
            **{f"em_opens_all_{kind}": opens.get(kind, 0) for kind in DEVICES},
            "em_bounces": sum(bounces.values()),
            **{f"em_bounces_{kind}": bounces.get(kind, 0) for kind in BOUNCES},
            "em_forwards": 0,
            "em_optouts": 0,
        }

    def _summaries(self, query: Mapping[str, str]) -> Reply:
        sent = [item for item in self.account.campaigns.values() if item.last_sent_date]
        sent.sort(key=lambda item: str(item.last_sent_date), reverse=True)
        rows = []
        for campaign in sent:
            row = {
                "campaign_id": campaign.campaign_id,
                "campaign_type": campaign.type,
                "last_sent_date": timestamp(
                    campaign.last_sent_date or self.account.now
                ),
                "unique_counts": _unique_counts(campaign.activities),
            }
            rows.append(msgspec.json.encode(row))
        path = "/reports/summary_reports/email_campaign_summaries"
        key, percents = "bulk_email_campaign_summaries", dict.fromkeys(PERCENTS, 20.0)
        return self._page(query, path, key, rows, aggregate_percents=percents)

    def _account(self, _: Mapping[str, str]) -> Reply:
        return answer(
            {
                "organization_name": "Example Shop",
                "contact_email": "owner@example.com",
                "time_zone_id": "Europe/Vienna",
                "country_code": "AT",
            }
        )


def _unique_counts(activities: Sequence[Activity]) -> dict[str, int]:
    people = sum(len(activity.people) for activity in activities)
    counts = {"sends": 10 * people, "opens": 3 * people}
    rest = dict.fromkeys(("forwards", "optouts", "abuse", "bounces"), 0)
    counts |= {**rest, "clicks": people, "not_opened": 7 * people}
    if any(activity.has_events for activity in activities):
        for name in EVENTS:
            counts[name] = sum(len(item.people_of(name)) for item in activities)
        unopened = counts["sends"] - counts["opens"] - counts["bounces"]
        counts["not_opened"] = max(0, unopened)
    return counts


def _joined(rows: Sequence[bytes | Click]) -> bytes:
    return b",".join(row if isinstance(row, bytes) else row.encoded for row in rows)


def _call(
    handler: Callable[..., Reply], ids: tuple[str, ...], query: Mapping[str, str]
) -> Reply:
    return handler(query, *ids)


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
