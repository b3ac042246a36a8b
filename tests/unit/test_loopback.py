"""Waiting for a browser's answer while others connect."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import requests

from tap_cc_clicks.cli import loopback as module
from tap_cc_clicks.cli.loopback import Loopback, loopback
from tap_cc_clicks.cli.signin import Request
from tests.support import HANGS, NEVER

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUEST = Request("http://127.0.0.1/", "ours", "secret")
ANSWER = {"code": "c", "state": "ours"}


@pytest.fixture
def server() -> Iterator[Loopback]:
    """Run a server on a free port."""
    with loopback(0) as running:
        yield running


def wait(server: Loopback) -> dict[str, str]:
    """Wait for the answer."""
    return server.wait(HANGS, REQUEST.is_answered_by)


def answer(server: Loopback) -> None:
    """Send the answer as a browser does."""
    page = requests.get(server.redirect_uri, ANSWER, timeout=HANGS)
    assert "Back to the terminal" in page.text


def connected(server: Loopback) -> socket.socket:
    """Connect to the server."""
    port = server.server_address[1]
    return socket.create_connection(("127.0.0.1", port), timeout=HANGS)


def test_silent_connections_do_not_block_the_answer(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unfinished requests do not block it either."""
    monkeypatch.setattr(module, "CONNECTION_SECONDS", NEVER)
    with ExitStack() as stack:
        for beginning in (b"", b"GET /?err", b"GET / HTTP/1.1\r\nHost: a\r\n"):
            stack.enter_context(connected(server)).sendall(beginning)
        browser = threading.Thread(target=answer, args=[server])
        browser.start()
        assert wait(server) == ANSWER
        browser.join()


def test_a_slow_connection_is_closed(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time limit covers the whole connection."""
    monkeypatch.setattr(module, "CONNECTION_SECONDS", 0.2)
    ended = threading.Event()

    def drip() -> None:
        with connected(server) as dripping:
            try:
                for _ in range(100 * HANGS):
                    dripping.sendall(b"a")
                    time.sleep(0.01)
            except OSError:
                ended.set()
        monkeypatch.setattr(module, "CONNECTION_SECONDS", NEVER)
        answer(server)

    client = threading.Thread(target=drip)
    client.start()
    assert wait(server) == ANSWER
    client.join()
    assert ended.is_set()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /?code=c&state=ours" + b"a" * module.LONGEST_HEAD,
        b"GET /?code=c&state=ours HTTP/1.1\r\n" + b"A: b\r\n" * module.LONGEST_HEAD,
    ],
    ids=["line", "headers"],
)
def test_a_request_that_is_too_long_is_cut_off(server: Loopback, sent: bytes) -> None:
    """It is not taken for an answer."""
    seen: list[bytes] = []

    def flood() -> None:
        with connected(server) as flooding:
            try:
                flooding.sendall(sent)
                seen.append(flooding.recv(1))
            except OSError:
                seen.append(b"")
        answer(server)

    client = threading.Thread(target=flood)
    client.start()
    assert wait(server) == ANSWER
    client.join()
    assert seen == [b""]


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /?code=c&state=ours HTTP/1.1\r\n\r\n",
        b"GET /other?code=c&state=ours HTTP/1.1\r\n\r\n",
        b"GET //?code=c&state=ours HTTP/1.1\r\n\r\n",
        b"GET /?code=c&state=\xff HTTP/1.1\r\n\r\n",
        b"GET /?state=ours HTTP/1.1\r\n\r\n",
        b"\xff\x00\r\n\r\n",
    ],
)
def test_other_requests_get_404(server: Loopback, sent: bytes) -> None:
    """The server keeps waiting for the answer."""
    seen: list[bytes] = []

    def visit() -> None:
        with connected(server) as client:
            client.sendall(sent)
            seen.append(client.recv(22))
        answer(server)

    visitor = threading.Thread(target=visit)
    visitor.start()
    assert wait(server) == ANSWER
    visitor.join()
    assert seen == [b"HTTP/1.1 404 Not Found"]
