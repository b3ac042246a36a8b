"""``cc-clicks login --pkce``, and interrupted sign-ins."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from tap_cc_clicks.cli import login as login_module
from tap_cc_clicks.sandbox import Fault, Sandbox
from tap_cc_clicks.sandbox.faults import KINDS
from tests.signing_in import SIGNED_IN, clicked_once, login, shown
from tests.support import HANGS, NEVER
from tools import record_login

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return an account with one click."""
    with Sandbox(clicked_once()) as running:
        yield running


class Browser:
    """A stand-in for a browser, which follows redirects.

    Attributes:
        forged: Queries of forged redirects, which it visits first.
        pages: The statuses and pages that it received.
    """

    def __init__(self) -> None:
        """Start without visits."""
        self.forged: tuple[str, ...] = ()
        self.pages: list[str] = []
        self._threads: list[threading.Thread] = []

    def open(self, address: str) -> None:
        """Visit an address, as ``webbrowser.open`` would."""
        thread = threading.Thread(target=self._visit, args=[address])
        thread.start()
        self._threads.append(thread)

    def _visit(self, address: str) -> None:
        back = parse_qs(urlsplit(address).query)["redirect_uri"][0]
        others = ("favicon.ico", "?state=only", *self.forged)
        for url in (back + other for other in others):
            self.pages.append(str(requests.get(url, timeout=HANGS).status_code))
        self.pages.append(requests.get(address, timeout=HANGS).text)

    def close(self) -> None:
        """Wait for all visits to end."""
        for thread in self._threads:
            thread.join(5)


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Browser]:
    """Replace the browser."""
    browser = Browser()
    monkeypatch.setattr("webbrowser.open", browser.open)
    yield browser
    browser.close()


PKCE = ("--pkce", "--port=0")


def test_a_sign_in_with_pkce_succeeds(
    sandbox: Sandbox, tmp_path: Path, browser: Browser
) -> None:
    """The browser's other requests are not taken for the redirect."""
    result = login(sandbox, tmp_path, *PKCE)
    assert (result.exit_code, result.stdout) == (0, SIGNED_IN), result.stderr
    browser.close()
    assert browser.pages[:2] == ["404", "404"]
    assert "Back to the terminal" in browser.pages[2]
    assert "code_challenge_method=S256" in result.stderr
    assert [one for one in shown(result, sandbox) if one in result.stderr] == []


def test_forged_redirects_do_not_end_a_sign_in(
    sandbox: Sandbox, tmp_path: Path, browser: Browser
) -> None:
    """Any page can send the browser there, but does not know the state."""
    browser.forged = ("?error=x", "?error=access_denied&state=x", "?code=x&state=%00")
    result = login(sandbox, tmp_path, *PKCE)
    assert (result.exit_code, result.stdout) == (0, SIGNED_IN), result.stderr
    browser.close()
    assert browser.pages[:5] == ["404"] * 5


@pytest.mark.usefixtures("browser")
@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        ("access_denied", "The sign-in was refused in the browser"),
        ("server_error", "sent the browser back without a code"),
        ("lost_answer", "The code may have been used up"),
        ("not_json", "without a token: check token_url"),
    ],
)
def test_a_failed_pkce_sign_in_is_explained(
    sandbox: Sandbox, tmp_path: Path, outcome: str, sentence: str
) -> None:
    """The code is redeemed at most once."""
    if outcome in KINDS:
        sandbox.faults.rules.append(Fault(outcome, "/token"))
    else:
        sandbox.tokens.sign_ins.outcome = outcome
    result = login(sandbox, tmp_path, *PKCE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert not shown(result, sandbox)


def test_waiting_for_the_browser_times_out(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --no-browser, no browser is opened."""
    monkeypatch.setattr(login_module, "BROWSER_SECONDS", 0.1)
    monkeypatch.setattr("webbrowser.open", None)
    result = login(sandbox, tmp_path, *PKCE, "--no-browser")
    assert result.exit_code == 1
    assert "No browser came back within 0.1 s" in result.stderr
    assert f"{sandbox.url}/oauth2/default/v1/authorize?client_id=" in result.stderr


def test_a_port_in_use_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = login(sandbox, tmp_path, "--pkce", f"--port={port}")
    assert result.exit_code == 1
    assert f"Port {port} cannot be listened on" in result.stderr


def test_settings_come_from_the_environment_and_env_file(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Meltano passes settings the same way; numbers are read as numbers."""
    (tmp_path / ".env").write_text("TAP_CC_CLICKS_CLIENT_ID=sandbox-client\n")
    with login_process(sandbox, tmp_path, "--json") as process:
        told, said = process.communicate(timeout=HANGS)
    assert process.returncode == 0, said
    assert json.loads(told)["client_id"] == "sandbox-client"


def test_ctrl_c_ends_the_wait(sandbox: Sandbox, tmp_path: Path) -> None:
    """It ends at once, whereas a run would write its state first."""
    sandbox.tokens.sign_ins.interval = NEVER
    with login_process(sandbox, tmp_path, "--client-id=sandbox-client") as process:
        assert process.stderr
        while not process.stderr.readline().startswith("Waiting"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told, said = process.communicate(timeout=HANGS)
    assert (process.returncode, told) == (1, "")
    assert "Traceback" not in said


def login_process(
    sandbox: Sandbox, folder: Path, *arguments: str
) -> subprocess.Popen[str]:
    """Start the command with settings from the environment."""
    others = {k: v for k, v in os.environ.items() if not k.startswith("TAP_CC_CLICKS")}
    return subprocess.Popen(
        [sys.executable, "-m", "tap_cc_clicks.cli", "login", *arguments],
        cwd=folder,
        env={
            **others,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TAP_CC_CLICKS_TOKEN_URL": sandbox.token_url,
            "TAP_CC_CLICKS_REQUESTS_PER_SECOND": "2.5",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_picture_matches_the_command() -> None:
    """Run ``make picture`` if it does not."""
    assert record_login.PICTURE.read_text("utf-8") == record_login.picture()
