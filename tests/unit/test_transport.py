"""Sending requests without extra credentials and reading answers within bounds."""

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
    """A server on loopback that records headers and sends a fixed answer."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    received: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Run the server until the test ends."""
    served = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            served.received.append({k.lower(): v for k, v in self.headers.items()})
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(served.status, "whatever a server says")
            for name, value in served.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(served.body)))
            self.end_headers()
            self.wfile.write(served.body)

        do_POST = do_GET  # noqa: N815 - named by the base class

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Say nothing."""

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        served.url = f"http://127.0.0.1:{made.server_port}/v3/emails?cursor=x"
        yield served
        made.shutdown()
        thread.join()


def ask(transport: Transport, url: str) -> Response:
    """Return the answer to a GET request."""
    return transport.send(requests.Request("GET", url).prepare())


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace the network; record the options and answer with ``body``."""
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
    """Return a method that ignores its session."""
    return lambda _session, request, **options: send(request, **options)


def test_an_answer_has_url_status_reason_date_and_body(server: Server) -> None:
    """The status makes no difference."""
    server.status, server.body = 418, b"tea"
    answer = ask(Transport(1), server.url)
    assert (answer.url, answer.status, answer.body) == (server.url, 418, b"tea")
    assert answer.reason == "I'm a Teapot"
    assert answer.date.endswith("GMT")
    assert not answer.ok


def test_cookies_are_neither_sent_nor_kept(server: Server) -> None:
    """Threads share the session, and a cookie could identify a run."""
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
    """They belong to another program and would replace the token."""
    for name in (".netrc", "_netrc"):
        file = tmp_path / name
        file.write_text("machine 127.0.0.1 login someone password secret\n")
        file.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    # By default, requests sends them.
    with requests.Session() as session:
        session.get(server.url, timeout=9)
    assert "authorization" in server.received.pop()
    ask(Transport(1), server.url)
    Client("public").post(server.url, {"grant_type": "refresh_token"})
    assert len(server.received) == 2
    assert not [one for one in server.received if "authorization" in one]


def test_a_redirect_is_not_followed(server: Server) -> None:
    """The token would be sent along."""
    server.status, server.headers = 302, {"Location": server.url}
    assert ask(Transport(1), server.url).status == 302
    assert len(server.received) == 1


def test_ca_and_proxy_of_the_environment_are_used(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """By default, requests ignores them for prepared requests."""
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
    """Each request used to fail without a reason."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    with pytest.raises(InputError, match="CA bundle /nowhere"):
        ask(Transport(1), "https://example.com")
    assert "verify" not in given


def test_no_proxy_applies_to_each_host(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]
) -> None:
    """One transport serves a host with and one without a proxy."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "authz.example.com")
    transport = Transport(1)
    found = []
    for host in ("api.example.com", "authz.example.com", "api.example.com"):
        ask(transport, f"https://{host}/v3")
        found.append(given["proxies"].get("https"))
    assert found == ["http://127.0.0.1:9", None, "http://127.0.0.1:9"]


def test_the_largest_body_is_read(server: Server) -> None:
    """It may be compressed."""
    server.body = LARGEST_BODY_BYTES * b" "
    assert ask(Transport(1), server.url).body == server.body
    plain, server.body = server.body, gzip.compress(server.body)
    server.headers = {"Content-Encoding": "gzip"}
    assert ask(Transport(1), server.url).body == plain
    assert server.received[0]["accept-encoding"] == "gzip"


def test_a_larger_body_is_refused(server: Server) -> None:
    """The API sends none; the error names the path without its query."""
    server.body = (LARGEST_BODY_BYTES + 1) * b" "
    with pytest.raises(TooLargeError, match="of /v3/emails is larger than any page"):
        ask(Transport(1), server.url)


class Counted(io.BytesIO):
    """Counts the bytes read from it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Read and count."""
        piece = super().read(size)
        self.taken += len(piece)
        return piece

    read1 = read


def test_a_gzip_bomb_is_stopped_early(given: dict[str, Any]) -> None:
    """At most a hundredth of the body is read: unpacked, it has ten gigabytes."""
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


def test_a_body_that_cannot_be_unpacked_is_a_connection_error(
    server: Server,
) -> None:
    """It may be requested again."""
    server.headers, server.body = {"Content-Encoding": "gzip"}, b"not packed"
    with pytest.raises(requests.exceptions.ContentDecodingError):
        ask(Transport(1), server.url)
