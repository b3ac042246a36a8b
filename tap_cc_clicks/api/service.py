"""The endpoints of the API that the tap reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from singer_sdk.exceptions import FatalAPIError
from singer_sdk.helpers.types import Record

from tap_cc_clicks.api.client import LIST, MOST_ROWS, OBJECT, Client, Form
from tap_cc_clicks.api.columns import Anomalies
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

# The most ids in one request of «GET an Email Campaign Activity Stats Report».
IDS_PER_STATS_REQUEST = 10
# The links report is not paginated.
MOST_LINKS = 5_000


class Service:
    """Requests one object by its id, or a list page by page.

    Every method raises what :class:`Client` raises, and FatalAPIError for an id that
    cannot be part of a path.

    Args:
        client: Makes the requests.
        page_size: Rows per page of a report, at most 500.
        anomalies: Counts what differs from the documentation.
    """

    def __init__(
        self, client: Client, page_size: int, anomalies: Anomalies | None = None
    ) -> None:
        self.anomalies = anomalies or Anomalies()
        self._client = client
        self._page_size = page_size

    def campaigns(self, limit: int = MOST_ROWS) -> Iterator[list[Record]]:
        """Yield the records of campaigns, page by page, the latest change first."""
        form = Form("campaigns", required=False)
        for page in self._client.pages("/emails", form, {"limit": limit}):
            yield campaign_records(page.rows, self.anomalies)

    def summaries(self, limit: int = MOST_ROWS) -> Iterator[list[Record]]:
        """Yield the rows of the campaign summaries, the latest send first."""
        path = "/reports/summary_reports/email_campaign_summaries"
        form = Form("bulk_email_campaign_summaries")
        for page in self._client.pages(path, form, {"limit": limit}):
            rows = [summary_of(row, self.anomalies) for row in page.rows]
            yield [row for row in rows if row["campaign_id"] is not None]

    def campaign(self, campaign_id: str) -> tuple[Record, list[Record]]:
        """Return a campaign's record, and id, role and document of its activities."""
        form = Form("campaign_activities", required=False)
        body = self._client.get(_path("/emails/{}", campaign_id), form=form)
        row = {**body, "campaign_id": campaign_id}
        columns = {name: row.get(name) for name in CAMPAIGN}
        (record,) = campaign_records([columns], self.anomalies)
        return record, activity_rows(form.rows_of(body), self.anomalies)

    def details(self, activity_id: str) -> list[Record]:
        """Return the columns that only an activity's own endpoint has, as one row."""
        path = _path("/emails/activities/{}", activity_id)
        body = self._client.get(path, {"include": "permalink_url"})
        return [details_record(body, self.anomalies)]

    def send_history(self, activity_id: str) -> list[Record]:
        path = _path("/emails/activities/{}/send_history", activity_id)
        rows = self._client.get(path, form=LIST)
        return send_records(rows, self.anomalies)

    def counters(self, activity_ids: Sequence[str]) -> dict[str, Counters]:
        """Return the counters of up to ten activities; those without are left out."""
        path = "/reports/stats/email_campaign_activities/{}"
        body = self._client.get(_path(path, *activity_ids))
        return counters_by_activity(body, self.anomalies)

    def links(self, activity_id: str) -> list[Record]:
        """Return the records of an activity's links, without the activity's ids."""
        form = Form("link_click_counts", most=MOST_LINKS, required=False)
        path = _path("/reports/email_reports/{}/links", activity_id)
        rows = form.rows_of(self._client.get(path, form=form))
        return link_records(rows, self.anomalies)

    def events(
        self, report: str, form: Form, activity_id: str, **query: Any
    ) -> Iterator[Page]:
        """Yield the pages of an event report, newest first.

        Args:
            report: Its name in the path, such as ``clicks``.
            form: The form of a page.
            activity_id: The activity.
            query: ``url_id``, or another ``limit``.
        """
        path = _path(f"/reports/email_reports/{{}}/tracking/{report}", activity_id)
        form = replace(form, anomalies=self.anomalies)
        query = {"limit": self._page_size, **query}
        return self._client.pages(path, form, query)

    def again(self, page: Page, form: Form) -> Page:
        """Request a page of a report again."""
        return self._client.again(page, form)

    def account_summary(self) -> Record:
        """Return the account's owner, from «GET a Summary of Account Details»."""
        summary: Record = self._client.get("/account/summary", form=OBJECT)
        return summary


def _path(pattern: str, *ids: str) -> str:
    try:
        return pattern.format(",".join(quoted(one) for one in ids))
    except ValueError:
        message = f"The API returned an id that cannot be part of a path ({pattern})"
        raise FatalAPIError(message) from None
