"""The account: campaigns, activities and clicks, and what happens to them."""

from __future__ import annotations

import random
import uuid
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

START = datetime(2026, 11, 1, 8, tzinfo=UTC)
SENT = frozenset({"Executing", "Done", "Error", "Removed"})
DEVICES = ("computer", "mobile", "tablet", "other", None)
ROLES_WITH_REPORTS = frozenset({"primary_email", "resend"})


def moment(when: datetime) -> str:
    """Write a moment as the API does."""
    text = when.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


@dataclass(slots=True)
class Click:
    """A row of the clicks report, with its JSON made once."""

    row: dict[str, Any]
    encoded: bytes = b""

    def __post_init__(self) -> None:
        """Encode the row."""
        self.encode()

    def encode(self) -> None:
        """Encode the row anew, after a change."""
        self.encoded = msgspec.json.encode(self.row)

    @property
    def created_time(self) -> str:
        """When the click happened."""
        return str(self.row["created_time"])


@dataclass(frozen=True, slots=True)
class Mailing:
    """What became of an email besides clicks."""

    sends: int
    opens: int
    bounces: int = 1
    optouts: int = 0


@dataclass(slots=True)
class Activity:
    """A campaign activity; its clicks are newest first, as the report gives them."""

    campaign_activity_id: str
    campaign_id: str
    role: str
    details: dict[str, Any]
    links: list[dict[str, Any]]
    clicks: list[Click] = field(default_factory=list)
    people: set[str] = field(default_factory=set)
    count_offset: int = 0
    # What people click on, the more often the more they like it; else any link.
    popular: list[dict[str, Any]] = field(default_factory=list)
    sent: Mailing | None = None

    @property
    def mailing(self) -> Mailing:
        """How often it was sent and opened, which follows clicks if not said."""
        people = len(self.people)
        return self.sent or Mailing(sends=10 * people + 10, opens=3 * people)

    @property
    def has_reports(self) -> bool:
        """Whether the API reports on it."""
        return self.role in ROLES_WITH_REPORTS

    def insert(self, click: Click) -> None:
        """Put a click in its place: before all that are not newer."""
        times = _Descending(self.clicks)
        place = bisect_right(times, _Key(click.created_time)) if self.clicks else 0
        while place and self.clicks[place - 1].created_time == click.created_time:
            place -= 1
        self.clicks.insert(place, click)
        self.people.add(click.row["contact_id"])

    def extend(self, clicks: list[Click]) -> None:
        """Put many clicks in their places."""
        self.clicks = sorted(
            [*clicks, *self.clicks], key=lambda click: click.created_time, reverse=True
        )
        self.people.update(click.row["contact_id"] for click in clicks)


@dataclass(slots=True)
class _Key:
    """A moment that sorts before earlier ones."""

    text: str

    def __lt__(self, other: _Key) -> bool:
        return self.text > other.text


@dataclass(slots=True)
class _Descending:
    """The moments of clicks, for a search."""

    clicks: list[Click]

    def __len__(self) -> int:
        return len(self.clicks)

    def __getitem__(self, index: int) -> _Key:
        return _Key(self.clicks[index].created_time)


@dataclass(slots=True)
class Campaign:
    """A campaign as the listing shows it, with its activities."""

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
        """Return the campaign's row of the listing."""
        return {
            "campaign_id": self.campaign_id,
            "name": self.name,
            "type": self.type,
            "type_code": self.type_code,
            "current_status": self.current_status,
            "created_at": moment(self.created_at),
            "updated_at": moment(self.updated_at),
        }


class Account:
    """A Constant Contact account. The same seed and calls give the same account.

    Args:
        seed: Of all that is made up.
        now: The account's present; it passes only by ``advance``.
        stats_lag: Clicks younger than this are not counted yet.
    """

    def __init__(
        self,
        seed: int = 7,
        now: datetime = START,
        stats_lag: timedelta = timedelta(0),
    ) -> None:
        """Open an empty account."""
        self.random = random.Random(seed)  # noqa: S311 - made-up data
        self.now = now
        self.stats_lag = stats_lag
        self.campaigns: dict[str, Campaign] = {}
        self.activities: dict[str, Activity] = {}
        self.contacts: list[dict[str, Any]] = []
        self.devices: Sequence[str | None] = DEVICES

    def uuid(self) -> str:
        """Make up an id."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def advance(self, **by: float) -> None:
        """Let time pass: ``advance(hours=3)``."""
        self.now += timedelta(**by)

    def add_campaign(
        self,
        status: str = "Done",
        *,
        sent: datetime | None = None,
        roles: tuple[str, ...] = ("primary_email", "permalink"),
        **values: Any,
    ) -> Campaign:
        """Make a campaign, sent unless its status says otherwise."""
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
        """Give a campaign an activity with a few links."""
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
        campaign.activities.append(activity)
        self.activities[activity.campaign_activity_id] = activity
        return activity

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
            # Not drawn, so that the same seed goes on making the same account.
            "document_id": str(uuid.uuid5(uuid.NAMESPACE_URL, campaign.name + role)),
            "permalink_url": f"https://example.com/p/{role}",
            "contact_list_ids": [self.uuid()],
            "segment_ids": [self.random.randint(1, 99)],
        }

    def add_click(
        self, activity: Activity, when: datetime | None = None, **fields: Any
    ) -> Click:
        """Let someone click; an older moment than others' makes it a late click."""
        click = self.make_click(activity, when, **fields)
        activity.insert(click)
        return click

    def make_click(
        self, activity: Activity, when: datetime | None = None, **fields: Any
    ) -> Click:
        """Make up a click of an activity, without putting it there."""
        link = self.random.choice(activity.popular or activity.links)
        device = self.random.choice(self.devices)
        row = {
            **self._contact(),
            "campaign_activity_id": activity.campaign_activity_id,
            "tracking_activity_type": "em_clicks",
            "device_type": device,
            "url_id": link["url_id"],
            "link_url": link["link_url"],
            "created_time": moment(when or self.now),
            **fields,
        }
        return Click({name: value for name, value in row.items() if value is not None})

    def _contact(self) -> dict[str, Any]:
        """Return one of the contacts, or a new one."""
        if not self.contacts or self.random.random() < 1 / (
            1 + len(self.contacts) / 50
        ):
            number = len(self.contacts)
            names = {"first_name": f"Zoë {number}", "last_name": "Müller-العربية"}
            contact = {
                "contact_id": self.uuid(),
                "email_address": f"person{number}@example.com",
            }
            self.contacts.append({**contact, **(names if number % 3 else {})})
        return self.random.choice(self.contacts)

    def add_clicks(self, number: int, emails: int = 5) -> None:
        """Let people click within the last hour, in the emails sent last."""
        activities = self.clickable()
        activities.sort(key=lambda one: self.campaigns[one.campaign_id].updated_at)
        for n in range(number):
            minutes = timedelta(minutes=60 * (1 - (n + 1) / number))
            activity = self.random.choice(activities[-emails:])
            self.add_click(activity, self.now - minutes)

    def add_scans(
        self, activity: Activity, contacts: int = 3, when: datetime | None = None
    ) -> None:
        """Let the mail servers of some contacts try every link of an email at once."""
        for contact in self.random.sample(self.contacts, contacts):
            for number, link in enumerate(activity.links):
                second = (when or self.now) + timedelta(seconds=number)
                self.add_click(activity, second, **contact, **link)

    def reported(self) -> list[Activity]:
        """Return the activities with reports that can be found."""
        return [
            activity
            for campaign in self.campaigns.values()
            if campaign.current_status in SENT - {"Removed"}
            for activity in campaign.activities
            if activity.has_reports
        ]

    def clickable(self) -> list[Activity]:
        """Return those of them that people go on clicking in: not what failed."""
        return [
            activity
            for activity in self.reported()
            if self.campaigns[activity.campaign_id].current_status != "Error"
        ]

    def resend(self, campaign: Campaign) -> Activity:
        """Send a campaign again to those who did not open it."""
        campaign.updated_at = campaign.last_sent_date = self.now
        return self.add_activity(campaign, "resend")

    def remove_campaign(self, campaign: Campaign) -> None:
        """Delete a campaign: it stays in the listing."""
        campaign.current_status = "Removed"
        campaign.updated_at = self.now

    def delete_contact(self, contact_id: str) -> None:
        """Delete a contact: its clicks stay, marked."""
        for activity in self.activities.values():
            for click in activity.clicks:
                if click.row["contact_id"] == contact_id:
                    click.row["deleted_at"] = self.now.date().isoformat()
                    click.encode()

    def counted(self, activity: Activity) -> int:
        """Return how many clicks the service has counted of an activity."""
        clicks = activity.clicks
        if self.stats_lag:
            until = moment(self.now - self.stats_lag)
            clicks = [click for click in clicks if click.created_time <= until]
        return max(0, len(clicks) + activity.count_offset)

    def rows(self) -> list[dict[str, Any]]:
        """Return every click there is: the truth."""
        return [
            dict(click.row)
            for activity in self.activities.values()
            for click in activity.clicks
        ]
