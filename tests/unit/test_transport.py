"""Sending requests, with nothing along with them, and reading answers in bounds."""

from __future__ import annotations

import gzip
import io
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from urllib3 import HTTPResponse

from tap_cc_clicks.api.errors import InputError, TooLargeError
from tap_cc_clicks.api.response_body import LARGEST_BODY_BYTES
from tap_cc_clicks.api.token_endpoint import Client
from tap_cc_clicks.api.transport import Response, Transport


@dataclass
class Server:
    """A server on loopback: remembers the headers that it was sent, and answers."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    received: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve until the test ends."""
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            told.received.append({k.lower(): v for k, v in self.headers.items()})
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(told.status, "whatever a server says")
            for name, value in told.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(told.body)))
            self.end_headers()
            self.wfile.write(told.body)

        do_POST = do_GET  # noqa: N815 - named by the base class

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        told.url = f"http://127.0.0.1:{made.server_port}/v3/emails?cursor=x"
        yield told
        made.shutdown()
        thread.join()


def ask(transport: Transport, url: str) -> Response:
    """Return the answer to a plain request."""
    return transport.send(requests.Request("GET", url).prepare())


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Stand in for the network: hold what it was given, and the ``body`` to give."""
    seen: dict[str, Any] = {"body": io.BytesIO(b"{}"), "headers": {}}

    def send(request: requests.PreparedRequest, **options: Any) -> requests.Response:
        seen.update(options)
        response = requests.Response()
        response.status_code = 200
        response.url = str(request.url)
        response.raw = HTTPResponse(
            seen["body"], headers=seen["headers"], preload_content=False
        )
        return response

    monkeypatch.setattr("requests.Session.send", send_of(send))
    return seen


def send_of(send: Any) -> Any:
    """Return a method that leaves its session out."""
    return lambda _session, request, **options: send(request, **options)


def test_a_response_has_its_status_headers_and_body(server: Server) -> None:
    """For any status."""
    server.status, server.body = 418, b"tea"
    answer = ask(Transport(1), server.url)
    assert (answer.url, answer.status, answer.body) == (server.url, 418, b"tea")
    assert answer.reason == "I'm a Teapot"
    assert answer.date.endswith("GMT")
    assert not answer.ok


def test_cookies_are_not_sent_again(server: Server) -> None:
    """Nor kept: threads share the session, and a cookie could tell runs apart."""
    server.headers = {"Set-Cookie": "session=secret; Path=/"}
    transport = Transport(1)
    for _ in range(2):
        ask(transport, server.url)
    assert len(server.received) == 2
    assert not [one for one in server.received if "cookie" in one]
    assert not list(transport._session.cookies)


def test_no_credentials_of_a_netrc_file_are_sent(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They belong to another program, and would take the place of a token."""
    for name in (".netrc", "_netrc"):
        file = tmp_path / name
        file.write_text("machine 127.0.0.1 login someone password secret\n")
        file.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    # As requests itself would have it.
    with requests.Session() as session:
        session.get(server.url, timeout=9)
    assert "authorization" in server.received.pop()
    ask(Transport(1), server.url)
    Client("public").post(server.url, {"grant_type": "refresh_token"})
    assert len(server.received) == 2
    assert not [one for one in server.received if "authorization" in one]


def test_a_redirect_is_not_followed(server: Server) -> None:
    """The token would go along."""
    server.status, server.headers = 302, {"Location": server.url}
    assert ask(Transport(1), server.url).status == 302
    assert len(server.received) == 1


def test_ca_and_proxy_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """Which requests leaves out for prepared requests."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", __file__)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    answer = ask(Transport(1), "https://example.com")
    assert answer.body == b"{}"
    assert given["verify"] == __file__
    assert given["proxies"]["https"] == "http://127.0.0.1:9"


def test_a_missing_ca_bundle_is_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """Used to fail each request without a reason."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(InputError, match="CA bundle /nowhere"):
        ask(Transport(1), "https://example.com")
    assert "verify" not in given


def test_no_proxy_hosts_are_reached_directly(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """One transport uses both kinds."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "authz.example.com")
    transport = Transport(1)
    found = []
    for host in ("api.example.com", "authz.example.com", "api.example.com"):
        ask(transport, f"https://{host}/v3")
        found.append(given["proxies"].get("https"))
    assert found == ["http://127.0.0.1:9", None, "http://127.0.0.1:9"]


def test_the_largest_allowed_body_is_read(server: Server) -> None:
    """Plain or gzip."""
    server.body = LARGEST_BODY_BYTES * b" "
    assert ask(Transport(1), server.url).body == server.body
    plain, server.body = server.body, gzip.compress(server.body)
    server.headers = {"Content-Encoding": "gzip"}
    assert ask(Transport(1), server.url).body == plain
    assert server.received[0]["accept-encoding"] == "gzip"


def test_a_larger_body_is_refused(server: Server) -> None:
    """No page of the API is; the error names the path, and no cursor."""
    server.body = (LARGEST_BODY_BYTES + 1) * b" "
    with pytest.raises(TooLargeError, match="of /v3/emails is larger than any page"):
        ask(Transport(1), server.url)


class Counted(io.BytesIO):
    """Counts the bytes that were read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, and count."""
        piece = super().read(size)
        self.taken += len(piece)
        return piece

    read1 = read


def test_a_gzip_bomb_is_stopped_early(given: dict[str, Any]) -> None:
    """Ten megabytes that would unpack to ten gigabytes: a hundredth of it is read."""
    member = gzip.compress(1_000_000 * b" ")
    bomb = Counted(10_000 * member)
    given.update(body=bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(TooLargeError, match="larger than any page"):
        ask(Transport(1), "https://example.com/v3/emails")
    assert 0 < bomb.taken <= 100 * len(member)


def test_an_endless_body_is_refused(given: dict[str, Any]) -> None:
    """A broken server must not fill the memory."""

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return b" " * size

        read1 = read

    given["body"] = Endless()
    with pytest.raises(TooLargeError, match="of /v3/emails is larger than any page"):
        ask(Transport(1), "https://example.com/v3/emails?cursor=x")


def test_an_undecodable_body_can_be_retried(
    server: Server,
) -> None:
    """It is an error of the connection, not a body."""
    server.headers, server.body = {"Content-Encoding": "gzip"}, b"not packed"
    with pytest.raises(requests.exceptions.ContentDecodingError):
        ask(Transport(1), server.url)
