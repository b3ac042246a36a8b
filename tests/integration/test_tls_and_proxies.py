"""TLS, proxies and redirects: where the token goes, and where it does not."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import pytest
import requests
import trustme
from singer_sdk.exceptions import ConfigValidationError
from typing_extensions import override

from tap_cc_clicks.sandbox import Fault
from tap_cc_clicks.tap import TapCCClicks
from tests.child import start
from tests.support import HANGS, Output, clicks, rows

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from tap_cc_clicks.sandbox import Sandbox

MACHINE_VARIABLES = (
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
    *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
)
HOP_BY_HOP = {"host", "connection", "proxy-connection", "content-length"}


class Relay(BaseHTTPRequestHandler):
    """Forwards requests to the simulator, and keeps their paths."""

    protocol_version = "HTTP/1.1"
    base: ClassVar[str]
    port: ClassVar[int]
    seen: ClassVar[list[str]]

    def do_GET(self) -> None:
        self._forward(None)

    def do_POST(self) -> None:
        """Forward a request with its body."""
        self._forward(self.rfile.read(int(self.headers["Content-Length"])))

    def _forward(self, body: bytes | None) -> None:
        parts = urlsplit(self.path)
        self.seen.append(parts.path)
        url = f"{self.base}{parts.path}?{parts.query}"
        kept = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in HOP_BY_HOP
        }
        answer = requests.request(
            self.command, url, data=body, headers=kept, timeout=HANGS
        )
        self.send_response(answer.status_code)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


@contextmanager
def relay(
    sandbox: Sandbox, tls: ssl.SSLContext | None = None
) -> Generator[type[Relay]]:
    """Serve a relay in a thread, and yield its class."""

    class Handler(Relay):
        base = sandbox.url
        seen: ClassVar[list[str]] = []

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Handler.port = server.server_address[1]
    try:
        yield Handler
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(
    config: dict[str, Any], folder: Path, environment: dict[str, str]
) -> tuple[int, str, Output]:
    """Run the tap as a process, with this environment instead of the machine's."""
    none_set = dict.fromkeys(MACHINE_VARIABLES, "")
    process = start(config, folder, environment={**none_set, **environment})
    written, said = process.communicate(timeout=HANGS)
    messages = [json.loads(line) for line in written.splitlines()]
    return process.returncode, said.decode(), Output(messages)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Return a certificate authority that no machine trusts."""
    return trustme.CA()


@pytest.fixture
def over_tls(
    sandbox: Sandbox, authority: trustme.CA
) -> Iterator[tuple[dict[str, Any], type[Relay]]]:
    """Return settings with URLs of the simulator over TLS, and its relay."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with relay(sandbox, context) as handler:
        base = f"https://127.0.0.1:{handler.port}"
        urls = {
            "api_url": f"{base}/v3",
            "token_url": f"{base}/oauth2/default/v1/token",
        }
        yield {**sandbox.config, **urls}, handler


def test_an_untrusted_certificate_is_refused(
    over_tls: tuple[dict[str, Any], type[Relay]], sandbox: Sandbox, tmp_path: Path
) -> None:
    """For the token endpoint and for the API; nothing is sent."""
    config, handler = over_tls
    code, said, _ = run(config, tmp_path, {})
    assert code == 1
    assert "No answer from token_url" in said
    assert "REQUESTS_CA_BUNDLE" in said
    given = {"access_token": sandbox.tokens.issue(), "refresh_token": None}
    code, said, _ = run({**config, **given}, tmp_path, {})
    assert code == 1
    assert "Gave up on /v3/emails" in said
    assert "REQUESTS_CA_BUNDLE" in said
    assert handler.seen == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_private_certificate_authority_is_read_from_the_environment(
    over_tls: tuple[dict[str, Any], type[Relay]],
    authority: trustme.CA,
    sandbox: Sandbox,
    tmp_path: Path,
    variable: str,
) -> None:
    """Companies with a TLS-inspecting gateway need it."""
    config, handler = over_tls
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    code, said, output = run(config, tmp_path, {variable: str(bundle)})
    assert code == 0, said
    assert rows(clicks(output).values()) == rows(sandbox.account.rows())
    assert "/oauth2/default/v1/token" in handler.seen


def test_a_proxy_is_read_from_the_environment(sandbox: Sandbox, tmp_path: Path) -> None:
    """For the API and the token endpoint, but not for hosts in NO_PROXY."""
    with relay(sandbox) as handler:
        proxy = {"HTTP_PROXY": f"http://127.0.0.1:{handler.port}"}
        code, said, output = run(sandbox.config, tmp_path, proxy)
        assert code == 0, said
        assert rows(clicks(output).values()) == rows(sandbox.account.rows())
        assert "/oauth2/default/v1/token" in handler.seen
        assert len(handler.seen) == sandbox.log.counts().total() + 1
        handler.seen.clear()
        code, said, _ = run(
            sandbox.config, tmp_path, {**proxy, "NO_PROXY": "127.0.0.1"}
        )
        assert code == 0, said
        assert handler.seen == []


@pytest.mark.parametrize("match", ["/emails$", "/token"])
def test_a_redirect_is_not_followed(
    sandbox: Sandbox, tmp_path: Path, match: str
) -> None:
    """No token or secret is sent elsewhere."""
    sandbox.faults.rules.append(Fault("redirect", match=match))
    code, said, _ = run(sandbox.config, tmp_path, {})
    assert code == 1
    assert "302" in said
    assert "elsewhere" not in said


@pytest.mark.parametrize("name", ["api_url", "token_url"])
@pytest.mark.parametrize(
    "url",
    ["http://api.example.com/v3", "ftp://127.0.0.1/v3", "http://127.0.0.1.example.com"],
)
def test_urls_must_be_https_or_loopback(name: str, url: str) -> None:
    """A token never leaves the machine unencrypted."""
    config = {"client_id": "id", "refresh_token": "token", name: url}
    with pytest.raises(ConfigValidationError) as error:
        TapCCClicks(config=config)
    assert f"Setting {name} must be an https URL" in str(error.value.errors)
