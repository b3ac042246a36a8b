"""A hostile service: the token goes to no other server, and responses do no harm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.exceptions import SingerSDKError

from tap_cc_clicks.api import pages
from tap_cc_clicks.api.decoding import DEEPEST
from tap_cc_clicks.sandbox import Fault, Sandbox
from tap_cc_clicks.tap import TapCCClicks
from tests.hostile import (
    AT,
    CLICKS,
    ENDPOINTS,
    LISTING,
    STREAMS,
    SUMMARIES,
    Evil,
    answer,
    evil_server,
    run_process,
)
from tests.support import Output, captured, clicks, rows, run_tap, select

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.types import Message, Receive, Scope, Send

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def evil() -> Iterator[Evil]:
    """Accept all connections, and record whether there were any."""
    with evil_server() as made:
        yield made


@pytest.mark.parametrize("match", [LISTING, CLICKS, SUMMARIES])
@pytest.mark.parametrize(
    ("href", "sentence"),
    [
        (r"http://{evil}\@{home}/v3/x", "invalid next link"),
        (r"//{evil}\@{home}/v3/x", "invalid next link"),
        (r"\\{evil}/v3/x", "invalid next link"),
        ("http://{home}@{evil}/v3/x", "invalid next link"),
        ("http://{evil}@{home}/v3/x", "invalid next link"),
        ("http://{evil}/\r\nHost: {home}", "invalid next link"),
        ("ht\ttp://{evil}/v3/x", "invalid next link"),
        ("/v3/emails?cursor=" + 9_000 * "a", "invalid next link"),
        ("ftp://{evil}/v3/x", "invalid next link"),
        ("http://{evil}/v3/x", "leads to another server"),
        ("//{evil}/v3/x", "leads to another server"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else None,
)
def test_a_next_link_cannot_lead_to_another_server(
    sandbox: Sandbox,
    evil: Evil,
    caplog: pytest.LogCaptureFixture,
    match: str,
    href: str,
    sentence: str,
) -> None:
    """Following the link would send the token along, however it is spelled."""
    link = href.format(evil=evil.host, home=sandbox.url.removeprefix("http://"))
    sandbox.faults.rules.append(Fault("next_link", match=match, href=link))
    _, error = failing_run(sandbox)
    assert sentence in f"{error} {caplog.text}"
    assert not evil.was_reached()


def test_an_invalid_next_link_is_explained(
    sandbox: Sandbox, evil: Evil, tmp_path: Path
) -> None:
    """The exit code is 1, and there is no traceback."""
    link = rf"http://{evil.host}\@{sandbox.url[7:]}/v3/x"
    sandbox.faults.rules.append(Fault("next_link", match=LISTING, href=link))
    ended = run_process(sandbox, tmp_path)
    assert ended.code == 1
    assert pages.MISSHAPEN_LINK in ended.lines[-1]
    assert "Traceback" not in ended.said
    assert not evil.was_reached()


@pytest.fixture
def requests_seen(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, str, str]]:
    """Return path, query and cookies of all requests; each response sets a cookie."""
    seen: list[tuple[str, str, str]] = []
    app = sandbox._app

    async def watching(scope: Scope, receive: Receive, send: Send) -> None:
        async def setting(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] += [(b"set-cookie", b"session=foreign; Path=/")]
            await send(message)

        cookies = dict(scope["headers"]).get(b"cookie", b"").decode()
        raw, query = scope["raw_path"].decode(), scope["query_string"].decode()
        seen.append((raw, query, cookies))
        await app(scope, receive, setting)

    monkeypatch.setattr(sandbox, "_app", watching)
    return seen


def test_cookies_are_not_kept(
    sandbox: Sandbox, requests_seen: list[tuple[str, str, str]]
) -> None:
    """Neither those of the token endpoint nor those of the API are sent back."""
    run_tap(sandbox)
    assert len(requests_seen) > 20
    assert {cookies for _, _, cookies in requests_seen} == {""}


@pytest.mark.parametrize(
    "name", ["..", "../x", "a?limit=1", "a#b", "a/b", "%2e%2e", "a\\b", "a,b", "\u202e"]
)
@pytest.mark.parametrize("kind", ["campaign", "activity"])
def test_an_id_cannot_lead_to_another_endpoint(
    sandbox: Sandbox,
    requests_seen: list[tuple[str, str, str]],
    name: str,
    kind: str,
) -> None:
    """An id is a single segment of the path, or is not requested at all."""
    campaign = json.dumps({"campaign_id": name, "updated_at": AT})
    activity = json.dumps({"campaign_activity_id": name, "role": "primary_email"})
    match, row = {
        "campaign": (LISTING, campaign),
        "activity": ("/emails/[^/]+$", activity),
    }[kind]
    content = answer(ENDPOINTS[match], row)
    sandbox.faults.rules.append(Fault("body", match=match, content=content))
    with suppress(SingerSDKError):
        run_tap(sandbox)
    part = "[^/?#]+"
    allowed = re.compile(
        f"/oauth2/.*|/v3/emails|/v3/emails/(activities/)?{part}|"
        f"/v3/emails/activities/{part}/send_history|"
        "/v3/reports/summary_reports/email_campaign_summaries|"
        f"/v3/reports/stats/email_campaign_activities/{part}|"
        f"/v3/reports/email_reports/{part}/(tracking/clicks|links)"
    )
    for path, query, _ in requests_seen:
        assert allowed.fullmatch(path)
        assert query in {"", "limit=500", "include=permalink_url"}
        assert not {"..", "."} & set(path.split("/"))


def test_the_pages_of_a_run_are_limited_across_all_lists(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endless new links used to cause 30,017 requests, with exit code 0."""
    monkeypatch.setattr(pages, "LONG_LIST", 5)
    monkeypatch.setattr(pages, "MOST_FURTHER_PAGES", 20)
    match = f"{LISTING}|{SUMMARIES}|{CLICKS}"
    sandbox.faults.rules.append(Fault("new_next", match=match))
    _, error = failing_run(sandbox, page_size=20)
    assert "could not be read completely" in str(error)
    counts = sandbox.log.counts()
    lists = counts["campaigns"] + counts["summaries"] + counts["clicks"]
    assert lists <= 20 + 5 * (2 + len(sandbox.account.clickable())) + 9


@pytest.mark.parametrize("budget", [8, 12, None])
def test_state_contains_only_ids_and_numbers(
    sandbox: Sandbox, budget: int | None
) -> None:
    """It has no data of contacts, links or campaign names."""
    state = run_tap(sandbox, catalog=select(*STREAMS), max_requests=budget).state
    text = json.dumps(state, ensure_ascii=False)
    for row in sandbox.account.rows():
        for name in ("contact_id", "email_address", "last_name", "link_url", "url_id"):
            assert not row.get(name) or row[name] not in text
    for campaign in sandbox.account.campaigns.values():
        assert campaign.name not in text


@pytest.mark.parametrize(
    "when", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-02-31"]
)
def test_a_row_with_an_impossible_timestamp_is_skipped(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture, when: str
) -> None:
    """Used to end every run with a traceback."""
    activity = max(sandbox.account.clickable(), key=lambda one: len(one.clicks))
    lost = activity.clicks[-1]
    truth = sandbox.account.rows()
    truth.remove(lost.row)
    lost.row["created_time"] = when
    lost.encode()
    output, error = failing_run(sandbox)
    assert "could not be read completely" in str(error)
    assert rows(clicks(output).values()) == rows(truth)
    assert "1 rows have no readable created_time" in caplog.text


def test_a_page_with_too_many_rows_is_refused(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The limit also applies to small rows."""
    row = json.dumps({"created_time": AT, "contact_id": "foreign"})
    content = answer("tracking_activities", *[row] * 501)
    sandbox.faults.rules.append(Fault("body", match=CLICKS, content=content))
    output, _ = failing_run(sandbox)
    assert "has more rows than the API allows" in caplog.text
    assert not output.records("email_clicks")


DEEP = "[" * 5_000 + "]" * 5_000
TIMESTAMPS = ("updated_at", "last_sent_date", "deleted_at", "last_refresh_time")


@pytest.mark.parametrize("value", ['"0001-01-01T00:00:00+14:00"', '"2026-02-31"', DEEP])
@pytest.mark.parametrize("match", ENDPOINTS)
def test_an_unreadable_value_does_not_end_the_run(
    sandbox: Sandbox, match: str, value: str
) -> None:
    """For each endpoint, the run continues with the values that it can read."""
    names = TIMESTAMPS if value != DEEP else (*TIMESTAMPS, "name", "link_url", "role")
    rest = ",".join(f'"{name}":{value}' for name in names)
    ids = '"campaign_id":"c","campaign_activity_id":"a","url_id":"{}","created_time"'
    made = [f'{{{ids.format(n)}:"{AT}",{rest}}}' for n in "12"]
    content = answer(ENDPOINTS[match], *made)
    sandbox.faults.rules.append(Fault("body", match=match, content=content))
    output = run_tap(sandbox, catalog=select(*STREAMS))
    for message in output.messages:
        assert DEEPEST * "[" not in json.dumps(message.get("record"))
        assert "0001-01" not in json.dumps(message.get("record"))


def failing_run(sandbox: Sandbox, **config: Any) -> tuple[Output, SingerSDKError]:
    """Return the output of a run that fails, and its error."""
    with captured() as output, pytest.raises(SingerSDKError) as error:
        TapCCClicks(config={**sandbox.config, **config}).sync_all()
    return output, error.value
