"""``cc-clicks sandbox`` and ``cc-clicks demo``, and commands run by Meltano."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from typing import IO, TYPE_CHECKING

import pytest
import requests
from click.testing import CliRunner
from dotenv import dotenv_values

from demo.stack import Meltano, settings_of
from tap_cc_clicks.cli.commands import cc_clicks
from tests.support import HANGS, Output, clicks

if TYPE_CHECKING:
    from pathlib import Path

    from tap_cc_clicks.sandbox import Sandbox

COMMAND = [sys.executable, "-m", "tap_cc_clicks.cli"]


def test_the_sandbox_prints_its_connection_settings(tmp_path: Path) -> None:
    """They are lines for .env, with which the tap can read the account."""
    with subprocess.Popen(
        [*COMMAND, "sandbox", "--campaigns=3", "--clicks=9"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            told = _printed_address(process.stderr)
            env = tmp_path / ".env"
            env.write_text("".join(process.stdout.readline() for _ in range(6)))
            names = {key: str(value) for key, value in dotenv_values(env).items()}
            answer = requests.get(
                names["TAP_CC_CLICKS_API_URL"] + "/account/summary", timeout=HANGS
            )
            page = requests.get(f"{told}/activate", timeout=HANGS)
        finally:
            process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert answer.status_code == 401
    assert "This is the sandbox of tap-cc-clicks" in page.text
    assert names["TAP_CC_CLICKS_CLIENT_ID"] == "sandbox-client"


def _printed_address(stderr: IO[str]) -> str:
    """Return the address that the simulator prints."""
    line = stderr.readline()
    assert line.startswith("Serving a simulated account at http://127.0.0.1:"), line
    return line.split()[5].rstrip(";")


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(cc_clicks, ["sandbox", f"--port={port}"])
    assert result.exit_code == 1
    assert f"Port {port} cannot be listened on" in result.stderr


@pytest.mark.parametrize("command", ["sandbox", "demo"])
@pytest.mark.parametrize("package", ["starlette", "uvicorn"])
def test_a_missing_extra_is_named(command: str, package: str) -> None:
    """The message gives the command that installs it."""
    program = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv[1:] = [{command!r}]; "
        "from tap_cc_clicks.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=HANGS,
        check=False,
    )
    assert result.returncode == 1
    assert "pip install 'tap-cc-clicks[cli,sandbox]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_demo_shows_two_runs(tmp_path: Path) -> None:
    """It shows requests, clicks and links, and keeps the messages if asked to."""
    path = tmp_path / "messages.jsonl"
    result = CliRunner().invoke(cc_clicks, ["demo", f"--output={path}"])
    assert result.exit_code == 0, result.output
    first, second = (
        [cell.strip() for cell in line.split("│")]
        for line in result.stdout.splitlines()
        if line.startswith(("│ first", "│ second"))
    )
    assert first[3:5] == ["3000", "3000"]
    assert second[3:5] == ["3250", "3250"]
    assert int(second[2]) < int(first[2]) / 5
    assert "Top links" in result.stdout
    assert "mobile ███" in result.stdout
    messages = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert len(clicks(Output(messages))) == 3250
    assert not result.stderr


def test_the_demo_names_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    """The file is checked before the first run."""
    result = CliRunner().invoke(cc_clicks, ["demo", f"--output={tmp_path}/no/file"])
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("plugins")
def test_meltano_runs_the_commands(tmp_path: Path, sandbox: Sandbox) -> None:
    """Fractions and comma-separated lists used to end in a traceback from Meltano."""
    lists = {"TAP_CC_CLICKS_LOOKBACK": "0.5", "TAP_CC_CLICKS_URL_IDS": "1,2"}
    meltano = Meltano(tmp_path, {**settings_of(sandbox.config), **lists})
    meltano("invoke", "tap-cc-clicks:check", "--json")
    (line,) = (
        line for line in meltano.log.read_text().splitlines() if line.startswith("{")
    )
    assert json.loads(line)["ok"]
    env = tmp_path / "signed-in.env"
    meltano("invoke", "tap-cc-clicks:login", f"--write-env={env}")
    assert dotenv_values(env)["TAP_CC_CLICKS_REFRESH_TOKEN"] == "sandbox-refresh-2"
    assert "sandbox-refresh" not in meltano.log.read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("plugins")
def test_meltano_leaves_validation_to_the_tap(tmp_path: Path) -> None:
    """Meltano's setting kinds used to end in tracebacks, or read any text as false."""
    wrong = {
        "PAGE_SIZE": "12.5",
        "LOOK_REQUESTS_PER_DAY": "x",
        "FLATTENING_ENABLED": "x",
    }
    named = {f"TAP_CC_CLICKS_{name}": value for name, value in wrong.items()}
    with pytest.raises(subprocess.CalledProcessError) as failed:
        Meltano(tmp_path, named)("invoke", "tap-cc-clicks:check")
    for name in wrong:
        assert f"Setting {name.lower()} must be " in failed.value.output
    assert "Traceback" not in failed.value.output
