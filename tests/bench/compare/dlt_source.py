"""dlt's REST API source for email clicks, into DuckDB.

Runs in the environment ``dlt``: ``dlt_source.py CONFIG FOLDER`` loads, and writes all
clicks that the table then holds to stdout, a JSON object a line.

A report is replaced whole, by ``merge_key``: the API gives clicks no id, so that a
primary key would be the same for identical clicks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import dlt
from dlt.sources.helpers.rest_client.auth import OAuth2ClientCredentials
from dlt.sources.rest_api import RESTAPIConfig, rest_api_source

BEGINNING = "2000-01-01T00:00:00.000Z"
UNSENT = {"Draft", "Scheduled", "Removed"}
WITH_REPORTS = {"primary_email", "resend"}
# The response for a removed campaign or email.
GONE = [{"status_code": 404, "action": "ignore"}]


def config_of(settings: dict[str, Any]) -> RESTAPIConfig:
    """Return the declaration of the source."""
    listing: dict[str, Any] = {"limit": 500}
    if settings["changed_only"]:
        listing["after_date"] = {
            "type": "incremental",
            "cursor_path": "updated_at",
            "initial_value": BEGINNING,
        }
    return {
        "client": {
            "base_url": settings["api_url"],
            "auth": OAuth2ClientCredentials(
                access_token_url=settings["token_url"],
                client_id=settings["client_id"],
                client_secret=settings["client_secret"],
                access_token_request_data={
                    "grant_type": "refresh_token",
                    "refresh_token": settings["refresh_token"],
                },
            ),
            "paginator": {"type": "json_link", "next_url_path": "_links.next.href"},
        },
        "resources": [
            {
                "name": "campaigns",
                "primary_key": "campaign_id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": "emails",
                    "params": listing,
                    "data_selector": "campaigns",
                },
                "processing_steps": [
                    {"filter": lambda row: row["current_status"] not in UNSENT}
                ],
            },
            {
                "name": "campaign_activities",
                "primary_key": "campaign_activity_id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": "emails/{resources.campaigns.campaign_id}",
                    "data_selector": "campaign_activities",
                    "paginator": "single_page",
                    "response_actions": GONE,
                },
                "processing_steps": [
                    {"filter": lambda row: row["role"] in WITH_REPORTS}
                ],
            },
            {
                "name": "email_clicks",
                "merge_key": "campaign_activity_id",
                "write_disposition": "merge",
                "endpoint": {
                    "path": (
                        "reports/email_reports/{resources.campaign_activities."
                        "campaign_activity_id}/tracking/clicks"
                    ),
                    "params": {"limit": 500},
                    "data_selector": "tracking_activities",
                    "response_actions": GONE,
                },
            },
        ],
    }


def main() -> None:
    """Load, and print the clicks of the table."""
    settings = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    folder = Path(sys.argv[2])
    pipeline = dlt.pipeline(
        pipeline_name="compare",
        pipelines_dir=str(folder / "pipelines"),
        destination=dlt.destinations.duckdb(str(folder / "clicks.duckdb")),
        dataset_name="cc",
    )
    pipeline.run(rest_api_source(config_of(settings))).raise_on_failed_jobs()
    columns = ("campaign_activity_id", "contact_id", "url_id", "created_time")
    with pipeline.sql_client() as client:
        rows = client.execute_sql(f"SELECT {', '.join(columns)} FROM email_clicks")
    for row in rows or ():
        print(json.dumps(dict(zip(columns, row, strict=True)), default=str))


if __name__ == "__main__":
    main()
