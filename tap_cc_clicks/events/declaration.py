"""Declarations of event reports: their rows, and what identifies an event.

Sources: the vendor's pages «GET an Email Clicks Report» and its siblings.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from types import GenericAlias
from typing import Any

import msgspec
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.client import Form
from tap_cc_clicks.api.columns import Anomalies, Shape, text
from tap_cc_clicks.api.pages import Envelope

ROWS = "tracking_activities"


class Click(msgspec.Struct, gc=False):
    """A decoded row of the clicks report, which becomes the record."""

    click_id: str | None = None
    campaign_activity_id: str | None = None
    campaign_id: str | None = None
    contact_id: str | None = None
    url_id: str | None = None
    created_time: str = ""
    tracking_activity_type: str | None = None
    email_address: str | None = None
    device_type: str | None = None
    link_url: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    deleted_at: str | None = None


class Event(msgspec.Struct, gc=False):
    """A decoded row of another report, which becomes the record."""

    campaign_activity_id: str | None = None
    campaign_id: str | None = None
    contact_id: str | None = None
    created_time: str = ""
    tracking_activity_type: str | None = None
    email_address: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    deleted_at: str | None = None


class Send(Event):
    """A contact to whom an email was sent."""

    send_event_id: str | None = None


class Open(Event):
    """An open; privacy proxies also cause them."""

    open_id: str | None = None
    device_type: str | None = None


# «GET an Email Bounces Report».
BOUNCE_REASONS = {
    "B": "non-existent address",
    "D": "undeliverable",
    "F": "mailbox full",
    "S": "suspended",
    "V": "vacation or automatic reply",
    "X": "other",
    "Z": "blocked",
}


class Bounce(Event):
    """A contact that an email did not reach, and why."""

    bounce_id: str | None = None
    bounce_code: str | None = None
    bounce_reason: str | None = None
    current_email_address: str | None = None

    def __post_init__(self) -> None:
        self.bounce_reason = BOUNCE_REASONS.get(self.bounce_code or "")


class Optout(Event):
    """A contact who wants no more emails."""

    optout_id: str | None = None
    opt_out_reason: str | None = None


class Forward(Event):
    """A contact who forwarded an email."""

    forward_id: str | None = None


@dataclass(frozen=True)
class EventReport:
    """A report of events.

    Attributes:
        stream: The stream of its records.
        path: Its name in the path below ``tracking/``.
        row: The struct of a row.
        form: The form of a page.
        key: The column of the event's id.
        natural_key: The columns that, with the activity, identify an event.
        counter: The service's counter.
        counts_people: Whether the counter counts people, not events: then it shows that
            there is something new, but not how much.
        by_link: Whether the service can filter it by link.
        namespace: Of the ids; must never change.
    """

    stream: str
    path: str
    row: type[Any]
    form: Form
    key: str
    natural_key: tuple[str, ...]
    counter: str
    counts_people: bool
    by_link: bool
    namespace: uuid.UUID

    @cached_property
    def natural_key_of(self) -> Callable[[Any], tuple[Any, ...]]:
        return attrgetter(*self.natural_key)

    def tolerated(self, row: Record, anomalies: Anomalies) -> Any:
        """Convert a row that does not match the documentation."""
        columns = dict.fromkeys(self.row.__struct_fields__, text)
        values = anomalies.record(self.stream, columns, row)
        return self.row(
            **{name: one for name, one in values.items() if one is not None}
        )


# What the contract requires of every row.
REQUIRED = frozenset(
    {
        "campaign_activity_id",
        "contact_id",
        "created_time",
        "email_address",
        "tracking_activity_type",
    }
)
CONTACT_AND_TIME = ("contact_id", "created_time")


def _declared(  # noqa: PLR0913 - all by name
    row: type[Any],
    path: str,
    key: str,
    *,
    counter: str,
    counts_people: bool = False,
    by_link: bool = False,
    natural_key: tuple[str, ...] = CONTACT_AND_TIME,
    required: Collection[str] = (),
    made_here: Collection[str] = (),
) -> EventReport:
    stream = f"email_{path}"
    known = frozenset(row.__struct_fields__) - {key, "campaign_id", *made_here}
    rows = (ROWS, GenericAlias(list, (row,)) | None, None)
    page = msgspec.defstruct("Page", [rows], bases=(Envelope,))
    shape = Shape(stream, known, REQUIRED.union(required))
    return EventReport(
        stream=stream,
        path=path,
        row=row,
        form=Form(ROWS, msgspec.json.Decoder(page), shape=shape),
        key=key,
        natural_key=natural_key,
        counter=counter,
        counts_people=counts_people,
        by_link=by_link,
        namespace=uuid.uuid5(uuid.NAMESPACE_URL, f"https://api.cc.email/v3/#{path}"),
    )


CLICKS = _declared(
    Click,
    "clicks",
    "click_id",
    counter="em_clicks_all",
    by_link=True,
    natural_key=("contact_id", "url_id", "created_time", "device_type"),
    required=("link_url", "url_id"),
)
SENDS = _declared(Send, "sends", "send_event_id", counter="em_sends")
OPENS = _declared(
    Open,
    "opens",
    "open_id",
    counter="em_opens_all",
    natural_key=(*CONTACT_AND_TIME, "device_type"),
)
BOUNCES = _declared(
    Bounce,
    "bounces",
    "bounce_id",
    counter="em_bounces",
    counts_people=True,
    natural_key=(*CONTACT_AND_TIME, "bounce_code"),
    required=("bounce_code",),
    made_here=("bounce_reason",),
)
OPTOUTS = _declared(
    Optout, "optouts", "optout_id", counter="em_optouts", counts_people=True
)
FORWARDS = _declared(
    Forward, "forwards", "forward_id", counter="em_forwards", counts_people=True
)
# In the order in which they are read.
EVENT_REPORTS = (CLICKS, SENDS, OPENS, BOUNCES, OPTOUTS, FORWARDS)
