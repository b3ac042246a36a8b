"""How the client interprets answers and retries."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import backoff
import pytest
import requests
from singer_sdk.exceptions import FatalAPIError, RetriableAPIError

from tap_cc_clicks.api import client
from tap_cc_clicks.api.client import MAX_TRIES, Client, Form
from tap_cc_clicks.api.errors import (
    CursorRefusedError,
    GoneError,
    MisunderstoodError,
    NoStatsError,
    QuotaExceededError,
    TokenError,
    error_of,
)
from tap_cc_clicks.api.pacing import RequestGate
from tap_cc_clicks.api.transport import Response

URL = "https://api.example.com/v3"
ROWS = Form("rows")
PAGE = b"<html>Request blocked</html>"


class Authenticator:
    """An authenticator that accepts every request."""

    def authorize(self, _request: object) -> str:
        """Return a fixed token."""
        return "token"

    def accepted(self, _token: str) -> None:
        """Do nothing."""

    def rejected(self, _token: str) -> bool:
        """Return that no other token is available."""
        return False


class Transport:
    """A fake transport that records URLs and returns the given replies."""

    def __init__(self, reply: Callable[[str], Any]) -> None:
        self.asked: list[str] = []
        self._reply = reply

    def send(self, request: requests.PreparedRequest) -> Response:
        """Return a response, or raise the reply if it is an exception."""
        url = str(request.url)
        self.asked.append(url)
        reply = self._reply(url)
        if isinstance(reply, Exception):
            raise reply
        status, body = reply
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return Response(url=url, status=status, body=content)

    @property
    def limits(self) -> list[int]:
        """Return the page sizes that were requested."""
        queries = [parse_qs(urlsplit(url).query) for url in self.asked]
        return [int(query["limit"][0]) for query in queries]


def client_with(
    monkeypatch: pytest.MonkeyPatch, reply: Callable[[str], Any]
) -> tuple[Client, Transport]:
    """Return a client and its fake transport."""
    monkeypatch.setattr(client, "waits", lambda: backoff.constant(interval=0))
    transport = Transport(reply)
    gate = RequestGate(per_second=100_000)
    made: Any = Client
    logger = logging.getLogger("client")
    return made(URL, transport, Authenticator(), gate, logger), transport


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, [{"error_key": "query.param.invalid"}], MisunderstoodError),
        (401, {"error_key": "unauthorized"}, TokenError),
        (403, {"error_key": "access_denied"}, FatalAPIError),
        (403, PAGE, RetriableAPIError),
        (404, [{"error_key": "not_found"}], GoneError),
        (404, b"", GoneError),
        (404, PAGE, RetriableAPIError),
        (404, {"error_key": "reportingsvc.not_found.stats"}, NoStatsError),
        (406, [], FatalAPIError),
        (408, b"", RetriableAPIError),
        (410, b"", GoneError),
        (429, {"error_key": "throttled"}, RetriableAPIError),
        (429, {"error_key": "quota_exceeded"}, QuotaExceededError),
        (302, b"", FatalAPIError),
        (500, PAGE, RetriableAPIError),
        (504, b"", RetriableAPIError),
    ],
)
def test_each_status_raises_its_error(
    status: int, body: Any, kind: type[Exception]
) -> None:
    """The table in docs/architecture.md lists them."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = error_of(Response(url=URL, status=status, body=content))
    assert type(error) is kind or type(error).__bases__[0] is kind


@pytest.mark.parametrize(
    "failure", [(504, b""), requests.exceptions.ReadTimeout()], ids=["504", "timeout"]
)
def test_a_slow_page_is_requested_in_smaller_sizes(
    monkeypatch: pytest.MonkeyPatch, failure: Any
) -> None:
    """Later pages keep the page size of their links."""

    def reply(url: str) -> Any:
        if int(parse_qs(urlsplit(url).query)["limit"][0]) > 125:
            return failure
        if "cursor" in url:
            return 200, {"rows": [{}]}
        link = "/v3/list?limit=125&cursor=a"
        return 200, {"rows": [{}], "_links": {"next": {"href": link}}}

    api, transport = client_with(monkeypatch, reply)
    assert len(list(api.pages("/list", ROWS, {"limit": 500}))) == 2
    assert transport.limits == [500, 500, 250, 125, 125]


def test_one_slow_answer_does_not_change_the_page_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same page is requested once more."""
    replies = iter([(504, b""), (200, {"rows": []})])
    api, transport = client_with(monkeypatch, lambda _: next(replies))
    assert len(list(api.pages("/list", ROWS, {"limit": 500}))) == 1
    assert transport.limits == [500, 500]


def test_the_smallest_page_gets_all_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client gives up after the last of them."""
    api, transport = client_with(monkeypatch, lambda _: (504, b""))
    with pytest.raises(FatalAPIError, match="Gave up on /v3/list after 8 tries"):
        list(api.pages("/list", ROWS, {"limit": 500}))
    assert transport.limits[-MAX_TRIES:] == [50] * MAX_TRIES


@pytest.mark.parametrize("status", [400, 404, 410])
def test_an_expired_next_link_has_its_own_error(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """It differs from the error for a missing list."""
    link = {"next": {"href": "/v3/list?cursor=a"}}

    def reply(url: str) -> Any:
        if "cursor" in url:
            return status, [{"error_key": "cursor.invalid"}]
        return 200, {"rows": [{}], "_links": link}

    api, _ = client_with(monkeypatch, reply)
    pages = api.pages("/list", ROWS, {"limit": 500})
    assert next(pages).rows == [{}]
    with pytest.raises(CursorRefusedError):
        next(pages)


def test_a_lasting_unexplained_429_counts_as_the_daily_quota(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No further requests are sent."""
    api, transport = client_with(monkeypatch, lambda _: (429, b""))
    with pytest.raises(QuotaExceededError, match="most likely"):
        api.get("/thing")
    assert len(transport.asked) == MAX_TRIES
    with pytest.raises(QuotaExceededError):
        api.get("/other")
    assert len(transport.asked) == MAX_TRIES


def test_invalid_utf8_is_replaced(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """They are replaced after a retry, with a warning that does not show the text."""
    api, transport = client_with(monkeypatch, lambda _: (200, b'{"name": "caf\xe9"}'))
    assert api.get("/thing") == {"name": "caf\ufffd"}
    assert len(transport.asked) == 2
    assert "is not UTF-8" in caplog.text
    assert "caf" not in caplog.text


def test_invalid_utf8_in_only_the_first_answer_is_not_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The retry returns valid UTF-8."""
    replies = iter([b'{"name": "caf\xe9"}', '{"name": "café"}'.encode()])
    api, _ = client_with(monkeypatch, lambda _: (200, next(replies)))
    assert api.get("/thing") == {"name": "café"}
