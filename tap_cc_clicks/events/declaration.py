"""Reports of events, declared: what makes a row, and what tells two rows apart.

Sources: the vendor's pages «GET an Email Clicks Report» and its siblings.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
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


class ClicksPage(Envelope):
    """An answer of the clicks report."""

    tracking_activities: list[Click] | None = None


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
        namespace: Of the ids; part of every id ever loaded, so never to be changed.
    """

    stream: str
    path: str
    row: type[Any]
    form: Form
    key: str
    likeness: tuple[str, ...]
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


# What the contract requires of a click.
REQUIRED = frozenset(
    {
        "campaign_activity_id",
        "contact_id",
        "created_time",
        "email_address",
        "link_url",
        "tracking_activity_type",
        "url_id",
    }
)
MADE_HERE = frozenset({"click_id", "campaign_id"})
CLICK_SHAPE = Shape(
    "email_clicks", frozenset(Click.__struct_fields__) - MADE_HERE, REQUIRED
)
CLICKS = EventReport(
    stream="email_clicks",
    path="clicks",
    row=Click,
    form=Form(ROWS, msgspec.json.Decoder(ClicksPage), shape=CLICK_SHAPE),
    key="click_id",
    likeness=("contact_id", "url_id", "created_time", "device_type"),
    namespace=uuid.uuid5(uuid.NAMESPACE_URL, "https://api.cc.email/v3/#clicks"),
)
