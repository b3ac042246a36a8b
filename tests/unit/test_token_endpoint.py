"""Requests to the token endpoint and their answers."""

from __future__ import annotations

import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from typing_extensions import override

from tap_cc_clicks.api.token_endpoint import Client, seconds
from tap_cc_clicks.api.transport import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path


class TokenServer(BaseHTTPRequestHandler):
    """A server that answers with a token and a cookie and records headers."""

    seen: ClassVar[list[Message]] = []

    def do_POST(self) -> None:
        """Answer with a token and a cookie."""
        self.seen.append(self.headers)
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"access_token": "one"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "session=tracked; Path=/")
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Do not log."""


@pytest.fixture
def token_url() -> Iterator[str]:
    """Run a token endpoint."""
    TokenServer.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), TokenServer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/token"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("secret", [None, "secret"])
def test_only_the_clients_credentials_are_sent_for_a_token(
    token_url: str, secret: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords of a netrc file and cookies of earlier answers are not sent.

    The tap's User-Agent is sent, as gateways may refuse unknown clients.
    """
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password of-another-service\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = Client("id", secret)
    for _ in range(2):
        assert client.post(token_url, {"grant_type": "refresh_token"}).ok
    ours = secret and "Basic " + b64encode(b"id:secret").decode()
    assert [one["Authorization"] for one in TokenServer.seen] == [ours, ours]
    assert [one["Cookie"] for one in TokenServer.seen] == [None, None]
    assert [one["User-Agent"] for one in TokenServer.seen] == [USER_AGENT, USER_AGENT]


@pytest.mark.parametrize(
    ("told", "lifetime"),
    [(3600, 3600), ("60", 60), (None, 0), ("soon", 0), ("inf", 0), ("nan", 0), (-1, 0)],
)
def test_a_lifetime_is_a_number_of_seconds(told: object, lifetime: float) -> None:
    """A token with an invalid lifetime is refreshed in each run."""
    assert seconds(told) == lifetime
