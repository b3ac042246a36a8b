"""Reading one activity's clicks: from the newest down to what is already known.

Source: «GET an Email Clicks Report». The report is newest first, cannot be filtered by
time, and grows at its front while its pages are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import FatalAPIError

from tap_cc_clicks.changes import Tally
from tap_cc_clicks.identity import Click, Numbering, settle
from tap_cc_clicks.pagination import Envelope
from tap_cc_clicks.parsing import moment, moment_or_none

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeAlias

    from tap_cc_clicks.changes import Counters, Terms
    from tap_cc_clicks.state import Bookmark

    Row: TypeAlias = dict[str, Any]
    Fetch: TypeAlias = Callable[[int | None], Iterator[list[Any]]]

REQUIRED = ("contact_id", "url_id", "created_time")


class ClicksPage(Envelope):
    """An answer of the clicks report."""

    tracking_activities: list[Click] | None = None


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

    def read(self, fetch: Fetch) -> Iterator[list[Click] | Bookmark]:
        """Yield records, a list for each page, and last the new bookmark.

        Args:
            fetch: Opens the report's pages; takes a page size, None for the usual one.

        Raises:
            MalformedClickError: A row lacks what makes it a click.
        """
        numbering = Numbering(self.campaign_activity_id)
        tally = Tally(self.known, self.counters, self.terms)
        for page in self.rows_of(fetch(None)):
            yield tally.take(numbering.number(page), page)
            if tally.enough:
                break
        else:
            tally.ended()
        settled = list(
            settle(numbering, lambda size: self.rows_of(fetch(size)), tally.floor)
        )
        yield tally.take(settled, settled)
        yield tally.bookmark()

    def rows_of(self, pages: Iterable[list[Any]]) -> Iterator[list[Click]]:
        """Yield the pages with their rows completed and checked."""
        for number, rows in enumerate(pages, start=1):
            yield [self._record(row, number) for row in rows]

    def _record(self, row: Click | Row, page: int) -> Click:
        """Complete a row to a record, but for its ``click_id``."""
        click = row if isinstance(row, Click) else _tolerated(row)
        try:
            click.created_time = moment(click.created_time)
        except (TypeError, ValueError):
            raise self._malformed(click, page) from None
        if not click.contact_id or not click.url_id:
            raise self._malformed(click, page)
        click.campaign_activity_id = self.campaign_activity_id
        click.campaign_id = self.campaign_id
        if click.deleted_at:
            click.deleted_at = moment_or_none(click.deleted_at)
        return click

    def _malformed(self, click: Click, page: int) -> MalformedClickError:
        missing = [name for name in REQUIRED if not getattr(click, name)]
        missing = missing or ["readable created_time"]
        return MalformedClickError(
            f"Activity {self.campaign_activity_id}, page {page} of its clicks: a "
            f"row has no {' and no '.join(missing)}. The activity's bookmark stays "
            "where it was, so that it is read again"
        )


def _tolerated(row: Row) -> Click:
    """Return a row that is not quite as documented."""
    known = {
        name: str(row[name])
        for name in Click.__struct_fields__
        if row.get(name) is not None
    }
    for name in REQUIRED:
        known[name] = str(row.get(name) or "")
    return Click(**known)
