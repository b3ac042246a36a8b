"""Test a run's assumptions about the service on one email with clicks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.client import MOST_ROWS
from tap_cc_clicks.api.errors import GoneError
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.service import IDS_PER_STATS_REQUEST, Service
from tap_cc_clicks.api.timestamps import timestamp_or_none
from tap_cc_clicks.api.wire import (
    NEVER_SENT,
    REMOVED,
    ROLES_WITH_REPORTS,
    UNKNOWN,
    Counters,
    people_of,
    spelling_of,
)
from tap_cc_clicks.cli.recording import Witness, body_of, links_of, shape_of
from tap_cc_clicks.events.declaration import CLICKS

OK, WARN, FAILED, SKIPPED = "ok", "warn", "failed", "skipped"
# Maximum number of campaigns to look up, and of reports to read.
LOOKED_UP = 2
DOCUMENTED_TIME = "9999-99-99T99:99:99.999Z"
NO_EMAIL = "no email was sent yet: there is none to look at"
NO_REPORT = "the emails looked at have no report of clicks"
NO_COUNTERS = (
    "A run reads the first page of every email's report instead: one request for each "
    "email, where counters of ten take one"
)


class Evidence:
    """Reads the counters and clicks of one email with at most seven requests.

    Args:
        client: The client, which records its responses.
    """

    def __init__(self, client: Witness) -> None:
        self.service = Service(client, page_size=MOST_ROWS)
        self._client = client
        self._sent: list[Record] = []
        self._people: dict[str, int] = {}
        self._ids: list[str] = []
        self._counted: dict[str, Counters] = {}
        self._clicked = False
        self._page: Page | None = None
        self._nothing = NO_EMAIL

    def campaigns(self) -> tuple[str, str]:
        """Read the first page of the listing."""
        rows = next(self.service.campaigns())
        unread = {*NEVER_SENT, REMOVED}
        self._sent = [
            row for row in rows if str(row["current_status"]).lower() not in unread
        ]
        listed = f"{len(rows)} listed on the first page"
        return OK, f"{listed}, {len(self._sent)} of them sent"

    def summaries(self) -> tuple[str, str]:
        """Read the first page of the summaries, to find emails with clicks."""
        try:
            rows = next(self.service.summaries())
        except (FatalAPIError, GoneError) as error:
            return WARN, f"{error}. A run fails, though it loads clicks without them"
        self._people = {str(row.get("campaign_id")): people_of(row) for row in rows}
        clicked = sum(people > 0 for people in self._people.values())
        return OK, f"{len(rows)} on the first page, {clicked} of them with clicks"

    def counters(self) -> tuple[str, str]:
        """Find an email with clicks and test whether its counters can be read."""
        self._ids = ids = self._activities()
        if not ids:
            return SKIPPED, self._nothing
        try:
            self._counted = self.service.counters(ids)
        except GoneError:
            self._counted = {}
        ids.sort(key=lambda key: self._counters(key).clicks or 0, reverse=True)
        clicks = self._counters(ids[0]).clicks
        if not self._counted:
            return WARN, f"the service has none of the emails looked at. {NO_COUNTERS}"
        if clicks is None:
            return WARN, f"how many clicks they count cannot be read. {NO_COUNTERS}"
        response = self._client.response
        spelling = spelling_of(body_of(response)) if response else None
        return OK, f"readable ({spelling}): {clicks:,} clicks of an email"

    def _counters(self, activity_id: str) -> Counters:
        return self._counted.get(activity_id, UNKNOWN)

    def clicks(self) -> tuple[str, str]:
        """Read a page of the email's clicks report and compare it with the counter."""
        if not self._ids:
            return SKIPPED, self._nothing
        counters = UNKNOWN
        for activity_id in self._ids[:LOOKED_UP]:
            pages = self.service.events(CLICKS.path, CLICKS.form, activity_id)
            self._page, counters = next(pages), self._counters(activity_id)
            if self._page.rows or counters.clicks is not None:
                break
        return _compared(self._page, counters, clicked=self._clicked)

    def paging(self) -> tuple[str, str]:
        """Report the number of rows on a page and the format of next links."""
        if self._page is None:
            return SKIPPED, self._nothing
        links = f"next links: {self._links()}"
        rows = len(self._page.rows)
        if self._page.link and rows < MOST_ROWS:
            return WARN, (
                f"pages of {rows} rows where {MOST_ROWS} were asked for: reports take "
                f"{MOST_ROWS / max(rows, 1):.0f} times the requests; {links}"
            )
        size = f"{rows} rows on a page" if self._page.link else "all rows on one page"
        return OK, f"{size}; {links}"

    def _links(self) -> str:
        """Return the format of next links, if necessary from a page of one row."""
        if not links_of(self._client.responses):
            read = self.service.summaries if self._people else self.service.campaigns
            # The check does not depend on this request.
            with suppress(FatalAPIError, GoneError):
                next(read(limit=1))
        forms = [
            f"{form['kind']}, with {', '.join(form['query'])}"
            for form in links_of(self._client.responses)
        ]
        return "; ".join(forms) or "none was given"

    def order(self) -> tuple[str, str]:
        """Test whether the newest click comes first; a run stops at known clicks."""
        times = self._times()
        if not times:
            return SKIPPED, "no clicks to look at"
        if times[0] == max(times) and times[-1] == min(times):
            return OK, "the newest click comes first"
        return WARN, (
            "the newest click does not come first: a run stops at clicks it knows, and "
            "finds new ones behind them only if counters show them, by reading the "
            "whole report. Set lookback to 100000, so that every report due is read to "
            "its end, and please report it"
        )

    def times(self) -> tuple[str, str]:
        """Report the formats of timestamps and whether they can be parsed."""
        if self._page is None:
            return SKIPPED, self._nothing
        unread = len(self._page.rows) - len(self._times())
        if unread:
            return WARN, (
                f"{unread} clicks have no created_time that can be read: a run leaves "
                "them out, and says so"
            )
        responses = self._client.responses
        forms = shape_of(map(body_of, responses)).times()
        written = [
            form if form == DOCUMENTED_TIME else f"{form} ({', '.join(sorted(names))})"
            for form, names in sorted(forms.items(), reverse=True)
        ]
        return OK, f"readable, written as {'; '.join(written)}"

    def _times(self) -> list[str]:
        rows: Sequence[Any] = self._page.rows if self._page else ()
        values = [
            row.get("created_time") if isinstance(row, dict) else row.created_time
            for row in rows
        ]
        return [time for value in values if (time := timestamp_or_none(value))]

    def _activities(self) -> list[str]:
        """Look campaigns up and return their activities with reports."""
        chosen = self._chosen()
        self._nothing = NO_REPORT if chosen else NO_EMAIL
        found = []
        for campaign_id in chosen:
            try:
                _, rows = self.service.campaign(campaign_id)
            except GoneError:
                continue
            found += [
                row["campaign_activity_id"]
                for row in rows
                if row["role"] in ROLES_WITH_REPORTS
            ]
            self._clicked = self._people.get(campaign_id, 0) > 0
            if found and self._clicked:
                break
        return found[:IDS_PER_STATS_REQUEST]

    def _chosen(self) -> list[str]:
        """Return the campaigns with most clicks; the newest, which may lag, last."""
        ids = [str(row["campaign_id"]) for row in self._sent]
        people = {key: self._people.get(key, 0) for key in ids}
        newest = ids[:1]
        ids.sort(
            key=lambda key: (people[key] > 0, key not in newest, people[key]),
            reverse=True,
        )
        return ids[:LOOKED_UP]


def _compared(
    page: Page | None, counters: Counters, *, clicked: bool
) -> tuple[str, str]:
    """Compare a report with its counter.

    Args:
        page: The first page of the report.
        counters: The counters of the email.
        clicked: Whether a summary shows clicks.
    """
    rows, more = len(page.rows) if page else 0, bool(page and page.link)
    found = f"{rows:,} rows{' and more' if more else ''} in the report"
    if not rows and not counters.clicks:
        if clicked:
            return WARN, "the report is empty, but the summary is not: please report it"
        return OK, "the report can be read; the email has none yet"
    if counters.clicks is None:
        return OK, f"{found}; no counter to compare with"
    found = f"{found}, {counters.clicks:,} counted"
    if counters.clicks < rows + more:
        return WARN, (
            f"{found}: some clicks are not counted, or not yet. A run reads a report "
            "when its counter rises, and with it what is counted late or never"
        )
    if counters.clicks > rows and not more:
        return WARN, (
            f"{found}: some that are counted are not shown. A run searches the report "
            "for them, ever more rarely"
        )
    return OK, found
