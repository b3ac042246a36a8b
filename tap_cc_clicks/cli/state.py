"""``cc-clicks state``: show bookmarks, or make the next run read something again."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter
from pathlib import Path
from time import time
from typing import Any

import click
from msgspec import Struct

from tap_cc_clicks.api.errors import InputError
from tap_cc_clicks.api.timestamps import SECONDS_PER_HOUR, hours_since
from tap_cc_clicks.cli.meltano_state import MELTANO, usual_file
from tap_cc_clicks.cli.options import console, json_option
from tap_cc_clicks.cli.state_editing import (
    KnownActivity,
    campaigns_of,
    forget_activity,
    forget_campaign,
    forget_links,
    known_activities,
)
from tap_cc_clicks.cli.state_files import STDIN, StateFile, read_state, write_file
from tap_cc_clicks.cli.tables import ago, print_json, print_table, say

LINES = 40


class Line(Struct):
    """An activity, as shown.

    Attributes:
        newest: The time of the newest click read; None if there is none.
        hours: Hours since then.
        clicks: Clicks that the service had counted; None if unknown.
        rows: Clicks read; None if they were never read.
        missing: Counted clicks that no report showed.
        looked_hours: Hours since the last look; None if unknown.
    """

    campaign_id: str | None
    campaign_activity_id: str
    url_id: str | None
    newest: str | None
    hours: float | None
    clicks: int | None
    rows: int | None
    missing: int
    looked_hours: float | None

    @classmethod
    def of(cls, known: KnownActivity) -> Line:
        """Return the line of an activity."""
        bookmark = known.bookmark
        newest = bookmark.value if bookmark else None
        search = bookmark.search if bookmark else None
        return cls(
            campaign_id=known.campaign_id,
            campaign_activity_id=known.campaign_activity_id,
            url_id=known.url_id,
            newest=newest,
            hours=_age(newest) if newest else None,
            clicks=bookmark.clicks if bookmark else None,
            rows=bookmark.rows_read if bookmark else None,
            missing=search.missing if search else 0,
            looked_hours=_hours_ago(known.looked),
        )

    @property
    def never_read(self) -> bool:
        """Whether its clicks were never read."""
        return self.rows is None


def _hours_ago(seconds: int) -> float | None:
    return round((time() - seconds) / SECONDS_PER_HOUR, 1) if seconds else None


def _age(timestamp: str) -> float | None:
    """Return the hours since a timestamp; None if it is not a valid date."""
    try:
        return round(hours_since(timestamp), 1)
    except (ValueError, OverflowError):
        return None


class Totals(Struct):
    """Totals of a state.

    Attributes:
        oldest_look_hours: Hours since the oldest known look.
        bookmarks: The bookmarks of whole streams.
        bytes_per_activity: The size of the state by its activities.
    """

    version: int | None
    bytes: int
    bytes_per_activity: int | None
    campaigns: int
    activities: int
    never_read: int
    clicks: int
    rows: int
    missing: int
    oldest_look_hours: float | None
    bookmarks: dict[str, str]


@click.group()
def state() -> None:
    """Show bookmarks, or have something read again."""


@state.command()
@click.argument("file", default=usual_file)
@json_option
@click.option("--activity", help="Only this campaign activity.", metavar="ID")
@click.option("--campaign", help="Only this campaign.", metavar="ID")
@click.option(
    "--stale",
    type=click.FloatRange(min=0),
    metavar="HOURS",
    help="Only activities without clicks read that are newer than this.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=LINES,
    show_default=True,
    help="Show at most this many activities; 0 for all. JSON always has all.",
)
def show(
    *,
    file: str,
    as_json: bool,
    activity: str | None,
    campaign: str | None,
    stale: float | None,
    limit: int,
) -> None:
    """Show the bookmarks of a state: how far each activity was read.

    FILE is a state; "-" (the default) is stdin, "meltano" (within Meltano) Meltano's:

    \b
        meltano state get STATE_ID | cc-clicks state show
        meltano invoke tap-cc-clicks:state show

    Unread activities come first, then those with the newest clicks.
    """  # noqa: D301 - the mark is for click
    read = read_state(file)
    lines = [Line.of(known) for known in known_activities(read.state)]
    chosen = [
        line
        for line in _sorted(lines)
        if activity in {None, line.campaign_activity_id}
        and campaign in {None, line.campaign_id}
        and (stale is None or line.hours is None or line.hours >= stale)
    ]
    if not chosen and (activity or campaign):
        raise InputError(_unknown(activity, campaign))
    totals = _totals(read, lines)
    if as_json:
        print_json({"totals": totals, "activities": chosen})
    else:
        _print(totals, chosen, limit or len(chosen))


def _sorted(lines: Iterable[Line]) -> list[Line]:
    by_moment = sorted(lines, key=lambda line: line.newest or "", reverse=True)
    return sorted(by_moment, key=attrgetter("never_read"), reverse=True)


def _totals(read: StateFile, lines: list[Line]) -> Totals:
    activities = {line.campaign_activity_id for line in lines}
    bookmarks = {
        name: bookmark["replication_key_value"]
        for name, bookmark in read.state.get("bookmarks", {}).items()
        if bookmark.get("replication_key_value")
    }
    return Totals(
        version=read.state.get("version"),
        bytes=read.size,
        bytes_per_activity=read.size // len(activities) if activities else None,
        campaigns=len(campaigns_of(read.state)),
        activities=len(activities),
        never_read=sum(line.never_read for line in lines),
        clicks=sum(line.clicks or 0 for line in lines),
        rows=sum(line.rows or 0 for line in lines),
        missing=sum(line.missing for line in lines),
        oldest_look_hours=max(
            (line.looked_hours for line in lines if line.looked_hours), default=None
        ),
        bookmarks=bookmarks,
    )


def _print(totals: Totals, lines: list[Line], limit: int) -> None:
    screen, links = console(), any(line.url_id for line in lines)
    header = ["campaign", "activity", *(["link"] if links else [])]
    header += ["newest click", "age", "counted", "read", "missing", "looked at"]
    print_table(header, [_cells(line, links=links) for line in lines[:limit]])
    if len(lines) > limit:
        say(screen, f"… and {len(lines) - limit:,} more (--limit)")
    each = totals.bytes_per_activity
    size = f"{totals.bytes:,} bytes" + (f", {each:,} for each activity" if each else "")
    say(screen)
    say(
        screen,
        f"{totals.campaigns:,} campaigns, {totals.activities:,} activities "
        f"({totals.never_read:,} never read); {totals.clicks:,} clicks counted, "
        f"{totals.rows:,} read, {totals.missing:,} missing",
    )
    if totals.oldest_look_hours is not None:
        oldest = ago(totals.oldest_look_hours)
        say(screen, f"The oldest look for change was {oldest} ago")
    for name, value in totals.bookmarks.items():
        say(screen, f"{name}: read up to {value}")
    say(screen, f"State version {totals.version or 'not given'}, {size}")


def _cells(line: Line, *, links: bool) -> list[str]:
    link = [line.url_id or "all"] if links else []
    known = ["never read", "", "", "", ""]
    if line.rows is not None:
        known = [
            line.newest or "no click yet",
            ago(line.hours),
            "unknown" if line.clicks is None else f"{line.clicks:,}",
            f"{line.rows:,}",
            f"{line.missing:,}",
        ]
    campaign = line.campaign_id or "unknown"
    return [
        campaign,
        line.campaign_activity_id,
        *link,
        *known,
        ago(line.looked_hours),
    ]


@state.command()
@click.argument("file", default=usual_file)
@click.option("--activity", help="Read this campaign activity again.", metavar="ID")
@click.option("--campaign", help="Read all of this campaign again.", metavar="ID")
@click.option(
    "--links",
    is_flag=True,
    help="Read only the links again: of the activity or campaign named, or of all.",
)
@click.option(
    "--output", metavar="FILE", help="Write the state there instead of to stdout."
)
@click.option("--in-place", is_flag=True, help="Write the state over FILE.")
def reset(
    *,
    file: str,
    activity: str | None,
    campaign: str | None,
    links: bool,
    output: str | None,
    in_place: bool,
) -> None:
    """Write a state with which the next run reads something again, completely.

    FILE, or stdin with "-", is a state of the tap or of Meltano, as is the output:

    \b
        meltano state get STATE_ID \\
          | cc-clicks state reset - --campaign ID \\
          | meltano state set --force STATE_ID --input-file /dev/stdin

    Clicks keep their click_id, so an upserting loader doubles nothing. After an error
    nothing is written, and Meltano keeps its state. No run should be active meanwhile.
    """  # noqa: D301 - the mark is for click
    if bool(activity) + bool(campaign) > 1 or not (activity or campaign or links):
        message = "Name one of --activity ID, --campaign ID or --links"
        raise click.UsageError(message)
    target = _target(file, output, in_place=in_place)
    read = read_state(file)
    activities = _chosen(read, activity, campaign)
    _forget(read.state, activities, campaign, links=links)
    if target:
        write_file(target, read.encoded)
    else:
        print_json(read.document, indent=None)
    reads = f"The next run reads {'the links of ' if links else ''}"
    noun = "activity" if len(activities) == 1 else "activities"
    say(console(stderr=True), f"{reads}{len(activities):,} {noun} again")


def _forget(
    state: Any, activities: Iterable[str], campaign: str | None, *, links: bool
) -> None:
    if campaign and not links:
        forget_campaign(state, campaign)
        return
    forget = forget_links if links else forget_activity
    for activity_id in activities:
        forget(state, activity_id)


def _target(file: str, output: str | None, *, in_place: bool) -> Path | None:
    """Return the file to write; None for stdout.

    Raises:
        UsageError: The input would be overwritten, or there is no file to overwrite.
    """
    if in_place and (output or file in {STDIN, MELTANO}):
        message = "--in-place needs a FILE, and no --output"
        raise click.UsageError(message)
    if in_place:
        return Path(file).resolve()
    if (
        output
        and file not in {STDIN, MELTANO}
        and Path(output).resolve() == Path(file).resolve()
    ):
        message = "--output is FILE itself: use --in-place to overwrite it"
        raise click.UsageError(message)
    return Path(output) if output else None


def _chosen(read: StateFile, activity: str | None, campaign: str | None) -> set[str]:
    """Return the selected activities.

    Raises:
        InputError: The state has none of them.
    """
    known = {item.campaign_activity_id: item for item in known_activities(read.state)}
    if activity or campaign:
        known = {
            activity_id: item
            for activity_id, item in known.items()
            if activity_id == activity or (campaign and item.campaign_id == campaign)
        }
    if not known and not (campaign and campaigns_of(read.state).find(campaign)):
        raise InputError(_unknown(activity, campaign))
    return set(known)


def _unknown(activity: str | None, campaign: str | None) -> str:
    if not activity and not campaign:
        return "The state knows no activity: the next run reads all there are"
    kind, name = ("activity", activity) if activity else ("campaign", campaign)
    return f"The state knows no {kind} {name}: cc-clicks state show lists those it does"
