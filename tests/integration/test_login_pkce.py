"""``cc-clicks login --pkce``, and how a sign-in is interrupted."""

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
    """Return an account in which somebody clicked once."""
    with Sandbox(clicked_once()) as running:
        yield running


class Browser:
    """Stands in for a person's browser: goes where it is sent.

    Attributes:
        forged: Queries with which other pages send it back before that.
        pages: What it was answered.
    """

    def __init__(self) -> None:
        """Open nothing yet."""
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
        """Wait for what was opened."""
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


def test_a_browser_signs_in_with_pkce(
    sandbox: Sandbox, tmp_path: Path, browser: Browser
) -> None:
    """Other things that it asks for are not taken for the answer."""
    result = login(sandbox, tmp_path, *PKCE)
    assert (result.exit_code, result.stdout) == (0, SIGNED_IN), result.stderr
    browser.close()
    assert browser.pages[:2] == ["404", "404"]
    assert "Back to the terminal" in browser.pages[2]
    assert "code_challenge_method=S256" in result.stderr
    assert [one for one in shown(result, sandbox) if one in result.stderr] == []


def test_what_other_pages_bring_does_not_end_a_sign_in(
    sandbox: Sandbox, tmp_path: Path, browser: Browser
) -> None:
    """Any of them can send the browser there, but knows no state."""
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
def test_pkce_that_fails_is_explained(
    sandbox: Sandbox, tmp_path: Path, outcome: str, sentence: str
) -> None:
    """And the code is redeemed once at most."""
    if outcome in KINDS:
        sandbox.faults.rules.append(Fault(outcome, "/token"))
    else:
        sandbox.tokens.sign_ins.outcome = outcome
    result = login(sandbox, tmp_path, *PKCE)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert not shown(result, sandbox)


def test_a_browser_that_never_comes_back_is_not_waited_for_for_ever(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And with --no-browser none is opened."""
    monkeypatch.setattr(login_module, "BROWSER_SECONDS", 0.1)
    monkeypatch.setattr("webbrowser.open", None)
    result = login(sandbox, tmp_path, *PKCE, "--no-browser")
    assert result.exit_code == 1
    assert "No browser came back within 0.1 s" in result.stderr
    assert f"{sandbox.url}/oauth2/default/v1/authorize?client_id=" in result.stderr


def test_a_port_in_use_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    """With what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = login(sandbox, tmp_path, "--pkce", f"--port={port}")
    assert result.exit_code == 1
    assert f"Port {port} cannot be listened on" in result.stderr


def test_settings_come_from_the_environment_and_the_folders_env_file(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """As they do where Meltano runs the command; numbers are read as numbers."""
    (tmp_path / ".env").write_text("TAP_CC_CLICKS_CLIENT_ID=sandbox-client\n")
    with in_a_shell(sandbox, tmp_path, "--json") as process:
        told, said = process.communicate(timeout=HANGS)
    assert process.returncode == 0, said
    assert json.loads(told)["client_id"] == "sandbox-client"


def test_ctrl_c_ends_the_waiting(sandbox: Sandbox, tmp_path: Path) -> None:
    """At once, though the tap itself would first write its state."""
    sandbox.tokens.sign_ins.interval = NEVER
    with in_a_shell(sandbox, tmp_path, "--client-id=sandbox-client") as process:
        assert process.stderr
        while not process.stderr.readline().startswith("Waiting"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        told, said = process.communicate(timeout=HANGS)
    assert (process.returncode, told) == (1, "")
    assert "Traceback" not in said


def in_a_shell(
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


def test_the_picture_shows_what_the_command_shows() -> None:
    """If not: ``make picture``."""
    assert record_login.PICTURE.read_text("utf-8") == record_login.picture()
