"""The endpoints of the API that the tap reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.client import LIST, MOST_ROWS, OBJECT, Client, Form
from tap_cc_clicks.api.kinds import Oddities
from tap_cc_clicks.api.pages import Page
from tap_cc_clicks.api.urls import quoted
from tap_cc_clicks.api.wire import (
    CAMPAIGN,
    Counters,
    activity_rows,
    campaign_records,
    counters_by_activity,
    details_record,
    link_records,
    send_records,
    summary_of,
)

# «GET an Email Campaign Activity Stats Report» takes so many ids at once.
IDS_PER_STATS_REQUEST = 10
# The links report has no pages.
MOST_LINKS = 5_000


class Service:
    """Asks for one thing by its id, or for a list page by page.

    Every method raises what :class:`Client` raises. An id that cannot stand in a path
    is a FatalAPIError.

    Args:
        client: Makes the requests.
        page_size: Rows a page of a report, at most 500.
        oddities: Where what is not as documented is counted.
    """

    def __init__(
        self, client: Client, page_size: int, oddities: Oddities | None = None
    ) -> None:
        self.oddities = oddities or Oddities()
        self._client = client
        self._page_size = page_size

    def campaigns(self, limit: int = MOST_ROWS) -> Iterator[list[Record]]:
        """Yield the campaigns' records, page by page, the latest change first."""
        form = Form("campaigns", required=False)
        for page in self._client.pages("/emails", form, {"limit": limit}):
            yield campaign_records(page.rows, self.oddities)

    def summaries(self, limit: int = MOST_ROWS) -> Iterator[list[Record]]:
        """Yield the rows of the campaigns' summaries, the latest send first."""
        path = "/reports/summary_reports/email_campaign_summaries"
        form = Form("bulk_email_campaign_summaries")
        for page in self._client.pages(path, form, {"limit": limit}):
            rows = [summary_of(row, self.oddities) for row in page.rows]
            yield [row for row in rows if row["campaign_id"] is not None]

    def campaign(self, campaign_id: str) -> tuple[Record, list[Record]]:
        """Return a campaign's record, and id, role and document of its activities."""
        form = Form("campaign_activities", required=False)
        body = self._client.get(_path("/emails/{}", campaign_id), form=form)
        told = {name: body.get(name) for name in CAMPAIGN}
        told["campaign_id"] = campaign_id
        (record,) = campaign_records([told], self.oddities)
        return record, activity_rows(form.rows_of(body), self.oddities)

    def details(self, activity_id: str) -> list[Record]:
        """Return, as one row, what an activity's own endpoint alone knows."""
        path = _path("/emails/activities/{}", activity_id)
        body = self._client.get(path, {"include": "permalink_url"})
        return [details_record(body, self.oddities)]

    def send_history(self, activity_id: str) -> list[Record]:
        """Return the records of each time that an activity was sent."""
        path = _path("/emails/activities/{}/send_history", activity_id)
        rows = self._client.get(path, form=LIST)
        return send_records(rows, self.oddities)

    def counters(self, activity_ids: Sequence[str]) -> dict[str, Counters]:
        """Return the counters of up to ten activities; those without are left out."""
        path = "/reports/stats/email_campaign_activities/{}"
        body = self._client.get(_path(path, *activity_ids))
        return counters_by_activity(body, self.oddities)

    def links(self, activity_id: str) -> list[Record]:
        """Return the records of an activity's links, but for the activity."""
        form = Form("link_click_counts", most=MOST_LINKS, required=False)
        path = _path("/reports/email_reports/{}/links", activity_id)
        rows = form.rows_of(self._client.get(path, form=form))
        return link_records(rows, self.oddities)

    def events(
        self, report: str, form: Form, activity_id: str, **query: Any
    ) -> Iterator[Page]:
        """Yield the pages of one of an activity's reports of events, newest first.

        Args:
            report: Its name in the path, such as ``clicks``.
            form: What a page is decoded into.
            activity_id: The activity.
            query: ``url_id``, or another ``limit``.
        """
        path = _path(f"/reports/email_reports/{{}}/tracking/{report}", activity_id)
        form = replace(form, oddities=self.oddities)
        query = {"limit": self._page_size, **query}
        return self._client.pages(path, form, query)

    def again(self, page: Page, form: Form) -> Page:
        """Return a page of a report as it is now."""
        return self._client.again(page, form)

    def account_summary(self) -> Record:
        """Return whose account it is, from «GET a Summary of Account Details»."""
        summary: Record = self._client.get("/account/summary", form=OBJECT)
        return summary


def _path(pattern: str, *ids: str) -> str:
    try:
        return pattern.format(",".join(quoted(one) for one in ids))
    except ValueError:
        message = f"The API gave an id that cannot stand in a path ({pattern})"
        raise FatalAPIError(message) from None
