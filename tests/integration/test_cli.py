"""The command line: output for valid and invalid input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from demo.stack import tool
from tap_cc_clicks.cli.envfile import write_env
from tap_cc_clicks.sandbox import Fault
from tests.support import HANGS, Output, clicks, rows, select

if TYPE_CHECKING:
    from pathlib import Path

    from tap_cc_clicks.sandbox import Sandbox

GOOD = {"client_id": "id", "refresh_token": "s3cret-token"}


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the tap as a shell would, without this machine's settings."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TAP_CC_CLICKS_")
    }
    return subprocess.run(
        [sys.executable, "-m", "tap_cc_clicks", *arguments],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
        env=environment,
        **options,
    )


def write(folder: Path, name: str, value: Any) -> str:
    """Write text, or a value as JSON, to a file, and return its path."""
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
    return str(path)


CLICKS = select("email_clicks")
FOREIGN = {"tap_stream_id": "orders", "schema": {}, "stream": "orders"}


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"config": {}}, "Credentials are missing: set client_id and refresh_token"),
        ({"config": {**GOOD, "page_siz": 1}}, "did you mean page_size?"),
        ({"config": "{"}, "The config file is not JSON"),
        ({"config": "[]"}, "The config file does not hold a JSON object"),
        ({"config": GOOD, "state": "half a fi"}, "The state file is not JSON"),
        (
            {"config": GOOD, "state": {"bookmarks": {"orders": {}}}},
            "The state cannot be used: it holds streams of another tap: orders",
        ),
        ({"config": GOOD, "catalog": "[1]"}, "The catalog file does not hold a JSON"),
        (
            {"config": GOOD, "catalog": {"streams": 1}},
            "The catalog is not a list of streams",
        ),
        (
            {"config": GOOD, "catalog": {"streams": [FOREIGN]}},
            "The catalog holds unknown streams: orders. This tap has campaign",
        ),
    ],
)
def test_bad_input_is_explained_in_one_sentence(
    tmp_path: Path, files: dict[str, Any], sentence: str
) -> None:
    """The exit code is 1, stdout is empty, and no traceback or secret is shown."""
    arguments = [
        argument
        for name, value in files.items()
        for argument in (f"--{name}", write(tmp_path, f"{name}.json", value))
    ]
    result = run(*arguments)
    assert result.returncode == 1
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert "s3cret" not in result.stderr
    assert "Config validation failed" not in result.stderr
    assert not result.stdout


def test_the_environment_and_env_file_are_read_without_config(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """Used to fail after ``cc-clicks check``, which reads them, had passed."""
    write_env(tmp_path / ".env", sandbox.config)
    result = run("--catalog", write(tmp_path, "catalog.json", CLICKS), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert '"stream":"email_clicks","record"' in result.stdout
    assert result.stderr.count("settings are read from the environment and .env") == 1
    none = run("--config", write(tmp_path, "config.json", {}), cwd=tmp_path)
    assert "Credentials are missing" in none.stderr


@pytest.mark.parametrize(("level", "code"), [("loud", 1), ("warn", 0), ("", 0)])
def test_an_unknown_log_level_is_explained(
    monkeypatch: pytest.MonkeyPatch, level: str, code: int
) -> None:
    """The SDK passes the variable to logging unchecked."""
    monkeypatch.setenv("LOGLEVEL", level)
    result = run("--discover")
    assert result.returncode == code
    assert ("The variable LOGLEVEL must be one of" in result.stderr) == bool(code)
    assert "cannot explain" not in result.stderr


def test_about_shows_settings_as_markdown() -> None:
    result = run("--about", "--format=markdown")
    assert result.returncode == 0
    assert "| refresh_token " in result.stdout
    assert "| look_requests_per_day " in result.stdout


def test_a_connection_test_explains_errors(tmp_path: Path, sandbox: Sandbox) -> None:
    """``--test`` passes, or says what to fix."""
    good = write(tmp_path, "good.json", sandbox.config)
    result = run("--config", good, "--test")
    assert result.returncode == 0
    assert sandbox.log.counts().total() <= 5
    assert "No record within 5 requests of campaign_activity_details, camp" in (
        result.stderr
    )
    sandbox.faults.rules.append(Fault("status", match="/emails/", status=403))
    result = run("--config", good, "--test")
    assert result.returncode == 1
    assert "the token may not read reports" in result.stderr
    wrong = {**sandbox.config, "refresh_token": "s3cret-token"}
    result = run("--config", write(tmp_path, "wrong.json", wrong), "--test")
    assert result.returncode == 1
    assert "sign in again" in result.stderr
    assert "unhandled error" not in result.stderr
    assert "Traceback" not in result.stderr
    assert "s3cret" not in result.stderr


def test_discovery_needs_no_credentials() -> None:
    """Streams can be selected before signing in."""
    result = run("--discover")
    assert result.returncode == 0
    streams = json.loads(result.stdout)["streams"]
    assert [stream["tap_stream_id"] for stream in streams] == [
        "campaign_activities",
        "campaign_activity_details",
        "campaign_activity_stats",
        "campaign_summaries",
        "campaigns",
        "email_bounces",
        "email_clicks",
        "email_forwards",
        "email_links",
        "email_opens",
        "email_optouts",
        "email_send_history",
        "email_sends",
    ]


def test_two_runs_from_files_write_each_click_once(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """A pipeline without Meltano runs the tap this way."""
    config = write(tmp_path, "config.json", sandbox.config)
    catalog = write(tmp_path, "catalog.json", run("--discover").stdout)
    first = run("--config", config, "--catalog", catalog)
    assert first.returncode == 0, first.stderr
    output = Output([json.loads(line) for line in first.stdout.splitlines()])
    assert rows(clicks(output).values()) == rows(sandbox.account.rows())
    state = write(tmp_path, "state.json", output.state)
    second = run("--config", config, "--catalog", catalog, "--state", state)
    assert second.returncode == 0, second.stderr
    assert '"stream":"email_clicks","record"' not in second.stdout


def test_singer_check_tap_accepts_the_output(tmp_path: Path, sandbox: Sandbox) -> None:
    """Records match their schemas, and every message type is known."""
    config = write(tmp_path, "config.json", sandbox.config)
    output = run("--config", config).stdout
    checked = subprocess.run(
        [tool("singer", "singer-check-tap")],
        input=output,
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    assert "The output is valid." in checked.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_target_that_closes_the_pipe_is_named(
    tmp_path: Path, sandbox: Sandbox, unbuffered: str
) -> None:
    """The message replaces a traceback about a broken pipe."""
    config = write(tmp_path, "config.json", sandbox.config)
    with subprocess.Popen(
        [sys.executable, "-m", "tap_cc_clicks", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as tap:
        assert tap.stdout
        assert tap.stderr
        tap.stdout.close()
        said = tap.stderr.read().decode()
    assert tap.returncode == 1
    assert "The target closed the pipe" in said
    assert "Traceback" not in said
