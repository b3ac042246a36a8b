"""Catching the browser's answer to a sign-in, on this machine only (RFC 8252, 7.3).

Any page in any browser, and any program on this machine, can connect here too. What is
no answer to this sign-in is refused, whatever it says, and the waiting goes on; each
connection has a thread, some seconds and some kilobytes, and cannot hold up others.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http import HTTPStatus
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, cast
from urllib.parse import parse_qsl

from typing_extensions import override

from tap_cc_clicks.cli.signin import SignInError

HOST = "127.0.0.1"
# For a connection as a whole, from the first byte read to the last one written.
CONNECTION_SECONDS = 5.0
LONGEST_HEAD = 16 * 1024
END_OF_HEAD = b"\r\n\r\n"
# How soon an answer that a thread took is noticed.
GLANCE_SECONDS = 0.1
PAGE = (
    b"<!doctype html><title>tap-cc-clicks</title>"
    b"<p>Back to the terminal: cc-clicks says there how it went. "
    b"This page can be closed."
)


class Loopback(ThreadingTCPServer):
    """Listens until a browser brings the answer.

    Args:
        port: Where, or 0 for a free port.
    """

    answer: dict[str, str] | None = None
    daemon_threads = True
    request_queue_size = 64
    # Else a second sign-in would find the port busy for a minute; Windows lets others
    # take the port then.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int) -> None:
        """Bind the port, so that its address is known."""
        super().__init__((HOST, port), _Handler)

    @property
    def redirect_uri(self) -> str:
        """Where the browser is to be sent."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def wait(
        self, seconds: float, expected: Callable[[dict[str, str]], bool]
    ) -> dict[str, str]:
        """Return the query that a browser brought.

        Args:
            seconds: How long to wait for it.
            expected: Tells the answer from what others bring.

        Raises:
            SignInError: None did in time.
        """
        self.expected = expected
        deadline = time.monotonic() + seconds
        while self.answer is None:
            left = deadline - time.monotonic()
            if left <= 0:
                message = (
                    f"No browser came back within {seconds:g} s with an answer to this "
                    "sign-in: run again"
                )
                raise SignInError(message)
            self.timeout = min(left, GLANCE_SECONDS)
            self.handle_request()
        return self.answer

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave a browser that hangs up alone."""


class _Handler(BaseRequestHandler):
    def handle(self) -> None:
        """Take the answer; browsers ask for other things too, such as an icon."""
        self._deadline = time.monotonic() + CONNECTION_SECONDS
        server, query = cast("Loopback", self.server), _query(self._head())
        if query is None or not server.expected(query):
            self._reply(HTTPStatus.NOT_FOUND, b"")
            return
        try:
            self._reply(HTTPStatus.OK, PAGE)
        finally:
            # Only now, or the process might end before the page is out.
            server.answer = query

    def _head(self) -> bytes:
        """Return a request up to the end of its headers.

        Raises:
            OSError: It takes too long, is too long, or is broken off.
        """
        head = b""
        while END_OF_HEAD not in head:
            self._hurry()
            received = self.request.recv(LONGEST_HEAD)
            head += received
            if not received or len(head) > LONGEST_HEAD:
                message = "no request of a browser's"
                raise ConnectionAbortedError(message)
        return head

    def _reply(self, status: HTTPStatus, body: bytes) -> None:
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: text/html; charset=utf-8",
            f"Content-Length: {len(body)}",
            # The address holds the code: no other page is to learn it.
            "Referrer-Policy: no-referrer",
            "Connection: close",
        )
        self._hurry()
        self.request.sendall("\r\n".join(lines).encode() + END_OF_HEAD + body)

    def _hurry(self) -> None:
        """Let the next step take what is left of the connection's time.

        Raises:
            TimeoutError: Nothing is.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.request.settimeout(left)


def _query(head: bytes) -> dict[str, str] | None:
    """Return the query of a request for the one page there is; None for others."""
    method, _, rest = head.decode("latin-1").partition(" ")
    path, _, query = rest.partition(" ")[0].partition("?")
    return dict(parse_qsl(query)) if (method, path) == ("GET", "/") else None


@contextmanager
def loopback(port: int) -> Generator[Loopback]:
    """Listen for as long as a ``with`` block lasts.

    Raises:
        SignInError: The port is in use.
    """
    try:
        server = Loopback(port)
    except OSError as error:
        message = (
            f"Port {port} cannot be listened on ({error.strerror}): choose another by "
            "--port, and add its redirect URI to the application"
        )
        raise SignInError(message) from None
    with server:
        yield server
