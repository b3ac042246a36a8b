"""``cc-clicks login`` against the simulator: every outcome of a sign-in."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.sandbox import Fault, Sandbox
from tests.signing_in import SIGNED_IN, clicked_once, login, shown
from tests.support import run_tap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


SEED: dict[str, Any] = {
    "client_id": "sandbox-client",
    "refresh_token": "sandbox-refresh-1",
}


class Clock:
    """A clock that only sleeping advances."""

    def __init__(self) -> None:
        """Start at zero."""
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Advance the clock."""
        self.slept.append(seconds)

    def monotonic(self) -> float:
        """Return the time slept so far."""
        return sum(self.slept)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Replace the clock of the sign-in, so that it does not wait."""
    clock = Clock()
    for name in ("sleep", "monotonic"):
        monkeypatch.setattr(f"tap_cc_clicks.cli.signin.{name}", getattr(clock, name))
    return clock


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Return an account with one click."""
    with Sandbox(clicked_once()) as running:
        yield running


def test_the_first_run_after_a_sign_in_needs_no_refresh(
    sandbox: Sandbox, tmp_path: Path, clock: Clock
) -> None:
    """Settings go to stdout, instructions to stderr; the access token is stored."""
    result = login(sandbox, tmp_path)
    assert result.exit_code == 0, result.output
    assert result.stdout == SIGNED_IN
    assert f"{sandbox.url}/activate?user_code=SBOX-1234" in result.stderr
    assert "Treat the refresh token as a password" in result.stderr
    assert "╭" not in result.output
    assert clock.slept == [1, 1]
    assert shown(result, sandbox) == ["sandbox-refresh-1"]
    assert "sandbox-refresh-1" not in result.stderr
    renewals = sandbox.tokens.renewals
    output = run_tap(sandbox, **SEED)
    assert len(output.records("email_clicks")) == 1
    assert sandbox.tokens.renewals == renewals


@pytest.mark.usefixtures("no_waiting")
def test_tokens_rotate_after_a_sign_in(sandbox: Sandbox, tmp_path: Path) -> None:
    """The printed token is the seed, however often the stored one is refreshed."""
    sandbox.tokens.rotating = True
    config: dict[str, Any] = {"token_store": str(tmp_path / "tokens.json")}
    assert login(sandbox, tmp_path, **config).stdout == SIGNED_IN
    for _ in range(2):
        sandbox.tokens.expire_all()
        assert run_tap(sandbox, **config, **SEED).records("campaigns")
    assert sandbox.tokens.refresh_token == "sandbox-refresh-3"


def test_a_new_sign_in_replaces_the_stored_token(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    config = {"token_store": str(tmp_path / "tokens.json")}
    login(sandbox, tmp_path, **config)
    assert "sandbox-refresh-2" in login(sandbox, tmp_path, **config).stdout
    stored = json.loads((tmp_path / "tokens.json").read_text())
    assert stored["refresh_token"] == "sandbox-refresh-2"


def test_a_client_secret_is_verified(sandbox: Sandbox, tmp_path: Path) -> None:
    """A wrong secret is refused before the browser is needed."""
    assert login(sandbox, tmp_path, client_secret="sandbox-secret").exit_code == 0
    result = login(sandbox, tmp_path, client_secret="sandbox-wrong")
    assert result.exit_code == 1
    assert "does not know this application" in result.stderr
    assert "sandbox-wrong" not in result.output


def test_a_client_id_on_the_command_line_takes_precedence(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Without any client_id, the error says so."""
    result = login(sandbox, tmp_path, "--client-id=sandbox-client", client_id="other")
    assert result.stdout == SIGNED_IN
    missing = login(sandbox, tmp_path, client_id=None)
    assert missing.exit_code == 1
    assert "client_id is missing" in missing.stderr


def test_slow_down_is_obeyed(sandbox: Sandbox, tmp_path: Path, clock: Clock) -> None:
    """The interval grows by five seconds from then on (RFC 8628)."""
    pending = "authorization_pending"
    sandbox.tokens.sign_ins.before = (pending, "slow_down", pending)
    assert login(sandbox, tmp_path).stdout == SIGNED_IN
    assert clock.slept == [1, 1, 6, 6]


@pytest.mark.parametrize(
    ("sign_ins", "sentence"),
    [
        ({"outcome": "access_denied"}, "The sign-in was refused in the browser"),
        ({"outcome": "expired_token"}, "The code was not used in time"),
        ({"outcome": "unauthorized_client"}, "with --pkce the Authorization Code"),
        ({"before": ["invalid_grant"]}, "does not know the code any more"),
        (
            {"before": ["authorization_pending"] * 99, "expires_in": 9},
            "The code was not used in time",
        ),
        ({"scope": "offline_access"}, "campaign_data is missing, without which"),
        ({"scope": "campaign_data"}, "offline_access is missing, and with it"),
        ({"scope": "account_read"}, "campaign_data is missing, without which"),
    ],
)
def test_a_failed_sign_in_is_explained(
    sandbox: Sandbox,
    tmp_path: Path,
    state_home: Path,
    sign_ins: dict[str, Any],
    sentence: str,
) -> None:
    """The exit code is 1, and nothing is stored or shown."""
    for name, value in sign_ins.items():
        setattr(sandbox.tokens.sign_ins, name, value)
    result = login(sandbox, tmp_path)
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert not result.stdout
    assert not shown(result, sandbox)
    assert not list(state_home.glob("*.json"))


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("status", status=404), "answered 404 without a token: check token_url"),
        (Fault("status", body={"error": "invalid_scope"}, status=400), "give the scop"),
        (
            Fault("status", body={"error": "unauthorized_client"}, status=403),
            "This application may not sign in this way",
        ),
        (Fault("not_json"), "check token_url"),
        (Fault("redirect"), "answered 302 without a token"),
        (Fault("reset"), "No answer from http://127.0.0.1"),
    ],
)
def test_a_missing_device_code_is_explained(
    sandbox: Sandbox, tmp_path: Path, fault: Fault, sentence: str
) -> None:
    """The command ends at once."""
    fault.match = "device/authorize"
    sandbox.faults.rules.append(fault)
    result = login(sandbox, tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


@pytest.mark.parametrize(
    "fault",
    [Fault("reset"), Fault("status", status=503), Fault("status", status=429)],
    ids=["no answer", "503", "429"],
)
def test_unanswered_polls_are_repeated_less_often(
    sandbox: Sandbox, tmp_path: Path, clock: Clock, fault: Fault
) -> None:
    """RFC 8628 requires it; a request that never arrived loses nothing."""
    sandbox.faults.rules.append(replace(fault, match="/token", times=2))
    result = login(sandbox, tmp_path)
    assert result.stdout == SIGNED_IN
    assert clock.slept == [1, 2, 4, 4]
    assert "No answer from token_url" in result.stderr
    assert "asking again in 4 s" in result.stderr


def test_a_lost_token_response_is_explained(sandbox: Sandbox, tmp_path: Path) -> None:
    """A code can be redeemed only once."""
    sandbox.tokens.sign_ins.before = ()
    sandbox.faults.rules.append(Fault("lost_answer", "/token", times=1))
    result = login(sandbox, tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "in an answer that was lost on the way" in result.stderr
    assert not shown(result, sandbox)


GOOD_CODE: dict[str, Any] = {
    "device_code": "for-the-device",
    "user_code": "SBOX-1234",
    "verification_uri": "https://example.com/activate",
}


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"verification_uri": "javascript:alert(1)"}, "is not an https URL"),
        ({"verification_uri": "http://example.com/"}, "is not an https URL"),
        ({"verification_uri": "https://example.com/\x1b[2J"}, "is not an https URL"),
        ({"verification_uri": "https://example.com/\u202eab"}, "is not an https URL"),
        ({"verification_uri": "https://good.example\\@127.0.0.1/"}, "is not an https"),
        ({"verification_uri": ["https://example.com/"]}, "is not an https URL"),
        ({"verification_uri_complete": "file:///etc"}, "is not an https URL"),
        ({"user_code": "A\x1b]0;title\x07"}, "that nobody can type"),
        ({"user_code": "A" * 41}, "longer than 40 characters"),
    ],
)
def test_an_invalid_code_or_address_is_refused(
    sandbox: Sandbox, tmp_path: Path, changed: dict[str, Any], sentence: str
) -> None:
    """It is not shown to the user, and no control character reaches the terminal."""
    body = {**GOOD_CODE, **changed}
    fault = Fault("status", "device/authorize", status=200, body=body)
    sandbox.faults.rules.append(fault)
    result = login(sandbox, tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert not [char for char in result.stderr if not char.isprintable()][1:]


@pytest.mark.parametrize("token", ["a\x1b[2Jb", " ", "ümlaut", "x\ny"])
def test_an_invalid_refresh_token_is_not_shown(
    sandbox: Sandbox, tmp_path: Path, state_home: Path, token: str
) -> None:
    """It is not stored either."""
    body = {"access_token": "good", "refresh_token": token}
    sandbox.faults.rules.append(Fault("status", "/token", status=200, body=body))
    result = login(sandbox, tmp_path)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not one line of ASCII text. Nothing was stored" in result.stderr
    assert not list(state_home.glob("*.json"))


def test_terminal_output_is_not_read_as_markup(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address may contain brackets, and is shown with them."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    sandbox.tokens.sign_ins.page = "https://example.com/[/b]"
    result = login(sandbox, tmp_path)
    assert (result.exit_code, result.stdout) == (0, SIGNED_IN)
    assert "https://example.com/[/b]?user_code" in result.stderr
    assert "╭" in result.stderr


def test_an_unsafe_token_url_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    """Tokens are sent by https, or only to this machine."""
    result = login(sandbox, tmp_path, token_url="http://example.com/v1/token")
    assert result.exit_code == 1
    assert "token_url must be an https URL" in result.stderr


def test_settings_are_written_to_a_file_instead_of_stdout(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Old settings are replaced, other lines stay, and only the owner has access."""
    env = tmp_path / ".env"
    env.write_text("# mine\nTAP_CC_CLICKS_REFRESH_TOKEN=old\nOTHER='kept'\n")
    env.chmod(0o644)
    secret = {"client_secret": "sandbox-secret"}
    result = login(sandbox, tmp_path, f"--write-env={env}", **secret)
    assert (result.exit_code, result.stdout) == (0, "")
    assert not shown(result, sandbox)
    assert env.read_text() == (
        "# mine\nTAP_CC_CLICKS_REFRESH_TOKEN=sandbox-refresh-1\nOTHER='kept'\n"
        "TAP_CC_CLICKS_CLIENT_ID=sandbox-client\n"
        "TAP_CC_CLICKS_CLIENT_SECRET=sandbox-secret\n"
    )
    assert stat.S_IMODE(env.stat().st_mode) == 0o600


def test_an_unwritable_file_is_detected_before_the_sign_in(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A later error would lose the tokens."""
    result = login(sandbox, tmp_path, f"--write-env={tmp_path}/missing/.env")
    assert result.exit_code == 1
    assert "cannot be written (No such file or directory): choose" in result.stderr
    assert not sandbox.tokens.sign_ins.issued


def test_a_file_in_a_shared_folder_is_refused_before_the_sign_in(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Other users could replace the file."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    result = login(sandbox, tmp_path, f"--write-env={folder}/.env")
    assert result.exit_code == 1
    assert "other users may write to its folder: chmod go-w" in result.stderr
    assert not sandbox.tokens.sign_ins.issued


def test_json_output_has_the_settings_or_the_file(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """If a file is written, stdout does not have the token."""
    told = json.loads(login(sandbox, tmp_path, "--json").stdout)
    assert told == SEED
    env = tmp_path / "settings.env"
    result = login(sandbox, tmp_path, "--json", f"--write-env={env}")
    assert json.loads(result.stdout) == {"env_file": str(env)}
    assert not shown(result, sandbox)


def test_an_unwritable_store_loses_nothing(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settings are printed, and the first run refreshes the token."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    result = login(sandbox, tmp_path)
    assert (result.exit_code, result.stdout) == (0, SIGNED_IN)
    assert "The access token could not be kept" in result.stderr
