"""Read the simulator with a client generated from the vendor's API description.

Run by the tests with the Python of .venv/vendor-client: ``vendor_client.py WHAT``, with
the API's URL, a token and ids in the environment. It prints as JSON what it read.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import Any

from constant_contact_api_client import ApiClient, Configuration
from constant_contact_api_client.api.account_services_api import AccountServicesApi
from constant_contact_api_client.api.email_campaigns_api import EmailCampaignsApi
from constant_contact_api_client.api.email_reporting_api import EmailReportingApi


def campaigns(client: ApiClient) -> dict[str, Any]:
    """Read the listing, a campaign and an activity."""
    api: Any = EmailCampaignsApi(client)
    since = datetime.fromisoformat(os.environ["SINCE"])
    listed = api.get_all_email_campaigns(limit=500).campaigns
    later = api.get_all_email_campaigns(after_date=since).campaigns
    campaign = api.get_email_campaign_by_id(os.environ["CAMPAIGN"])
    details = api.get_email_campaign_activity(os.environ["ACTIVITY"])
    return {
        "listed": [one.campaign_id for one in listed],
        "later": [one.campaign_id for one in later],
        "activities": [
            one.campaign_activity_id for one in campaign.campaign_activities
        ],
        "subject": details.subject,
        "role": details.role,
    }


def reports(client: ApiClient) -> dict[str, Any]:
    """Read clicks page by page, links, counters, summaries and the account."""
    api: Any = EmailReportingApi(client)
    account: Any = AccountServicesApi(client)
    activity, url_id = os.environ["ACTIVITY"], os.environ["URL_ID"]
    page = api.get_clicks_report(activity, limit="20")
    one_link = api.get_clicks_report(activity, url_id=int(url_id))
    links = api.get_campaign_activity_link_report(activity).link_click_counts
    stats = api.get_email_campaign_activity_report(activity).results[0].stats
    summaries = api.get_email_campaign_report(limit="500")
    return {
        "times": [one.created_time.isoformat() for one in page.tracking_activities],
        "next": page.links.next.href,
        "of_one_link": [one.url_id for one in one_link.tracking_activities],
        "links": [one.url_id for one in links],
        "counted": stats.em_clicks_all,
        "summaries": [
            one.campaign_id for one in summaries.bulk_email_campaign_summaries
        ],
        "organization": account.get_account_details().organization_name,
    }


def main() -> None:
    """Read the part that the argument names."""
    host, token = os.environ["API_URL"], os.environ["TOKEN"]
    read = {"campaigns": campaigns, "reports": reports}[sys.argv[1]]
    with ApiClient(Configuration(host=host, access_token=token)) as client:
        sys.stdout.write(json.dumps(read(client)))


if __name__ == "__main__":
    main()
