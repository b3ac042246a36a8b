"""The settings, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from singer_sdk import typing as th

from tap_cc_clicks.api.timestamps import timestamp


def _setting(
    kind: Any,
    title: str,
    description: str,
    default: Any = None,
    *,
    secret: bool = False,
) -> Any:
    """Declare a setting.

    Args:
        kind: Its type, from the SDK.
        title: Its label.
        description: What it does, in a sentence.
        default: Its default.
        secret: Whether it must not be shown.
    """
    declared = {
        "kind": kind,
        "title": title,
        "description": description,
        "secret": secret,
    }
    return field(default=default, metadata=declared)


@dataclass(frozen=True)
class Settings:
    """The typed settings.

    Attributes:
        start_date: A timestamp in UTC in the API's format; None if not set.
    """

    client_id: str | None = _setting(
        th.StringType,
        "Client ID",
        "The API key of your Constant Contact application.",
    )
    client_secret: str | None = _setting(
        th.StringType,
        "Client secret",
        "The application's secret. Leave it out for a public client.",
        secret=True,
    )
    refresh_token: str | None = _setting(
        th.StringType,
        "Refresh token",
        "Renews the access token. Needs the scope offline_access.",
        secret=True,
    )
    access_token: str | None = _setting(
        th.StringType,
        "Access token",
        "Enough for a first try; expires after 24 hours.",
        secret=True,
    )
    token_store: str | None = _setting(
        th.StringType(min_length=1),
        "Token store",
        "File for rotating refresh tokens; must persist between runs. The default is a "
        "file in the user's state folder. Long-lived refresh tokens need none.",
    )
    start_date: str | None = _setting(
        th.DateTimeType,
        "Start date",
        "Events before this time are not loaded. Campaigns and activities are always "
        "complete.",
    )
    lookback: float = _setting(
        th.NumberType(minimum=0),
        "Lookback",
        "Hours before an activity's bookmark that are read again, for events that "
        "appear late in the report.",
        24,
    )
    campaign_ids: frozenset[str] = _setting(
        th.ArrayType(th.StringType(min_length=1)),
        "Campaign IDs",
        "Load only these campaigns.",
    )
    url_ids: tuple[str, ...] = _setting(
        th.ArrayType(th.StringType(min_length=1)),
        "URL IDs",
        "Load only clicks on these links. They have bookmarks of their own.",
    )
    accepted_failures: frozenset[str] = _setting(
        th.ArrayType(th.StringType(min_length=1)),
        "Accepted failures",
        "IDs of campaigns or activities whose failures are only warnings: runs end "
        "with 0. They still load once they can be read.",
    )
    page_size: int = _setting(
        th.IntegerType(minimum=1, maximum=500),
        "Page size",
        "Rows per page of a report (the API's parameter limit).",
        500,
    )
    look_requests_per_day: int = _setting(
        th.IntegerType(minimum=0),
        "Look requests per day",
        "Requests a day for finding new events in emails that show no change; 0 for "
        "no limit. Reading what was found is not counted.",
        500,
    )
    concurrency: int = _setting(
        th.IntegerType(minimum=1, maximum=64),
        "Concurrency",
        "Requests at the same time.",
        8,
    )
    requests_per_second: float = _setting(
        th.NumberType(exclusive_minimum=0),
        "Requests per second",
        "Maximum request rate. The API allows 4 a second for each API key.",
        4,
    )
    max_requests: int | None = _setting(
        th.IntegerType(minimum=1),
        "Maximum requests",
        "End the run cleanly after this many requests; the next run continues. The API "
        "allows 10,000 a day.",
    )
    key_requests_per_day: int = _setting(
        th.IntegerType(minimum=1),
        "Requests a day of the key",
        "The API key's daily quota, used in messages and by cc-clicks plan only. "
        "Partner keys may have 250,000. max_requests limits a run.",
        10_000,
    )
    api_url: str = _setting(
        th.URIType,
        "API URL",
        "Base URL of the Constant Contact V3 API.",
        "https://api.cc.email/v3",
    )
    token_url: str = _setting(
        th.URIType,
        "Token URL",
        "OAuth 2 token endpoint.",
        "https://authz.constantcontact.com/oauth2/default/v1/token",
    )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """Return the settings of a valid config."""
        values = {
            one.name: config[one.name] for one in fields(cls) if one.name in config
        }
        for name in ("campaign_ids", "accepted_failures"):
            values[name] = frozenset(values.get(name, ()))
        values["url_ids"] = tuple(dict.fromkeys(values.get("url_ids", ())))
        if "start_date" in values:
            values["start_date"] = timestamp(values["start_date"])
        return cls(**values)


def jsonschema() -> dict[str, Any]:
    """Return the JSON schema of the settings."""
    properties = [
        th.Property(
            one.name,
            one.metadata["kind"],
            title=one.metadata["title"],
            description=one.metadata["description"],
            secret=one.metadata["secret"],
            default=cast("Any", one.default),
        )
        for one in fields(Settings)
    ]
    return th.PropertiesList(*properties, additional_properties=False).to_dict()
