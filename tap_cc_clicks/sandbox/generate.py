"""Generate an account that covers the cases the API allows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tap_cc_clicks.sandbox.account import START, Account, Activity

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# One campaign in 7 is a draft, one in 11 is scheduled, and so on; the rest were sent.
STATUSES = {7: "Draft", 11: "Scheduled", 13: "Removed", 17: "Error"}
AB_TEST = 57
NEVER_CLICKED = 5
RESENT = 6
HOURS_OF_CLICKS = 96
# The number of events per recipient.
SHARES = {"sends": 1, "opens": 0.6, "bounces": 0.02, "optouts": 0.01, "forwards": 0.02}


def generate(
    seed: int = 7,
    campaigns: int = 40,
    clicks: int = 3000,
    now: datetime = START,
    recipients: int = 0,
) -> Account:
    """Return an account with drafts, resends, removed campaigns, ties and duplicates.

    Args:
        seed: The same seed produces the same account.
        campaigns: Number of campaigns; the newest was sent about two days ago.
        clicks: Total number of clicks.
        now: The account's current time.
        recipients: Number of contacts per email; 0 generates clicks only.
    """
    account = Account(seed, now)
    for number in range(campaigns):
        status = next(
            (name for n, name in STATUSES.items() if number % n == n - 1),
            "Done",
        )
        sent = now - timedelta(days=1 + (campaigns - number) * 0.9)
        kind = AB_TEST if number % NEVER_CLICKED == 1 else 10
        campaign = account.add_campaign(status, sent=sent, type_code=kind)
        if status == "Done" and number % RESENT == 0:
            account.add_activity(campaign, "resend")
    _click(account, clicks)
    if recipients:
        for activity in account.reported():
            happen(account, activity, recipients)
    return account


def happen(
    account: Account,
    activity: Activity,
    recipients: int,
    shares: Mapping[str, float] = SHARES,
) -> None:
    """Add all kinds of events but clicks to an email; most opens are early."""
    sent = account.campaigns[activity.campaign_id].last_sent_date or account.now
    while len(account.contacts) < recipients:
        account.add_contact()
    contacts = account.contacts[:recipients]
    for report, share in shares.items():
        events = []
        for number in range(max(1, round(share * recipients))):
            hours = 0 if report == "sends" else account.random.expovariate(1 / 8)
            when = min(sent + timedelta(hours=hours), account.now)
            # Round some to whole minutes to create ties.
            when = when.replace(second=0, microsecond=0) if number % 4 == 0 else when
            contact = contacts[number if share == 1 else number * 7 % recipients]
            event = account.make_event(activity, report, when, **contact)
            events += [event, type(event)(dict(event.row))][: 1 + (number % 50 == 1)]
        activity.extend(events, report)
    activity.sends[-1]["count"] = recipients


def _click(account: Account, clicks: int) -> None:
    """Distribute clicks over activities and hours, most of them early and on a few."""
    activities = [
        activity
        for number, activity in enumerate(account.reported())
        if number % NEVER_CLICKED
    ]
    weights = [1 / (1 + place) for place in range(len(activities))]
    shares = account.random.choices(range(len(activities)), weights, k=clicks)
    counts = [shares.count(place) for place in range(len(activities))]
    for activity, count in zip(activities, counts, strict=True):
        click_in(account, activity, count)
    for contact in account.random.sample(account.contacts, len(account.contacts) // 20):
        account.delete_contact(contact["contact_id"])


def click_in(account: Account, activity: Activity, count: int) -> None:
    """Add clicks to an email, most of them soon after it was sent."""
    sent = account.campaigns[activity.campaign_id].last_sent_date or account.now
    clicks = []
    for number in range(count):
        # Round some to whole minutes to create ties, and repeat some unchanged.
        hours = min(account.random.expovariate(1 / 8), HOURS_OF_CLICKS)
        when = min(sent + timedelta(hours=hours), account.now)
        if number % 4 == 0:
            when = when.replace(second=0, microsecond=0)
        click = account.make_click(activity, when)
        clicks.append(click)
        if number % 50 == 1 and len(clicks) < count:
            clicks.append(type(click)(dict(click.row)))
    activity.extend(clicks[:count])
