"""The loaded rows of a simulated account, with all reports, on two days."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Rows = dict[str, list[dict[str, Any]]]
START = datetime(2026, 10, 1, 8, tzinfo=UTC)
CAMPAIGNS, CONTACTS, LINKS = 18, 60, 6
# The rows of the first day, and those that the second one adds.
DAY = timedelta(days=1)
# Campaigns whose history was not loaded on the first day; one that was renamed.
UNTOLD, RENAMED, SENT_AGAIN, RESENT = range(3), range(2, 6), 7, 9
KEYS = {
    "email_sends": "send_event_id",
    "email_opens": "open_id",
    "email_clicks": "click_id",
    "email_bounces": "bounce_id",
    "email_optouts": "optout_id",
    "email_forwards": "forward_id",
}


def text(timestamp: datetime) -> str:
    """Return a timestamp as the tap writes it."""
    return timestamp.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Mail:
    """Rows of all streams as two runs of the tap would write them."""

    def __init__(self, name: str = "mail") -> None:
        self._random = random.Random(name)
        self._name = name
        self.days: tuple[Rows, Rows] = ({}, {})
        for number in range(CAMPAIGNS):
            self._campaign(number)
        self._second_day()

    def _add(self, day: int, stream: str, **row: Any) -> None:
        batched = {"_sdc_batched_at": text(START + 60 * DAY + day * DAY)}
        self.days[day].setdefault(stream, []).append({**row, **batched})

    def _campaign(self, number: int) -> None:
        sent = START + number * DAY
        self._describe(0, number, sent)
        self._sent(0, number, sent, range(40))
        if number not in UNTOLD:
            self._history(0, number, 1, sent)

    def _describe(self, day: int, number: int, updated: datetime) -> None:
        campaign = f"{self._name}-c{number}"
        shared = {"campaign_id": campaign, "campaign_name": f"Campaign {number}"}
        activity = {"campaign_activity_id": f"{self._name}-a{number}"}
        about = {"name": f"Campaign {number}", "current_status": "Done"}
        when = {"created_at": text(START), "updated_at": text(updated)}
        self._add(day, "campaigns", campaign_id=campaign, **about, **when)
        self._add(
            day, "campaign_activities", **activity, **shared, role="primary_email"
        )
        self._add(day, "campaign_activity_details", **activity, subject=f"No. {number}")

    def _history(self, day: int, number: int, send: int, sent: datetime) -> None:
        self._add(
            day,
            "email_send_history",
            campaign_activity_id=f"{self._name}-a{number}",
            send_id=send,
            run_date=text(sent),
            count=40,
            send_status="COMPLETED",
        )

    def _event(
        self, day: int, stream: str, email: int, who: int, when: datetime, **own: Any
    ) -> None:
        number = sum(len(rows.get(stream, ())) for rows in self.days)
        row = {
            KEYS[stream]: f"{self._name}-{stream}-{number}",
            "campaign_activity_id": f"{self._name}-a{email}",
            "campaign_id": f"{self._name}-c{email % 100}",
            "contact_id": f"{self._name}-p{who}",
            "created_time": text(when),
            "email_address": f"p{who}@example.com",
            "first_name": f"P{who}",
            "last_name": None,
            "deleted_at": text(START + 50 * DAY) if who == 0 else None,
        }
        self._add(day, stream, **{**row, **own})

    def _sent(self, day: int, email: int, sent: datetime, contacts: range) -> None:
        for who in contacts:
            self._event(day, "email_sends", email, who, sent)
            draw = self._random.random()
            if draw < 0.1:
                soon = sent + timedelta(minutes=1)
                reason = {"bounce_code": "F", "bounce_reason": "mailbox full"}
                self._event(day, "email_bounces", email, who, soon, **reason)
            elif draw < 0.7:
                self._read(day, email, who, sent + self._random.random() * 3 * DAY)
        self._event(day, "email_forwards", email, contacts[0], sent + DAY)

    def _read(self, day: int, email: int, who: int, when: datetime) -> None:
        device = {"device_type": self._random.choice(["computer", "mobile"])}
        self._event(day, "email_opens", email, who, when, **device)
        draw = self._random.random()
        # Some are machines, which test every link.
        links = range(LINKS) if draw < 0.15 else [who % LINKS] * (draw < 0.6)
        for link in links:
            self.click(day, email, who, when + timedelta(seconds=1 + link), link)
        if draw > 0.9:
            why = {"opt_out_reason": "too many"}
            self._event(day, "email_optouts", email, who, when, **why)

    def click(self, day: int, email: int, who: int, when: datetime, link: int) -> None:
        """Add a click."""
        address = f"https://example.com/{link}?utm_source=news&utm_campaign=c{email}"
        own = {"url_id": str(link), "link_url": address, "device_type": "mobile"}
        self._event(day, "email_clicks", email, who, when, **own)

    def _second_day(self) -> None:
        """Add late rows, renames, a resend, a second send, and late send times."""
        now = START + 55 * DAY
        for number in RENAMED:
            self._describe(1, number, now)
        for number in UNTOLD:
            self._history(1, number, 1, START + number * DAY)
        self._history(1, SENT_AGAIN, 2, START + 30 * DAY)
        self._sent(1, SENT_AGAIN, START + 30 * DAY, range(40, 50))
        resend = 100 + RESENT
        ids = {"campaign_activity_id": f"{self._name}-a{resend}"}
        campaign = {"campaign_id": f"{self._name}-c{RESENT}"}
        self._add(1, "campaign_activities", **ids, **campaign, role="resend")
        self._history(1, resend, 1, START + 20 * DAY)
        self._sent(1, resend, START + 20 * DAY, range(20, 30))
        for who in range(12):
            self.click(1, who, who, START + who * DAY + timedelta(seconds=30), 5)
        for row in self.days[0]["email_clicks"][:5]:
            changed = {**row, "deleted_at": text(now)}
            del changed["_sdc_batched_at"]
            self._add(1, "email_clicks", **changed)
        for email in {*range(CAMPAIGNS), resend}:
            self._count(email, now)

    def _count(self, email: int, now: datetime) -> None:
        activity = f"{self._name}-a{email}"
        people = {
            stream: {one["contact_id"] for one in self.of(stream, activity)}
            for stream in KEYS
        }
        self._add(
            1,
            "campaign_activity_stats",
            campaign_activity_id=activity,
            last_refresh_time=text(now),
            em_clicks_all=len(self.of("email_clicks", activity)),
            em_opens_all=len(self.of("email_opens", activity)),
            em_sends=len(people["email_sends"]),
            em_opens=len(people["email_opens"]),
            em_clicks=len(people["email_clicks"]),
            em_bounces=len(people["email_bounces"]),
            em_optouts=len(people["email_optouts"]),
            em_forwards=len(people["email_forwards"]),
        )

    def of(self, stream: str, activity: str) -> list[dict[str, Any]]:
        """Return the final events of an email, each once."""
        events = {
            row[KEYS[stream]]: row
            for rows in self.days
            for row in rows.get(stream, ())
            if row["campaign_activity_id"] == activity
        }
        return list(events.values())

    def land(
        self, folder: Path, days: int = 2, *, without: tuple[str, ...] = ()
    ) -> None:
        """Write the rows that a loader has appended after one day or two."""
        folder.mkdir(parents=True)
        for rows in self.days[:days]:
            for stream, some in rows.items():
                if stream in without:
                    continue
                with (folder / f"{stream}.jsonl").open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in some)
