"""Reading one activity's clicks: from the newest down to what is already known.

Source: «GET an Email Clicks Report». The report is newest first, cannot be filtered by
time, and grows at its front while its pages are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.changes import Tally
from tap_cc_clicks.identity import Numbering, settle
from tap_cc_clicks.parsing import moment, moment_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeAlias

    from tap_cc_clicks.changes import Counters, Terms
    from tap_cc_clicks.identity import Row
    from tap_cc_clicks.state import Bookmark

    Fetch: TypeAlias = Callable[[int | None], Iterator[list[Row]]]

REQUIRED = ("contact_id", "url_id", "created_time")


class MalformedClickError(FatalAPIError):
    """A row of the report lacks what makes it a click."""


@dataclass(frozen=True)
class ClickReport:
    """One activity's report, and how much of it is wanted.

    Attributes:
        campaign_activity_id: The activity.
        campaign_id: Its campaign, or None if unknown.
        known: The bookmark, or None to read all.
        counters: What the service counts now.
        terms: The settings that say where reading stops.
    """

    campaign_activity_id: str
    campaign_id: str | None
    known: Bookmark | None
    counters: Counters
    terms: Terms

    def read(self, fetch: Fetch) -> Iterator[list[Row] | Bookmark]:
        """Yield records, a list for each page, and last the new bookmark.

        Args:
            fetch: Opens the report's pages; takes a page size, None for the usual one.

        Raises:
            MalformedClickError: A row lacks what makes it a click.
        """
        numbering = Numbering(self.campaign_activity_id)
        tally = Tally(self.known, self.counters, self.terms)
        for page in self._pages(fetch, None):
            yield tally.take(numbering.number(page), page)
            if tally.enough:
                break
        else:
            tally.ended()
        settled = list(settle(numbering, partial(self._pages, fetch), tally.floor))
        yield tally.take(settled, settled)
        yield tally.bookmark()

    def _pages(self, fetch: Fetch, size: int | None) -> Iterator[list[Row]]:
        for number, rows in enumerate(fetch(size), start=1):
            yield [self._record(row, number) for row in rows]

    def _record(self, row: Row, page: int) -> Row:
        """Return a row as a record, with everything but its ``click_id``."""
        # Every click passes here: plain look-ups, and nothing made that is not needed.
        get = row.get
        contact_id, url_id = get("contact_id"), get("url_id")
        try:
            created_time = moment(row["created_time"])
        except (KeyError, TypeError, ValueError, AttributeError):
            raise self._malformed(row, page) from None
        if not contact_id or not url_id:
            raise self._malformed(row, page)
        return {
            "click_id": None,
            "campaign_activity_id": self.campaign_activity_id,
            "campaign_id": self.campaign_id,
            "contact_id": str(contact_id),
            "url_id": str(url_id),
            "created_time": created_time,
            "tracking_activity_type": get("tracking_activity_type"),
            "email_address": get("email_address"),
            "device_type": get("device_type"),
            "link_url": get("link_url"),
            "first_name": get("first_name"),
            "last_name": get("last_name"),
            "deleted_at": moment_or_none(get("deleted_at")),
        }

    def _malformed(self, row: Row, page: int) -> MalformedClickError:
        missing = [name for name in REQUIRED if not row.get(name)]
        missing = missing or ["readable created_time"]
        return MalformedClickError(
            f"Activity {self.campaign_activity_id}, page {page} of its clicks: a "
            f"row has no {' and no '.join(missing)}. The activity's bookmark stays "
            "where it was, so that it is read again"
        )
