"""The account that every tool loads, and its changes between two runs."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tap_cc_clicks.sandbox.account import Account, Activity, Click

COLUMNS = ("campaign_activity_id", "contact_id", "url_id", "created_time")
HOURS = 6
# More than a page, in the newest email.
CLICKS_OF_NEWEST = 700
DAYS_OF_CLICKS = 5
OLD = 60
DRAFT_EACH, REMOVED_EACH, UNCLICKED_EACH = 20, 25, 5

Key = tuple[str, ...]


def fill(campaigns: int, now: float, account: Account) -> None:
    """Send campaigns until a timestamp, one a day, with a few clicks of each."""
    account.now = datetime.fromtimestamp(now, UTC) - timedelta(hours=HOURS)
    for number in range(campaigns):
        sent = account.now - timedelta(days=1 + number)
        status = "Draft" if number % DRAFT_EACH == DRAFT_EACH - 1 else "Done"
        status = "Removed" if number % REMOVED_EACH == REMOVED_EACH - 1 else status
        campaign = account.add_campaign(status, sent=sent)
        _click(account, campaign.activities[0], number, sent)


def _click(account: Account, activity: Activity, number: int, sent: datetime) -> None:
    # No tool can read what was removed before the first run.
    if account.campaigns[activity.campaign_id].current_status != "Done":
        return
    clicks = number % UNCLICKED_EACH if number else CLICKS_OF_NEWEST
    for place in range(clicks):
        hours = 24 * min(DAYS_OF_CLICKS, 1 + number) * (place + 1) / (clicks + 1)
        account.add_click(activity, sent + timedelta(hours=hours))


def go_on(account: Account) -> dict[Key, str]:
    """Advance some hours with changes, and return the kinds of some clicks."""
    account.advance(hours=HOURS)
    emails = [one for one in account.clickable() if one.clicks]
    new, again, identical, soon, late, gone = emails[:1] + emails[6:11]
    after = emails[OLD]
    when = account.now - timedelta(hours=1)
    examples = {
        "a click in a new email": [account.add_click(new, when)],
        f"a click in an email of {_age(account, after)} days": [
            account.add_click(after, when)
        ],
        "a click that reached its report 3 hours late": [_late(account, soon, 3)],
        "a click that reached its report 3 days late": [_late(account, late, 72)],
        "one of two identical clicks": _identical(account, identical, when),
        "a click in the resend of an email": [
            account.add_click(
                account.resend(account.campaigns[again.campaign_id]), when
            )
        ],
    }
    examples["a click in the campaign that was removed"] = list(gone.clicks)
    account.remove_campaign(account.campaigns[gone.campaign_id])
    return {
        key_of(click.row): kind for kind, clicks in examples.items() for click in clicks
    }


def _age(account: Account, activity: Activity) -> int:
    sent = account.campaigns[activity.campaign_id].last_sent_date or account.now
    return (account.now - sent).days


def _late(account: Account, activity: Activity, hours: float) -> Click:
    """Add a click that is older than the newest one."""
    newest = datetime.fromisoformat(activity.clicks[0].created_time)
    return account.add_click(activity, newest - timedelta(hours=hours))


def _identical(account: Account, activity: Activity, when: datetime) -> list[Click]:
    """Add two identical clicks of a person."""
    click = account.add_click(activity, when)
    activity.insert(Click(dict(click.row)))
    return [click]


def truth(account: Account) -> Counter[Key]:
    """Return all clicks, and how often each occurs."""
    return Counter(key_of(row) for row in account.rows())


def key_of(row: dict[str, Any]) -> Key:
    """Return the values that identify a click in the API."""
    ids = tuple(str(row[name]) for name in COLUMNS[:-1])
    moment = datetime.fromisoformat(str(row["created_time"])).astimezone(UTC)
    return (*ids, moment.isoformat(timespec="milliseconds"))
