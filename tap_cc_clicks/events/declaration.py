"""Reports of events, declared: what makes a row, and what tells two rows apart.

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
from tap_cc_clicks.api.kinds import Oddities, Shape, text
from tap_cc_clicks.api.pages import Envelope

ROWS = "tracking_activities"


class Click(msgspec.Struct, gc=False):
    """A row of the clicks report as it is decoded, and the record that it becomes."""

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
    """What every other row has, and the record that it becomes."""

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
    """An open; privacy proxies open by themselves."""

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
    """A contact whom an email did not reach, and why."""

    bounce_id: str | None = None
    bounce_code: str | None = None
    bounce_reason: str | None = None
    current_email_address: str | None = None

    def __post_init__(self) -> None:
        """Put the code in words."""
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
        stream: The stream that its rows become.
        path: Its name in the path below ``tracking/``.
        row: What a row is decoded into.
        form: What a page of it looks like.
        key: The column of the event's id.
        likeness: The columns that, with the activity, tell events apart.
        counter: What the service counts of it.
        counts_people: Whether that counts people, where the report lists events: then
            it tells that there is something new, but not how much.
        namespace: Of the ids; part of every id ever loaded, so never to be changed.
    """

    stream: str
    path: str
    row: type[Any]
    form: Form
    key: str
    likeness: tuple[str, ...]
    counter: str
    counts_people: bool
    namespace: uuid.UUID

    @cached_property
    def likeness_of(self) -> Callable[[Any], tuple[Any, ...]]:
        """Return what a row may share with others of its activity."""
        return attrgetter(*self.likeness)

    def tolerated(self, row: Record, oddities: Oddities) -> Any:
        """Return a row that is not quite as documented, as it should have been."""
        columns = dict.fromkeys(self.row.__struct_fields__, text)
        told = oddities.record(self.stream, columns, row)
        return self.row(**{name: one for name, one in told.items() if one is not None})


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
ALIKE = ("contact_id", "created_time")


def _declared(  # noqa: PLR0913 - told apart by name
    row: type[Any],
    path: str,
    key: str,
    *,
    counter: str,
    counts_people: bool = False,
    likeness: tuple[str, ...] = ALIKE,
    required: Collection[str] = (),
    made_here: Collection[str] = (),
) -> EventReport:
    """Return a report's declaration, completed."""
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
        likeness=likeness,
        counter=counter,
        counts_people=counts_people,
        namespace=uuid.uuid5(uuid.NAMESPACE_URL, f"https://api.cc.email/v3/#{path}"),
    )


CLICKS = _declared(
    Click,
    "clicks",
    "click_id",
    counter="em_clicks_all",
    likeness=("contact_id", "url_id", "created_time", "device_type"),
    required=("link_url", "url_id"),
)
SENDS = _declared(Send, "sends", "send_event_id", counter="em_sends")
OPENS = _declared(
    Open,
    "opens",
    "open_id",
    counter="em_opens_all",
    likeness=(*ALIKE, "device_type"),
)
BOUNCES = _declared(
    Bounce,
    "bounces",
    "bounce_id",
    counter="em_bounces",
    counts_people=True,
    likeness=(*ALIKE, "bounce_code"),
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
