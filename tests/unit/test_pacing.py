"""The gate that every request passes."""

from __future__ import annotations

import io
import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from unittest import mock

import pytest
import requests
from singer_sdk.exceptions import FatalAPIError
from urllib3 import HTTPResponse

from tap_cc_clicks.limits import (
    BudgetSpentError,
    PacedSession,
    QuotaExceededError,
    RequestGate,
)


def test_requests_are_spaced_evenly_however_many_threads_ask() -> None:
    """Never more than the rate in any second, not even at the start."""
    gate = RequestGate(50)
    acquire, passed = gate._limiter.try_acquire, []

    def acquire_and_note() -> None:
        acquire()
        # By the limiter's own clock: a thread may be held up after its turn.
        passed.append(gate._bucket.items[-1].timestamp)

    with (
        mock.patch.object(gate._limiter, "try_acquire", acquire_and_note),
        ThreadPoolExecutor(8) as pool,
    ):
        list(pool.map(lambda _: gate.enter(), range(20)))
    pairs = itertools.pairwise(passed)
    assert all(later - sooner >= 20 for sooner, later in pairs)
    assert gate.requests == 20


def test_the_budget_counts_and_is_spent_for_all() -> None:
    """The request after the last raises, in every thread."""
    gate = RequestGate(100_000, max_requests=5)
    errors = []

    def ask() -> None:
        try:
            gate.enter()
        except BudgetSpentError as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gate.requests == 5
    assert len({id(error) for error in errors}) == 3


def test_a_gate_that_was_shut_says_why() -> None:
    """The first reason counts."""
    gate = RequestGate(100_000)
    gate.shut(QuotaExceededError("quota"))
    gate.shut(BudgetSpentError("budget"))
    with pytest.raises(QuotaExceededError, match="quota"):
        gate.enter()
    assert gate.requests == 0


@pytest.mark.parametrize("rate", [0.001, 0.5, 4, 999, 100_000])
def test_any_rate_is_possible(rate: float) -> None:
    """From one request in a quarter of an hour to as many as can be."""
    RequestGate(rate).enter()


def test_ca_and_proxy_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Which requests leaves out for prepared requests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    session = PacedSession(RequestGate(100_000), 1)
    given: dict[str, object] = {}

    def send(_: object, __: object, **kwargs: object) -> requests.Response:
        given.update(kwargs)
        response = requests.Response()
        response.raw = HTTPResponse(io.BytesIO(b"{}"), preload_content=False)
        return response

    monkeypatch.setattr("requests.Session.send", send)
    answer = session.send(requests.Request("GET", "https://example.com").prepare())
    assert answer.json() == {}
    assert given["verify"] == "/ca.pem"
    assert given["proxies"] == {"https": "http://127.0.0.1:9"}


def test_a_body_without_end_is_not_read_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A broken server must not fill the memory."""

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b" " * size

    def send(*_: object, **__: object) -> requests.Response:
        response = requests.Response()
        response.url = "https://example.com/v3/emails?cursor=x"
        response.raw = HTTPResponse(Endless(), preload_content=False)
        return response

    monkeypatch.setattr("requests.Session.send", send)
    session = PacedSession(RequestGate(100_000), 1)
    with pytest.raises(FatalAPIError, match="of /v3/emails is larger than any page"):
        session.send(requests.Request("GET", "https://example.com").prepare())
