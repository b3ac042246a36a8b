"""A local server for the redirect of a sign-in (RFC 8252, 7.3).

Any page in any browser and any program on this machine can connect. Requests that do
not answer this sign-in are rejected. Each connection has its own thread and limits of
time and size, so it cannot block others.
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
# The time limit of a connection, from the first byte read to the last byte written.
CONNECTION_SECONDS = 5.0
LONGEST_HEAD = 16 * 1024
END_OF_HEAD = b"\r\n\r\n"
# The interval of polling for the answer.
GLANCE_SECONDS = 0.1
PAGE = (
    b"<!doctype html><title>tap-cc-clicks</title>"
    b"<p>Back to the terminal: cc-clicks shows the result there. "
    b"This page can be closed."
)


class Loopback(ThreadingTCPServer):
    """Listens until a browser delivers the answer to the sign-in.

    Args:
        port: The port; 0 for a free one.
    """

    answer: dict[str, str] | None = None
    daemon_threads = True
    request_queue_size = 64
    # Otherwise the port is busy for a minute after a sign-in. On Windows, this option
    # lets other programs take the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, port: int) -> None:
        super().__init__((HOST, port), _Handler)

    @property
    def redirect_uri(self) -> str:
        """The redirect URI."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def wait(
        self, seconds: float, expected: Callable[[dict[str, str]], bool]
    ) -> dict[str, str]:
        """Wait for the answer and return its query.

        Args:
            seconds: How long to wait.
            expected: Returns whether a query is the answer.

        Raises:
            SignInError: No answer arrived in time.
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
        """Ignore a browser that closes the connection."""


class _Handler(BaseRequestHandler):
    def handle(self) -> None:
        """Handle a request. Browsers also request other things, such as an icon."""
        self._deadline = time.monotonic() + CONNECTION_SECONDS
        server, query = cast("Loopback", self.server), _query(self._head())
        if query is None or not server.expected(query):
            self._reply(HTTPStatus.NOT_FOUND, b"")
            return
        try:
            self._reply(HTTPStatus.OK, PAGE)
        finally:
            # Set last: the process may end as soon as there is an answer.
            server.answer = query

    def _head(self) -> bytes:
        """Read a request up to the end of its headers.

        Raises:
            OSError: It takes too long, is too large, or is incomplete.
        """
        head = b""
        while END_OF_HEAD not in head:
            self._hurry()
            received = self.request.recv(LONGEST_HEAD)
            head += received
            if not received or len(head) > LONGEST_HEAD:
                message = "not a browser's request"
                raise ConnectionAbortedError(message)
        return head

    def _reply(self, status: HTTPStatus, body: bytes) -> None:
        lines = (
            f"HTTP/1.1 {status.value} {status.phrase}",
            "Content-Type: text/html; charset=utf-8",
            f"Content-Length: {len(body)}",
            # The URL contains the code, which other pages should not see.
            "Referrer-Policy: no-referrer",
            "Connection: close",
        )
        self._hurry()
        self.request.sendall("\r\n".join(lines).encode() + END_OF_HEAD + body)

    def _hurry(self) -> None:
        """Set the socket's timeout to the connection's remaining time.

        Raises:
            TimeoutError: No time is left.
        """
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self.request.settimeout(left)


def _query(head: bytes) -> dict[str, str] | None:
    """Return the query of a request for the page; None for other paths."""
    method, _, rest = head.decode("latin-1").partition(" ")
    path, _, query = rest.partition(" ")[0].partition("?")
    return dict(parse_qsl(query)) if (method, path) == ("GET", "/") else None


@contextmanager
def loopback(port: int) -> Generator[Loopback]:
    """Listen for the duration of a ``with`` block.

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
