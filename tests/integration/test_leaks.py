"""A run prints no secret and no personal data, at any log level."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tap_cc_clicks.sandbox import Fault, Sandbox, generate
from tap_cc_clicks.sandbox.oauth import CLIENT_ID, CLIENT_SECRET, Tokens
from tests.chaos.world import FAULTS
from tests.child import Fate, start
from tests.support import HANGS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEBUG = {"LOGLEVEL": "DEBUG", "TAP_CC_CLICKS_LOGLEVEL": "DEBUG"}
# A user's configuration: JSON lines, with all messages of all libraries.
LOG_CONFIG = """
version: 1
disable_existing_loggers: false
formatters:
  structured:
    (): singer_sdk.logging.StructuredFormatter
handlers:
  stderr:
    class: logging.StreamHandler
    formatter: structured
root:
  level: DEBUG
  handlers: [stderr]
"""


@pytest.fixture
def rotating() -> Iterator[Sandbox]:
    """Return an account with several pages and rotating tokens."""
    tokens = Tokens(rotating=True, refresh_token="k7v-refresh-seed")
    with Sandbox(generate(campaigns=8, clicks=80), tokens=tokens) as running:
        yield running


def secrets(sandbox: Sandbox, config: dict[str, Any]) -> set[str]:
    """Return the texts that must not be printed."""
    pair = f"{config.get('client_id')}:{config.get('client_secret')}"
    people = {
        str(row[name])
        for row in sandbox.account.rows()
        for name in ("email_address", "first_name", "last_name")
        if row.get(name)
    }
    return {
        CLIENT_SECRET,
        base64.b64encode(pair.encode()).decode(),
        "k7v",
        "sandbox-refresh",
        # The middle part of an access token is enough to recognize it.
        *(token.split(".")[1] for token in sandbox.tokens.access),
        *people,
        *(json.dumps(person)[1:-1] for person in people),
    }


def assert_no_secret(text: str, hidden: set[str]) -> None:
    """Check that a text has no hidden text, no address and no query."""
    for secret in hidden:
        assert secret not in text
    assert not re.search(r"[\w.+-]+@[\w-]+\.\w+", text)
    assert "cursor=" not in text
    assert "Bearer " not in text
    assert "Basic " not in text


def messages_but_records(written: bytes) -> str:
    """Return the messages that are not records."""
    lines = written.decode().splitlines()
    return "\n".join(line for line in lines if '"type":"RECORD"' not in line)


def printed(
    sandbox: Sandbox,
    folder: Path,
    *arguments: str,
    fate: Fate | None = None,
    environment: dict[str, str] | None = None,
    **config: Any,
) -> str:
    """Run the tap at log level DEBUG, and return its output without records."""
    config = {**sandbox.config, "token_store": str(folder / "tokens.json"), **config}
    process = start(
        config,
        folder,
        *arguments,
        fate=fate,
        environment={**DEBUG, **(environment or {})},
    )
    written, said = process.communicate(timeout=HANGS)
    text = said.decode() + messages_but_records(written)
    assert_no_secret(text, secrets(sandbox, config))
    return text


@pytest.mark.slow
@pytest.mark.parametrize("style", ["plain", "structured"])
def test_temporary_faults_show_no_secret(
    rotating: Sandbox, tmp_path: Path, style: str
) -> None:
    """All libraries log at level DEBUG, while faults occur at random."""
    environment = {}
    if style == "structured":
        path = tmp_path / "logging.yml"
        path.write_text(LOG_CONFIG)
        environment = {"SINGER_SDK_LOG_CONFIG": str(path)}
    passing = list(FAULTS.values())[: list(FAULTS).index("400")]
    rotating.faults.rules[:] = [
        replace(fault, match="^/(emails|reports)", probability=0.03)
        for fault in passing
    ]
    text = printed(rotating, tmp_path, environment=environment, page_size=3)
    # The output really has the lines to search.
    assert "GET /v3/emails" in text
    assert "Retrying in" in text
    assert "METRIC" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", list(FAULTS)[list(FAULTS).index("400") :])
def test_errors_that_end_a_run_show_no_secret(
    rotating: Sandbox, tmp_path: Path, name: str
) -> None:
    """There is no traceback either."""
    fault = replace(FAULTS[name], probability=1, times=6)
    fault.match = fault.match or "tracking|stats"
    rotating.faults.rules.append(fault)
    text = printed(rotating, tmp_path, page_size=3)
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"refresh_token": "k7v-an-old-one"}, "sign in again"),
        ({"client_secret": "k7v-not-it"}, "check client_id and client_secret"),
        ({"page_size": "k7v", "client_secret": 1}, "page_size must be of type"),
        ({"acces_token": "k7v"}, "did you mean access_token?"),
        ({"api_url": "http://k7v:k7v@example.com/?k7v=k7v"}, "must be an https"),
        ({"access_token": "k7v\n", "refresh_token": None}, "access_token must be"),
        ({"access_token": "k7v…", "refresh_token": None}, "access_token must be"),
        ({"refresh_token": "k7v\n"}, "refresh_token must be"),
        ({"client_secret": "k7v…"}, "client_secret must be"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_settings_show_no_secret(
    rotating: Sandbox, tmp_path: Path, config: dict[str, Any], sentence: str
) -> None:
    """The message names the setting, not its value."""
    process = start({**rotating.config, **config}, tmp_path, environment=DEBUG)
    _, said = process.communicate(timeout=HANGS)
    assert process.returncode == 1
    assert sentence in said.decode()
    assert "Traceback" not in said.decode()
    assert_no_secret(said.decode(), secrets(rotating, config))


@pytest.mark.parametrize("argument", ["--about", "--about --format=json", "--discover"])
def test_about_and_discover_show_no_settings(
    rotating: Sandbox, tmp_path: Path, argument: str
) -> None:
    """This holds even with settings in a file and in the environment."""
    environment = {
        f"TAP_CC_CLICKS_{name.upper()}": str(value)
        for name, value in rotating.config.items()
    }
    text = printed(
        rotating, tmp_path, "--config=ENV", *argument.split(), environment=environment
    )
    assert CLIENT_ID not in text


@pytest.mark.parametrize("content", ["k7v", '{"refresh_token": "k7v"}'])
def test_a_damaged_store_shows_no_secret(
    rotating: Sandbox, tmp_path: Path, content: str
) -> None:
    """The message names the file."""
    (tmp_path / "tokens.json").write_text(content)
    text = printed(rotating, tmp_path)
    assert "tokens.json cannot be read" in text


def test_a_token_invalid_in_a_header_shows_no_secret(
    rotating: Sandbox, tmp_path: Path
) -> None:
    """A broken token endpoint might send such a token."""
    body = {"access_token": "k7v\nk7v", "refresh_token": "k7v", "expires_in": 9}
    fault = Fault("status", match="/token", status=200, body=body)
    rotating.faults.rules.append(fault)
    text = printed(rotating, tmp_path)
    assert "Traceback" not in text
    assert "The token endpoint answered 200 without a token" in text


def test_a_bug_shows_no_value(rotating: Sandbox, tmp_path: Path) -> None:
    """The message has the place in the code, but not the data."""
    fate = Fate(patches={"tap_cc_clicks.streams.base:REPLICATION_FULL_TABLE": None})
    fate.patches["tap_cc_clicks.api.service:campaign_records"] = "not callable"
    text = printed(rotating, tmp_path, fate=fate)
    assert "cannot explain (TypeError at service.py:" in text
    assert "Traceback" not in text
