"""The simulated account: campaigns, activities, clicks and other events."""

from __future__ import annotations

import random
import uuid
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import msgspec

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
SENT = frozenset({"Executing", "Done", "Error", "Removed"})
DEVICES = ("computer", "mobile", "tablet", "other", None)
ROLES_WITH_REPORTS = frozenset({"primary_email", "resend"})
CLICKS = "clicks"
# The other event reports, each with its additional columns.
EVENTS: dict[str, dict[str, tuple[str | None, ...]]] = {
    "sends": {},
    "opens": {"device_type": DEVICES},
    "bounces": {
        "bounce_code": ("B", "D", "F", "S", "V", "X", "Z"),
        "current_email_address": ("moved@example.com", None),
    },
    "optouts": {"opt_out_reason": ("I did not sign up — ever", None)},
    "forwards": {},
}
# Fields that name an activity's recipients.
LISTS = ("contact_list_ids", "segment_ids")


def timestamp(when: datetime) -> str:
    """Format a timestamp as the API does."""
    text = when.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass(slots=True)
class Click:
    """A row of an event report, with its JSON cached."""

    row: dict[str, Any]
    encoded: bytes = b""

    def __post_init__(self) -> None:
        self.encode()

    def encode(self) -> None:
        """Encode the row again after a change."""
        self.encoded = msgspec.json.encode(self.row)

    @property
    def created_time(self) -> str:
        return str(self.row["created_time"])


@dataclass(slots=True)
class Activity:
    """A campaign activity; its events are sorted newest first, as in reports."""

    campaign_activity_id: str
    campaign_id: str
    role: str
    details: dict[str, Any]
    links: list[dict[str, Any]]
    clicks: list[Click] = field(default_factory=list)
    people: set[str] = field(default_factory=set)
    count_offset: int = 0
    # Links to draw clicks from, repeated as weights; all links if empty.
    popular: list[dict[str, Any]] = field(default_factory=list)
    sends: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, list[Click]] = field(default_factory=dict)

    @property
    def has_reports(self) -> bool:
        """Whether the API has reports for the activity."""
        return self.role in ROLES_WITH_REPORTS

    def rows_of(self, report: str) -> list[Click]:
        """Return the rows of an event report, newest first."""
        return self.clicks if report == CLICKS else self.events.setdefault(report, [])

    @property
    def has_events(self) -> bool:
        """Whether there are events other than clicks."""
        return any(self.events.values())

    def people_of(self, report: str) -> set[str]:
        """Return the contacts in a report."""
        return {event.row["contact_id"] for event in self.events.get(report, ())}

    def insert(self, event: Click, report: str = CLICKS) -> None:
        """Insert an event before all that are equally old or older."""
        rows = self.rows_of(report)
        place = bisect_right(_Descending(rows), _Key(event.created_time)) if rows else 0
        while place and rows[place - 1].created_time == event.created_time:
            place -= 1
        rows.insert(place, event)
        if report == CLICKS:
            self.people.add(event.row["contact_id"])

    def extend(self, events: list[Click], report: str = CLICKS) -> None:
        rows = self.rows_of(report)
        rows[:] = sorted(
            [*events, *rows], key=lambda event: event.created_time, reverse=True
        )
        if report == CLICKS:
            self.people.update(event.row["contact_id"] for event in events)


@dataclass(slots=True)
class _Key:
    """A timestamp that sorts in descending order."""

    text: str

    def __lt__(self, other: _Key) -> bool:
        return self.text > other.text


@dataclass(slots=True)
class _Descending:
    """The timestamps of clicks, as a sequence for ``bisect``."""

    clicks: list[Click]

    def __len__(self) -> int:
        return len(self.clicks)

    def __getitem__(self, index: int) -> _Key:
        return _Key(self.clicks[index].created_time)


@dataclass(slots=True)
class Campaign:
    """A campaign as listed by the API, with its activities."""

    campaign_id: str
    name: str
    current_status: str
    created_at: datetime
    updated_at: datetime
    type: str = "NEWSLETTER"
    type_code: int = 10
    last_sent_date: datetime | None = None
    activities: list[Activity] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """Return the campaign's row in the listing."""
        return {
            "campaign_id": self.campaign_id,
            "name": self.name,
            "type": self.type,
            "type_code": self.type_code,
            "current_status": self.current_status,
            "created_at": timestamp(self.created_at),
            "updated_at": timestamp(self.updated_at),
        }


class Account:
    """A Constant Contact account; the same seed and calls produce the same account.

    Args:
        seed: Seed of the generated data.
        now: The account's current time; only ``advance`` changes it.
        stats_lag: The age at which events are included in the counters.
    """

    def __init__(
        self,
        seed: int = 7,
        now: datetime = START,
        stats_lag: timedelta = timedelta(0),
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311 - generated data
        self.now = now
        self.stats_lag = stats_lag
        self.campaigns: dict[str, Campaign] = {}
        self.activities: dict[str, Activity] = {}
        self.contacts: list[dict[str, Any]] = []
        self.devices: Sequence[str | None] = DEVICES

    def uuid(self) -> str:
        """Generate an ID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def advance(self, **by: float) -> None:
        """Advance the account's clock: ``advance(hours=3)``."""
        self.now += timedelta(**by)

    def add_campaign(
        self,
        status: str = "Done",
        *,
        sent: datetime | None = None,
        roles: tuple[str, ...] = ("primary_email", "permalink"),
        **values: Any,
    ) -> Campaign:
        """Add a campaign; the status decides whether it was sent."""
        sent = sent or self.now
        campaign = Campaign(
            campaign_id=self.uuid(),
            name=f"Campaign {len(self.campaigns) + 1} — été ☀",
            current_status=status,
            created_at=sent - timedelta(days=1),
            updated_at=sent,
            last_sent_date=sent if status in SENT else None,
        )
        for name, value in values.items():
            setattr(campaign, name, value)
        self.campaigns[campaign.campaign_id] = campaign
        for role in roles:
            self.add_activity(campaign, role)
        return campaign

    def add_activity(self, campaign: Campaign, role: str) -> Activity:
        """Add an activity with a few links to a campaign."""
        first = self.random.randrange(10**11, 10**12)
        activity = Activity(
            campaign_activity_id=self.uuid(),
            campaign_id=campaign.campaign_id,
            role=role,
            details=self._details(campaign, role),
            links=[
                {
                    "url_id": str(first + n),
                    "link_url": f"https://www.example.com/{n}?ü=✓",
                }
                for n in range(self.random.randint(2, 6))
            ],
        )
        if campaign.last_sent_date and activity.has_reports:
            self._send(activity, campaign.last_sent_date)
        campaign.activities.append(activity)
        self.activities[activity.campaign_activity_id] = activity
        return activity

    @staticmethod
    def _send(activity: Activity, when: datetime, **values: Any) -> None:
        """Add a sending to new contacts to an activity's send history."""
        lists = {name: activity.details[name] for name in LISTS}
        defaults = {"count": 100, "send_status": "COMPLETED", "reason_code": 0, **lists}
        ids = {"send_id": len(activity.sends) + 1, "run_date": timestamp(when)}
        activity.sends.append({**ids, **defaults, **values})

    def _details(self, campaign: Campaign, role: str) -> dict[str, Any]:
        return {
            "current_status": campaign.current_status.upper(),
            "format_type": 5,
            "subject": f"News of {campaign.name}",
            "preheader": "What happened",
            "from_name": "Example Shop",
            "from_email": "shop@example.com",
            "reply_to_email": "reply@example.com",
            "template_id": "",
            # Does not use the seeded generator, so accounts of a seed stay the same.
            "document_id": str(uuid.uuid5(uuid.NAMESPACE_URL, campaign.name + role)),
            "permalink_url": f"https://example.com/p/{role}",
            "contact_list_ids": [self.uuid()],
            "segment_ids": [self.random.randint(1, 99)],
        }

    def add_click(
        self, activity: Activity, when: datetime | None = None, **fields: Any
    ) -> Click:
        """Add a click; a ``when`` before other clicks simulates a late arrival."""
        click = self.make_click(activity, when, **fields)
        activity.insert(click)
        return click

    def make_click(
        self, activity: Activity, when: datetime | None = None, **fields: Any
    ) -> Click:
        """Create a click in an activity without adding it."""
        link = self.random.choice(activity.popular or activity.links)
        device = self.random.choice(self.devices)
        row = {
            **self._contact(),
            "campaign_activity_id": activity.campaign_activity_id,
            "tracking_activity_type": "em_clicks",
            "device_type": device,
            "url_id": link["url_id"],
            "link_url": link["link_url"],
            "created_time": timestamp(when or self.now),
            **fields,
        }
        return Click({name: value for name, value in row.items() if value is not None})

    def add_event(
        self,
        activity: Activity,
        report: str,
        when: datetime | None = None,
        **fields: Any,
    ) -> Click:
        """Add an event of one of the reports in ``EVENTS``."""
        event = self.make_event(activity, report, when, **fields)
        activity.insert(event, report)
        return event

    def make_event(
        self,
        activity: Activity,
        report: str,
        when: datetime | None = None,
        **fields: Any,
    ) -> Click:
        """Create an event of one of the reports in ``EVENTS`` without adding it."""
        columns = EVENTS[report].items()
        own = {name: self.random.choice(values) for name, values in columns}
        row = {
            **(fields if "contact_id" in fields else self._contact()),
            "campaign_activity_id": activity.campaign_activity_id,
            "tracking_activity_type": f"em_{report}",
            "created_time": timestamp(when or self.now),
            **own,
            **fields,
        }
        return Click({name: value for name, value in row.items() if value is not None})

    def _contact(self) -> dict[str, Any]:
        """Return a random contact, which may be a new one."""
        if not self.contacts or self.random.random() < 1 / (
            1 + len(self.contacts) / 50
        ):
            self.add_contact()
        return self.random.choice(self.contacts)

    def add_contact(self) -> dict[str, Any]:
        """Add a contact and return it."""
        number = len(self.contacts)
        names = {"first_name": f"Zoë {number}", "last_name": "Müller-العربية"}
        contact = {
            "contact_id": self.uuid(),
            "email_address": f"person{number}@example.com",
        }
        self.contacts.append({**contact, **(names if number % 3 else {})})
        return self.contacts[-1]

    def add_clicks(self, number: int, emails: int = 5) -> None:
        """Add clicks of the last hour to the most recently sent emails."""
        activities = self.clickable()
        activities.sort(key=lambda item: self.campaigns[item.campaign_id].updated_at)
        for n in range(number):
            minutes = timedelta(minutes=60 * (1 - (n + 1) / number))
            activity = self.random.choice(activities[-emails:])
            self.add_click(activity, self.now - minutes)

    def add_scans(
        self, activity: Activity, contacts: int = 3, when: datetime | None = None
    ) -> None:
        """Simulate mail servers that open every link of an email within seconds."""
        for contact in self.random.sample(self.contacts, contacts):
            for number, link in enumerate(activity.links):
                second = (when or self.now) + timedelta(seconds=number)
                self.add_click(activity, second, **contact, **link)

    def reported(self) -> list[Activity]:
        """Return the sent activities with reports, except removed ones."""
        return [
            activity
            for campaign in self.campaigns.values()
            if campaign.current_status in SENT - {"Removed"}
            for activity in campaign.activities
            if activity.has_reports
        ]

    def clickable(self) -> list[Activity]:
        """Return the activities with reports whose sending did not fail."""
        return [
            activity
            for activity in self.reported()
            if self.campaigns[activity.campaign_id].current_status != "Error"
        ]

    def resend(self, campaign: Campaign) -> Activity:
        """Resend a campaign to contacts who did not open it."""
        campaign.updated_at = campaign.last_sent_date = self.now
        return self.add_activity(campaign, "resend")

    def send_again(self, campaign: Campaign, **values: Any) -> None:
        """Send an email to contacts added to its lists since.

        The campaign's ``updated_at`` does not change.
        """
        campaign.last_sent_date = self.now
        activity = campaign.activities[0]
        self._send(activity, self.now, **values)
        for _ in range(activity.sends[-1]["count"] if activity.has_events else 0):
            self.add_event(activity, "sends", **self.add_contact())

    def remove_campaign(self, campaign: Campaign) -> None:
        """Delete a campaign; it is still listed, as ``Removed``."""
        campaign.current_status = "Removed"
        campaign.updated_at = self.now

    def delete_contact(self, contact_id: str) -> None:
        """Delete a contact; its events are kept, with ``deleted_at`` set."""
        for activity in self.activities.values():
            for event in chain(activity.clicks, *activity.events.values()):
                if event.row["contact_id"] == contact_id:
                    event.row["deleted_at"] = self.now.date().isoformat()
                    event.encode()

    def counted(self, activity: Activity) -> int:
        """Return the number of an activity's clicks in the counters."""
        clicks = self.counted_rows(activity.clicks)
        return max(0, len(clicks) + activity.count_offset)

    def counted_rows(self, rows: list[Click]) -> list[Click]:
        """Return the rows old enough to be included in the counters."""
        if not self.stats_lag:
            return rows
        until = timestamp(self.now - self.stats_lag)
        return [row for row in rows if row.created_time <= until]

    def rows(self, report: str = CLICKS) -> list[dict[str, Any]]:
        """Return all rows of a report, by default all clicks."""
        return [
            dict(event.row)
            for activity in self.activities.values()
            for event in activity.rows_of(report)
        ]
