"""An account with all values that loaders are known to get wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tap_cc_clicks.sandbox import Account
from tests.support import TRUTH

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox.account import Activity

COLUMNS = (*TRUTH, "tracking_activity_type", "deleted_at")

# Texts that a contact may have typed, by what they test.
TEXTS = {
    "emoji": "👩‍👩‍👧‍👦 🇺🇳 👍🏽",
    "combining characters": "e\u0301 n\u0303 — not é ñ; Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L",
    "right to left": "\u202bשלום, \u202eالعربية\u202c",  # noqa: RUF001
    "double quotes": 'Ann "the ""first""" Example',
    "single quotes": "O'Example ''",
    "quoted whole": '"all of it"',
    "backslashes": r"a\b\\c\t\n\x41\u0041 C:\new\table" + "\\",
    "newline": "two\nlines",
    "newlines at the ends": "\nup and down\n",
    "carriage return": "one\rtwo",
    "carriage return and newline": "one\r\ntwo",
    "tab": "a\tb",
    "separators": "a,b;c|d\x1fe\x01f\u2028g\u2029h",
    "COPY's null": r"\N",
    "COPY's end": r"\.",
    "COPY's end in lines": "a\n\\.\nb",
    "backticks": "`rm` `code` ```",
    "SQL": "Robert'); DROP TABLE email_clicks;-- %s %(x)s :name ? $1 {}",
    "blanks around": "  both ends  ",
    "only a blank": " ",
    "no-break space": "\u00a0a\u00a0",
    "nothing": "",
    "the word null": "null",
    "the word NULL": "NULL",
    "the word NaN": "NaN",
    "the word true": "true",
    "a number with zeros": "00123.4500",
    "a number with an exponent": "1e5",
    "a large number": "12345678901234567890123456789",
    "a formula": "=1+1",
    "a date": "2026-10-31",
    "JSON": '{"a": [1, null, "x\\"y"]}',
    "HTML": "<b>&amp;</b>",
    "byte order mark": "\ufeffa",
    "other control characters": "a\x07\x1b[31m\x7fb",
    "a replacement character": "\ufffd",
    "a noncharacter": "a\uffffb",
    "very long": "é" * 10_000,
}
# The tap writes U+FFFD for what no database can store.
UNSTORABLE = {
    "NUL": ("a\x00b", "a\ufffdb"),
    "lone surrogate": ("a\ud800b", "a\ufffdb"),
}
# Timestamps as the API may write them, and in UTC.
MOMENTS = {
    "2025-12-31T23:59:59.999Z": "2025-12-31T23:59:59.999000",
    "2026-01-01T00:00:00.000Z": "2026-01-01T00:00:00.000000",
    "2026-01-01T00:30:00.000+01:00": "2025-12-31T23:30:00.000000",
    "2025-12-31T22:30:00.000-05:30": "2026-01-01T04:00:00.000000",
    "2026-03-29T02:30:00.000Z": "2026-03-29T02:30:00.000000",
    "2024-02-29T12:00:00.123456Z": "2024-02-29T12:00:00.123456",
    "2024-02-29T12:00:00Z": "2024-02-29T12:00:00.000000",
    "1999-12-31T23:59:59.000Z": "1999-12-31T23:59:59.000000",
    "1970-01-01T00:00:00.000Z": "1970-01-01T00:00:00.000000",
    "1969-12-31T23:59:59.999Z": "1969-12-31T23:59:59.999000",
    "1582-10-10T00:00:00.000Z": "1582-10-10T00:00:00.000000",
    "0001-01-01T00:00:00.000Z": "0001-01-01T00:00:00.000000",
}
DEVICES = ("computer", "mobile", "tablet", "other", "smart fridge", "MOBILE", "", None)
# Ordinary clicks of each campaign but the last.
ORDINARY = 60
LISTS: tuple[list[str] | None, ...] = (
    [],
    None,
    ["AA0E8400-E29B-41D4-A716-446655440000"],
    ["a", 'with "quotes"', "with, comma", "\\N", "é👍"],
)


def account() -> Account:
    """Return the account; ``url_id`` identifies the last campaign's clicks."""
    made = Account()
    for lists in LISTS:
        campaign = made.add_campaign(sent=made.now - timedelta(days=400))
        for activity in campaign.activities:
            activity.details["contact_list_ids"] = lists
        for hours in range(ORDINARY):
            when = made.now - timedelta(hours=hours)
            made.add_click(campaign.activities[0], when)
    campaign = made.add_campaign(
        sent=made.now - timedelta(days=400), name=TEXTS["SQL"] + TEXTS["newline"]
    )
    campaign.activities[0].details["subject"] = TEXTS["COPY's end in lines"]
    _torment(made, campaign.activities[0])
    return made


def _torment(made: Account, activity: Activity) -> None:
    for name, text in TEXTS.items():
        url = f"https://example.com/?{text}"
        made.add_click(activity, url_id=name, last_name=text, link_url=url)
    for name, (text, _) in UNSTORABLE.items():
        click = made.add_click(activity, url_id=name)
        click.row["last_name"] = text
        # As an escape, like servers in other languages write it.
        click.encoded = json.dumps(click.row).encode()
    for text in MOMENTS:
        made.add_click(activity, url_id=text, created_time=text)
    for device in DEVICES:
        made.add_click(activity, url_id=f"on {device}", device_type=device)
    made.add_click(activity, url_id="upper", contact_id=made.uuid().upper())
    made.add_click(activity, url_id="deleted", deleted_at="2026-10-30")
    made.add_click(activity, url_id="goes")
    made.add_click(activity, url_id="renamed")
    made.add_click(activity, url_id="nameless", first_name=None, last_name=None)
    contact_id = made.uuid()
    for _ in range(3):
        twin = {"url_id": "twin", "contact_id": contact_id, "device_type": None}
        made.add_click(activity, None, **twin)


def go_on(made: Account) -> None:
    """Advance two hours, with new clicks, a new name and a deleted contact."""
    made.advance(hours=2)
    activity = made.campaigns[next(reversed(made.campaigns))].activities[0]
    for click in activity.clicks:
        if click.row["url_id"] == "goes":
            click.row["deleted_at"] = made.now.date().isoformat()
        if click.row["url_id"] == "renamed":
            click.row["last_name"] = TEXTS["emoji"]
        click.encoded = json.dumps(click.row).encode()
    for number in range(3):
        made.add_click(activity, url_id=f"new {number}")


def truth(made: Account) -> list[dict[str, Any]]:
    """Return every click as a loader should store it, in UTC and without ``Z``."""
    replaced = dict(UNSTORABLE.values())
    rows = []
    for row in made.rows():
        landed = dict.fromkeys(COLUMNS) | row
        landed["last_name"] = replaced.get(
            str(row.get("last_name")), row.get("last_name")
        )
        when = str(row["created_time"])
        landed["created_time"] = MOMENTS.get(when) or when.replace("Z", "000")
        if row.get("deleted_at"):
            landed["deleted_at"] = f"{row['deleted_at']}T00:00:00.000000"
        rows.append(landed)
    return rows
