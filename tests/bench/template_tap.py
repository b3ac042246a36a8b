"""A tap built from the SDK's template, for comparison.

It has three streams, the next link and the token, each with the hook that the template
and the SDK's guide describe, and nothing else.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import OAuthAuthenticator
from singer_sdk.pagination import BaseHATEOASPaginator

if TYPE_CHECKING:
    import requests
    from singer_sdk.helpers.types import Context, Record


class Paginator(BaseHATEOASPaginator):
    """Follows the next link."""

    def get_next_url(self, response: requests.Response) -> str | None:
        """Return the link, if there is one."""
        link = response.json().get("_links", {}).get("next", {}).get("href")
        return urljoin(response.url, link) if link else None


class Authenticator(OAuthAuthenticator):
    """Gets a token by the refresh grant."""

    seed = ""

    @property
    def oauth_request_body(self) -> dict[str, Any]:
        """Return the form."""
        return {
            "grant_type": "refresh_token",
            "refresh_token": self.seed,
            "client_id": self.client_id,
        }


class TemplateStream(RESTStream[Any]):
    """The base of the streams."""

    @property
    def url_base(self) -> str:
        """Return the API's address."""
        return str(self.config["api_url"])

    @cached_property
    def authenticator(self) -> OAuthAuthenticator:
        """Return an authenticator."""
        made = Authenticator(
            auth_endpoint=self.config["token_url"], client_id=self.config["client_id"]
        )
        made.seed = self.config["refresh_token"]
        return made

    def get_new_paginator(self) -> Paginator:
        """Return a paginator."""
        return Paginator()

    def get_url_params(
        self, context: Context | None, next_page_token: Any
    ) -> dict[str, Any]:
        """Return the page size, or the next link's query."""
        del context
        if next_page_token:
            return dict(parse_qsl(urlsplit(next_page_token.geturl()).query))
        return {"limit": 500}


class Campaigns(TemplateStream):
    """All campaigns."""

    name = "campaigns"
    path = "/emails"
    primary_keys = ("campaign_id",)
    records_jsonpath = "$.campaigns[*]"
    schema = th.PropertiesList(
        th.Property("campaign_id", th.StringType),
        th.Property("name", th.StringType),
        th.Property("current_status", th.StringType),
        th.Property("updated_at", th.DateTimeType),
    ).to_dict()

    def get_child_context(self, record: Record, context: Context | None) -> Any:
        """Return the campaign's id; those not sent have nothing to report."""
        del context
        if record["current_status"] in {"Draft", "Scheduled", "Removed"}:
            return None
        return {"campaign_id": record["campaign_id"]}


class CampaignActivities(TemplateStream):
    """The activities of a campaign."""

    name = "campaign_activities"
    path = "/emails/{campaign_id}"
    primary_keys = ("campaign_activity_id",)
    records_jsonpath = "$.campaign_activities[*]"
    parent_stream_type = Campaigns
    schema = th.PropertiesList(
        th.Property("campaign_activity_id", th.StringType),
        th.Property("campaign_id", th.StringType),
        th.Property("role", th.StringType),
    ).to_dict()

    def get_child_context(self, record: Record, context: Context | None) -> Any:
        """Return the activity's id."""
        del context
        if record["role"] == "permalink":
            return None
        return {"campaign_activity_id": record["campaign_activity_id"]}


class EmailClicks(TemplateStream):
    """The clicks of an activity."""

    name = "email_clicks"
    path = "/reports/email_reports/{campaign_activity_id}/tracking/clicks"
    primary_keys = ("campaign_activity_id", "contact_id", "url_id", "created_time")
    replication_key = "created_time"
    records_jsonpath = "$.tracking_activities[*]"
    parent_stream_type = CampaignActivities
    schema = th.PropertiesList(
        th.Property("campaign_activity_id", th.StringType),
        th.Property("contact_id", th.StringType),
        th.Property("url_id", th.StringType),
        th.Property("created_time", th.DateTimeType),
        th.Property("tracking_activity_type", th.StringType),
        th.Property("email_address", th.StringType),
        th.Property("device_type", th.StringType),
        th.Property("link_url", th.StringType),
        th.Property("first_name", th.StringType),
        th.Property("last_name", th.StringType),
        th.Property("deleted_at", th.StringType),
    ).to_dict()


class TemplateTap(Tap):
    """The tap."""

    name = "tap-template"
    config_jsonschema = th.PropertiesList(
        th.Property("client_id", th.StringType, required=True),
        th.Property("refresh_token", th.StringType, required=True),
        th.Property("api_url", th.StringType, required=True),
        th.Property("token_url", th.StringType, required=True),
    ).to_dict()

    def discover_streams(self) -> list[TemplateStream]:
        """Return the streams."""
        return [Campaigns(self), CampaignActivities(self), EmailClicks(self)]


if __name__ == "__main__":
    TemplateTap.cli()
