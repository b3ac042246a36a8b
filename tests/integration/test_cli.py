"""The command line: what a person sees of right and wrong input."""

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
    """Run the tap, as a shell would, without settings of this machine's."""
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
    """Write a file, JSON unless it is text, and return its path."""
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
def test_bad_input_is_one_clear_sentence(
    tmp_path: Path, files: dict[str, Any], sentence: str
) -> None:
    """Exit code 1, nothing on stdout, no traceback, no secret."""
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


def test_without_config_the_environment_and_env_file_are_read(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """As cc-clicks does, which said that all is well where the tap knew nothing."""
    write_env(tmp_path / ".env", sandbox.config)
    result = run("--catalog", write(tmp_path, "catalog.json", CLICKS), cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert '"stream":"email_clicks","record"' in result.stdout
    assert result.stderr.count("settings are read from the environment and .env") == 1
    none = run("--config", write(tmp_path, "config.json", {}), cwd=tmp_path)
    assert "Credentials are missing" in none.stderr


@pytest.mark.parametrize(("level", "code"), [("loud", 1), ("warn", 0), ("", 0)])
def test_a_log_level_that_does_not_exist_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, level: str, code: int
) -> None:
    """The SDK hands it on to logging as it is."""
    monkeypatch.setenv("LOGLEVEL", level)
    result = run("--discover")
    assert result.returncode == code
    assert ("The variable LOGLEVEL must be one of" in result.stderr) == bool(code)
    assert "cannot explain" not in result.stderr


def test_about_shows_settings_as_markdown() -> None:
    """For a README."""
    result = run("--about", "--format=markdown")
    assert result.returncode == 0
    assert "| refresh_token " in result.stdout
    assert "| look_requests_per_day " in result.stdout


def test_a_connection_test_ends_in_a_sentence_too(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """As a pipeline's set-up sees it: well, or what to do."""
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
    """To choose streams comes before signing in."""
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


def test_a_run_from_files_and_a_second_one_from_its_state(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    """As a pipeline without Meltano would."""
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


def test_singer_tools_find_the_output_valid(tmp_path: Path, sandbox: Sandbox) -> None:
    """Records fit their schemas, and every type of message is understood."""
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


def test_a_target_that_ends_early_is_named(tmp_path: Path, sandbox: Sandbox) -> None:
    """Instead of a traceback about a pipe."""
    config = write(tmp_path, "config.json", sandbox.config)
    with subprocess.Popen(
        [sys.executable, "-m", "tap_cc_clicks", "--config", config],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as tap:
        assert tap.stdout
        assert tap.stderr
        tap.stdout.close()
        said = tap.stderr.read().decode()
    assert tap.returncode == 1
    assert "The target closed the pipe" in said
    assert "Traceback" not in said
