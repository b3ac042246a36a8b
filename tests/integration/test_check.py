"""``cc-clicks check`` against the simulator: one line for each possible problem."""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.api.tokens import Tokens, TokenStore
from tap_cc_clicks.sandbox import Account, Fault, Sandbox
from tests.companion import companion, secrets_of

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

BEFORE_API = ["token store", "token", "scopes", "API", "clock"]
OF_CLICKS = ["counters", "clicks", "pages", "order", "times"]
NAMES = [*BEFORE_API, "campaigns", "summaries", *OF_CLICKS]
ALL_WELL = dict.fromkeys(NAMES, "ok")
AFTER_TOKEN = dict.fromkeys(NAMES[2:], "skipped")
AFTER_API = dict.fromkeys(NAMES[5:], "skipped")
NO_EMAIL = {**ALL_WELL, **dict.fromkeys(OF_CLICKS, "skipped")}


def check(sandbox: Sandbox, folder: Path, *arguments: str, **config: Any) -> Result:
    """Run the check with the simulator's settings and these changes."""
    settings = {**sandbox.config, **config}
    # None removes a setting.
    given = {name: value for name, value in settings.items() if value is not None}
    result = companion(folder, given, "check", *arguments)
    # The seed remains a secret after it was rotated.
    secrets = [*secrets_of(sandbox), "sandbox-refresh-0", "owner@example.com"]
    assert not [one for one in secrets if one in result.output]
    return result


def lines(result: Result) -> dict[str, tuple[str, str]]:
    """Return the status and text of each check by name."""
    told = json.loads(result.stdout)
    assert told["ok"] is (result.exit_code == 0)
    assert [one["name"] for one in told["checks"]] == NAMES
    return {one["name"]: (one["status"], one["text"]) for one in told["checks"]}


def statuses(result: Result) -> dict[str, str]:
    """Return the status of each check by name."""
    return {name: status for name, (status, _) in lines(result).items()}


def test_a_healthy_setup_passes_every_check(sandbox: Sandbox, tmp_path: Path) -> None:
    """It needs seven requests, which max_requests does not limit."""
    result = check(sandbox, tmp_path, max_requests=1, key_requests_per_day=250_000)
    assert result.exit_code == 0, result.output
    *told, last = result.stdout.splitlines()
    assert [line[8:20].strip() for line in told] == NAMES
    assert {line.split()[0] for line in told} == {"ok"}
    assert "a long-lived refresh token, which expires on " in told[1]
    assert "Example Shop" in told[3]
    assert last == (
        "7 of the key's 250,000 requests a day were used; token requests: 1"
    )
    assert sandbox.log.counts() == {
        "account": 1,
        "campaigns": 1,
        "summaries": 2,
        "campaign": 1,
        "stats": 1,
        "clicks": 1,
    }


def test_json_output_has_statuses_and_request_counts(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    result = check(sandbox, tmp_path, "--json")
    assert statuses(result) == ALL_WELL
    assert json.loads(result.stdout)["requests"] == {"token": 1, "api": 7}


def test_rotating_tokens_are_distinguished_from_long_lived_ones(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The first check learns it from a refresh, the second one from the store."""
    seed = sandbox.config
    sandbox.tokens.rotating = True
    for spent in (1, 0):
        result = check(sandbox, tmp_path, "--json", **seed)
        assert lines(result)["token"][1].startswith("rotating refresh tokens")
        assert json.loads(result.stdout)["requests"]["token"] == spent


def test_a_refused_stored_access_token_is_refreshed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """A refused access token alone is not a failure."""
    store = TokenStore.from_config(sandbox.config)
    with store.locked():
        store.save(Tokens("sandbox-refresh-0", "ended", time.time() + 9999))
    result = check(sandbox, tmp_path, "--json")
    assert statuses(result) == ALL_WELL
    assert "shows whether it rotates" in lines(result)["token"][1]
    assert json.loads(result.stdout)["requests"] == {"token": 1, "api": 8}


def test_an_access_token_without_a_refresh_token_is_a_warning(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Once it has expired, the API check fails and explains it."""
    config = {"refresh_token": None, "access_token": sandbox.tokens.issue()}
    result = check(sandbox, tmp_path, "--json", **config)
    assert statuses(result) == {**ALL_WELL, "token": "warn"}
    assert result.exit_code == 0
    sandbox.tokens.expire_all()
    ended = check(sandbox, tmp_path, "--json", **config)
    expected = {**ALL_WELL, **AFTER_API, "token": "warn", "API": "failed"}
    assert statuses(ended) == expected
    assert "sign in again for a new access_token" in lines(ended)["API"][1]
    opaque = {**config, "access_token": "opaque"}
    text = lines(check(sandbox, tmp_path, "--json", **opaque))["token"][1]
    assert "has no known expiry" in text


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"refresh_token": "spent"}, "cc-clicks login"),
        ({"client_id": "nobody"}, "does not know this application"),
        ({"token_url": "http://127.0.0.1:1/token"}, "connection refused"),
    ],
)
def test_a_failed_token_request_is_explained(
    sandbox: Sandbox, tmp_path: Path, config: dict[str, str], sentence: str
) -> None:
    """Checks that depend on the token are skipped."""
    result = check(sandbox, tmp_path, "--json", **config)
    assert result.exit_code == 1
    assert statuses(result) == {"token store": "ok", "token": "failed", **AFTER_TOKEN}
    assert sentence in lines(result)["token"][1]


def test_a_missing_scope_is_named(sandbox: Sandbox, tmp_path: Path) -> None:
    """It is found before any API request."""
    sandbox.tokens.scope = "offline_access"
    result = check(sandbox, tmp_path, "--json")
    status, text = lines(result)["scopes"]
    assert status == "failed"
    assert text.startswith("campaign_data is missing, without which no report can be")
    assert json.loads(result.stdout)["requests"]["api"] == 0


FORBIDDEN: dict[str, Any] = {"status": 403, "body": [{"error_key": "forbidden"}]}
QUOTA: dict[str, Any] = {"status": 429, "body": {"error_key": "quota_exceeded"}}


@pytest.mark.parametrize(
    ("fault", "failed", "sentence"),
    [
        (Fault("status", "tracking", **FORBIDDEN), "clicks", "ui:campaign:metrics"),
        (Fault("status", "emails$", **FORBIDDEN), "campaigns", "ui:campaign:metrics"),
        (Fault("status", "account", **QUOTA), "API", "00:00 UTC"),
        (Fault("status", "account", status=503), "API", "503"),
        (Fault("status", "account", status=404), "API", "check api_url"),
        (Fault("not_json", "account"), "API", "is not JSON"),
        (Fault("redirect", "account"), "API", "redirects are not followed"),
        (Fault("reset", "account"), "API", "No answer from http://127.0.0.1"),
        (Fault("wrong_shape", "emails$"), "campaigns", "has no campaigns"),
    ],
    ids=lambda value: getattr(value, "match", None) and f"{value.kind}-{value.status}",
)
def test_an_api_error_is_explained(
    sandbox: Sandbox, tmp_path: Path, fault: Fault, failed: str, sentence: str
) -> None:
    """No request is retried, because waiting would not help here."""
    sandbox.faults.rules.append(fault)
    result = check(sandbox, tmp_path, "--json")
    assert result.exit_code == 1
    assert [name for name, one in statuses(result).items() if one == "failed"] == [
        failed
    ]
    assert sentence in lines(result)[failed][1]
    assert sandbox.log.statuses()[200] + 1 == sandbox.log.statuses().total()


def test_the_account_name_is_optional(sandbox: Sandbox, tmp_path: Path) -> None:
    """Runs do not request it, and even a 403 proves that the API answers."""
    sandbox.faults.rules.append(Fault("status", "account", **FORBIDDEN))
    result = check(sandbox, tmp_path, "--json")
    assert statuses(result) == ALL_WELL
    assert "does not say whose account" in lines(result)["API"][1]


@pytest.mark.parametrize(
    ("api_url", "sentence"),
    [
        ("http://127.0.0.1:1/v3", "connection refused: check host and port"),
        ("https://{host}/v3", "the TLS handshake failed"),
    ],
)
def test_an_unreachable_api_is_explained(
    sandbox: Sandbox, tmp_path: Path, api_url: str, sentence: str
) -> None:
    """The message names the cause."""
    host = sandbox.url.removeprefix("http://")
    result = check(sandbox, tmp_path, "--json", api_url=api_url.format(host=host))
    assert sentence in lines(result)["API"][1]
    assert lines(result)["clock"][0] == "skipped"
    assert result.exit_code == 1


@pytest.mark.parametrize(("hours", "way"), [(2, "ahead of"), (-2, "behind")])
def test_a_wrong_clock_is_a_warning(
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
    way: str,
) -> None:
    """It must differ by more than a minute; a run is still possible."""
    monkeypatch.setattr(
        "tap_cc_clicks.cli.check.time", lambda: time.time() + hours * 3700
    )
    result = check(sandbox, tmp_path, "--json")
    assert statuses(result) == {**ALL_WELL, "clock": "warn"}
    assert re.search(rf"7\d\d\d s {way} the service's", lines(result)["clock"][1])
    assert result.exit_code == 0


def test_a_missing_date_is_reported(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Used to claim that there was no answer, right below a passed API check."""
    monkeypatch.setattr("tap_cc_clicks.cli.check.parsedate_to_datetime", int)
    result = check(sandbox, tmp_path, "--json")
    assert "answer has no date to compare with" in lines(result)["clock"][1]


@pytest.mark.parametrize("status", [None, "Draft", "Removed"])
def test_an_account_without_sent_emails_is_not_a_failure(
    tmp_path: Path, status: str | None
) -> None:
    account = Account()
    if status:
        account.add_campaign(status)
    with Sandbox(account) as sandbox:
        result = check(sandbox, tmp_path, "--json")
    assert statuses(result) == NO_EMAIL
    assert "no email was sent yet" in lines(result)["clicks"][1]


def test_an_email_without_clicks_or_reports_is_not_a_failure(tmp_path: Path) -> None:
    """The first email was just sent; then only its web page is left."""
    account = Account()
    campaign = account.add_campaign()
    with Sandbox(account) as sandbox:
        result = check(sandbox, tmp_path, "--json")
        assert lines(result)["clicks"][1].endswith("the email has none yet")
        assert statuses(result) == {**ALL_WELL, "order": "skipped"}
        del campaign.activities[0]
        result = check(sandbox, tmp_path, "--json")
        assert statuses(result) == NO_EMAIL
        assert "have no report of clicks" in lines(result)["clicks"][1]


@pytest.mark.skipif(os.name == "nt", reason="Windows stores permissions differently")
def test_a_token_store_readable_by_others_is_a_failure(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """The message gives the command that fixes it."""
    path = tmp_path / "tokens.json"
    store = TokenStore.from_config({**sandbox.config, "token_store": str(path)})
    with store.locked():
        store.save(Tokens("sandbox-refresh-0", "ended", 0))
    path.chmod(0o644)
    result = check(sandbox, tmp_path, "--json", token_store=str(path))
    status, text = lines(result)["token store"]
    assert status == "failed"
    assert f"other users may use it: chmod 600 {path}" in text
    assert result.exit_code == 1


@pytest.mark.parametrize("named", [True, False], ids=["token_store", "default"])
def test_a_store_folder_writable_by_others_is_a_failure(
    sandbox: Sandbox, tmp_path: Path, state_home: Path, *, named: bool
) -> None:
    """Other users could replace the tokens; long-lived ones are refused as well."""
    state_home.mkdir()
    state_home.chmod(0o777)
    config = {"token_store": str(state_home / "tokens.json")} if named else {}
    result = check(sandbox, tmp_path, "--json", **config)
    status, text = lines(result)["token store"]
    assert status == "failed"
    assert f"other users may write to its folder: chmod go-w {state_home}" in text
    assert not sandbox.tokens.renewals


def test_an_interrupted_refresh_explains_a_used_up_token(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    """Used to remove the store's marker before the token was tried."""
    path = tmp_path / "tokens.json"
    mark = tmp_path / "tokens.json.new"
    mark.touch(0o600)
    config = {"token_store": str(path), "refresh_token": "spent"}
    text = lines(check(sandbox, tmp_path, "--json", **config))["token"][1]
    assert "An earlier run was killed while it waited" in text


@pytest.mark.parametrize("name", ["api_url", "token_url"])
def test_a_password_in_a_url_is_not_shown(
    sandbox: Sandbox, tmp_path: Path, name: str
) -> None:
    """The URL is refused before any request."""
    result = check(sandbox, tmp_path, **{name: "http://me:s3cret@127.0.0.1:1/v3"})
    assert result.exit_code == 1
    assert f"Setting {name} must be an https URL" in result.stderr
    assert "s3cret" not in result.output


def test_an_unusable_token_store_is_explained(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is a failure if token_store is set, and otherwise a warning."""
    path = tmp_path / "tokens.json"
    path.write_text("damaged")
    damaged = check(sandbox, tmp_path, "--json", token_store=str(path))
    assert "repair it, or delete it" in lines(damaged)["token store"][1]
    below = str(path / "tokens.json")
    missing = check(sandbox, tmp_path, "--json", token_store=below)
    assert "cannot be written" in lines(missing)["token store"][1]
    assert {damaged.exit_code, missing.exit_code} == {1}
    monkeypatch.setenv("XDG_STATE_HOME", str(path))
    unasked = check(sandbox, tmp_path, "--json")
    assert statuses(unasked) == {**ALL_WELL, "token store": "warn"}
    assert unasked.exit_code == 0


def test_an_unknown_setting_is_explained(sandbox: Sandbox, tmp_path: Path) -> None:
    """The message is the same as the tap's."""
    result = check(sandbox, tmp_path, page_siz=1)
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: There is no setting page_siz: did you mean page_size?\n"
    )
