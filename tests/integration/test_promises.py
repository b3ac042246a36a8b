"""Records match their schema, even if the API sends odd values."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.api.wire import ACTIVITY, CAMPAIGN, COUNTERS, DETAILS, LINK, PEOPLE
from tap_cc_clicks.events.declaration import CLICKS
from tap_cc_clicks.sandbox import Account, Sandbox
from tap_cc_clicks.sandbox.api import Reply
from tap_cc_clicks.tap import TapCCClicks
from tests.support import (
    EXAMPLES,
    Output,
    captured,
    clicks,
    everything,
    rows,
    run_tap,
    select,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("no_waiting")
# For each endpoint: the place of its rows, and their properties.
PLACES: dict[str, tuple[str, list[str]]] = {
    "campaigns": ("campaigns", [*CAMPAIGN]),
    "campaign": ("campaign_activities", [*ACTIVITY]),
    "activity": ("", [*DETAILS]),
    "stats": ("results", ["campaign_activity_id", "last_refresh_time", "stats"]),
    "counts": ("results", [*COUNTERS, "em_clicks.all"]),
    "summaries": (
        "bulk_email_campaign_summaries",
        ["campaign_id", "last_sent_date", "unique_counts", *PEOPLE],
    ),
    "links": ("link_click_counts", [*LINK]),
    "clicks": ("tracking_activities", [*CLICKS.row.__struct_fields__, "_more"]),
}
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(0, 1e300),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2)
    ),
    max_leaves=3,
) | st.sampled_from(["", "12", "-1", "1.5", "2019-05-16", "a" * 101, 10**400, [{}]])
ANSWERS = st.fixed_dictionaries(
    {
        endpoint: st.dictionaries(st.sampled_from(names), ODD, max_size=4)
        for endpoint, (_, names) in PLACES.items()
    }
)
FORMATS = FormatChecker(formats=())
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(\d{3})?Z")


@FORMATS.checks("date-time")
def _is_timestamp(value: Any) -> bool:
    return not isinstance(value, str) or bool(TIMESTAMP.fullmatch(value))


@pytest.fixture(scope="module")
def small() -> Iterator[Sandbox]:
    """Return an account with a few emails."""
    account = Account()
    for _ in range(3):
        campaign = account.add_campaign()
        for _ in range(3):
            account.add_click(campaign.activities[0])
    with Sandbox(account) as running:
        yield running


def with_odd_values(endpoint: str, body: Any, answers: dict[str, Any]) -> Any:
    """Set values in the last row of a response."""
    place = PLACES[endpoint][0]
    row = body[place][-1] if place and body[place] else body
    if endpoint == "stats" and place and body[place]:
        row["stats"].update(answers["counts"])
    if endpoint == "summaries" and place and body[place]:
        row["unique_counts"].update(answers[endpoint])
    row.update(answers[endpoint])
    return body


def read(sandbox: Sandbox, answers: dict[str, Any], **config: Any) -> Output:
    """Return the output of a run with these values in the responses."""
    answering = sandbox.api.endpoint

    def reply(name: str, handler: Any, query: Any) -> Reply:
        body = with_odd_values(name, msgspec.json.decode(handler(query).body), answers)
        return Reply(200, json.dumps(body).encode())

    def endpoint(path: str) -> Any:
        name, handler = answering(path)
        return name, partial(reply, name, handler)

    with (
        mock.patch.object(sandbox.api, "endpoint", endpoint),
        captured() as output,
        suppress(FatalSyncError),
    ):
        config = {**sandbox.config, **config}
        TapCCClicks(config=config, catalog=everything()).sync_all()
    return output


@settings(
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(answers=ANSWERS)
@example({**{one: {} for one in PLACES}, "clicks": {"deleted_at": ""}})
@example({**{one: {} for one in PLACES}, "clicks": {"created_time": [[]]}})
def test_no_record_breaks_its_schema(small: Sandbox, answers: dict[str, Any]) -> None:
    """Loaders validate each record, and stop at the first invalid one."""
    output = read(small, answers)
    validators = {
        one["stream"]: Draft202012Validator(one["schema"], format_checker=FORMATS)
        for one in output.messages
        if one["type"] == "SCHEMA"
    }
    for stream, validator in validators.items():
        for record in output.records(stream):
            validator.validate(record)


@pytest.mark.parametrize(
    ("endpoint", "values", "told"),
    [
        ("links", {"unique_clicks": "many"}, "3 of email_links.unique_clicks"),
        ("activity", {"format_type": {}}, "3 of campaign_activity_details.form"),
        ("clicks", {"deleted_at": "soon"}, "3 of email_clicks.deleted_at"),
        ("links", {"url_id": None}, "3 of email_links.url_id"),
        ("campaigns", {"campaign_id": "\n"}, "1 of campaigns.campaign_id"),
        ("campaign", {"campaign_activity_id": []}, "3 of campaign_activities.camp"),
        ("stats", {"last_refresh_time": "x"}, "1 of campaign_activity_stats.last_"),
        ("counts", {"em_clicks": -1}, "1 of campaign_activity_stats.em_clicks"),
    ],
)
def test_unreadable_values_are_counted_and_others_are_kept(
    small: Sandbox,
    caplog: pytest.LogCaptureFixture,
    endpoint: str,
    values: dict[str, Any],
    told: str,
) -> None:
    """One line at the end has the count, and shows no value."""
    answers = {**{one: {} for one in PLACES}, endpoint: values}
    output = read(small, answers)
    assert [one for one in caplog.messages if f"left out: {told}" in one]
    # Summaries have the campaign that the listing has without an id.
    assert len(output.records("email_clicks")) == 9


def test_a_normal_run_has_no_warnings(
    small: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """All clicks are written."""
    output = run_tap(small)
    assert rows(clicks(output).values()) == rows(small.account.rows())
    assert not [one for one in caplog.records if one.levelname == "WARNING"]


def test_an_unknown_role_is_logged_once(
    small: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """No report is requested for it, and everything else is read."""
    answers = {**{one: {} for one in PLACES}, "campaign": {"role": "text\nmessage"}}
    output = read(small, answers)
    told = [one for one in caplog.messages if "a role that the tap does not" in one]
    assert len(told) == 1
    assert "asked of them: 3 with role text message. " in told[0]
    assert len(output.records("email_clicks")) == 9
    roles = {one["role"] for one in output.records("campaign_activities")}
    assert roles == {"primary_email", "text\nmessage"}


def test_documents_and_permalinks_are_loaded(small: Sandbox) -> None:
    """A document's id is in the look-up, a permalink only in the details."""
    details = "campaign_activity_details"
    output = run_tap(small, catalog=select("campaign_activities", details))
    for stream, names in (
        ("campaign_activities", ["document_id"]),
        (details, ["document_id", "permalink_url"]),
    ):
        found = output.records(stream)
        assert len(found) == (3 if stream == details else 6)
        for record in found:
            activity = small.account.activities[record["campaign_activity_id"]]
            told = {name: activity.details[name] for name in names}
            assert told.items() <= record.items()
