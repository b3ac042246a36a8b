"""Schemas and the simulator follow the contract in tests/contract.json."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from tap_cc_clicks import schemas
from tap_cc_clicks.api import wire
from tap_cc_clicks.events.declaration import EVENT_REPORTS
from tap_cc_clicks.sandbox import generate
from tap_cc_clicks.sandbox.account import EVENTS
from tap_cc_clicks.sandbox.api import Api

CONTRACT: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "contract.json").read_text("utf-8")
)
CONTRACT.pop("")
ENDPOINTS = list(CONTRACT)
STREAMS = {one["stream"] for one in CONTRACT.values() if one["stream"]}
# Columns that the tap derives or copies from the campaign, and those that only a page
# of the vendor's documentation names.
OWN = {
    "campaign_activities": re.compile("campaign_.*"),
    "campaign_activity_details": re.compile("campaign_.*|template_id"),
    "campaign_summaries": re.compile("$"),
    "email_send_history": re.compile("campaign_(activity_)?id|reason"),
    "email_links": re.compile("campaign_(activity_)?id"),
    **{
        report.stream: re.compile(f"{report.key}|campaign_id|bounce_reason")
        for report in EVENT_REPORTS
    },
}
# Properties of links and emails that the simulator leaves out.
NOT_SIMULATED = {
    "links": {"list_action", "list_id", "link_tag"},
    "activity": {"html_content", "physical_address_in_footer", "document_properties"},
}
SHAPES = {
    "campaigns": wire.LISTED["campaigns"],
    "campaign": wire.LISTED["campaign_activities"],
    "activity": wire.DETAILS_SHAPE,
    "stats": wire.STATS_SHAPE,
    "counters": wire.COUNTERS_SHAPE,
    "send_history": wire.LISTED["email_send_history"],
    "summaries": wire.SUMMARY_SHAPE,
    "people": wire.PEOPLE_SHAPE,
    "links": wire.LISTED["email_links"],
    **{report.path: report.form.shape for report in EVENT_REPORTS},
}
SUMMARIES = "/reports/summary_reports/email_campaign_summaries"
TYPES = {"string": str, "integer": int, "array": list, "object": dict}
TIMES = {
    "date": re.compile(r"\d{4}-\d\d-\d\d"),
    "date-time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"),
}


def schema_of(stream: str) -> dict[str, Any]:
    """Return the properties of a stream's schema."""
    text = (files(schemas) / f"{stream}.json").read_text("utf-8")
    properties: dict[str, Any] = json.loads(text)["properties"]
    return properties


@pytest.mark.parametrize(
    "endpoint", [one for one in ENDPOINTS if CONTRACT[one]["stream"]]
)
def test_each_contract_property_is_a_column(endpoint: str) -> None:
    """It has the contract's type, unless the contract lists it as unread."""
    contract = CONTRACT[endpoint]
    schema = schema_of(contract["stream"])
    for name, kind in contract["properties"].items():
        if name in contract.get("unread", {}):
            assert name not in schema
            continue
        times = kind.startswith("date")
        assert ("string" if times else kind) in schema[name]["type"]
        assert schema[name].get("format") == ("date-time" if times else None)


@pytest.mark.parametrize("stream", sorted(STREAMS))
def test_each_column_is_in_the_contract_or_added_by_the_tap(stream: str) -> None:
    told = {
        name
        for one in CONTRACT.values()
        if one["stream"] == stream
        for name in one["properties"]
    }
    for name in schema_of(stream).keys() - told:
        assert OWN[stream].fullmatch(name), name


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_response_checks_match_the_contract(endpoint: str) -> None:
    """Runs check responses for the same required and known properties."""
    contract, shape = CONTRACT[endpoint], SHAPES[endpoint]
    assert shape
    assert shape.required == set(contract["required"])
    assert shape.known - {"template_id"} == contract["properties"].keys()


@pytest.fixture(scope="module")
def api() -> Api:
    """Return the API of an account with all events and with deleted contacts."""
    account = generate(campaigns=20, clicks=300, recipients=1000)
    activity = max(account.clickable(), key=lambda one: len(one.clicks))
    for report in EVENTS:
        account.delete_contact(activity.rows_of(report)[0].row["contact_id"])
    return Api(account)


def rows_of(api: Api, endpoint: str) -> list[dict[str, Any]]:
    """Return the rows of an endpoint's response."""
    activity = max(api.account.clickable(), key=lambda one: len(one.clicks))
    path = {
        "campaigns": "/emails",
        "campaign": f"/emails/{activity.campaign_id}",
        "activity": f"/emails/activities/{activity.campaign_activity_id}",
        "send_history": f"/emails/activities/{activity.campaign_activity_id}"
        "/send_history",
        "summaries": SUMMARIES,
        "people": SUMMARIES,
        "links": f"/reports/email_reports/{activity.campaign_activity_id}/links",
        **{
            report.path: f"/reports/email_reports/{activity.campaign_activity_id}"
            f"/tracking/{report.path}"
            for report in EVENT_REPORTS
        },
    }.get(
        endpoint,
        f"/reports/stats/email_campaign_activities/{activity.campaign_activity_id}",
    )
    contract = CONTRACT[endpoint]
    query = {"include": "permalink_url"} if endpoint == "activity" else {}
    body = json.loads(api.endpoint(path)[1](query).body)
    whole = body if isinstance(body, list) else [body]
    rows: list[dict[str, Any]] = body[contract["rows"]] if contract["rows"] else whole
    within = contract.get("within")
    return [row[within] for row in rows] if within else rows


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_simulator_responses_match_the_contract(api: Api, endpoint: str) -> None:
    """Rows have all required properties and no unknown ones; each one occurs."""
    contract = CONTRACT[endpoint]
    spoken: set[str] = set()
    for row in rows_of(api, endpoint):
        assert set(contract["required"]) <= row.keys()
        spoken |= row.keys()
        for name, value in row.items():
            kind = contract["properties"].get(name)
            if kind in TIMES:
                assert TIMES[kind].fullmatch(value), name
            elif name != "template_id":
                assert isinstance(value, TYPES[kind]), name
    told = contract["properties"].keys() - NOT_SIMULATED.get(endpoint, set())
    assert spoken - {"template_id"} == told
