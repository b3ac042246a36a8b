"""A realistic account of a shop, for the demo and for pictures."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tap_cc_clicks.sandbox.account import START, Account, Activity
from tap_cc_clicks.sandbox.generate import click_in, happen

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tap_cc_clicks.sandbox.account import Campaign

SITE = "https://shop.example.com"
# Name, subject and linked pages, the most popular page last.
EMAILS = (
    ("Welcome to autumn", "Warm things have arrived", "stores", "scarves", "coats"),
    ("Weekly offers", "Five things for less", "new", "gift-cards", "offers"),
    (
        "Journal: wool",
        "How to wash wool",
        "stores",
        "socks",
        "journal/how-to-wash-wool",
    ),
    ("Members first", "24 hours before all others", "account", "new", "new/coats"),
    ("Back in stock", "You asked for them: the boots are back", "socks", "boots"),
    ("Half price weekend", "Half price until Sunday", "stores", "socks", "offers"),
    ("Gift guide", "25 gifts for less than 25", "gift-cards", "scarves", "gifts"),
)
# Most people read on a phone; some devices are unknown.
DEVICES = (*["mobile"] * 11, *["computer"] * 6, "tablet", "other", None)
READERS = 400
RESENT = 5
DRAFTS = 3


def shop(seed: int = 7, emails: int = 36, now: datetime = START) -> Account:
    """Return the account of a shop that sends an email every two days.

    Args:
        seed: The same seed produces the same account.
        emails: Number of sent campaigns; the newest was sent a day ago.
        now: The account's current time.
    """
    account = Account(seed, now)
    account.devices = DEVICES
    for number in range(emails):
        email = EMAILS[number % len(EMAILS)]
        sent = now - timedelta(days=1 + 2 * (emails - 1 - number), minutes=7 * number)
        campaign = send(account, email, sent)
        if number % RESENT == RESENT - 1:
            _write(account.add_activity(campaign, "resend"), email)
    for activity in account.reported():
        read(account, activity)
        _click(account, activity)
    for _ in range(DRAFTS):
        account.add_campaign("Draft", name="Winter, a draft")
    return account


def send(
    account: Account, email: Sequence[str], sent: datetime | None = None
) -> Campaign:
    """Send one of the shop's emails.

    Args:
        account: The account.
        email: Name, subject and pages, as in ``EMAILS``.
        sent: When it was sent; by default, now.
    """
    number = 1 + sum(1 for item in account.campaigns.values() if item.last_sent_date)
    campaign = account.add_campaign(name=f"{email[0]}, no. {number}", sent=sent)
    _write(campaign.activities[0], email)
    return campaign


def _write(activity: Activity, email: Sequence[str]) -> None:
    """Set the subject and the links of an email."""
    name, subject, *pages = email
    activity.details["subject"] = subject
    first, tag = int(activity.links[0]["url_id"]), name.lower().replace(" ", "-")
    activity.links = [
        {
            "url_id": str(first + place),
            "link_url": f"{SITE}/{page}?utm_source=news&utm_campaign={tag}",
        }
        for place, page in enumerate(pages)
    ]
    activity.popular = [
        link for place, link in enumerate(activity.links) for _ in range(1 + place**2)
    ]


def read(account: Account, activity: Activity) -> None:
    """Add all kinds of events but clicks to an email, at random rates."""
    draw = account.random.uniform
    shares = {
        "sends": 1,
        "opens": draw(0.22, 0.48),
        "bounces": draw(0.005, 0.02),
        "optouts": draw(0.002, 0.01),
        "forwards": draw(0.002, 0.01),
    }
    readers = READERS + 2 * len(account.campaigns)
    again = activity.role == "resend"
    happen(account, activity, round(readers * 0.6) if again else readers, shares)


def _click(account: Account, activity: Activity) -> None:
    """Add clicks by people, and by mail servers that open every link."""
    share = account.random.uniform(0.08, 0.3)
    click_in(account, activity, round(share * len(activity.events["opens"])))
    sent = account.campaigns[activity.campaign_id].updated_at
    servers = account.random.randint(0, 6)
    account.add_scans(activity, servers, sent + timedelta(minutes=2))
