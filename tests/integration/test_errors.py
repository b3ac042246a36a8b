"""How a run handles each kind of API error."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import FatalSyncError

from tap_cc_clicks.api import pages
from tap_cc_clicks.api.errors import GoneError
from tap_cc_clicks.sandbox import Fault
from tap_cc_clicks.tap import TapCCClicks
from tests.support import Output, captured, clicks, everything, rows, run_tap

if TYPE_CHECKING:
    from tap_cc_clicks.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("no_waiting")
CLICKS = "tracking/clicks"


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", times=3, status=500, body={"error_key": "oops"}),
        Fault("status", times=3, status=503, body="<html>"),
        Fault("status", times=3, status=429, body={"error_key": "throttled"}),
        Fault("reset", times=3),
        Fault("truncate", times=3),
        Fault("not_json", times=3),
        Fault("wrong_shape", times=3),
        Fault("slow", times=3, seconds=0.1),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
@pytest.mark.parametrize("match", ["/emails$", "stats", CLICKS, "links"])
def test_temporary_faults_are_retried(
    sandbox: Sandbox, fault: Fault, match: str
) -> None:
    """Nothing is lost, and the run succeeds."""
    fault.match, fault.times = match, 3
    sandbox.faults.rules.append(fault)
    output = run_tap(sandbox, catalog=everything())
    assert fault.times < 3
    assert rows(clicks(output).values()) == rows(sandbox.account.rows())


def failing(sandbox: Sandbox, *faults: Fault, **config: Any) -> tuple[str, Output]:
    """Return the error that ends a run, and the run's output."""
    sandbox.faults.rules[:] = faults
    with captured() as output, pytest.raises(FatalSyncError) as error:
        _sync(sandbox, config)
    sandbox.faults.rules.clear()
    return str(error.value), output


def _sync(sandbox: Sandbox, config: dict[str, Any]) -> None:
    TapCCClicks(config={**sandbox.config, **config}).sync_all()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (
            Fault("status", status=503),
            "Gave up on /v3/emails after 8 tries; the last error: 503",
        ),
        (
            Fault("reset"),
            "Gave up on /v3/emails after 8 tries; the last error: no response",
        ),
        (Fault("not_json"), "the last error: The response of /v3/emails is not JSON"),
        (
            Fault("wrong_shape"),
            "the last error: The response of /v3/emails has no campaigns",
        ),
        (Fault("redirect"), "302 (Found) for /v3/emails: redirects are not followed"),
        (
            Fault("status", status=403, body=[{"error_key": "forbidden"}]),
            "403 (forbidden) for /v3/emails: the token may not read reports: the",
        ),
        (
            Fault("status", status=400, body={"error_key": "bad"}),
            "400 (bad) for /v3/em",
        ),
        (Fault("foreign_next"), "The next link of /v3/emails leads to another server"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else "",
)
def test_permanent_faults_are_explained(
    sandbox: Sandbox, fault: Fault, sentence: str
) -> None:
    """The message names the path and the last status, and says what to do."""
    fault.match = "/emails$"
    message, _ = failing(sandbox, fault)
    assert sentence in message


def test_a_404_for_the_listing_is_fatal(sandbox: Sandbox) -> None:
    """Unlike for a single campaign, the configured address must be wrong."""
    sandbox.faults.rules.append(Fault("status", match="/emails$", status=404))
    with pytest.raises(GoneError, match="not found: check api_url"):
        run_tap(sandbox)


def test_an_expired_token_is_refreshed_once(sandbox: Sandbox) -> None:
    """It expires in the middle of a run, for all threads together."""

    def expire(endpoint: str) -> None:
        if endpoint == "stats" and sandbox.tokens.renewals == 1:
            sandbox.tokens.expire_all()

    sandbox.on_request = expire
    output = run_tap(sandbox)
    assert sandbox.tokens.renewals == 2
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())


def test_a_token_is_refreshed_before_it_expires(sandbox: Sandbox) -> None:
    """No request is sent with a token that is about to expire."""
    sandbox.tokens.expires_in = 1
    run_tap(sandbox)
    assert sandbox.log.statuses()[401] == 0


def test_a_refused_new_token_is_fatal(sandbox: Sandbox) -> None:
    """Further refreshes would not help."""
    refused = {"error_key": "unauthorized"}
    fault = Fault("status", match="/emails", status=401, body=refused)
    message, _ = failing(sandbox, fault)
    assert "401 (unauthorized)" in message
    assert "the access token is not valid" in message
    assert sandbox.tokens.renewals == 2


def test_an_access_token_alone_works_until_it_expires(sandbox: Sandbox) -> None:
    """The error then names the setting that is needed."""
    quick = {"refresh_token": None, "client_id": None}
    token = sandbox.tokens.issue()
    output = run_tap(sandbox, access_token=token, **quick)
    assert rows(output.records("email_clicks")) == rows(sandbox.account.rows())
    sandbox.tokens.expire_all()
    message, _ = failing(sandbox, access_token=token, **quick)
    assert "set refresh_token" in message


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"refresh_token": "an-old-one"}, "sign in again"),
        ({"client_secret": "not-it"}, "check client_id and client_secret"),
        ({"client_id": "nobody", "client_secret": None}, "check client_id"),
    ],
)
def test_refused_credentials_are_explained(
    sandbox: Sandbox, config: dict[str, Any], sentence: str
) -> None:
    """The message does not show them."""
    message, _ = failing(sandbox, **config)
    assert sentence in message
    assert not any(str(value) in message for value in config.values() if value)


def test_a_public_client_needs_no_secret(sandbox: Sandbox) -> None:
    """Its client_id is sent in the form."""
    output = run_tap(sandbox, client_secret=None)
    assert output.records("email_clicks")


def test_a_token_request_is_not_repeated_after_a_lost_answer(sandbox: Sandbox) -> None:
    """It may have used up the refresh token; the message says so."""
    message, _ = failing(sandbox, Fault("lost_answer", match="/token"))
    assert "may have been used up" in message
    assert sandbox.tokens.renewals == 1


def test_a_missing_campaign_or_report_is_skipped(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are read; a missing report with counted clicks is an error."""
    gone, lost = sandbox.account.clickable()[0], sandbox.account.clickable()[-1]
    sandbox.faults.rules += [
        Fault("status", match=f"/emails/{gone.campaign_id}", status=404),
        Fault("status", match=f"{lost.campaign_activity_id}/tracking", status=404),
    ]
    with captured() as output, pytest.raises(FatalSyncError):
        _sync(sandbox, {})
    left = {gone.campaign_id, lost.campaign_id}
    truth = [
        row
        for activity in sandbox.account.reported()
        if activity.campaign_id not in left
        for row in (click.row for click in activity.clicks)
    ]
    found = [
        one for one in output.records("email_clicks") if one["campaign_id"] not in left
    ]
    assert rows(found) == rows(truth)
    assert f"1 could not be read ({gone.campaign_id}): not there (404)" in caplog.text
    # Its counters say that there are clicks.
    assert f"email_clicks: 1 could not be read ({lost.campaign_activity_id}" in (
        caplog.text
    )


@pytest.mark.parametrize("match", ["/emails/[^/]+$", "tracking/clicks", "links"])
def test_a_temporary_404_loses_nothing(sandbox: Sandbox, match: str) -> None:
    """Used to lose items: after a single 404 they were never requested again."""
    fault = Fault("status", match=match, status=404)
    sandbox.faults.rules.append(fault)
    with captured() as first, suppress(FatalSyncError):
        _sync(sandbox, {})
    sandbox.faults.rules.clear()
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_a_missing_campaign_is_requested_in_every_run(
    sandbox: Sandbox,
) -> None:
    """A campaign that is listed as removed is requested only once."""
    gone = sandbox.account.clickable()[0].campaign_id
    sandbox.faults.rules.append(Fault("status", match=f"/emails/{gone}", status=404))
    state: dict[str, Any] | None = None
    asked = []
    for _ in range(5):
        sandbox.log.clear()
        state = run_tap(sandbox, state).state
        asked.append(sandbox.log.statuses()[404])
    assert asked == [1 + 1, 1, 1, 1, 1]


def test_a_used_up_quota_ends_the_run_cleanly(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """State is written, the log names the reset time, and the next run continues."""
    sandbox.limits.per_day = 40
    first = run_tap(sandbox)
    assert "00:00 UTC" in caplog.text
    assert sandbox.log.counts().total() <= 40 + 9
    sandbox.limits.per_day = None
    second = run_tap(sandbox, first.state)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())


def test_a_row_without_a_timestamp_is_skipped_and_fails_the_run(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The error names the activity but no person; all other rows are loaded."""
    activity = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    path = f"{activity.campaign_activity_id}/tracking"
    fault = Fault("bad_row", match=path, field="created_time")
    message, output = failing(sandbox, fault)
    assert "1 reports or lists could not be read completely" in message
    errors = [one.message for one in caplog.records if one.levelno == logging.ERROR]
    named = f"email_clicks: 1 could not be read ({activity.campaign_activity_id}): "
    assert any(
        error.startswith(named) and "1 rows have no readable" in error
        for error in errors
    )
    assert "@example.com" not in caplog.text
    truth = sandbox.account.rows()
    truth.remove(activity.clicks[-1].row)
    assert rows(output.records("email_clicks")) == rows(truth)


@pytest.mark.parametrize("name", ["contact_id", "url_id"])
def test_a_row_without_contact_or_link_is_kept(sandbox: Sandbox, name: str) -> None:
    """The column is null, and the id is derived from the other values."""
    activity = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    path = f"{activity.campaign_activity_id}/tracking"
    sandbox.faults.rules[:] = [Fault("bad_row", match=path, field=name)]
    output = run_tap(sandbox)
    (row,) = [one for one in output.records("email_clicks") if one[name] is None]
    assert row["created_time"] == activity.clicks[-1].created_time
    assert len(clicks(output)) == len(sandbox.account.rows())


@pytest.mark.parametrize("kind", ["endless_next", "new_next"])
@pytest.mark.parametrize("path", ["tracking", "/emails$", "summaries"])
def test_endless_pages_are_stopped_and_read_again(
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    path: str,
) -> None:
    """Treating the stop as the end of the list would lose the rows behind it."""
    monkeypatch.setattr(pages, "LONG_LIST", 10)
    monkeypatch.setattr(pages, "MOST_FURTHER_PAGES", 10)
    settings: dict[str, Any] = {"page_size": 20}
    message, first = failing(sandbox, Fault(kind, match=path), **settings)
    assert "could not be read completely" in message
    said = {"endless_next": "lead in a circle", "new_next": "does not end"}[kind]
    assert said in caplog.text
    assert sandbox.log.counts()["campaigns"] <= 21
    second = run_tap(sandbox, first.state, **settings)
    union = {**clicks(first), **clicks(second)}
    assert rows(union.values()) == rows(sandbox.account.rows())
    listed = {
        one["campaign_id"]
        for output in (first, second)
        for one in output.records("campaigns")
    }
    assert listed == set(sandbox.account.campaigns)


def test_a_campaign_without_updated_at_is_read(
    sandbox: Sandbox,
) -> None:
    """Used to count as unchanged, so that its clicks were never read."""
    sandbox.faults.rules.append(Fault("bad_row", "/emails$", field="updated_at"))
    activity = sandbox.account.clickable()[0]
    campaign = sandbox.account.campaigns[activity.campaign_id]
    run: dict[str, Any] = {"campaign_ids": [campaign.campaign_id], "page_size": 1}
    output = run_tap(sandbox, **run)
    expected = [one.row for each in campaign.activities for one in each.clicks]
    assert rows(output.records("email_clicks")) == rows(expected)
    assert expected
