"""The form of the API's responses, and the records made of them.

No other module knows the names of properties. Sources: the vendor's pages «GET a
Collection of Email Campaigns», «GET an Email Campaign», «GET an Email Campaign
Activity», «Get Email Campaign Activity Send History», «GET an Email Campaign Activity
Stats Report», «GET an Email Links Report» and «GET an Email Campaigns Summary Report».
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.columns import (
    Anomalies,
    Columns,
    Shape,
    count,
    date_time,
    identifier,
    number,
    text,
    texts,
)

NEVER_SENT = frozenset({"draft", "scheduled"})
DONE = "done"
REMOVED = "removed"
ROLES_WITH_REPORTS = frozenset({"primary_email", "resend"})
ROLES = ROLES_WITH_REPORTS | {"permalink"}
STATS = "campaign_activity_stats"
CAMPAIGN: Columns = {
    "campaign_id": identifier,
    "name": text,
    "type": text,
    "type_code": number,
    "current_status": text,
    "created_at": date_time,
    "updated_at": date_time,
}
# Columns of an activity that come from its campaign.
OF_CAMPAIGN = {
    "campaign_name": "name",
    "campaign_type": "type",
    "campaign_type_code": "type_code",
    "campaign_status": "current_status",
    "campaign_created_at": "created_at",
    "campaign_updated_at": "updated_at",
}
ACTIVITY: Columns = {
    "campaign_activity_id": identifier,
    "role": text,
    "document_id": text,
}
# Columns that only «GET an Email Campaign Activity» has.
DETAILS_STREAM = "campaign_activity_details"
DETAILS: Columns = {
    "document_id": text,
    "current_status": text,
    "format_type": number,
    "subject": text,
    "preheader": text,
    "from_name": text,
    "from_email": text,
    "reply_to_email": text,
    "template_id": text,
    "permalink_url": text,
    "contact_list_ids": texts,
    "segment_ids": texts,
}
LINK: Columns = {
    "url_id": identifier,
    "link_url": text,
    "unique_clicks": count,
    "list_action": text,
    "list_id": text,
    "link_tag": text,
}
DEVICES = ("computer", "mobile", "tablet", "other", "none")
BOUNCES = (
    "blocked",
    "mailbox_full",
    "nonexistent_address",
    "other",
    "suspended",
    "undeliverable",
    "vacation",
)
COUNTERS: Columns = dict.fromkeys(
    (
        "em_sends",
        "em_opens",
        "em_opens_all",
        *(f"em_opens_all_{device}" for device in DEVICES),
        "em_clicks",
        "em_clicks_all",
        *(f"em_clicks_all_{device}" for device in DEVICES),
        "em_bounces",
        *(f"em_bounces_{kind}" for kind in BOUNCES),
        "em_forwards",
        "em_optouts",
        "em_abuse",
        "em_not_opened",
    ),
    count,
)
SEND: Columns = {
    "send_id": number,
    "run_date": date_time,
    "count": count,
    "send_status": text,
    "reason_code": number,
    "contact_list_ids": texts,
    "segment_ids": texts,
}
# «GET Email Campaign Activity Send History»; 12 comes with status COMPLETED.
REASONS = {
    0: "sent",
    1: "an error occurred: schedule it again",
    2: "held back by the account review team",
    3: "the account cannot send at the moment: billing or expiry",
    4: "more contacts than the account may send to",
    5: "in staging",
    6: "not sent to all contacts",
    7: "an image is not valid",
    8: "a link is longer than 1,005 characters",
    9: "the sender's address could not be verified",
    10: "the sender's address could not be verified",
    11: "the account cannot send survey invitations",
    12: "no contact was eligible",
}
SUMMARY: Columns = {
    "campaign_id": identifier,
    "campaign_type": text,
    "last_sent_date": date_time,
}
PEOPLE: Columns = {
    "sends": count,
    "opens": count,
    "clicks": count,
    "forwards": count,
    "optouts": count,
    "abuse": count,
    "bounces": count,
    "not_opened": count,
}
# Properties that are not read.
IDS = ("campaign_activity_id", "campaign_id", "role", "document_id")
LEFT_OUT = ("html_content", "physical_address_in_footer", "document_properties")
# With the properties that the contract requires.
DETAILS_SHAPE = Shape(
    DETAILS_STREAM,
    frozenset({*DETAILS, *IDS, *LEFT_OUT}),
    frozenset({"from_email", "from_name", "reply_to_email", "subject"}),
)
STATS_SHAPE = Shape(STATS, frozenset({*IDS[:2], "last_refresh_time", "stats"}))
COUNTERS_SHAPE = Shape(STATS, frozenset(COUNTERS))
SUMMARY_SHAPE = Shape(
    "summaries",
    frozenset({*SUMMARY, "unique_counts"}),
    frozenset({"campaign_id"}),
)
PEOPLE_SHAPE = Shape("summaries", frozenset(PEOPLE))
LISTED = {
    stream: Shape(stream, frozenset(columns))
    for stream, columns in (
        ("campaigns", CAMPAIGN),
        ("campaign_activities", ACTIVITY),
        ("email_links", LINK),
        ("email_send_history", SEND),
    )
}


@dataclass(frozen=True)
class Counters:
    """The service's counters of an activity's events.

    Attributes:
        clicks: ``em_clicks_all``; None if unknown.
        refreshed: When the service counted; None if unknown.
        stats: All counters by their documented names; empty if unknown.
    """

    clicks: int | None = None
    refreshed: str | None = None
    stats: Mapping[str, int] = field(default_factory=dict)


# No readable counters; not requested, or no response.
UNKNOWN, NOT_ASKED = Counters(), Counters()


def campaign_records(rows: Sequence[Record], anomalies: Anomalies) -> list[Record]:
    """Return the rows of the campaign listing that have an id, as records."""
    return _with_id("campaigns", CAMPAIGN, rows, anomalies)


def activity_rows(rows: Sequence[Record], anomalies: Anomalies) -> list[Record]:
    """Return the activities with an id in a campaign's look-up."""
    found = _with_id("campaign_activities", ACTIVITY, rows, anomalies)
    for row in found:
        if row["role"] not in ROLES:
            anomalies.note_role(row["role"])
    return found


def activity_record(campaign: Record, row: Record) -> Record:
    return {
        "campaign_activity_id": row["campaign_activity_id"],
        "campaign_id": campaign["campaign_id"],
        "role": row["role"],
        **{column: campaign[name] for column, name in OF_CAMPAIGN.items()},
        "document_id": row["document_id"],
    }


def details_record(body: Record, anomalies: Anomalies) -> Record:
    """Return the columns that only an activity's own endpoint has."""
    anomalies.check(DETAILS_SHAPE, [body])
    return anomalies.record(DETAILS_STREAM, DETAILS, body)


def link_records(rows: Sequence[Record], anomalies: Anomalies) -> list[Record]:
    """Return the rows of the links report that have an id."""
    return _with_id("email_links", LINK, rows, anomalies)


def send_records(rows: Sequence[Record], anomalies: Anomalies) -> list[Record]:
    """Return the rows of a send history that have an id."""
    return [
        {**row, "reason": REASONS.get(row["reason_code"])}
        for row in _with_id("email_send_history", SEND, rows, anomalies)
    ]


def counters_by_activity(body: Record, anomalies: Anomalies) -> dict[str, Counters]:
    name, counters = "campaign_activity_id", {}
    results = _objects(body.get("results"))
    anomalies.check(STATS_SHAPE, results)
    for result in results:
        if activity_id := anomalies.convert(STATS, name, identifier, result.get(name)):
            counters[activity_id] = counters_of(result, anomalies)
    return counters


def counters_of(result: Record, anomalies: Anomalies) -> Counters:
    """Return the counters of one of the ``results`` of the stats endpoint."""
    values: Record = next(iter(_objects(result.get("stats"))), {})
    # The guide writes em_clicks.all; the reference's spelling wins.
    named = {name.replace(".", "_"): values[name] for name in sorted(values)}
    anomalies.check(COUNTERS_SHAPE, [named] if named else [])
    stats = _known(anomalies.record(STATS, COUNTERS, named))
    name = "last_refresh_time"
    refreshed = anomalies.convert(STATS, name, date_time, result.get(name))
    return Counters(stats.get("em_clicks_all"), refreshed, stats)


def spelling_of(body: Record) -> str | None:
    """Return how a response of the stats endpoint spells ``em_clicks_all``.

    In the order of preference of :func:`counters_of`; None if it has neither spelling.
    """
    for result in _objects(body.get("results")):
        values: Record = next(iter(_objects(result.get("stats"))), {})
        for name in ("em_clicks_all", "em_clicks.all"):
            if name in values:
                kind = "text" if isinstance(values[name], str) else "numbers"
                return f"{name}, as {kind}"
    return None


def people_of(summary: Mapping[str, Any]) -> int:
    """Return how many people clicked, by a campaign's summary; 0 if unknown."""
    counts = summary.get("unique_counts")
    clicks = counts.get("clicks") if isinstance(counts, dict) else None
    return clicks if isinstance(clicks, int) else 0


def summary_of(row: Record, anomalies: Anomalies) -> Record:
    """Return a row of the summaries, its counts converted to numbers.

    Everything else is kept: any change may mean new clicks.
    """
    anomalies.check(SUMMARY_SHAPE, [row])
    known = anomalies.record("summaries", SUMMARY, row)
    values = {**row, **_known(known), "campaign_id": known["campaign_id"]}
    for counts in _objects(row.get("unique_counts"))[:1]:
        anomalies.check(PEOPLE_SHAPE, [counts])
        other = {name: counts[name] for name in counts.keys() - PEOPLE.keys()}
        people = _known(anomalies.record("summaries", PEOPLE, counts))
        values["unique_counts"] = {**other, **people}
    return values


def summary_record(summary: Record) -> Record:
    """Return the record of a summary that :func:`summary_of` returned."""
    people = summary.get("unique_counts")
    counts = people if isinstance(people, dict) else {}
    values = {**summary, **{name: counts.get(name) for name in PEOPLE}}
    # Its anomalies were counted before.
    return Anomalies().record("summaries", {**SUMMARY, **PEOPLE}, values)


def _objects(value: object) -> list[Record]:
    """Return the objects of a list; without a list, the object itself."""
    rows = value if isinstance(value, list) else [value]
    return [row for row in rows if isinstance(row, dict)]


def _known(values: Record) -> Record:
    return {name: value for name, value in values.items() if value is not None}


def _with_id(
    stream: str, columns: Columns, rows: Sequence[Record], anomalies: Anomalies
) -> list[Record]:
    """Return rows with these columns; the first column is the id."""
    key = next(iter(columns))
    anomalies.check(LISTED[stream], rows)
    records = [anomalies.record(stream, columns, row) for row in rows]
    return [record for record in records if record[key] is not None]
