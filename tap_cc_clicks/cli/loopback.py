"""Catching the browser's answer to a sign-in, on this machine only (RFC 8252, 7.3)."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, urlsplit

from typing_extensions import override

from tap_cc_clicks.cli.signin import SignInError

if TYPE_CHECKING:
    from collections.abc import Generator

HOST = "127.0.0.1"
# A browser that opens a connection and says nothing does not hold up the others.
SILENCE_SECONDS = 5
PAGE = (
    b"<!doctype html><title>tap-cc-clicks</title>"
    b"<p>Back to the terminal: cc-clicks says there how it went. "
    b"This page can be closed."
)


class Loopback(TCPServer):
    """Listens until a browser brings an answer.

    Args:
        port: Where, or 0 for a free port.
    """

    answer: dict[str, str] | None = None
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

    def wait(self, seconds: float) -> dict[str, str]:
        """Return the query that a browser brought.

        Raises:
            SignInError: None did in time.
        """
        deadline = time.monotonic() + seconds
        while self.answer is None:
            self.timeout = deadline - time.monotonic()
            if self.timeout <= 0:
                message = f"No browser came back within {seconds:g} s: run again"
                raise SignInError(message)
            self.handle_request()
        return self.answer

    @override
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Leave a browser that hangs up alone."""


class _Handler(BaseHTTPRequestHandler):
    timeout = SILENCE_SECONDS

    def do_GET(self) -> None:
        """Take the answer; browsers ask for other things too, such as an icon."""
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        if parts.path != "/" or not {"code", "error"} & set(query):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        cast("Loopback", self.server).answer = query
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        # The address holds the code: no other page is to learn it.
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(PAGE)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the address holds the code."""


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
